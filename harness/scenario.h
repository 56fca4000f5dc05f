// Scenarios: cards, a client that is run against them, what goes wrong, and what must hold afterwards.
// scenarios/README.md describes the language.
#pragma once

#include "emulator/piv/piv_memory.h"
#include "harness/authority/authority.h"
#include "harness/fault.h"
#include "harness/profile.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cardrig::harness {

struct ScenarioCard {
    std::string name;    ///< by which places, effects and expectations mean it; "card" where it has none
    std::string profile; ///< a shipped profile's name, or an absolute path
    ProfileOverrides set;
    std::map<std::string, std::string> set_places; ///< by key: file:line:column of its value
    std::string profile_place;                     ///< file:line:column
    std::string place;                             ///< file:line:column
};

struct ScenarioReader {
    std::string name;                ///< as asked; empty: the kind's own
    std::optional<std::size_t> card; ///< what is in it from the start, by place in Scenario::cards
};

/// What a client of the library is asked to do: login, renew, update-card, assist, unlock, change-passcode,
/// view.
[[nodiscard]] const std::vector<std::string>& client_tasks();

struct ScenarioClient {
    /// Of a client that is described in a file (scenarios/clients/README.md); then `command` is empty until
    /// resolve_clients() (client_choice.h) fills it.
    std::string use;                    ///< its name; empty: `command` says what is run
    std::string task;                   ///< with `use` always; else empty
    std::vector<std::string> arguments; ///< added to the described command, with placeholders
    std::vector<std::string> command;   ///< with placeholders
    std::map<std::string, std::string> environment;
    std::chrono::seconds limit{120};
    bool control = false; ///< it gets the hand's socket, in CARDRIG_CONTROL
    /// Once resolve_clients() has put the description's command into `command`: its words, by meaning. Empty:
    /// meanings cannot be looked for.
    std::map<std::string, std::string> words;
    std::string place; ///< file:line:column
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
    /// All of which nothing is said here is as it was when the run began. So it is by default with every card
    /// but the first; `any` lifts it.
    bool unchanged = false;
    bool since_run = false; ///< changes are counted since the run began, not since the scenario did
    std::vector<SlotExpectation> slots;
    std::optional<std::int64_t> passcode_tries;
    std::optional<std::int64_t> unblocking_tries;
    std::optional<std::string> passcode;
    std::map<std::string, PromiseState> invariants; ///< what is not listed holds
    /// Whether anything but the invariants is to be looked at.
    [[nodiscard]] bool says_something() const;
    /// Whether a run may make keys and write certificates on it, and whether it may cost it tries.
    [[nodiscard]] bool may_be_renewed() const;
    [[nodiscard]] bool may_lose_tries() const;
};

/// What the run's trace holds. Places are without moments, blocks and writes; of the authority, too.
struct TraceExpectation {
    std::vector<Place> holds;
    std::vector<Place> never;
    std::vector<std::pair<Place, Place>>
        before; ///< where both are there, the first of one comes before that of the other
    std::optional<std::uint32_t> failed_tries;     ///< at most so many VERIFYs and kin answered 63Cx or 6983
    std::optional<std::uint32_t> apdus;            ///< at most, of all cards
    std::optional<std::chrono::milliseconds> time; ///< at most, from the client's start to its end
};

/// Of the authority's record, since the scenario began.
struct AuthorityExpectation {
    std::optional<std::uint32_t> issued; ///< certificates
    std::optional<std::uint32_t> unused; ///< at most so many that are on no card now and were never on one
};

struct Expectation {
    ExitExpectation exit;
    /// Meanings, in the words of the client's description: "success", "not-due". Left aside, with a notice,
    /// for a client that has no description.
    std::vector<std::string> says;
    std::vector<std::string> never_says;
    TraceExpectation trace;
    AuthorityExpectation authority;
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

/// Something that the person in front of the client does when it prints something.
struct PersonAct {
    std::string when; ///< expression, searched in what it has printed since the person last acted
    std::optional<std::string> types; ///< a line, with placeholders ({unlock-code})
    std::vector<Effect> does;         ///< moves, before the line is typed
    bool always = false;              ///< else once
    std::string place;                ///< file:line:column
};

struct ScenarioPerson {
    bool terminal = true;        ///< a pseudo-terminal; else a pipe
    std::vector<PersonAct> acts; ///< the first in order that matches and is not used up
};

struct ScenarioRun {
    ScenarioClient client;
    /// Lines on the standard input from the start; not together with a person.
    std::vector<std::string> answers;
    std::optional<ScenarioPerson> person;
    CardIn card_in = CardIn::yes;
    std::vector<Fault> faults; ///< in order where several have one place
    Expectation expect;
    std::string place; ///< file:line:column
};

/// The client is run again, undisturbed, up to `within` times, until its first card's pair is renewed, its
/// exit is 0 and every promise holds.
struct Convergence {
    std::uint32_t within = 2;
    ScenarioRun run; ///< what is expected of the last
};

/// What is done next: the client is run, something is moved, the clock is moved on, runs until all is well,
/// or (none of these) the first card is reinserted. The first act is a run.
struct Act {
    std::optional<ScenarioRun> run;
    std::optional<Effect> effect;
    std::optional<std::chrono::seconds> clock; ///< so much later, for client, card and authority
    std::optional<Convergence> converge;
    std::string place; ///< file:line:column

    /// What is run, and what must hold then; none where nothing is. Of `converge`: the last.
    [[nodiscard]] const ScenarioRun* running() const;
};

struct ScenarioAuthorityPlan {
    AuthorityRules rules;
    std::map<std::string, std::vector<std::string>> roles; ///< by card's name; others are "staff"
    std::vector<std::string> revoked;                      ///< cards' names
    std::vector<std::string> unknown;                      ///< cards that are in no directory
    std::chrono::seconds unlock_code_age{0};               ///< of the codes when the scenario begins
};

struct Scenario {
    std::string variant; ///< of a matrix: "expires=30 days"; empty without one
    ScenarioAuthorityPlan authority;
    std::chrono::seconds clock{
        0}; ///< so far from the host's clock (to the nearest second) does the scenario begin
    std::optional<std::chrono::sys_seconds> clock_at; ///< it begins then, and `clock` is 0
    bool faked_clock = false; ///< `clock` is said, or an act moves it: the client runs under libfaketime
    bool real_timing = false; ///< `timing: real` for every card whose profile says nothing
    std::vector<std::string> needs; ///< what a client must be able to (its description's `can`)
    std::string not_applicable; ///< why it is not run with the client that was put in its own one's place;
                                ///< empty: it is
    std::string file;           ///< as it was given
    std::string folder;         ///< absolute: the file's folder
    std::string library;        ///< absolute: the nearest parent folder called scenarios, or `folder`
    std::string title;
    std::string shows;
    std::vector<ScenarioCard> cards;     ///< at least one; each name once
    std::vector<ScenarioReader> readers; ///< at least one; no card twice
    std::string readers_place;           ///< file:line:column, or the file where it says nothing of them
    std::vector<Act> acts;

    /// Every passcode that may be the card's at some time: the answers that could be one, and the expected
    /// ones.
    [[nodiscard]] std::vector<std::string> passcodes() const;
    /// How far from the host's clock it begins.
    [[nodiscard]] std::chrono::seconds clock_offset(std::chrono::sys_seconds host_now) const;
    /// What its runs may take, one after the other.
    [[nodiscard]] std::chrono::seconds longest() const;
};

/// Whether somebody who types this may mean a passcode: four to eight printable characters.
[[nodiscard]] bool could_be_passcode(const std::string& text);

/// Throws RequestError with file:line:column and the offending word, and for a file with a `matrix`.
[[nodiscard]] Scenario parse_scenario(std::string_view text, const std::string& file);
[[nodiscard]] Scenario load_scenario(const std::string& file);
/// Of a file with a `matrix`: one for each of its rows; of any other, one.
[[nodiscard]] std::vector<Scenario> parse_scenarios(std::string_view text, const std::string& file);
[[nodiscard]] std::vector<Scenario> load_scenarios(const std::string& file);

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
