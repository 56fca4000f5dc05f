// The report of a sweep for people: what was promised, what was tried, the map, what was found.
#include "apdu/printable.h"
#include "harness/sweep/sweep_order.h"
#include "harness/sweep/sweep_report.h"
#include "harness/sweep/text_layout.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

constexpr std::string_view margin = "              ";
constexpr std::size_t troubles_shown = 5;
constexpr std::size_t narrowest = 40;

std::string_view title_of(const std::string& invariant) {
    constexpr auto titles = std::to_array<std::pair<std::string_view, std::string_view>>({
        {"I1", "not bricked"},
        {"I2", "continuity: a certificate in date whose key works"},
        {"I3", "pair coherence: both certificates of one renewal"},
        {"I4", "no certificate without its private key"},
        {"I5", "no torn object reads as valid"},
        {"I6", "passcode"},
        {"I7", "right card"},
        {"I8", "truthful client"},
        {"I9", "convergence: running it again finishes the job"},
        {"I10", "liveness"},
        {"I11", "passcode economy"},
    });
    for (const auto& [id, title] : titles) {
        if (id == invariant) {
            return title;
        }
    }
    return "";
}

std::string colour_of(Outcome outcome) {
    switch (outcome) {
    case Outcome::violation:
    case Outcome::failed:
        return "1;31";
    case Outcome::window:
        return "33";
    case Outcome::open:
    case Outcome::diverged:
        return "1;36";
    case Outcome::clean:
        break;
    }
    return "32";
}

bool asked_for(const SweepReport& report, SweepPhase phase) {
    const auto& phases = report.subject.phases;
    return phases.empty() || std::ranges::find(phases, word(phase)) != phases.end();
}

/// A line of the head: "  tried       ...".
std::string head_line(std::string_view name, std::string_view text, std::size_t width) {
    return wrapped(fmt::format("  {:<{}}", name, margin.size() - 2), text, width);
}

struct Counts {
    std::size_t tried = 0;
    std::size_t not_reached = 0;
};

Counts counts_of(const SweepReport& report, SweepPhase phase) {
    const auto is_of = [phase](const auto& place) { return place.place.phase == phase; };
    return {static_cast<std::size_t>(std::ranges::count_if(report.places, is_of)),
            static_cast<std::size_t>(std::ranges::count_if(report.not_reached, is_of))};
}

/// The models of a phase: of live ones of commands, or of requests; both moments told once.
class ModelNames {
public:
    ModelNames(const SweepReport& report, SweepPhase phase, Where where) {
        for (const PlaceOutcome& place : report.places) {
            add(place.place, phase, where);
        }
        for (const UnreachedPlace& place : report.not_reached) {
            add(place.place, phase, where);
        }
    }

    [[nodiscard]] bool empty() const { return kinds_.empty(); }

    /// Of the live phase: "each before and after", or the one that is tried alone.
    [[nodiscard]] std::string moments() const {
        const auto any = [&](Moment moment) {
            return std::ranges::any_of(
                kinds_, [moment](const auto& kind) { return kind.second.moments.contains(moment); });
        };
        const bool before = any(Moment::before);
        return before && any(Moment::after) ? "each before and after" : before ? "before each" : "after each";
    }

    /// "cut-power, remove, each before and after; before: later 1 s"
    [[nodiscard]] std::string text() const {
        std::vector<std::string> both;
        std::vector<std::string> before;
        std::vector<std::string> after;
        bool live = false;
        for (const auto& [order, kind] : kinds_) {
            const bool one = kind.live && kind.moments.size() == 1;
            const bool is_before = kind.moments.contains(Moment::before);
            (!one ? both : is_before ? before : after).push_back(kind.name);
            live = live || kind.live;
        }
        std::vector<std::string> parts;
        if (!both.empty()) {
            parts.push_back(fmt::format("{}{}", fmt::join(both, ", "),
                                        !live              ? ""
                                        : both.size() == 1 ? ", before and after"
                                                           : ", each before and after"));
        }
        if (!before.empty()) {
            parts.push_back(fmt::format("before: {}", fmt::join(before, ", ")));
        }
        if (!after.empty()) {
            parts.push_back(fmt::format("after: {}", fmt::join(after, ", ")));
        }
        return fmt::format("{}", fmt::join(parts, "; "));
    }

private:
    struct Kind {
        std::string name;
        bool live = false;
        std::set<Moment> moments;
    };

    void add(const SweepPlace& place, SweepPhase phase, Where where) {
        if (place.phase != phase || place.place.where != where) {
            return;
        }
        const bool live = phase == SweepPhase::live;
        ModelOrder order = model_order(place);
        order.moment = 0;
        order.text = live ? place.effect.text() : place.model();
        Kind& kind = kinds_[order];
        kind.name = order.text;
        kind.live = live;
        kind.moments.insert(place.place.moment);
    }

    std::map<ModelOrder, Kind> kinds_;
};

std::string subject_text(const SweepReport& report, std::size_t width) {
    const SweepSubject& subject = report.subject;
    const std::string row = subject.variant.empty() ? "" : fmt::format(", {}", subject.variant);
    std::string text = wrapped("", fmt::format("{} ({}{})", subject.title, subject.scenario, row), width);
    text += head_line("client", subject.client, width);
    text += head_line("card",
                      fmt::format("memory protected by: {}; reader {}; seed {}", subject.protection,
                                  subject.reader, subject.seed),
                      width);
    return text;
}

/// "a, b and c"
std::string enumerated(const std::vector<std::string>& parts) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
    }
    return text;
}

/// Which kinds of places the sweep as a whole has. What was asked for and chosen away by the models is none.
std::vector<std::string> promised_places(const SweepReport& report) {
    const RecordedRun& run = report.recorded;
    std::vector<std::string> what;
    const ModelNames commands(report, SweepPhase::live, Where::card);
    const ModelNames requests(report, SweepPhase::live, Where::authority);
    const ModelNames writes(report, SweepPhase::memory, Where::card);
    const ModelNames recoveries(report, SweepPhase::recovery, Where::card);
    if (!commands.empty()) {
        what.push_back(fmt::format("every APDU boundary ({}, {})", counted(run.commands, "command"),
                                   commands.moments()));
    }
    if (!requests.empty()) {
        what.push_back(fmt::format("every request to the authority ({})", grouped(run.requests)));
    }
    if (!writes.empty() || !recoveries.empty()) {
        what.push_back(fmt::format("every memory write ({})", grouped(run.writes)));
    }
    return what;
}

/// The places, then the models.
std::string promise_text(const SweepReport& report, std::size_t width) {
    const bool some = !report.subject.places.empty();
    const std::string which =
        some ? fmt::format(", as far as its place matches '{}'", report.subject.places) : "";
    const std::vector<std::string> what = promised_places(report);
    if (what.empty()) {
        return head_line("promised", fmt::format("nothing of the recorded run{}", which), width);
    }
    std::string text = head_line(
        "promised", fmt::format("{} of the recorded run{}, under these models:", enumerated(what), which),
        width);
    const auto add = [&](std::string_view name, const ModelNames& models) {
        if (!models.empty()) {
            text += wrapped(fmt::format("{}{:<10}", margin, name), models.text(), width);
        }
    };
    add("commands", ModelNames(report, SweepPhase::live, Where::card));
    add("requests", ModelNames(report, SweepPhase::live, Where::authority));
    const ModelNames writes(report, SweepPhase::memory, Where::card);
    add("writes", writes);
    const bool recovers = !writes.empty() || !ModelNames(report, SweepPhase::recovery, Where::card).empty();
    if (recovers && asked_for(report, SweepPhase::recovery)) {
        text += wrapped(fmt::format("{}{:<10}", margin, "recovery"),
                        "the client, run with an empty home on each different state that a cut write leaves",
                        width);
    }
    return text;
}

std::string images_text(const SweepReport& report) {
    if (report.images == 0) {
        return {};
    }
    return fmt::format("; {}, {} of them of cuts in recoveries (up to {} in a row); {} left a state that was "
                       "known already, {} states differ",
                       counted(report.images, "crash image"), grouped(report.recovery_cuts), report.depth,
                       grouped(report.merged), grouped(report.states));
}

std::string shards_text(const SweepReport& report) {
    const auto missing = report.missing_shards();
    if (!missing.empty()) {
        return fmt::format("shards {} of {}; missing: {}", fmt::join(report.merged_shards, ", "),
                           report.shards, fmt::join(missing, ", "));
    }
    return report.merged_shards.empty()
               ? fmt::format("shard {} of {}: the others have the other places", report.shard, report.shards)
               : fmt::format("all {} shards", report.shards);
}

std::string tried_text(const SweepReport& report, std::size_t width) {
    std::string text;
    for (const SweepPhase phase : all_sweep_phases) {
        const Counts counts = counts_of(report, phase);
        if (!asked_for(report, phase)) {
            text +=
                head_line(text.empty() ? "tried" : "", fmt::format("{}: not asked for", word(phase)), width);
            continue;
        }
        const std::string rest =
            counts.not_reached == 0 ? "" : fmt::format(", {} not reached", grouped(counts.not_reached));
        text += head_line(text.empty() ? "tried" : "",
                          fmt::format("{}: {} of {}{}{}", word(phase), grouped(counts.tried),
                                      counted(counts.tried + counts.not_reached, "place"), rest,
                                      phase == SweepPhase::memory ? images_text(report) : ""),
                          width);
    }
    if (report.shards > 1) {
        text += head_line("", shards_text(report), width);
    }
    if (report.budget > 0) {
        text += head_line("budget",
                          fmt::format("{}; {}", duration_text(report.budget),
                                      report.not_reached.empty() ? "all was reached" : "not all was reached"),
                          width);
    }
    return text;
}

std::string recorded_text(const SweepReport& report, std::size_t width) {
    const RecordedRun& run = report.recorded;
    std::string text =
        head_line("undisturbed",
                  fmt::format("two runs: {}; {}, {}, {}, {}",
                              run.differences.empty() ? "the same normalised trace" : "they differ",
                              counted(run.commands, "command"), counted(run.requests, "request"),
                              counted(run.writes, "memory write"), duration_text(run.seconds)),
                  width);
    for (const std::string& difference : run.differences) {
        text += head_line("", difference, width);
    }
    for (const std::string& notice : report.notices) {
        text += head_line("notice", notice, width);
    }
    return text;
}

std::string group_text(const FindingGroup& group, std::size_t width, bool colour) {
    const std::string name =
        group.outcome == Outcome::violation ? "VIOLATION" : std::string(word(group.outcome));
    std::string text = fmt::format("{}  {} {}  ({})\n", coloured(name, colour_of(group.outcome), colour),
                                   apdu::printable(group.invariant), title_of(group.invariant),
                                   counted(group.places, "place"));
    text += head_line("holder", group.holder, width);
    const std::string card = group.broken.card.empty() ? "" : fmt::format("card {}: ", group.broken.card);
    text += head_line("broken", card + group.broken.how, width);
    text += head_line("client was", group.client_phase, width);
    text += head_line("card then", group.card_state, width);
    text += head_line("first", group.first.text(), width);
    if (!group.trace.empty() && group.outcome != Outcome::window) {
        text += "  trace\n";
        for (const std::string& line : group.trace) {
            text += fmt::format("    {}\n", apdu::printable(line));
        }
    }
    if (!group.folder.empty()) {
        text += fmt::format("  {:<12}{}\n", "images in", apdu::printable(group.folder));
    }
    if (group.reproduced) {
        text += head_line("once more", *group.reproduced ? "the same" : "it was not seen again", width);
    }
    if (!group.reproduce.empty()) {
        text +=
            fmt::format("  {:<12}{}\n", "again with", apdu::printable(group.reproduce)); // to be copied whole
    }
    return text + "\n";
}

/// Places of which nothing is known, with why.
std::string troubles_text(const SweepReport& report, Outcome outcome, std::size_t width, bool colour) {
    std::string text;
    std::size_t count = 0;
    for (const PlaceOutcome& place : report.places) {
        if (place.outcome == outcome && ++count <= troubles_shown) {
            text += wrapped("  ", place.place.text(), width) + wrapped("      ", place.message, width);
        }
    }
    if (count > troubles_shown) {
        text += fmt::format("  and {} more\n", grouped(count - troubles_shown));
    }
    if (count == 0) {
        return {};
    }
    return fmt::format("{}  {}\n{}\n", coloured(word(outcome), colour_of(outcome), colour),
                       counted(count, "place"), text);
}

std::string groups_text(const SweepReport& report, std::size_t width, bool colour) {
    std::string text;
    bool troubles = false;
    for (const FindingGroup& group : report.groups) {
        if (group.outcome == Outcome::window && !troubles) {
            text += troubles_text(report, Outcome::diverged, width, colour) +
                    troubles_text(report, Outcome::failed, width, colour);
            troubles = true;
        }
        text += group_text(group, width, colour);
    }
    if (!troubles) {
        text += troubles_text(report, Outcome::diverged, width, colour) +
                troubles_text(report, Outcome::failed, width, colour);
    }
    return text;
}

/// "2 violations" of so many groups' places; nothing where there is none.
void add_count(std::vector<std::string>& parts, const SweepReport& report, Outcome outcome,
               std::string_view one, std::string_view many, bool colour) {
    const auto count =
        static_cast<std::size_t>(std::ranges::count(report.places, outcome, &PlaceOutcome::outcome));
    if (count > 0) {
        parts.push_back(coloured(counted(count, one, many), colour_of(outcome), colour));
    }
}

std::string summary_line(const SweepReport& report, bool colour) {
    std::vector<std::string> parts;
    add_count(parts, report, Outcome::violation, "violation", "violations", colour);
    add_count(parts, report, Outcome::open, "open", "open", colour);
    add_count(parts, report, Outcome::diverged, "diverged", "diverged", colour);
    add_count(parts, report, Outcome::failed, "failed", "failed", colour);
    add_count(parts, report, Outcome::window, "window", "windows", colour);
    add_count(parts, report, Outcome::clean, "clean", "clean", colour);
    const std::string which = report.shards > 1 && report.merged_shards.empty()
                                  ? fmt::format("shard {} of {}: ", report.shard, report.shards)
                                  : "";
    const auto missing = report.missing_shards();
    const std::string rest =
        report.not_reached.empty() ? "" : fmt::format("; {} not reached", grouped(report.not_reached.size()));
    const std::string gone = missing.empty() ? ""
                                             : fmt::format("; incomplete: missing {} of {}",
                                                           counted(missing.size(), "shard"), report.shards);
    return fmt::format("{}{} tried in {}: {}{}{}\n", which, counted(report.places.size(), "place"),
                       duration_text(report.seconds),
                       parts.empty() ? "nothing" : fmt::format("{}", fmt::join(parts, ", ")), rest, gone);
}

} // namespace

std::string text(const SweepReport& report, std::size_t width, bool colour) {
    width = std::max(width, narrowest);
    std::string text = subject_text(report, width) + promise_text(report, width) + tried_text(report, width) +
                       recorded_text(report, width) + "\n";
    if (const std::string map = map_text(report, width, colour); !map.empty()) {
        text += map + "\n";
    }
    return text + groups_text(report, width, colour) + summary_line(report, colour);
}

} // namespace cardrig::harness
