// What a finding means for the holder: each text that the checks can come with has a sentence that follows.
#include "harness/sweep/holder_sentence.h"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using cardrig::harness::BrokenPromise;
using cardrig::harness::Outcome;

namespace {

std::string sentence(const std::string& invariant, const std::string& how, std::uint32_t run = 1) {
    return cardrig::harness::holder_sentence({invariant, "", how, false, run}, Outcome::violation,
                                             "as before");
}

std::string orphan(const std::string& card_state, Outcome outcome, std::uint32_t run = 1,
                   const std::string& card = "") {
    const std::string how = "the certificate of 9A (serial 7) has no private key on the card";
    return cardrig::harness::holder_sentence({"I4", card, how, outcome == Outcome::window, run}, outcome,
                                             card_state);
}

bool has(const std::string& text, const std::string& part) {
    BOOST_TEST_INFO(text);
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(holder_sentence)

BOOST_AUTO_TEST_CASE(each_way_in_which_the_passcode_is_broken_has_its_own_sentence) {
    struct Row {
        std::string how;
        std::string part;
    };
    const std::string after = "after the power was lost, ";
    const std::string risen =
        " tries rose from 1 to 3, and no command that the card accepted in this run does that";
    const std::vector<Row> rows{
        {"passcode" + risen, "can guess on"},
        {"unblocking" + risen, "can guess on"},
        {"global passcode" + risen, "can guess on"},
        {"the card has answered that 2 passcode tries are left, and now it has 3", "can guess on"},
        {"the card compared the passcode before it had spent a try: whoever cuts the power in between tries "
         "for nothing",
         "guess without limit"},
        {after + "the passcode still counts as verified", "without the passcode"},
        {after + "the global passcode still counts as verified", "without the passcode"},
        {after + "the key of 9A works without a passcode", "without the passcode"},
        {"the passcode is a factory value, and was not before", "that everybody knows"},
        {"the global passcode is a factory value, and was not before", "that everybody knows"},
        {"0 of the 2 passcodes that the scenario knows work, and it must be one", "does not work any more"},
        {"at the second power-on, after recovery: 0 of the 2 passcodes that the scenario knows work, and it "
         "must be one",
         "does not work any more"},
        {"10 of the 12 passcodes that the scenario knows work, and it must be one", "more than one passcode"},
        {"the global passcode is another, and no command that the card accepted in this run changes it",
         "shares with other uses"},
        {"the card has no passcode", "has lost a code"},
        {"the card has no unblocking code in the form that it keeps one", "has lost a code"},
        {"the card's global passcode is erased", "has lost a code"},
        {"the card has no management key", "has lost a code"},
        {"the card cannot be read: no superblock", "the card cannot be read: no superblock."},
    };
    for (const Row& row : rows) {
        BOOST_TEST(has(sentence("I6", row.how), row.part), row.how);
        BOOST_TEST(has(sentence("I6", "at the second power-on, after recovery: " + row.how), row.part));
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_crashed_has_told_nothing) {
    const std::string crash = sentence("I8", "the client crashed: signal 11");
    BOOST_TEST(has(crash, "The client crashes"));
    BOOST_TEST(!has(crash, "told that all is done"));
    BOOST_TEST(has(sentence("I8", "its exit status says that all is done, and that is not so: 9A: its "
                                  "certificate is due for renewal"),
                   "told that all is done, and it is not"));
}

BOOST_AUTO_TEST_CASE(a_job_that_was_not_done_is_told_with_what_was_tried) {
    const std::string job = "the job is not finished after so many runs: ";
    BOOST_TEST(sentence("I9", job + "the client's end was: status 1", 3) ==
               "The holder's job is not done after the client was run again, 2 times: the client's end was: "
               "status 1.");
    BOOST_TEST(has(sentence("I9", job + "9A: there is no certificate", 2), "run again, 1 time: 9A"));
    BOOST_TEST(!has(sentence("I9", job + "9A: there is no certificate", 1), "again"));
    BOOST_TEST(has(sentence("I9", "2 certificates at the authority were never on a card: 1, 2"),
                   "that no card ever had"));
}

BOOST_AUTO_TEST_CASE(a_dead_card_is_told_by_what_it_does) {
    const std::string dead = sentence("I1", "the card stays mute: no superblock", 0);
    BOOST_TEST(has(dead, "does not work when it is powered on: the card stays mute: no superblock."));
}

BOOST_AUTO_TEST_CASE(a_key_that_is_lost_is_told_by_its_slot) {
    BOOST_TEST(has(orphan("9A new key, old certificate; 9C as before", Outcome::window),
                   "the holder cannot log in with the key of 9A; running it again mends it"));
    BOOST_TEST(has(orphan("9A no key, old certificate; 9C no key, old certificate", Outcome::violation),
                   "can neither log in with the key of 9A nor sign with that of 9C any more"));
    BOOST_TEST(has(orphan("9A new key, old certificate; 9C as before", Outcome::open), "is not known"));
}

BOOST_AUTO_TEST_CASE(without_any_pair_the_holder_can_do_nothing) {
    const BrokenPromise broken{"I2", "", "no certificate on the card is in date and works with its key",
                               false, 0};
    const auto told = [&](Outcome outcome) {
        return cardrig::harness::holder_sentence(broken, outcome, "as before");
    };
    BOOST_TEST(told(Outcome::violation) == "The holder can neither log in nor sign with this card any more, "
                                           "and running the client again did not mend that.");
    BOOST_TEST(has(told(Outcome::window), "running it again mends it"));
    BOOST_TEST(has(told(Outcome::open), "is not known"));
}

BOOST_AUTO_TEST_CASE(what_a_later_run_broke_is_not_told_by_the_card_at_the_cut) {
    for (const char* const state : {"as before", "9A renewed; 9C new key, old certificate"}) {
        const std::string later = orphan(state, Outcome::violation, 2);
        BOOST_TEST(later == "When the client had been run again, this was so: the certificate of 9A (serial "
                            "7) has no private key on the card.");
        BOOST_TEST(has(orphan(state, Outcome::window, 2), "running it once more mended it"));
    }
    for (const char* const invariant : {"I2", "I3"}) {
        BOOST_TEST(has(sentence(invariant, "so it is", 3), "had been run again, this was so: so it is."));
    }
}

BOOST_AUTO_TEST_CASE(the_state_at_the_cut_is_not_held_against_what_was_seen) {
    for (const char* const state : {"as before", "cannot be read", ""}) {
        const std::string told = orphan(state, Outcome::violation);
        BOOST_TEST(has(told, "the certificate of 9A (serial 7) has no private key"), state);
        BOOST_TEST(!has(told, "is not concerned"), state);
    }
    const std::string of_another =
        orphan("9A as before; 9C new key, old certificate", Outcome::window, 1, "agent");
    BOOST_TEST(has(of_another, "the certificate of 9A (serial 7)"));
    BOOST_TEST(!has(of_another, "9C"));
}

BOOST_AUTO_TEST_CASE(a_certificate_beside_the_pair_is_in_the_way) {
    const BrokenPromise broken{"I4", "", "the certificate of 82 (serial 7) has no private key on the card",
                               false, 1};
    const std::string told = cardrig::harness::holder_sentence(broken, Outcome::violation,
                                                               "as before; 82 no key, new certificate");
    BOOST_TEST(has(told, "is not concerned"));
    BOOST_TEST(has(told, "running the client again left it there"));
}

BOOST_AUTO_TEST_SUITE_END()
