#include "harness/person.h"

#include "harness/errors.h"

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace std::chrono_literals;

namespace {

/// What the person did, in order; whoever waits for it is told.
struct Played {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> done;
    bool waits = true;
    std::string refusal;

    void add(const std::string& text) {
        {
            const std::scoped_lock lock(mutex);
            done.push_back(text);
        }
        changed.notify_all();
    }
    /// What was done, once there is so much.
    std::vector<std::string> at_least(std::size_t count) {
        std::unique_lock lock(mutex);
        changed.wait_for(lock, 20s, [&] { return done.size() >= count; });
        return done;
    }
    PersonReach reach() {
        PersonReach reach;
        reach.type = [this](std::string_view line) { add("types " + std::string(line)); };
        reach.client_waits = [this] {
            const std::scoped_lock lock(mutex);
            return waits;
        };
        reach.act = [this](const Effect& effect, const std::function<void()>&) {
            if (!refusal.empty()) {
                throw RequestError(refusal);
            }
            add(effect.text());
            return std::string();
        };
        return reach;
    }
};

PersonAct types(const std::string& when, const std::string& line, bool always = false) {
    PersonAct act;
    act.when = when;
    act.types = line;
    act.always = always;
    act.place = "file.yaml:" + when;
    return act;
}

PersonAct moves(const std::string& when, const std::vector<std::string>& effects) {
    PersonAct act;
    act.when = when;
    for (const std::string& effect : effects) {
        act.does.push_back(Effect::parse(effect).value());
    }
    act.place = "file.yaml:" + when;
    return act;
}

struct Fixture {
    Trace trace;
    Played played;
    ScenarioPerson scenario;
    std::optional<Person> person;

    void begin(std::vector<PersonAct> acts, const std::map<std::string, std::string>& values = {}) {
        scenario.acts = std::move(acts);
        person.emplace(scenario, values, played.reach(), trace);
    }
    void expect(const std::vector<std::string>& wanted) {
        BOOST_TEST(played.at_least(wanted.size()) == wanted);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(person, Fixture)

BOOST_AUTO_TEST_CASE(a_question_is_answered_once) {
    begin({types("Passcode: $", "123456"), types("Renew", "yes")});
    person->hear("Welcome\nPassc");
    person->hear("ode: ");
    expect({"types 123456"});
    person->hear("\nPasscode: ");
    person->hear("\nRenew now? ");
    expect({"types 123456", "types yes"});
    person->leave();
    BOOST_TEST(person->unused().empty());
}

BOOST_AUTO_TEST_CASE(the_first_that_matches_and_is_not_used_up_is_taken) {
    begin({types("Passcode", "111111"), types("Passcode", "222222"), types("Passcode", "333333", true)});
    for (const char* line : {"types 111111", "types 222222", "types 333333", "types 333333"}) {
        const std::size_t before = played.at_least(0).size();
        person->hear("Passcode: ");
        BOOST_TEST(played.at_least(before + 1).back() == line);
    }
}

BOOST_AUTO_TEST_CASE(what_was_printed_before_the_last_act_counts_no_more) {
    begin({types("Passcode", "123456"), types("Welcome", "hello")});
    person->hear("Welcome\nPasscode: ");
    expect({"types 123456"});
    person->hear("\nwrong\n");
    person->hear("Welcome again\n");
    expect({"types 123456", "types hello"});
}

BOOST_AUTO_TEST_CASE(moves_come_before_the_line) {
    PersonAct act = moves("Take the card out", {"remove", "insert card agent"});
    act.types = "";
    begin({act});
    person->hear("Take the card out: ");
    expect({"remove", "insert card agent", "types "});
    const auto events = trace.events();
    BOOST_TEST_REQUIRE(events.size() == 1U);
    BOOST_TEST(events[0].kind == "person");
    BOOST_TEST(events[0].fields.dump() ==
               R"({"does":["remove","insert card agent"],"types":true,"when":"Take the card out"})");
}

BOOST_AUTO_TEST_CASE(what_is_typed_is_not_in_the_trace) {
    begin({types("code", "{unlock-code}")}, {{"unlock-code", "98765432"}});
    person->hear("Unlock code: ");
    expect({"types 98765432"});
    person->leave();
    BOOST_TEST_REQUIRE(trace.events().size() == 1U);
    BOOST_TEST(trace.events()[0].to_json().dump().find("98765432") == std::string::npos);
    BOOST_TEST(person->lines() == std::vector<std::string>{"98765432"});
}

BOOST_AUTO_TEST_CASE(an_unknown_placeholder_is_refused_with_its_place) {
    BOOST_CHECK_EXCEPTION(
        begin({types("code", "{unlock-cod}")}), RequestError, [](const RequestError& error) {
            const std::string message = error.what();
            return message.find("file.yaml:code") == 0 && message.find("unlock-cod") != std::string::npos;
        });
}

BOOST_AUTO_TEST_CASE(a_line_is_typed_when_the_client_waits) {
    played.waits = false;
    begin({types("Passcode", "123456")});
    person->hear("Passcode");
    {
        std::unique_lock lock(played.mutex);
        BOOST_TEST(!played.changed.wait_for(lock, 20ms, [this] { return !played.done.empty(); }));
        played.waits = true;
    }
    expect({"types 123456"});
}

BOOST_AUTO_TEST_CASE(a_client_that_never_waits_is_typed_to_all_the_same) {
    played.waits = false;
    begin({types("Passcode", "123456")});
    person->hear("Passcode");
    expect({"types 123456"});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_done_is_told_and_the_line_is_typed) {
    played.refusal = "no card is in reader 1";
    PersonAct act = moves("Take", {"remove"});
    act.types = "done";
    begin({act});
    person->hear("Take the card out");
    expect({"types done"});
    person->leave();
    BOOST_TEST_REQUIRE(person->undone().size() == 1U);
    BOOST_TEST(person->undone()[0] ==
               "file.yaml:Take: the person could not do 'remove': no card is in reader 1");
}

BOOST_AUTO_TEST_CASE(what_it_never_came_to_is_told_but_for_what_is_there_for_any_time) {
    begin({types("Passcode", "123456"), types("Renew", "yes"), types("Again", "no", true)});
    person->hear("Passcode");
    expect({"types 123456"});
    person->leave();
    BOOST_TEST(person->unused() == std::vector<std::string>{"file.yaml:Renew"});
}

BOOST_AUTO_TEST_CASE(an_expression_that_matches_nothing_waits_for_something) {
    begin({types("", "key", true)});
    person->hear("a");
    expect({"types key"});
    person->leave();
    BOOST_TEST(played.at_least(0).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_move_for_which_the_client_never_asked_is_undone) {
    PersonAct always = moves("Put it back", {"insert"});
    always.always = true;
    begin({moves("Take", {"remove", "insert card agent"}), always});
    person->hear("Passcode");
    person->leave();
    BOOST_TEST(person->unused().empty());
    BOOST_TEST(person->undone() ==
               std::vector<std::string>{"file.yaml:Take: the client never printed what the person waits for, "
                                        "so that 'remove' was not done"});
}

/// The last line of a client that ends at once: whoever is quicker, the moves are made.
BOOST_AUTO_TEST_CASE(what_the_client_had_asked_to_be_moved_is_moved_after_its_end) {
    for (int i = 0; i < 100; ++i) {
        PersonAct act = moves("Take the card out", {"remove", "insert card agent"});
        begin({types("Passcode", "123456"), act});
        person->hear("Take the card out\n");
        person->leave();
        BOOST_TEST(played.done == (std::vector<std::string>{"remove", "insert card agent"}));
        BOOST_TEST(person->undone().empty());
        played.done.clear();
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_typed_for_a_client_that_has_gone) {
    played.waits = false;
    PersonAct act = moves("Passcode", {"remove"});
    act.types = "123456";
    begin({types("Passcode", "654321"), act});
    person->hear("Passcode");
    person->leave(); // within the half second
    expect({"remove"});
    BOOST_TEST(played.at_least(0).size() == 1U);
    BOOST_TEST(person->unused().size() == 1U);
    BOOST_TEST_REQUIRE(trace.events().size() == 1U);
    BOOST_TEST(trace.events()[0].fields.dump() == R"({"does":["remove"],"when":"Passcode"})");
}

BOOST_AUTO_TEST_CASE(what_somebody_throws_is_told_at_the_end) {
    PersonReach reach = played.reach();
    reach.act = [](const Effect&, const std::function<void()>&) -> std::string {
        throw std::logic_error("the card is confused");
    };
    scenario.acts = {moves("Take", {"remove"})};
    person.emplace(scenario, std::map<std::string, std::string>{}, reach, trace);
    person->hear("Take");
    person->leave();
    BOOST_TEST(person->undone() ==
               std::vector<std::string>{"the person could not go on: the card is confused"});
}

BOOST_AUTO_TEST_CASE(a_move_ends_with_whoever_wanted_it) {
    std::promise<void> moving;
    PersonReach reach = played.reach();
    reach.act = [&moving](const Effect&, const std::function<void()>& keep_waiting) -> std::string {
        moving.set_value();
        while (true) {
            keep_waiting(); // throws once nobody wants it
        }
    };
    scenario.acts = {moves("Take", {"remove", "insert"})};
    person.emplace(scenario, std::map<std::string, std::string>{}, reach, trace);
    person->hear("Take");
    moving.get_future().get();
    person.reset();
    BOOST_TEST(played.done.empty());
}

BOOST_AUTO_TEST_SUITE_END()
