#include "harness/scenario_report.h"

#include "harness/errors.h"
#include "harness/trace_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t apdus_shown = 8;
constexpr std::size_t most_shown = 24;  ///< of all that is between them
constexpr std::size_t bytes_shown = 24; ///< of a command or an answer
constexpr std::array<std::string_view, 4> kinds_shown{"apdu", "fault", "authority", "person"};

constexpr auto verdicts = std::to_array<std::pair<Verdict, std::string_view>>({
    {Verdict::passed, "passed"},
    {Verdict::failed, "failed"},
    {Verdict::crashed, "crashed"},
    {Verdict::timed_out, "timed-out"},
    {Verdict::wrong_request, "wrong-request"},
    {Verdict::host_cannot, "host-cannot"},
    {Verdict::not_applicable, "not-applicable"},
});

Verdict verdict_from(const std::string& text) {
    for (const auto& [verdict, candidate] : verdicts) {
        if (candidate == text) {
            return verdict;
        }
    }
    throw RequestError(fmt::format("'{}' is no verdict", text));
}

void append_block(std::string& text, const std::string& heading, const std::vector<std::string>& lines) {
    if (lines.empty()) {
        return;
    }
    text += fmt::format("  {}\n", heading);
    for (const std::string& line : lines) {
        text += fmt::format("    {}\n", line);
    }
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

} // namespace

std::string_view word(Verdict verdict) {
    for (const auto& [candidate, text] : verdicts) {
        if (candidate == verdict) {
            return text;
        }
    }
    return {};
}

void ScenarioReport::show_last_events() {
    std::size_t apdus = 0;
    auto event = events.end();
    while (event != events.begin() && apdus < apdus_shown) {
        --event;
        apdus += event->kind == "apdu" ? 1 : 0;
    }
    last_apdus.clear();
    for (; event != events.end(); ++event) {
        if (std::ranges::find(kinds_shown, event->kind) != kinds_shown.end()) {
            last_apdus.push_back(readable(*event, bytes_shown));
        }
    }
    if (last_apdus.size() > most_shown) {
        last_apdus.erase(last_apdus.begin(), last_apdus.end() - static_cast<std::ptrdiff_t>(most_shown));
    }
}

nlohmann::json ScenarioReport::summary() const {
    nlohmann::json json{{"file", file},
                        {"title", title},
                        {"verdict", word(verdict)},
                        {"seconds", seconds},
                        {"reader", reader},
                        {"message", message},
                        {"windows", windows},
                        {"last_apdus", last_apdus},
                        {"last_output", last_output},
                        {"cards", nlohmann::json::array()},
                        {"notices", notices},
                        {"reproduce", reproduce},
                        {"shortfalls", nlohmann::json::array()}};
    for (const Shortfall& shortfall : shortfalls) {
        json["shortfalls"].push_back({{"act", shortfall.act},
                                      {"card", shortfall.card},
                                      {"what", shortfall.what},
                                      {"expected", shortfall.expected},
                                      {"there", shortfall.there}});
    }
    for (const CardCourse& card : cards) {
        json["cards"].push_back({{"name", card.name}, {"difference", card.difference}});
    }
    return json;
}

nlohmann::json ScenarioReport::to_json() const {
    nlohmann::json json = summary();
    json["events"] = nlohmann::json::array();
    for (const TraceEvent& event : events) {
        json["events"].push_back(event.to_json());
    }
    return json;
}

ScenarioReport ScenarioReport::from_json(const nlohmann::json& json) {
    ScenarioReport report;
    report.file = json.at("file");
    report.title = json.at("title");
    report.verdict = verdict_from(json.at("verdict"));
    report.seconds = json.at("seconds");
    report.reader = json.at("reader");
    report.message = json.at("message");
    report.windows = json.at("windows").get<std::vector<std::string>>();
    report.last_apdus = json.at("last_apdus").get<std::vector<std::string>>();
    report.last_output = json.at("last_output").get<std::vector<std::string>>();
    for (const auto& card : json.at("cards")) {
        report.cards.push_back({card.at("name"), card.at("difference")});
    }
    report.notices = json.at("notices").get<std::vector<std::string>>();
    report.reproduce = json.at("reproduce");
    for (const auto& shortfall : json.at("shortfalls")) {
        report.shortfalls.push_back({shortfall.at("act"), shortfall.at("card"), shortfall.at("what"),
                                     shortfall.at("expected"), shortfall.at("there")});
    }
    for (const auto& event : json.at("events")) {
        report.events.push_back(TraceEvent::from_json(event));
    }
    return report;
}

std::string ScenarioReport::text() const {
    if (verdict == Verdict::not_applicable) {
        return fmt::format("{} ({}, reader {}): not applicable\n  {}\n", title, file, reader, message);
    }
    std::string text = fmt::format("{} ({}, reader {}): {}\n", title, file, reader, word(verdict));
    if (!message.empty()) {
        text += fmt::format("  {}\n", message);
    }
    std::string act;
    for (const Shortfall& shortfall : shortfalls) {
        if (shortfall.act != act) {
            act = shortfall.act;
            text += fmt::format("  {}\n", act);
        }
        const std::string card = shortfall.card.empty() ? "" : fmt::format("card {}: ", shortfall.card);
        text += fmt::format("    {}{}\n      expected  {}\n      there     {}\n", card, shortfall.what,
                            shortfall.expected, shortfall.there);
    }
    append_block(text, "last APDUs", last_apdus);
    append_block(text, "the client's last lines", last_output);
    for (const CardCourse& card : cards) {
        const std::string which = cards.size() == 1 ? "the card" : "card " + card.name;
        append_block(text, which + ", from the scenario's beginning to its end", lines_of(card.difference));
    }
    append_block(text, "promises that were broken for a while", windows);
    append_block(text, "notices", notices);
    text += fmt::format("  again with\n    {}\n", reproduce);
    return text;
}

} // namespace cardrig::harness
