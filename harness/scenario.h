// Scenarios: cards, a client that is run against them, what goes wrong, and what must hold afterwards.
// scenarios/README.md describes the language.
#pragma once

#include "emulator/piv/piv_memory.h"
#include "harness/fault.h"
#include "harness/profile.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

struct ScenarioCard {
    std::string name;    ///< by which places, effects and expectations mean it; "card" where it has none
    std::string profile; ///< a shipped profile's name, or an absolute path
    ProfileOverrides set;
    std::string place; ///< file:line:column
};

struct ScenarioReader {
    std::string name;                ///< as asked; empty: the kind's own
    std::optional<std::size_t> card; ///< what is in it from the start, by place in Scenario::cards
};

struct ScenarioClient {
    std::vector<std::string> command; ///< with placeholders
    std::map<std::string, std::string> environment;
    std::chrono::seconds limit{120};
    bool control = false; ///< it gets the hand's socket, in CARDRIG_CONTROL
};

struct ExitExpectation {
    enum class Kind : std::uint8_t { success, failure, status, killed };
    Kind kind = Kind::success;
    int status = 0; ///< 0 to 255, for Kind::status
    [[nodiscard]] std::string text() const;
    /// `killed`: a signal ended it, and not the rig because of the limit.
    [[nodiscard]] bool met_by(std::optional<int> exit_status, bool killed) const;
};

/// Words for a slot's certificate and key; empty: anything.
struct SlotExpectation {
    emulator::piv::KeyReference reference = 0;
    std::string name; ///< "authentication"
    std::vector<std::string> certificate;
    std::vector<std::string> key;
};

enum class PromiseState : std::uint8_t { holds, window, broken };

struct CardExpectation {
    bool unchanged = false; ///< all of it, since the run began
    bool since_run = false; ///< changes are counted since the run began, not since the scenario did
    std::vector<SlotExpectation> slots;
    std::optional<std::int64_t> passcode_tries;
    std::optional<std::int64_t> unblocking_tries;
    std::optional<std::string> passcode;
    std::map<std::string, PromiseState> invariants; ///< what is not listed holds
    /// Whether anything but the invariants is to be looked at.
    [[nodiscard]] bool says_something() const;
};

struct Expectation {
    ExitExpectation exit;
    std::vector<std::string> output; ///< regular expressions
    std::vector<std::string> never;
    std::vector<CardExpectation> cards; ///< one for each of the scenario's cards
};

/// What becomes of the first card, and of the reader that it is in, before a run.
enum class CardIn : std::uint8_t {
    yes,     ///< it is put in where it is out, with power where that was cut
    no,      ///< it is taken out
    as_it_is ///< nothing is moved
};

struct ScenarioRun {
    ScenarioClient client;
    std::vector<std::string> answers;
    CardIn card_in = CardIn::yes;
    std::vector<Fault> faults; ///< in order where several have one place
    Expectation expect;
    std::string place; ///< file:line:column
};

/// What is done next: the client is run, something is moved, or (neither) the first card is reinserted. The
/// first act is a run.
struct Act {
    std::optional<ScenarioRun> run;
    std::optional<Effect> effect;
    std::string place; ///< file:line:column
};

struct Scenario {
    std::string file;    ///< as it was given
    std::string folder;  ///< absolute: the file's folder
    std::string library; ///< absolute: the nearest parent folder called scenarios, or `folder`
    std::string title;
    std::string shows;
    std::vector<ScenarioCard> cards;     ///< at least one; each name once
    std::vector<ScenarioReader> readers; ///< at least one; no card twice
    std::vector<Act> acts;

    /// Every passcode that may be the card's at some time: the answers that could be one, and the expected
    /// ones.
    [[nodiscard]] std::vector<std::string> passcodes() const;
    /// What its runs may take, one after the other.
    [[nodiscard]] std::chrono::seconds longest() const;
};

/// Throws RequestError with file:line:column and the offending word.
[[nodiscard]] Scenario parse_scenario(std::string_view text, const std::string& file);
[[nodiscard]] Scenario load_scenario(const std::string& file);

/// Scenario files by what somebody typed: files as they are, folders searched at any depth (but for folders
/// named clients and profiles), in order of path. Throws RequestError for what is not there and for a folder
/// without any.
[[nodiscard]] std::vector<std::string> find_scenarios(const std::vector<std::string>& paths);

/// Replaces {name} by its value; {{ and }} stand for braces. Throws RequestError for an unknown name.
[[nodiscard]] std::string fill_placeholders(std::string_view text,
                                            const std::map<std::string, std::string>& values);
/// The names that the words of its clients may hold.
[[nodiscard]] std::vector<std::string> placeholder_names(const Scenario& scenario);
/// Throws RequestError where a client's word could not be filled: the names are known before the values are.
void check_placeholders(std::string_view text, const std::vector<std::string>& names);

} // namespace cardrig::harness
