#include "harness/invariants_client.h"

#include "emulator/inspection.h"
#include "emulator/piv/piv_memory.h"
#include "tests/harness/test_card.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
namespace emulator = cardrig::emulator;
namespace piv = cardrig::emulator::piv;
using cardrig::test::changed;
using cardrig::test::staff_card;
using emulator::CardImage;
using emulator::ObjectStore;

namespace {

MadeCard ending(const char* authentication, const char* signature) {
    return cardrig::test::staff_card_with(
        {{"certificates.9A.expires", authentication}, {"certificates.9C.expires", signature}});
}

/// Its pair is due.
const CardImage& due() {
    static const CardImage image = ending("30 days", "30 days").image;
    return image;
}

/// The same card two years on, both keys and certificates in place.
const CardImage& renewed() {
    static const CardImage image = ending("730 days", "730 days").image;
    return image;
}

/// With the signature's certificate of before.
const CardImage& half_renewed() {
    static const CardImage image = [] {
        const auto object = piv::data_object(piv::certificate_tag(piv::signature_key).value());
        emulator::Bytes certificate;
        static_cast<void>(
            changed(due(), [&](ObjectStore& store) { certificate = store.read(object).value(); }));
        return changed(renewed(), [&](ObjectStore& store) {
            auto transaction = store.begin();
            transaction.put(object, certificate);
            BOOST_CHECK(transaction.commit() == emulator::CommitResult::committed);
        });
    }();
    return image;
}

CardImage without(const CardImage& image, emulator::ObjectId id) {
    return changed(image, [id](ObjectStore& store) {
        auto transaction = store.begin();
        transaction.erase(id);
        BOOST_CHECK(transaction.commit() == emulator::CommitResult::committed);
    });
}

/// A run's evidence, to be changed before it is judged.
struct Run {
    ScenarioRun run;
    RunOutcome outcome;
    std::map<std::string, std::string> words;
    CardImage start = due();
    CardImage before = due();
    CardImage after = renewed();
    std::vector<TraceEvent> events;
    std::vector<IssueRecord> issued;
    std::chrono::seconds window = std::chrono::days(90);
    std::chrono::sys_seconds now = cardrig::test::now();
    std::string issuer = staff_card().issuer_certificate_pem;

    explicit Run(const char* task = "renew", std::optional<int> exit_status = 0) {
        run.client.task = task;
        outcome.exit_status = exit_status;
        outcome.ending = exit_status ? std::to_string(*exit_status) : "ended by signal 9";
    }
    [[nodiscard]] ClientEvidence evidence() const {
        return {run, outcome, words, start, before, after, events, issued, window, now, issuer};
    }
    [[nodiscard]] bool truthful() const { return !untruthful(evidence()).has_value(); }
    [[nodiscard]] bool economical() const { return !uneconomical(evidence()).has_value(); }
    Run& event(const char* kind, nlohmann::json fields) {
        TraceEvent one;
        one.number = events.size() + 1;
        one.kind = kind;
        one.fields = std::move(fields);
        events.push_back(one);
        return *this;
    }
    Run& apdu(const char* text, const char* status = "9000") {
        return event("apdu", {{"text", text}, {"card-status", status}, {"delivered", true}});
    }
    Run& typed(const char* when) { return event("person", {{"when", when}, {"types", true}}); }
};

/// Signed by somebody else, of another name.
const std::string& other_issuer() {
    static const std::string pem = [] {
        MakeOptions options;
        options.now = cardrig::test::now();
        options.identity = "somebody else";
        options.fresh_keys = true;
        return make_card("piv-staff", options).issuer_certificate_pem;
    }();
    return pem;
}

IssueRecord issue(const CardImage& card, piv::KeyReference reference, const char* renewal) {
    const auto state = emulator::inspect(card);
    BOOST_REQUIRE(state.has_value());
    IssueRecord record;
    record.renewal = renewal;
    record.certificate = state->slot(reference)->certificate->der;
    return record;
}

/// A person who types these when asked.
ScenarioPerson person(const std::vector<std::pair<std::string, std::string>>& acts) {
    ScenarioPerson made;
    for (const auto& [when, types] : acts) {
        PersonAct act;
        act.when = when;
        act.types = types;
        made.acts.push_back(act);
    }
    return made;
}

} // namespace

BOOST_AUTO_TEST_SUITE(invariants_client)

BOOST_AUTO_TEST_CASE(what_the_authority_has_not_signed_is_no_renewal) {
    Run run;
    BOOST_TEST(!pair_not_renewed(run.evidence()).has_value());
    BOOST_TEST(run.truthful());
    run.issuer = other_issuer();
    BOOST_TEST(pair_not_renewed(run.evidence()).value() ==
               "9A: its certificate is none that this scenario's authority has signed");
    BOOST_TEST(!run.truthful());
    run.start = renewed(); // with what a card began with nobody has a quarrel
    BOOST_TEST(run.truthful());
    run.start = due();
    run.issuer = "no certificate";
    BOOST_TEST(!run.truthful());
}

// --- I3

BOOST_AUTO_TEST_CASE(a_pair_comes_from_one_renewal) {
    Run run;
    run.issued = {issue(renewed(), piv::authentication_key, "R1"),
                  issue(renewed(), piv::signature_key, "R1")};
    BOOST_TEST(!pair_incoherent(run.evidence()).broken.has_value());
    run.issued[1].renewal = "R2";
    const Promise broken = pair_incoherent(run.evidence());
    BOOST_TEST_REQUIRE(broken.broken.has_value());
    BOOST_TEST(!broken.excused);
    BOOST_TEST(broken.broken->find("9A: renewal R1; 9C: renewal R2") != std::string::npos);
    run.issued.pop_back(); // one that is on record, and one of somebody else's
    BOOST_TEST(pair_incoherent(run.evidence()).broken.has_value());
    run.issued.clear(); // nobody keeps a record
    BOOST_TEST(!pair_incoherent(run.evidence()).broken.has_value());
    run.after = due();
    BOOST_TEST(!pair_incoherent(run.evidence()).broken.has_value());
}

BOOST_AUTO_TEST_CASE(a_half_done_pair_is_a_window_until_the_client_says_that_it_is_done) {
    Run run;
    run.after = half_renewed();
    BOOST_TEST_REQUIRE(pair_incoherent(run.evidence()).broken.has_value());
    BOOST_TEST(!pair_incoherent(run.evidence()).excused);
    run.outcome.exit_status = 1;
    BOOST_TEST(pair_incoherent(run.evidence()).broken.has_value());
    BOOST_TEST(pair_incoherent(run.evidence()).excused);
    run.outcome.exit_status = std::nullopt;
    BOOST_TEST(pair_incoherent(run.evidence()).excused);
    // A login on a card that was half renewed before is not to blame; a client of an unknown task is.
    Run login("login");
    login.before = half_renewed();
    login.after = half_renewed();
    BOOST_TEST(pair_incoherent(login.evidence()).broken.has_value());
    BOOST_TEST(pair_incoherent(login.evidence()).excused);
    login.before = due();
    BOOST_TEST(!pair_incoherent(login.evidence()).excused);
    login.before = half_renewed();
    login.run.client.task.clear();
    BOOST_TEST(!pair_incoherent(login.evidence()).excused);
}

BOOST_AUTO_TEST_CASE(a_pair_that_lost_a_certificate_is_incoherent) {
    Run run;
    run.after = without(due(), piv::data_object(piv::certificate_tag(piv::signature_key).value()));
    BOOST_TEST_REQUIRE(pair_incoherent(run.evidence()).broken.has_value());
    run.start = run.after; // there never was a pair
    BOOST_TEST(!pair_incoherent(run.evidence()).broken.has_value());
}

// --- I8

BOOST_AUTO_TEST_CASE(a_renewal_that_is_claimed_was_done) {
    for (const char* const task : {"renew", "update-card", "assist"}) {
        Run run(task);
        BOOST_TEST(run.truthful(), task);
        run.after = due();
        BOOST_TEST(!run.truthful(), task);
        run.after = half_renewed();
        BOOST_TEST(!run.truthful(), task);
        run.outcome.exit_status = 1;
        BOOST_TEST(run.truthful(), task);
    }
    Run unknown("");
    unknown.after = due();
    BOOST_TEST(unknown.truthful());
}

BOOST_AUTO_TEST_CASE(each_way_in_which_a_pair_is_not_renewed_is_told) {
    struct Row {
        CardImage after;
        const char* why;
    };
    const auto not_yet = cardrig::test::staff_card_with(
        {{"certificates.9C.expires", "730 days"}, {"certificates.9A.expires", "-3 days"}});
    const auto other_holder = cardrig::test::staff_card_with({{"holder.name", "Somebody Else"},
                                                              {"certificates.9A.expires", "730 days"},
                                                              {"certificates.9C.expires", "730 days"}});
    CardImage unreadable = renewed();
    std::fill(unreadable.memory.begin(), unreadable.memory.end(), std::uint8_t{0xFF});
    for (const Row& row : std::vector<Row>{
             {due(), "9A: its certificate is due for renewal"},
             {half_renewed(), "9C: its certificate is due for renewal"},
             {not_yet.image, "9A: its certificate is out of date"},
             {other_holder.image, "Somebody Else"},
             {without(renewed(), piv::key_object(piv::signature_key)), "9C: its key does not fit"},
             {without(renewed(), piv::data_object(piv::certificate_tag(piv::authentication_key).value())),
              "9A: there is no certificate"},
             {unreadable, "mute"}}) {
        Run run;
        run.after = row.after;
        const auto why = untruthful(run.evidence());
        BOOST_TEST_REQUIRE(why.has_value(), row.why);
        BOOST_TEST(why->find(row.why) != std::string::npos, *why);
    }
}

BOOST_AUTO_TEST_CASE(the_window_is_the_scenarios) {
    Run run;
    run.after = ending("100 days", "100 days").image;
    BOOST_TEST(run.truthful());
    run.window = std::chrono::days(120);
    BOOST_TEST(!run.truthful());
    run.now += std::chrono::days(20); // later it is due by the usual window, too
    run.window = std::chrono::days(90);
    BOOST_TEST(!run.truthful());
}

BOOST_AUTO_TEST_CASE(words_claim_what_an_exit_status_does_not) {
    Run run("renew", 1);
    run.after = due();
    run.outcome.output = "Success: certificate renewed for smartcard\n";
    BOOST_TEST(run.truthful()); // nobody knows its words
    run.words["success"] = "Success: certificate renewed";
    BOOST_TEST(!run.truthful());
    run.outcome.output = "Error\n";
    BOOST_TEST(run.truthful());
}

BOOST_AUTO_TEST_CASE(other_tasks_are_held_to_what_they_are_about) {
    Run login("login");
    login.after = half_renewed();
    BOOST_TEST(login.truthful());
    login.after = ending("-1 days", "-1 days").image;
    BOOST_TEST(!login.truthful());

    Run unlock("unlock");
    unlock.after = changed(due(), [](ObjectStore& store) { store.set_counter(piv::passcode_tries, 2); });
    BOOST_TEST(!unlock.truthful());
    unlock.outcome.exit_status = 5;
    BOOST_TEST(unlock.truthful());
    unlock = Run("unlock");
    BOOST_TEST(unlock.truthful());

    Run change("change-passcode");
    change.after = due();
    BOOST_TEST(!change.truthful());
    change.after = changed(due(), [](ObjectStore& store) {
        auto transaction = store.begin();
        transaction.put(piv::passcode_object, cardrig::test::padded("975310"));
        BOOST_CHECK(transaction.commit() == emulator::CommitResult::committed);
    });
    BOOST_TEST(change.truthful());
    Run view("view");
    view.after = due();
    BOOST_TEST(view.truthful());
}

// --- I10

BOOST_AUTO_TEST_CASE(a_client_that_hangs_or_floods_is_not_live) {
    Run run;
    BOOST_TEST(!not_live(run.evidence()).broken.has_value());
    run.outcome.timed_out = true;
    run.outcome.ending = "ended by the rig after its limit of 5 seconds";
    BOOST_TEST(not_live(run.evidence()).headline == "the client hangs");
    run.outcome.flooded = true;
    BOOST_TEST(not_live(run.evidence()).headline == "the client floods the card");
    run.outcome = RunOutcome{};
    run.events.resize(most_apdus_of_a_run);
    for (TraceEvent& event : run.events) {
        event.kind = "apdu";
    }
    BOOST_TEST(!not_live(run.evidence()).broken.has_value());
    run.apdu("select piv");
    BOOST_TEST(not_live(run.evidence()).headline == "the client floods the card");
    run.run.expect.trace.apdus = most_apdus_of_a_run + 1; // the scenario allows it
    BOOST_TEST(!not_live(run.evidence()).broken.has_value());
}

BOOST_AUTO_TEST_CASE(bounds_are_the_scenarios_own) {
    Run run;
    run.apdu("select piv").apdu("verify passcode").event("power", {{"event", "on"}});
    run.outcome.took = std::chrono::milliseconds(1500);
    run.run.expect.trace.apdus = 2;
    run.run.expect.trace.time = std::chrono::milliseconds(1500);
    BOOST_TEST(!not_live(run.evidence()).broken.has_value());
    run.run.expect.trace.apdus = 1;
    BOOST_TEST(not_live(run.evidence()).broken.value() == "2 APDUs, and at most 1 may be sent");
    run.run.expect.trace.apdus.reset();
    run.run.expect.trace.time = std::chrono::milliseconds(1499);
    BOOST_TEST(not_live(run.evidence()).broken.value() == "1500 ms, and it may take 1499 ms");
}

// --- I11

BOOST_AUTO_TEST_CASE(a_try_fails_only_for_what_somebody_typed) {
    Run nobody;
    nobody.apdu("verify passcode", "63C2");
    BOOST_TEST(nobody.economical()); // its command line may hold a passcode
    nobody.run.client.use = "some-client";
    BOOST_TEST(!nobody.economical());
    Run one;
    one.run.answers = {"111111"};
    one.apdu("verify passcode", "63C2");
    BOOST_TEST(one.economical());
    one.apdu("verify passcode", "63C1");
    BOOST_TEST(!one.economical());
    one.run.answers.emplace_back("yes"); // which is no passcode
    BOOST_TEST(!one.economical());
    one.run.answers.emplace_back("222222");
    BOOST_TEST(one.economical());
    Run change;
    change.run.client.use = "some-client";
    change.apdu("change-reference-data passcode", "63C2");
    BOOST_TEST(!change.economical());
    Run harmless;
    harmless.apdu("verify passcode-status", "63C2")
        .apdu("reset-retry-counter passcode", "63C2")
        .apdu("change-reference-data unblocking-code", "63C2")
        .apdu("verify passcode", "6983")
        .apdu("verify passcode", "6982");
    BOOST_TEST(harmless.economical());
}

BOOST_AUTO_TEST_CASE(what_was_right_is_used_up) {
    Run run;
    run.run.person = person({{"Passcode", "123456"}, {"Again", "111111"}});
    run.typed("Passcode").apdu("verify passcode").apdu("verify passcode");
    BOOST_TEST(run.economical());
    Run wrong = run;
    wrong.apdu("verify passcode", "63C2"); // nobody has typed since
    BOOST_TEST(!wrong.economical());
    run.typed("Again").apdu("verify passcode", "63C2");
    BOOST_TEST(run.economical());
    run.apdu("verify passcode", "63C1");
    BOOST_TEST(!run.economical());
}

BOOST_AUTO_TEST_CASE(two_cards_passcodes_may_be_asked_for_at_once) {
    Run run;
    run.run.person = person({{"Passcode", "123456"}, {"Holder", "111111"}});
    run.typed("Passcode").typed("Holder").apdu("verify passcode").apdu("verify passcode");
    run.apdu("verify passcode", "63C2");
    BOOST_TEST(run.economical());
    run.apdu("verify passcode", "63C1");
    BOOST_TEST(!run.economical());
}

BOOST_AUTO_TEST_CASE(what_the_person_types_besides_is_no_passcode) {
    Run run;
    run.run.person = person({{"Renew now", "yes"}, {"Passcode", "111111"}});
    run.typed("Renew now").apdu("verify passcode", "63C2");
    BOOST_TEST(!run.economical());
    Run moved;
    moved.run.person = run.run.person;
    moved.event("person", {{"when", "Passcode"}, {"types", false}}).apdu("verify passcode", "63C2");
    BOOST_TEST(!moved.economical());
}

BOOST_AUTO_TEST_CASE(the_last_try_is_spent_only_when_asked) {
    Run asked;
    asked.run.person = person({{"Passcode", "111111"}});
    asked.run.person->acts[0].always = true;
    asked.typed("Passcode").apdu("verify passcode", "63C2").typed("Passcode");
    asked.apdu("verify passcode", "63C1").typed("Passcode").apdu("verify passcode", "63C0");
    BOOST_TEST(asked.economical());
    // All three typed at first: nobody was asked when one was left.
    Run unasked;
    unasked.run.person = asked.run.person;
    unasked.typed("Passcode").typed("Passcode").typed("Passcode");
    unasked.apdu("verify passcode", "63C2").apdu("verify passcode", "63C1");
    BOOST_TEST(unasked.economical());
    unasked.apdu("verify passcode", "63C0");
    BOOST_TEST_REQUIRE(!unasked.economical());
    BOOST_TEST(uneconomical(unasked.evidence())->find("last try") != std::string::npos);
    Run one_left;
    one_left.run.person = asked.run.person;
    one_left.typed("Passcode").apdu("verify passcode", "63C0");
    BOOST_TEST(one_left.economical());
    Run on_a_pipe; // what stands there from the start was typed for each of them
    on_a_pipe.run.answers = {"111111", "222222", "333333"};
    on_a_pipe.apdu("verify passcode", "63C2").apdu("verify passcode", "63C1").apdu("verify passcode", "63C0");
    BOOST_TEST(on_a_pipe.economical());
}

BOOST_AUTO_TEST_CASE(all_promises_of_a_run_hold_where_all_is_well) {
    Run run;
    run.run.answers = {"123456"};
    run.apdu("verify passcode");
    std::vector<std::string> ids;
    for (const Promise& promise : check_client(run.evidence())) {
        BOOST_TEST(!promise.broken.has_value(), promise.id);
        ids.push_back(promise.id);
    }
    BOOST_TEST(ids == (std::vector<std::string>{"I3", "I8", "I10", "I11"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
