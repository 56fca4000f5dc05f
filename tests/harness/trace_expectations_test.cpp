#include "harness/trace_expectations.h"

#include "harness/trace_places.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;

namespace {

/// A run's events, one after the other.
class Events {
public:
    Events& apdu(const char* text, const char* status = "9000", const char* card = "") {
        TraceEvent& event = add("apdu");
        event.fields = {{"text", text}, {"delivered", true}, {"card-status", status}, {"status", status}};
        if (*card != '\0') {
            event.fields["card"] = card;
        }
        return *this;
    }
    Events& request(const char* request, const char* object = "", int status = 200) {
        add("authority").fields = {{"request", request}, {"object", object}, {"status", status}};
        return *this;
    }
    [[nodiscard]] const std::vector<TraceEvent>& all() const { return events_; }
    [[nodiscard]] TraceEvent& last() { return events_.back(); }

private:
    TraceEvent& add(const char* kind) {
        TraceEvent event;
        event.number = events_.size() + 1;
        event.kind = kind;
        events_.push_back(event);
        return events_.back();
    }
    std::vector<TraceEvent> events_;
};

Place place(const char* text) {
    auto read = Place::parse(text);
    BOOST_REQUIRE(read.has_value());
    return *read;
}

bool holds(const Events& events, const char* text) {
    TraceExpectation expect;
    expect.holds = {place(text)};
    return check_trace(expect, events.all(), "holder").empty();
}

bool never(const Events& events, const char* text) {
    TraceExpectation expect;
    expect.never = {place(text)};
    return check_trace(expect, events.all(), "holder").empty();
}

bool before(const Events& events, const char* first, const char* second) {
    TraceExpectation expect;
    expect.before = {{place(first), place(second)}};
    return check_trace(expect, events.all(), "holder").empty();
}

bool failed_at_most(const Events& events, std::uint32_t most) {
    TraceExpectation expect;
    expect.failed_tries = most;
    return check_trace(expect, events.all(), "holder").empty();
}

} // namespace

BOOST_AUTO_TEST_SUITE(trace_expectations)

BOOST_AUTO_TEST_CASE(a_command_is_found_by_its_words) {
    const auto events = Events().apdu("select piv").apdu("generate-key-pair 9A");
    BOOST_TEST(holds(events, "generate-key-pair 9A"));
    BOOST_TEST(holds(events, "generate-key-pair"));
    BOOST_TEST(holds(events, "any"));
    BOOST_TEST(!holds(events, "generate-key-pair 9C"));
    BOOST_TEST(!holds(events, "verify"));
    BOOST_TEST(never(events, "generate-key-pair 9C"));
    BOOST_TEST(!never(events, "generate-key-pair 9A"));
    BOOST_TEST(!holds(Events(), "any"));
    BOOST_TEST(never(Events(), "any"));
}

BOOST_AUTO_TEST_CASE(a_place_without_a_card_is_at_the_first) {
    const auto events = Events().apdu("verify passcode", "63C2", "agent");
    BOOST_TEST(!holds(events, "verify passcode"));
    BOOST_TEST(!never(events, "verify")); // at any card
    BOOST_TEST(holds(events, "verify passcode card agent"));
    BOOST_TEST(!never(events, "verify card agent"));
    BOOST_TEST(holds(Events().apdu("verify passcode"), "verify passcode card holder")); // the only one
}

BOOST_AUTO_TEST_CASE(a_chain_is_one_command) {
    const auto chain = Events()
                           .apdu("put-data signature-certificate block 1")
                           .apdu("put-data signature-certificate block 2")
                           .apdu("put-data signature-certificate block 3");
    BOOST_TEST(holds(chain, "put-data signature-certificate"));
    BOOST_TEST(!holds(chain, "put-data signature-certificate #2"));
    const auto again = Events(chain).apdu("put-data signature-certificate");
    BOOST_TEST(holds(again, "put-data signature-certificate #2"));
}

BOOST_AUTO_TEST_CASE(a_question_for_the_tries_left_is_no_verify) {
    const auto asked = Events().apdu("verify passcode-status", "63C3");
    BOOST_TEST(!holds(asked, "verify"));
    BOOST_TEST(never(asked, "verify"));
    BOOST_TEST(holds(asked, "verify passcode-status"));
    BOOST_TEST(holds(asked, "any"));
    BOOST_TEST(failed_at_most(asked, 0));
}

BOOST_AUTO_TEST_CASE(a_request_to_the_authority_is_found_with_its_key) {
    const auto events = Events().request("certificate", "9A").request("renewal");
    BOOST_TEST(holds(events, "authority certificate 9A"));
    BOOST_TEST(holds(events, "authority certificate"));
    BOOST_TEST(!holds(events, "authority certificate 9C"));
    BOOST_TEST(never(events, "authority login"));
    BOOST_TEST(!never(events, "authority any"));
    BOOST_TEST(!holds(events, "any")); // of a card
}

BOOST_AUTO_TEST_CASE(order_is_that_of_the_first_of_each) {
    const auto right = Events().apdu("verify passcode").apdu("generate-key-pair 9A").apdu("verify passcode");
    BOOST_TEST(before(right, "verify", "generate-key-pair"));
    BOOST_TEST(!before(right, "generate-key-pair", "verify"));
    const auto mixed = Events().request("certificate", "9A").apdu("put-data authentication-certificate");
    BOOST_TEST(before(mixed, "authority certificate 9A", "put-data authentication-certificate"));
    BOOST_TEST(!before(mixed, "put-data", "authority certificate"));
    // Where the second is not there, nothing is said.
    BOOST_TEST(!before(Events().apdu("generate-key-pair 9A"), "verify", "generate-key-pair"));
    BOOST_TEST(before(Events().apdu("verify passcode"), "verify", "generate-key-pair"));
}

BOOST_AUTO_TEST_CASE(failed_tries_are_what_the_card_refused) {
    struct Row {
        const char* text;
        const char* status;
        bool failed;
    };
    for (const Row& row :
         {Row{"verify passcode", "63C2", true}, Row{"verify passcode", "63C0", true},
          Row{"verify passcode", "6983", true}, Row{"verify passcode", "9000", false},
          Row{"verify passcode", "6982", false}, Row{"verify passcode", "6300", false},
          Row{"verify global-passcode", "63C1", true}, Row{"change-reference-data passcode", "63C1", true},
          Row{"reset-retry-counter passcode", "63C4", true}, Row{"get-data chuid", "63C2", false},
          Row{"verify passcode", "", false}}) {
        BOOST_TEST(failed_at_most(Events().apdu(row.text, row.status), 0) != row.failed,
                   row.text << " " << row.status);
    }
    const auto two = Events().apdu("verify passcode", "63C2").apdu("verify passcode", "63C1", "agent");
    BOOST_TEST(failed_at_most(two, 2));
    BOOST_TEST(!failed_at_most(two, 1));
    // What a fault answered in the card's place spent no try; what it hid did.
    Events hidden;
    hidden.apdu("verify passcode", "63C2");
    hidden.last().fields["status"] = "9000";
    BOOST_TEST(!failed_at_most(hidden, 0));
    hidden.last().fields["status"] = "63C2";
    hidden.last().fields.erase("card-status");
    BOOST_TEST(failed_at_most(hidden, 0));
    Events query;
    query.apdu("verify passcode", "63C2");
    query.last().fields["detail"] = "query";
    BOOST_TEST(failed_at_most(query, 0));
}

BOOST_AUTO_TEST_CASE(a_failure_says_what_was_there_and_where) {
    const auto events =
        Events().apdu("select piv").apdu("generate-key-pair 9C", "6982").request("login", "", 403);
    TraceExpectation expect;
    expect.holds = {place("generate-key-pair 9A"), place("verify"), place("authority certificate 9A")};
    expect.never = {place("authority login")};
    expect.before = {{place("authority login"), place("generate-key-pair")}};
    const auto shortfalls = check_trace(expect, events.all(), "holder");
    BOOST_TEST_REQUIRE(shortfalls.size() == 5U);
    BOOST_TEST(shortfalls[0].expected == "'generate-key-pair 9A'");
    BOOST_TEST(shortfalls[0].there == "none; there were event 2: generate-key-pair 9C, answered 6982");
    BOOST_TEST(shortfalls[1].there == "none, nor anything like it in 3 events");
    BOOST_TEST(shortfalls[2].there == "none; there were event 3: authority login, answered 403");
    BOOST_TEST(shortfalls[3].expected == "no 'authority login'");
    BOOST_TEST(shortfalls[3].there == "event 3: authority login, answered 403");
    BOOST_TEST(
        shortfalls[4].there ==
        "event 2: generate-key-pair 9C, answered 6982; only then event 3: authority login, answered 403");
    TraceExpectation tries;
    tries.failed_tries = 0;
    const auto failed = check_trace(tries, Events().apdu("verify passcode", "63C2", "agent").all(), "holder");
    BOOST_TEST_REQUIRE(failed.size() == 1U);
    BOOST_TEST(failed[0].there == "1: event 1: verify passcode, answered 63C2, card agent");
}

BOOST_AUTO_TEST_CASE(events_that_are_odd_are_no_commands) {
    TraceEvent event;
    event.kind = "apdu";
    event.fields = {{"text", 5}, {"card-status", nullptr}};
    BOOST_TEST(traced_command(event)->name.empty());
    BOOST_TEST(!failed_try(event).has_value());
    event.fields = {{"text", "put-data signature-certificate block x"}};
    BOOST_TEST(traced_command(event)->object == "signature-certificate");
    event.kind = "power";
    BOOST_TEST(!traced_command(event).has_value());
}

BOOST_AUTO_TEST_CASE(what_must_never_be_without_a_card_is_at_none) {
    const Events events = Events().apdu("generate-key-pair 9A", "9000", "agent");
    BOOST_TEST(!never(events, "generate-key-pair"));
    BOOST_TEST(!never(events, "generate-key-pair card agent"));
    BOOST_TEST(never(events, "generate-key-pair card holder"));
    BOOST_TEST(never(events, "generate-key-pair 9C"));
    BOOST_TEST(!holds(events, "generate-key-pair"));
    const Events alone = Events().apdu("generate-key-pair 9A");
    BOOST_TEST(!never(alone, "generate-key-pair card holder"));
}

BOOST_AUTO_TEST_SUITE_END()
