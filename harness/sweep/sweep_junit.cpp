// The report of a sweep as JUnit XML.
#include "harness/junit.h"
#include "harness/sweep/sweep_order.h"
#include "harness/sweep/sweep_report.h"

#include <map>
#include <sstream>
#include <tuple>

#include <fmt/format.h>
#include <pugixml.hpp>

namespace cardrig::harness {

namespace {

struct Suite {
    std::vector<const PlaceOutcome*> places;
    std::vector<const SweepPlace*> not_reached;
};

/// In the order of phases, then of models.
using SuiteKey = std::tuple<SweepPhase, ModelOrder, std::string>;

std::map<SuiteKey, Suite> suites_of(const SweepReport& report) {
    const auto key = [](const SweepPlace& place) {
        return SuiteKey{place.phase, model_order(place), place.model()};
    };
    std::map<SuiteKey, Suite> suites;
    for (const PlaceOutcome& place : report.places) {
        suites[key(place.place)].places.push_back(&place);
    }
    for (const UnreachedPlace& unreached : report.not_reached) {
        suites[key(unreached.place)].not_reached.push_back(&unreached.place);
    }
    return suites;
}

void set(pugi::xml_node node, const char* name, const std::string& value) {
    node.append_attribute(name) = xml_text(value).c_str();
}

void add_text(pugi::xml_node node, const std::string& text) {
    node.append_child(pugi::node_pcdata).set_value(xml_text(text).c_str());
}

/// What was broken, line by line, and how to see it again.
std::string findings_text(const SweepReport& report, const PlaceOutcome& place) {
    std::string text;
    for (const BrokenPromise& promise : place.broken) {
        text += fmt::format("{}{}: {}{}\n", promise.invariant,
                            promise.card.empty() ? "" : fmt::format(", card {}", promise.card), promise.how,
                            promise.mended ? " (whole when the client had been run again)" : "");
    }
    text += fmt::format("the client was: {}\nthe card then: {}\n", place.client_phase, place.card_state);
    if (const std::string again = reproduce_command(report, place.place); !again.empty()) {
        text += fmt::format("again with: {}\n", again);
    }
    return text;
}

/// Of the first promise that is still broken.
std::string headline(const PlaceOutcome& place) {
    for (const BrokenPromise& promise : place.broken) {
        if (!promise.mended) {
            return fmt::format("{}: {}", promise.invariant, promise.how);
        }
    }
    return std::string(word(place.outcome));
}

void add_trouble(pugi::xml_node test, const char* element, const PlaceOutcome& place,
                 const std::string& message, const std::string& text) {
    pugi::xml_node node = test.append_child(element);
    set(node, "message", message);
    set(node, "type", std::string(word(place.outcome)));
    add_text(node, text);
}

void add_place(pugi::xml_node suite, const std::string& suite_name, const SweepReport& report,
               const PlaceOutcome& place) {
    pugi::xml_node test = suite.append_child("testcase");
    set(test, "classname", suite_name);
    set(test, "name", place.place.text());
    set(test, "time", fmt::format("{:.3f}", place.seconds));
    switch (place.outcome) {
    case Outcome::clean:
        break;
    case Outcome::window:
        add_text(test.append_child("system-out"), findings_text(report, place));
        break;
    case Outcome::violation:
        add_trouble(test, "failure", place, headline(place), findings_text(report, place));
        break;
    case Outcome::open:
        add_trouble(test, "error", place, headline(place) + " (whether a client mends it is not known)",
                    findings_text(report, place));
        break;
    case Outcome::diverged:
    case Outcome::failed:
        add_trouble(test, "error", place, place.message, place.message);
        break;
    }
}

/// The numbers that services show without looking inside.
struct Numbers {
    std::size_t tests = 0;
    std::size_t failures = 0;
    std::size_t errors = 0;
    std::size_t skipped = 0;
    double seconds = 0;
};

Numbers numbers_of(const Suite& suite) {
    Numbers numbers{.tests = suite.places.size() + suite.not_reached.size(),
                    .skipped = suite.not_reached.size()};
    for (const PlaceOutcome* const place : suite.places) {
        const Outcome outcome = place->outcome;
        numbers.seconds += place->seconds;
        numbers.failures += outcome == Outcome::violation ? 1 : 0;
        numbers.errors +=
            outcome == Outcome::open || outcome == Outcome::diverged || outcome == Outcome::failed ? 1 : 0;
    }
    return numbers;
}

void set_numbers(pugi::xml_node node, const Numbers& numbers) {
    node.append_attribute("tests") = numbers.tests;
    node.append_attribute("failures") = numbers.failures;
    node.append_attribute("errors") = numbers.errors;
    node.append_attribute("skipped") = numbers.skipped;
    node.append_attribute("time") = fmt::format("{:.3f}", numbers.seconds).c_str();
}

void add_suite(pugi::xml_node suites, const SuiteKey& key, const Suite& suite, const SweepReport& report) {
    const std::string name =
        fmt::format("{}: {}", word(std::get<SweepPhase>(key)), std::get<std::string>(key));
    pugi::xml_node node = suites.append_child("testsuite");
    set(node, "name", name);
    set_numbers(node, numbers_of(suite));
    for (const PlaceOutcome* const place : suite.places) {
        add_place(node, name, report, *place);
    }
    for (const SweepPlace* const place : suite.not_reached) {
        pugi::xml_node test = node.append_child("testcase");
        set(test, "classname", name);
        set(test, "name", place->text());
        set(test, "time", "0.000");
        set(test.append_child("skipped"), "message", "not reached");
    }
}

} // namespace

std::string junit(const SweepReport& report) {
    pugi::xml_document document;
    pugi::xml_node declaration = document.append_child(pugi::node_declaration);
    declaration.append_attribute("version") = "1.0";
    declaration.append_attribute("encoding") = "UTF-8";
    pugi::xml_node suites = document.append_child("testsuites");
    set(suites, "name", "cardrig sweep " + report.subject.scenario);
    for (const auto& [key, suite] : suites_of(report)) {
        add_suite(suites, key, suite, report);
    }
    for (const std::uint32_t shard : report.missing_shards()) {
        pugi::xml_node node = suites.append_child("testsuite");
        const std::string name = fmt::format("shard {} of {}", shard, report.shards);
        set(node, "name", name);
        set_numbers(node, {.tests = 1, .errors = 1});
        pugi::xml_node test = node.append_child("testcase");
        set(test, "classname", "shards");
        set(test, "name", name);
        set(test.append_child("error"), "message", "its report is missing");
    }
    std::ostringstream out;
    document.save(out, "  ", pugi::format_indent, pugi::encoding_utf8);
    return out.str();
}

} // namespace cardrig::harness
