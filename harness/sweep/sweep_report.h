// The report of a sweep: what was promised, tried and found; as a terminal map, as JSON, which sweeps go on
// from and are merged from, and as JUnit.
#pragma once

#include "harness/sweep/sweep_outcome.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

/// What a sweep tells two machines apart by, and which must be equal where reports are merged or gone on
/// from.
struct SweepSubject {
    std::string scenario; ///< file, as given
    std::string variant;
    std::string title;
    std::string client; ///< its name or command line
    std::string reader;
    std::uint64_t seed = 1;
    std::string protection;          ///< of the first card: "journal"
    std::string digest;              ///< Recording::digest()
    std::vector<std::string> phases; ///< asked for
    std::vector<std::string> models; ///< asked for; empty: all
    std::string places;              ///< asked for; empty: all
    std::uint32_t reruns = 2;        ///< what places are judged by: StageOptions, with the next
    std::uint32_t slowdown = 10;
    friend bool operator==(const SweepSubject&, const SweepSubject&) = default;
};

/// Of the recorded run.
struct RecordedRun {
    std::uint32_t commands = 0;
    std::uint64_t writes = 0;
    std::uint32_t requests = 0;
    double seconds = 0;
    std::vector<std::string> differences; ///< between the two undisturbed runs; empty: deterministic
    /// What the client was about along the axes: (first position, phase), ascending.
    std::vector<std::pair<std::uint32_t, std::string>> phases_of_commands;
    std::vector<std::pair<std::uint32_t, std::string>> phases_of_writes;
};

/// Places that broke one promise in one phase of the client with one state of the card.
struct FindingGroup {
    std::string invariant;
    std::string client_phase;
    std::string card_state;
    Outcome outcome = Outcome::violation; ///< or window, open
    std::size_t places = 0;
    SweepPlace first;      ///< the earliest place, and there the simplest model, that still shows it
    BrokenPromise broken;  ///< there
    std::string holder;    ///< what happens to the card's holder, one sentence
    std::string reproduce; ///< one command
    std::optional<bool>
        reproduced; ///< whether it was seen again when it was tried once more; none: not tried
    std::vector<std::string> trace; ///< annotated, the last events before and the first after the cut
    std::string folder;             ///< where images and trace are; empty: nowhere
};

/// What was planned and not tried.
struct UnreachedPlace {
    UnreachedPlace(SweepPlace which, std::uint32_t along) : place(std::move(which)), position(along) {}
    SweepPlace place;
    std::uint32_t position; ///< as PlaceOutcome has it
    friend bool operator==(const UnreachedPlace&, const UnreachedPlace&) = default;
};

struct SweepReport {
    SweepSubject subject;
    RecordedRun recorded;
    /// Which part of it this is, and of how many; 1 of 1 where it is all.
    std::uint32_t shard = 1;
    std::uint32_t shards = 1;
    std::vector<std::uint32_t>
        merged_shards;                       ///< of a merged report: all that it holds, ascending; else empty
    double budget = 0;                       ///< seconds that it was given; 0: as long as it takes
    std::vector<PlaceOutcome> places;        ///< those tried
    std::vector<UnreachedPlace> not_reached; ///< of what is this shard's
    std::uint64_t images = 0;                ///< of the memory phase, with the next four
    std::uint64_t recovery_cuts = 0;
    std::uint64_t merged = 0;
    std::uint64_t states = 0;
    std::uint32_t depth = 0;
    /// False while there may be states, and recoveries from them, that nobody has found yet.
    bool memory_complete = true;
    double seconds = 0;
    std::vector<std::string> notices;
    std::string replay; ///< a command that wants a place behind it: "cardrig sweep a.yaml --seed 1 --replay"
    std::vector<FindingGroup> groups;

    /// The shards that it holds: one, or those that were merged.
    [[nodiscard]] std::vector<std::uint32_t> parts() const;
    /// Of a merged report: those that are not there.
    [[nodiscard]] std::vector<std::uint32_t> missing_shards() const;
    /// Whether all that this report is to hold was tried: of a shard its own part.
    [[nodiscard]] bool complete() const {
        return memory_complete && not_reached.empty() && missing_shards().empty();
    }
    [[nodiscard]] nlohmann::json to_json() const;
    /// Throws RequestError that names the offending key, and for another version of the format.
    [[nodiscard]] static SweepReport from_json(const nlohmann::json& json);
};

/// Of a file that --json wrote. Throws RequestError with the file's name.
[[nodiscard]] SweepReport load_sweep_report(const std::string& file);
/// The same from text that is there already; `file` is what messages call it.
[[nodiscard]] SweepReport parse_sweep_report(std::string_view text, const std::string& file);
/// Writes such a file. Throws RequestError with its name.
void save_sweep_report(const std::string& file, const SweepReport& report);

/// The outcomes of memory places that were open, as the recovery of the state that they left came out; groups
/// anew, violations first. What was found out about the first place of a group (trace, folder, reproduced)
/// stays.
void conclude(SweepReport& report);

/// The command that tries this one place again: SweepReport::replay and the place, quoted for a shell.
[[nodiscard]] std::string reproduce_command(const SweepReport& report, const SweepPlace& place);

/// One report of all shards of one sweep. Throws RequestError where they are not of the same sweep, or one is
/// there twice; missing ones are `not reached` shards, which the text and status say.
[[nodiscard]] SweepReport merge(const std::vector<SweepReport>& shards);

/// 0 nothing worse than a window; 1 a violation; 4 something was not reached, open, diverged or failed.
[[nodiscard]] int exit_status(const SweepReport& report);

/// For people. `width`: of the terminal, in columns.
[[nodiscard]] std::string text(const SweepReport& report, std::size_t width, bool colour);
/// The map alone: places along one axis, models along the other, one sign an outcome, with a legend.
[[nodiscard]] std::string map_text(const SweepReport& report, std::size_t width, bool colour);
/// A test suite for each phase and model, a test case for each place.
[[nodiscard]] std::string junit(const SweepReport& report);

} // namespace cardrig::harness
