#include "harness/errors.h"
#include "harness/files.h"
#include "harness/sweep/sweep_report.h"
#include "tests/harness/invented_sweep.h"
#include "tests/harness/temporary_folder.h"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <pugixml.hpp>

#include <algorithm>
#include <functional>
#include <sstream>

namespace harness = cardrig::harness;
namespace tests = cardrig::tests;
using harness::FindingGroup;
using harness::Outcome;
using harness::PlaceOutcome;
using harness::SweepReport;
using tests::invented_sweep;

namespace {

SweepReport concluded() {
    SweepReport report = invented_sweep();
    harness::conclude(report);
    return report;
}

Outcome outcome_at(const SweepReport& report, const std::string& place) {
    const auto found = std::ranges::find_if(
        report.places, [&](const PlaceOutcome& outcome) { return outcome.place.text() == place; });
    BOOST_TEST_REQUIRE((found != report.places.end()), place);
    return found->outcome;
}

const FindingGroup& group(const SweepReport& report, const std::string& invariant, Outcome outcome) {
    const auto found = std::ranges::find_if(report.groups, [&](const FindingGroup& each) {
        return each.invariant == invariant && each.outcome == outcome;
    });
    BOOST_TEST_REQUIRE((found != report.groups.end()), invariant);
    return *found;
}

/// What is said of it.
std::string refusal(const std::function<void()>& work) {
    try {
        work();
    } catch (const harness::RequestError& error) {
        return error.what();
    }
    return "none";
}

bool has(const std::string& text, const std::string& part) {
    BOOST_TEST_INFO(text);
    return text.find(part) != std::string::npos;
}

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_report)

BOOST_AUTO_TEST_CASE(an_open_place_ends_as_the_recovery_of_its_state_did) {
    const SweepReport report = concluded();
    BOOST_CHECK(outcome_at(report, "memory: write #9: prefix half") == Outcome::clean);
    BOOST_CHECK(outcome_at(report, "memory: write #10: prefix half") == Outcome::window);
    BOOST_CHECK(outcome_at(report, "memory: write #14: prefix half") == Outcome::window);
    BOOST_CHECK(outcome_at(report, "memory: write #15: prefix half") == Outcome::violation);
    BOOST_CHECK(outcome_at(report, "memory: write #19: lost-writes") == Outcome::violation);
}

BOOST_AUTO_TEST_CASE(a_recovery_that_does_not_name_its_state_is_known_by_its_cut) {
    SweepReport report = invented_sweep();
    for (PlaceOutcome& place : report.places) {
        if (place.place.phase == harness::SweepPhase::recovery) {
            place.state.clear();
        }
    }
    harness::conclude(report);
    BOOST_CHECK(outcome_at(report, "memory: write #14: prefix half") == Outcome::window);
    BOOST_CHECK(outcome_at(report, "memory: write #19: prefix half") == Outcome::violation);
}

BOOST_AUTO_TEST_CASE(without_a_recovery_a_place_stays_open) {
    for (const Outcome unknown : {Outcome::failed, Outcome::diverged}) {
        SweepReport report = invented_sweep();
        for (PlaceOutcome& place : report.places) {
            if (place.place.phase == harness::SweepPhase::recovery) {
                place.outcome = unknown;
            }
        }
        harness::conclude(report);
        BOOST_CHECK(outcome_at(report, "memory: write #10: prefix half") == Outcome::open);
        BOOST_TEST(group(report, "I2", Outcome::open).places == 20U);
        BOOST_TEST(has(group(report, "I2", Outcome::open).holder, "is not known"));
    }
}

BOOST_AUTO_TEST_CASE(what_no_client_can_mend_stays_a_violation) {
    SweepReport report = invented_sweep();
    for (PlaceOutcome& place : report.places) {
        if (place.place.text() == "memory: write #10: prefix half") {
            place.outcome = Outcome::violation;
            place.broken.push_back({"I6", "", "passcode tries rose from 1 to 3", false, 0});
        }
    }
    harness::conclude(report);
    BOOST_CHECK(outcome_at(report, "memory: write #10: prefix half") == Outcome::violation);
    BOOST_TEST(group(report, "I6", Outcome::violation).places == 1U);
    BOOST_TEST(group(report, "I2", Outcome::window).places == 11U); // with the recovery's own, and this one
}

BOOST_AUTO_TEST_CASE(what_was_concluded_stays_where_the_recovery_is_no_longer_there) {
    SweepReport report = concluded();
    std::erase_if(report.places, [](const PlaceOutcome& place) {
        return place.place.phase == harness::SweepPhase::recovery;
    });
    const std::vector<PlaceOutcome> before = report.places;
    harness::conclude(report);
    BOOST_CHECK(report.places == before);
}

BOOST_AUTO_TEST_CASE(what_another_power_on_found_is_not_mended_by_the_recovery_of_the_first_ones_state) {
    SweepReport report = invented_sweep();
    for (PlaceOutcome& place : report.places) {
        if (place.place.text() == "memory: write #10: prefix half") {
            place.broken.push_back({"I4", "", "no private key", false, 0, "a state that nobody tried"});
        }
    }
    harness::conclude(report);
    BOOST_CHECK(outcome_at(report, "memory: write #10: prefix half") == Outcome::open);
    const SweepReport again = SweepReport::from_json(report.to_json());
    BOOST_CHECK(again.places == report.places);
}

BOOST_AUTO_TEST_CASE(groups_have_the_earliest_place_and_the_simplest_model) {
    const SweepReport report = concluded();
    const FindingGroup& lost = group(report, "I2", Outcome::violation);
    BOOST_TEST(lost.places == 11U);
    BOOST_TEST(lost.first.text() == "recovery: write #15: lost-writes");
    BOOST_TEST(lost.client_phase == "writing the certificate of 9A");
    BOOST_TEST(lost.card_state == "9A new key, old certificate; 9C no key, no certificate");
    BOOST_TEST(lost.reproduce ==
               "cardrig sweep in-window.yaml --seed 1 --replay 'recovery: write #15: lost-writes'");
    BOOST_TEST(has(lost.holder, "When the client had been run again, this was so: no certificate"));
    const FindingGroup& mixed = group(report, "I3", Outcome::window);
    BOOST_TEST(mixed.places == 2U);
    BOOST_TEST(mixed.first.text() == "live: any #5 before: kill-client");
    BOOST_TEST(has(group(report, "I8", Outcome::violation).holder, "is told that all is done"));
}

BOOST_AUTO_TEST_CASE(violations_come_first_then_what_is_open_then_windows) {
    SweepReport report = invented_sweep();
    PlaceOutcome open = tests::outcome_of("memory: write #30: lost-writes", Outcome::open, 29);
    open.broken = {{"I4", "", "the certificate of 9C has no private key on the card", false, 0}};
    open.state = "c";
    report.places.push_back(open);
    harness::conclude(report);
    std::vector<std::string> order;
    for (const FindingGroup& each : report.groups) {
        order.push_back(fmt::format("{} {}", word(each.outcome), each.invariant));
    }
    const std::vector<std::string> wanted{"violation I2", "violation I8", "violation I9",
                                          "open I4",      "window I2",    "window I3"};
    BOOST_TEST(order == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_was_found_out_about_a_group_stays) {
    SweepReport report = concluded();
    report.groups.front().trace = {"line"};
    report.groups.front().folder = "/tmp/x";
    report.groups.front().reproduced = true;
    harness::conclude(report);
    BOOST_TEST(report.groups.front().trace.size() == 1U);
    BOOST_TEST(report.groups.front().folder == "/tmp/x");
    BOOST_TEST(report.groups.front().reproduced.value());
}

BOOST_AUTO_TEST_CASE(what_befell_two_cards_is_two_findings) {
    SweepReport report = tests::empty_sweep();
    PlaceOutcome place = tests::outcome_of("live: any #5 before: remove", Outcome::window, 4);
    place.broken = {
        {"I4", "staff", "the certificate of 9A (serial 7) has no private key on the card", true, 1},
        {"I4", "agent", "the certificate of 9C (serial 8) has no private key on the card", true, 1}};
    report.places.push_back(place);
    harness::conclude(report);
    BOOST_TEST_REQUIRE(report.groups.size() == 2U);
    BOOST_TEST(report.groups.front().broken.card == "agent");
    BOOST_TEST(has(report.groups.front().holder, "of 9C (serial 8)"));
    BOOST_TEST(report.groups.back().broken.card == "staff");
    BOOST_TEST(has(report.groups.back().holder, "of 9A (serial 7)"));
    report.groups.front().folder = "/tmp/agent";
    harness::conclude(report);
    BOOST_TEST(report.groups.front().folder == "/tmp/agent");
    BOOST_TEST(report.groups.back().folder.empty());
}

BOOST_AUTO_TEST_CASE(a_memory_place_that_only_a_client_shows_is_tried_again_with_one) {
    SweepReport report = invented_sweep();
    for (PlaceOutcome& place : report.places) {
        if (place.place.text() == "memory: write #12: prefix half") {
            place.card_state = "9A no key, old certificate; 9C as before"; // a group of its own
        }
    }
    harness::conclude(report);
    const auto found = std::ranges::find(report.groups, "9A no key, old certificate; 9C as before",
                                         &FindingGroup::card_state);
    BOOST_TEST_REQUIRE((found != report.groups.end()));
    BOOST_TEST(found->first.text() == "recovery: write #12: prefix half");
}

BOOST_AUTO_TEST_CASE(the_holders_sentence_knows_which_key_is_lost) {
    const auto sentence = [](const std::string& state) {
        SweepReport report = tests::empty_sweep();
        PlaceOutcome place = tests::outcome_of("live: any #5 before: remove", Outcome::window, 4);
        place.broken = {
            {"I4", "", "the certificate of 82 (serial 7) has no private key on the card", true, 1}};
        place.card_state = state;
        report.places.push_back(place);
        harness::conclude(report);
        return report.groups.front().holder;
    };
    BOOST_TEST(has(sentence("9A new key, old certificate; 9C as before"),
                   "the holder cannot log in with the key of 9A"));
    BOOST_TEST(has(sentence("9A renewed; 9C new key, old certificate"),
                   "the holder cannot sign with the key of 9C"));
    BOOST_TEST(
        has(sentence("9A empty; 9C no key, old certificate"), "can neither log in with the key of 9A nor"));
    BOOST_TEST(has(sentence("as before; 82 no key, new certificate"), "logs in and signs with is not"));
}

BOOST_AUTO_TEST_CASE(the_exit_status_says_the_worst) {
    SweepReport report = tests::empty_sweep();
    BOOST_TEST(harness::exit_status(report) == 0);
    report.places.push_back(tests::outcome_of("live: any #1 before: remove", Outcome::window, 0));
    BOOST_TEST(harness::exit_status(report) == 0);
    for (const Outcome unknown : {Outcome::open, Outcome::diverged, Outcome::failed}) {
        report.places.front().outcome = unknown;
        BOOST_TEST(harness::exit_status(report) == 4);
    }
    report.places.front().outcome = Outcome::clean;
    report.not_reached.emplace_back(tests::sweep_place_of("live: any #2 before: remove"), 1);
    BOOST_TEST(harness::exit_status(report) == 4);
    report.places.front().outcome = Outcome::violation;
    BOOST_TEST(harness::exit_status(report) == 1);
}

BOOST_AUTO_TEST_CASE(a_report_comes_back_from_its_file_as_it_was) {
    SweepReport report = concluded();
    report.groups.front().reproduced = false;
    report.notices = {"one", "two"};
    report.budget = 60;
    report.recorded.differences = {"command 3 is another"};
    const tests::TemporaryFolder folder;
    harness::save_sweep_report(folder.file("r.json"), report);
    const SweepReport again = harness::load_sweep_report(folder.file("r.json"));
    BOOST_TEST(again.to_json() == report.to_json());
    BOOST_CHECK(again.places == report.places);
    BOOST_CHECK(again.subject == report.subject);
    BOOST_CHECK(again.not_reached == report.not_reached);
    BOOST_TEST(again.groups.front().reproduced.value() == false);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_report_is_refused_by_name) {
    const tests::TemporaryFolder folder;
    const std::string file = folder.file("r.json");
    const auto load = [&] { static_cast<void>(harness::load_sweep_report(file)); };
    BOOST_TEST(has(refusal(load), file));
    harness::write_file(file, std::string_view("{\"cardrig-sweep\": 1"));
    BOOST_TEST(has(refusal(load), file + ": no JSON at byte 20"));
    harness::write_file(file, std::string_view("[]"));
    BOOST_TEST(has(refusal(load), file + ": sweep report: an object is wanted, not array"));
    harness::write_file(file, std::string_view("{\"cardrig-sweep\": 2}"));
    BOOST_TEST(has(refusal(load), "version 2 of the format, and 1 is known"));
    const nlohmann::json whole = concluded().to_json();
    for (const auto& [key, value] : whole.items()) {
        nlohmann::json json = whole;
        json.erase(key);
        harness::write_file(file, json.dump());
        BOOST_TEST(has(refusal(load), fmt::format("'{}': is missing", key)));
    }
    nlohmann::json json = concluded().to_json();
    json["shard"] = 3;
    BOOST_TEST(has(refusal([&] { static_cast<void>(SweepReport::from_json(json)); }), "3 of 1"));
}

BOOST_AUTO_TEST_CASE(the_map_has_a_sign_for_each_place) {
    const std::string map = harness::map_text(concluded(), 100, false);
    BOOST_TEST(has(map, "lost-writes  .........wwwwwXXXXX..........."));
    BOOST_TEST(has(map, "prefix half  .........wwwwwXXXXX..........."));
    BOOST_TEST(has(map, "1         11        21"));
    BOOST_TEST(has(map, "A-------B---------------------"));
    BOOST_TEST(has(map, "kill-client before  ....w......."));
    BOOST_TEST(has(map, "kill-client after  ....w......?"));
    BOOST_TEST(has(map, "fail 503 before  X_"));
    BOOST_TEST(has(map, "fail 503 after  _\n"));
    BOOST_TEST(has(map, "1 renewal"));
    BOOST_TEST(has(map, "X  violation"));
    BOOST_TEST(!has(map, "o  open"));
    BOOST_TEST(!has(map, "\x1B"));
}

BOOST_AUTO_TEST_CASE(a_recovery_that_goes_wrong_shows_at_every_cut_that_led_to_it) {
    SweepReport report = invented_sweep();
    for (PlaceOutcome& place : report.places) {
        if (place.place.text() == "memory: write #2: lost-writes") {
            place.state = "b"; // whole, but its recovery is not
        }
    }
    harness::conclude(report);
    BOOST_TEST(has(harness::map_text(report, 100, false), "lost-writes  .X......."));
}

BOOST_AUTO_TEST_CASE(a_map_is_wrapped_at_the_terminals_width) {
    const std::string map = harness::map_text(concluded(), 40, false);
    for (const std::string& line : lines(map)) {
        if (line.find("violation") == std::string::npos && line.find(": ") == std::string::npos) {
            BOOST_TEST(line.size() <= 40U, line);
        }
    }
    BOOST_TEST(has(map, "lost-writes  .........wwwwwXXXXX.\n"));
    BOOST_TEST(has(map, "lost-writes  ..........\n"));
    BOOST_TEST(has(map, "             21\n"));
}

BOOST_AUTO_TEST_CASE(colours_are_there_only_where_they_are_asked_for) {
    BOOST_TEST(has(harness::map_text(concluded(), 100, true), "\x1B[1;31mXXXXX\x1B[0m"));
    BOOST_TEST(!has(harness::text(concluded(), 100, false), "\x1B"));
}

BOOST_AUTO_TEST_CASE(the_text_says_what_was_promised_and_tried) {
    SweepReport report = concluded();
    report.budget = 75;
    const std::string text = harness::text(report, 500, false);
    BOOST_TEST(has(text,
                   "every APDU boundary (12 commands, each before and after), every request to the "
                   "authority (2) and every memory write (30) of the recorded run, under these models:"));
    BOOST_TEST(has(text, "lost-writes, prefix half"));
    BOOST_TEST(has(text, "kill-client, before and after"));
    BOOST_TEST(has(text, "memory: 60 of 60 places; 1,234 crash images"));
    BOOST_TEST(has(text, "live: 25 of 27 places, 2 not reached"));
    BOOST_TEST(has(text, "two runs: the same normalised trace"));
    BOOST_TEST(has(text, "75 s; not all was reached"));
    BOOST_TEST(has(text, "the client ended before it"));
    BOOST_TEST(has(text, "VIOLATION  I2 continuity"));
    BOOST_TEST(has(text, "--replay 'recovery: write #15: lost-writes'"));
    BOOST_TEST(lines(text).back() ==
               "87 places tried in 75 s: 12 violations, 1 diverged, 13 windows, 61 clean; 2 "
               "not reached");
}

BOOST_AUTO_TEST_CASE(the_text_promises_only_what_the_models_leave) {
    const auto with = [](const std::vector<std::string>& places) {
        SweepReport report = tests::empty_sweep();
        for (const std::string& place : places) {
            report.places.push_back(tests::outcome_of(place, Outcome::clean, 0));
        }
        return harness::text(report, 500, false);
    };
    const std::string after = with({"live: any #5 after: remove"});
    BOOST_TEST(has(after, "every APDU boundary (12 commands, after each) of the recorded run, under"));
    BOOST_TEST(!has(after, "each before and after"));
    BOOST_TEST(!has(after, "every memory write"));
    BOOST_TEST(!has(after, "every request"));
    BOOST_TEST(!has(after, "each different state"));
    BOOST_TEST(has(with({"live: any #5 before: remove"}), "(12 commands, before each)"));
    const std::string memory = with({"memory: write #1: lost-writes"});
    BOOST_TEST(has(memory, "every memory write (30) of the recorded run, under"));
    BOOST_TEST(has(memory, "each different state"));
    BOOST_TEST(!has(memory, "APDU boundary"));
    BOOST_TEST(has(with({}), "nothing of the recorded run\n"));
}

BOOST_AUTO_TEST_CASE(the_text_says_where_undisturbed_runs_differ_and_what_was_not_asked_for) {
    SweepReport report = tests::empty_sweep();
    report.recorded.differences = {"command 3: select and verify"};
    report.subject.phases = {"live"};
    report.subject.places = "put-data";
    report.shard = 2;
    report.shards = 5;
    const std::string text = harness::text(report, 500, false);
    BOOST_TEST(has(text, "two runs: they differ"));
    BOOST_TEST(has(text, "command 3: select and verify"));
    BOOST_TEST(has(text, "memory: not asked for"));
    BOOST_TEST(has(text, "as far as its place matches 'put-data'"));
    BOOST_TEST(has(text, "shard 2 of 5"));
    BOOST_TEST(!has(text, "every memory write"));
}

BOOST_AUTO_TEST_CASE(no_line_of_the_text_is_wider_than_the_terminal_but_commands_to_copy) {
    std::vector<std::string> all = lines(harness::text(concluded(), 80, false));
    all.pop_back(); // the summary is one line
    for (const std::string& line : all) {
        if (line.find("--replay") == std::string::npos) {
            BOOST_TEST(line.size() <= 80U, line);
        }
    }
}

BOOST_AUTO_TEST_CASE(junit_has_a_suite_for_each_phase_and_model) {
    SweepReport report = concluded();
    report.places.back().broken.front().how += " <\x1B[1m>";
    pugi::xml_document document;
    BOOST_TEST_REQUIRE(document.load_string(harness::junit(report).c_str()));
    std::vector<std::string> suites;
    for (const pugi::xml_node suite : document.child("testsuites").children("testsuite")) {
        suites.emplace_back(suite.attribute("name").value());
    }
    const std::vector<std::string> wanted{"memory: lost-writes",     "memory: prefix half",
                                          "recovery: lost-writes",   "live: kill-client before",
                                          "live: kill-client after", "live: fail 503 before",
                                          "live: fail 503 after"};
    BOOST_TEST(suites == wanted, boost::test_tools::per_element());
    const auto suite = [&](const char* name) {
        return document.child("testsuites").find_child_by_attribute("testsuite", "name", name);
    };
    const auto number = [&](const char* name, const char* attribute) {
        return suite(name).attribute(attribute).as_int(-1);
    };
    BOOST_TEST(number("memory: lost-writes", "tests") == 30);
    BOOST_TEST(number("memory: lost-writes", "failures") == 5);
    BOOST_TEST(number("live: kill-client after", "errors") == 1);
    BOOST_TEST(number("live: fail 503 before", "tests") == 2);
    BOOST_TEST(number("live: fail 503 before", "skipped") == 1);
    const auto test = [&](const char* in, const char* name) {
        return suite(in).find_child_by_attribute("testcase", "name", name);
    };
    BOOST_TEST(
        has(test("memory: lost-writes", "memory: write #10: lost-writes").child("system-out").text().get(),
            "whole when the client had been run again"));
    BOOST_TEST(has(test("live: fail 503 before", "live: authority renewal before: fail 503")
                       .child("failure")
                       .attribute("message")
                       .value(),
                   "I8: its exit status says that all is done"));
    BOOST_TEST(has(test("live: kill-client after", "live: any #12 after: kill-client")
                       .child("error")
                       .attribute("message")
                       .value(),
                   "the client ended before it"));
    BOOST_TEST(has(test("live: fail 503 after", "live: authority renewal after: fail 503")
                       .child("skipped")
                       .attribute("message")
                       .value(),
                   "not reached"));
}

BOOST_AUTO_TEST_SUITE_END()
