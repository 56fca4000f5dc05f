#include "emulator/inspection.h"
#include "emulator/piv/piv_memory.h"
#include "harness/invariants.h"
#include "tests/harness/test_card.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
namespace emulator = cardrig::emulator;
using cardrig::test::staff_card;

namespace {

std::vector<TraceEvent> command(const char* text, const char* status = "9000", bool delivered = true) {
    TraceEvent event;
    event.number = 7;
    event.kind = "apdu";
    event.fields = {{"text", text}, {"delivered", delivered}, {"card-status", status}};
    return {event};
}

Evidence evidence(const std::vector<TraceEvent>& trace) {
    const emulator::CardImage& image = staff_card().image;
    return {image, image, image, trace, {}, cardrig::test::now()};
}

bool stray(const std::vector<TraceEvent>& trace, bool may_be_renewed, bool may_lose_tries) {
    Evidence one = evidence(trace);
    one.may_be_renewed = may_be_renewed;
    one.may_lose_tries = may_lose_tries;
    return misdirected(one).has_value();
}

} // namespace

BOOST_AUTO_TEST_SUITE(right_card)

BOOST_AUTO_TEST_CASE(nothing_that_renews_reaches_a_bystander) {
    for (const char* const text : {"generate-key-pair 9A", "import-key 9C", "put-data signature-certificate",
                                   "put-data authentication-certificate block 1"}) {
        BOOST_TEST(stray(command(text), false, true), text);
        BOOST_TEST(stray(command(text, "6982"), false, true), text); // whatever the card said to it
        BOOST_TEST(!stray(command(text), true, false), text);
        BOOST_TEST(!stray(command(text, "9000", false), false, false), text);
    }
    BOOST_TEST(!stray(command("put-data chuid"), false, false));
    BOOST_TEST(!stray(command("get-data signature-certificate"), false, false));
    Evidence one = evidence({});
    const auto trace = command("generate-key-pair 9A");
    Evidence told{one.start, one.before_run, one.after_run, trace, {}, one.now};
    told.may_be_renewed = false;
    BOOST_TEST(misdirected(told)->find("event 7: generate-key-pair 9A") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_wrong_passcode_reaches_a_bystander) {
    BOOST_TEST(stray(command("verify passcode", "63C2"), true, false));
    BOOST_TEST(stray(command("verify passcode", "6983"), true, false));
    BOOST_TEST(!stray(command("verify passcode", "63C2"), false, true));
    BOOST_TEST(!stray(command("verify passcode", "9000"), false, false));
    BOOST_TEST(!stray(command("verify passcode-status", "63C3"), false, false));
}

BOOST_AUTO_TEST_CASE(a_certificate_lies_on_the_card_that_it_was_issued_for) {
    const MadeCard renewed = cardrig::test::staff_card_with({{"certificates.9A.expires", "40 days"}});
    const auto state = emulator::inspect(renewed.image);
    BOOST_REQUIRE(state.has_value());
    IssueRecord record;
    record.certificate = state->slot(emulator::piv::authentication_key)->certificate->der;
    record.guid = state->guid;
    const std::vector<TraceEvent> nothing;
    const auto judged = [&](const emulator::CardImage& before, const std::vector<IssueRecord>& issued) {
        return misdirected({before, before, renewed.image, nothing, {}, cardrig::test::now(), issued});
    };
    BOOST_TEST(!judged(staff_card().image, {record}).has_value());
    record.guid = "00112233445566778899AABBCCDDEEFF";
    BOOST_TEST_REQUIRE(judged(staff_card().image, {record}).has_value());
    BOOST_TEST(judged(staff_card().image, {record})->find(record.guid) != std::string::npos);
    BOOST_TEST(!judged(renewed.image, {record}).has_value()); // it was there before
    record.guid.clear();
    BOOST_TEST(!judged(staff_card().image, {record}).has_value());
    BOOST_TEST(!judged(staff_card().image, {}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
