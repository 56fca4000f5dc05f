// What came of a scenario: its verdict, and where it fell short what is needed to see why.
#pragma once

#include "harness/trace.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

/// Something that did not hold.
struct Shortfall {
    std::string act;      ///< "run 1 (FILE:LINE:COLUMN)"
    std::string card;     ///< its name, where it is about one of several
    std::string what;     ///< "exit status", "authentication certificate", "I4"
    std::string expected; ///< in words
    std::string there;    ///< in words
};

/// What became of a card, from the scenario's beginning to its end.
struct CardCourse {
    std::string name;
    std::string difference; ///< lines
};

enum class Verdict : std::uint8_t {
    passed,
    failed,         ///< something did not hold
    crashed,        ///< the process that ran it ended without a verdict
    timed_out,      ///< it was ended before it was through: it took longer than it may
    wrong_request,  ///< the scenario cannot be run as it is written
    host_cannot,    ///< this host cannot run it
    not_applicable, ///< the client that was to be run cannot do what the scenario is about: it was not run
};

[[nodiscard]] std::string_view word(Verdict verdict);

struct ScenarioReport {
    std::string file;
    std::string title;
    Verdict verdict = Verdict::passed;
    double seconds = 0;
    std::string reader;  ///< the kind: "rig" or "vpcd"
    std::string message; ///< for the last five verdicts: why
    std::vector<Shortfall> shortfalls;
    std::vector<std::string> windows; ///< "run 1: I4: how it was broken, closed by run 2"
    /// Decoded; with the faults, the requests to the authority and what the person did among them.
    std::vector<std::string> last_apdus;
    std::vector<std::string> last_output; ///< the client's, secrets taken out
    std::vector<CardCourse> cards;
    /// The rig's, and what this kind of reader could not show as it was asked for.
    std::vector<std::string> notices;
    std::string reproduce; ///< one command
    std::vector<TraceEvent> events;

    /// Fills `last_apdus` from `events`.
    void show_last_events();

    /// For a pipe between two processes of one version: with every event.
    [[nodiscard]] nlohmann::json to_json() const;
    [[nodiscard]] static ScenarioReport
    from_json(const nlohmann::json& json); ///< throws nlohmann::json::exception
    /// For --json: without the events, which --trace writes.
    [[nodiscard]] nlohmann::json summary() const;
    /// For people: what was expected and what was there, last APDUs, last output, difference, reproduction.
    [[nodiscard]] std::string text() const;
};

} // namespace cardrig::harness
