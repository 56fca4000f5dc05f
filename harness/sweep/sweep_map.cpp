// The map of a sweep: places along one axis, models along the other, one sign an outcome.
#include "apdu/printable.h"
#include "harness/sweep/sweep_order.h"
#include "harness/sweep/sweep_report.h"
#include "harness/sweep/text_layout.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr char not_reached = '_';
constexpr std::size_t narrowest_band = 20;
/// No axis is longer: a report from elsewhere may say anything.
constexpr std::uint32_t longest_axis = 100'000;

struct Sign {
    Outcome outcome{};
    char sign = ' ';
    std::string_view colour; ///< SGR parameters
    std::string_view meaning;
};
constexpr auto signs = std::to_array<Sign>({
    {Outcome::clean, '.', "32", "clean: every promise held"},
    {Outcome::window, 'w', "33", "window: broken at the cut, whole when the client had been run again"},
    {Outcome::open, 'o', "36", "open: broken at the cut; whether a client mends it is not known"},
    {Outcome::violation, 'X', "1;31", "violation: broken, and not mended"},
    {Outcome::diverged, '?', "35", "diverged: the client never came there"},
    {Outcome::failed, '!', "1;35", "failed: our own trouble, nothing is known"},
});

char sign_of(Outcome outcome) {
    const auto* const found = std::ranges::find(signs, outcome, &Sign::outcome);
    return found == signs.end() ? ' ' : found->sign;
}

/// Of a sign as it stands in the map.
std::string_view colour_of(char sign) {
    const auto* const found = std::ranges::find(signs, sign, &Sign::sign);
    return found == signs.end() ? (sign == not_reached ? "2" : "") : found->colour;
}

enum class Axis : std::uint8_t { writes, commands, requests };

Axis axis_of(const SweepPlace& place) {
    if (place.phase != SweepPhase::live) {
        return Axis::writes;
    }
    return place.place.where == Where::authority ? Axis::requests : Axis::commands;
}

struct Row {
    std::string label;
    std::map<std::uint32_t, char> cells; ///< by position
};

using Phases = std::vector<std::pair<std::uint32_t, std::string>>;

/// One map, whose rows have the order of models.
class SweepMap {
public:
    SweepMap(Axis axis, const SweepReport& report) : axis_(axis) {
        find_recoveries(report);
        for (const PlaceOutcome& place : report.places) {
            if (axis_of(place.place) == axis && place.position < longest_axis) {
                add(place.place, place.position, with_recovery(place));
            }
        }
        for (const UnreachedPlace& place : report.not_reached) {
            if (axis_of(place.place) == axis && place.position < longest_axis) {
                add(place.place, place.position, std::nullopt);
            }
        }
        place_columns();
    }

    [[nodiscard]] bool empty() const { return columns_.empty(); }
    [[nodiscard]] std::set<char> signs_used() const {
        std::set<char> used;
        for (const auto& [order, row] : rows_) {
            for (const auto& [position, sign] : row.cells) {
                used.insert(sign);
            }
        }
        return used;
    }

    [[nodiscard]] std::string text(const Phases& phases, const std::map<std::string, char>& letters,
                                   std::size_t width, bool colour) const {
        std::size_t label = 0;
        for (const auto& [order, row] : rows_) {
            label = std::max(label, row.label.size());
        }
        const std::size_t room = width > label + 2 + narrowest_band ? width - label - 2 : narrowest_band;
        const std::size_t band = room / 10 * 10;
        std::string text;
        for (std::size_t begin = 0; begin < columns_.size(); begin += band) {
            const std::size_t end = std::min(begin + band, columns_.size());
            text += begin == 0 ? "" : "\n";
            text += fmt::format("{:{}}  {}\n", "", label, scale(begin, end));
            text += fmt::format("{:{}}  {}\n", "", label, ruler(phases, letters, begin, end));
            for (const auto& [order, row] : rows_) {
                text += fmt::format("{:>{}}  {}\n", row.label, label, cells(row, begin, end, colour));
            }
        }
        return text;
    }

private:
    /// In the row of its model; the worse one where several are there.
    void add(const SweepPlace& place, std::uint32_t position, std::optional<Outcome> outcome) {
        Row& row = rows_[model_order(place)];
        row.label = place.model();
        const auto known = outcomes_[row.label].find(position);
        if (outcome) {
            const bool first = known == outcomes_[row.label].end();
            const Outcome worst = first ? *outcome : worse(known->second, *outcome);
            outcomes_[row.label][position] = worst;
            row.cells[position] = sign_of(worst);
        } else {
            row.cells.try_emplace(position, not_reached);
        }
    }

    void find_recoveries(const SweepReport& report) {
        for (const PlaceOutcome& place : report.places) {
            if (place.place.phase == SweepPhase::recovery && !place.state.empty()) {
                recoveries_.try_emplace(place.state, place.outcome);
            }
        }
    }

    /// What a client made of a state is seen at every cut that left it.
    [[nodiscard]] Outcome with_recovery(const PlaceOutcome& place) const {
        const auto found =
            place.place.phase == SweepPhase::memory ? recoveries_.find(place.state) : recoveries_.end();
        return found == recoveries_.end() ? place.outcome : worse(place.outcome, found->second);
    }

    /// Of writes and commands the axis runs on where nothing was tried; requests stand side by side.
    void place_columns() {
        std::set<std::uint32_t> positions;
        for (const auto& [order, row] : rows_) {
            for (const auto& [position, sign] : row.cells) {
                positions.insert(position);
            }
        }
        if (axis_ == Axis::requests || positions.empty()) {
            columns_.assign(positions.begin(), positions.end());
            return;
        }
        for (std::uint32_t position = *positions.begin(); position <= *positions.rbegin(); ++position) {
            columns_.push_back(position);
        }
    }

    /// "1         11        21": each number begins above its column.
    [[nodiscard]] std::string scale(std::size_t begin, std::size_t end) const {
        std::string text;
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t number = axis_ == Axis::requests ? i + 1 : std::size_t{columns_[i]} + 1;
            const bool mark = i == begin || number % 10 == 1;
            if (mark && text.size() <= i - begin) {
                text.resize(i - begin, ' ');
                text += std::to_string(number) + " ";
            }
        }
        while (text.ends_with(' ')) {
            text.pop_back();
        }
        return text;
    }

    /// "A----B--C-------": the letter of each phase of the client where it begins.
    [[nodiscard]] std::string ruler(const Phases& phases, const std::map<std::string, char>& letters,
                                    std::size_t begin, std::size_t end) const {
        std::string text;
        const std::string* last = nullptr;
        for (std::size_t i = begin; i < end; ++i) {
            const std::string* const phase = phase_at(phases, columns_[i]);
            if (phase == nullptr) {
                text += ' ';
            } else {
                text += last != nullptr && *last == *phase ? '-' : letters.at(*phase);
            }
            last = phase;
        }
        return text;
    }

    static const std::string* phase_at(const Phases& phases, std::uint32_t position) {
        const auto next = std::ranges::upper_bound(phases, position, {}, &Phases::value_type::first);
        return next == phases.begin() ? nullptr : &std::prev(next)->second;
    }

    /// One colour for a run of equal signs.
    [[nodiscard]] std::string cells(const Row& row, std::size_t begin, std::size_t end, bool colour) const {
        std::string text;
        std::string run;
        for (std::size_t i = begin; i < end; ++i) {
            const auto cell = row.cells.find(columns_[i]);
            const char sign = cell == row.cells.end() ? ' ' : cell->second;
            if (!run.empty() && run.front() != sign) {
                text += coloured(run, colour_of(run.front()), colour);
                run.clear();
            }
            run += sign;
        }
        if (run.starts_with(' ')) {
            run.clear(); // nothing behind the last sign
        }
        return text + coloured(run, colour_of(run.empty() ? ' ' : run.front()), colour);
    }

    Axis axis_;
    std::map<ModelOrder, Row> rows_;
    std::map<std::string, std::map<std::uint32_t, Outcome>> outcomes_; ///< by row and position
    std::map<std::string, Outcome> recoveries_;                        ///< by the state they started from
    std::vector<std::uint32_t> columns_;                               ///< positions
};

/// A letter for each phase of the client, in the order in which they come.
std::map<std::string, char> letters_of(const RecordedRun& run, std::vector<std::string>& in_order) {
    std::map<std::string, char> letters;
    for (const Phases* phases : {&run.phases_of_commands, &run.phases_of_writes}) {
        for (const auto& [from, phase] : *phases) {
            if (!letters.contains(phase)) {
                const std::size_t number = in_order.size();
                const char upper = static_cast<char>('A' + static_cast<int>(number));
                letters[phase] = number < 26 ? upper : '+';
                in_order.push_back(phase);
            }
        }
    }
    return letters;
}

/// Entries side by side, as many as there is room for.
std::string side_by_side(const std::vector<std::string>& entries, std::size_t width) {
    std::size_t widest = 0;
    for (const std::string& entry : entries) {
        widest = std::max(widest, entry.size() + 2);
    }
    const std::size_t columns = std::max<std::size_t>(1, widest == 0 ? 1 : width / widest);
    const std::size_t lines = (entries.size() + columns - 1) / columns;
    std::string text;
    for (std::size_t line = 0; line < lines; ++line) {
        std::string row;
        for (std::size_t i = line; i < entries.size(); i += lines) {
            row += fmt::format("{:{}}", entries[i], widest);
        }
        row.erase(row.find_last_not_of(' ') + 1);
        text += row + "\n";
    }
    return text;
}

std::string legend(const std::set<char>& used, bool colour) {
    std::string text;
    for (const Sign& sign : signs) {
        if (used.contains(sign.sign)) {
            text += fmt::format("  {}  {}\n", coloured(std::string(1, sign.sign), sign.colour, colour),
                                sign.meaning);
        }
    }
    if (used.contains(not_reached)) {
        text += fmt::format("  {}  not reached\n",
                            coloured(std::string(1, not_reached), colour_of(not_reached), colour));
    }
    return text;
}

/// What the columns of the map of requests are.
std::vector<std::string> request_names(const SweepReport& report) {
    std::map<std::uint32_t, std::string> names;
    const auto add = [&](const SweepPlace& place, std::uint32_t position) {
        if (axis_of(place) == Axis::requests) {
            const std::string object = place.place.object.empty() ? "" : " " + place.place.object;
            const std::uint32_t number = place.place.occurrence;
            names[position] = place.place.command + object + (number == 1 ? "" : fmt::format(" #{}", number));
        }
    };
    for (const PlaceOutcome& place : report.places) {
        add(place.place, place.position);
    }
    for (const UnreachedPlace& place : report.not_reached) {
        add(place.place, place.position);
    }
    std::vector<std::string> texts;
    for (const auto& [position, name] : names) {
        texts.push_back(fmt::format("{} {}", texts.size() + 1, name));
    }
    return texts;
}

} // namespace

std::string map_text(const SweepReport& report, std::size_t width, bool colour) {
    const RecordedRun& run = report.recorded;
    std::vector<std::string> phases;
    const auto letters = letters_of(run, phases);
    const SweepMap writes(Axis::writes, report);
    const SweepMap commands(Axis::commands, report);
    const SweepMap requests(Axis::requests, report);
    std::string text;
    std::set<char> used;
    const auto add = [&](const SweepMap& map, std::string_view title, const Phases& along) {
        if (!map.empty()) {
            text +=
                fmt::format("{}\n{}\n", wrapped("", title, width), map.text(along, letters, width, colour));
            used.merge(map.signs_used());
        }
    };
    add(writes, "Memory writes: the power fails in one", run.phases_of_writes);
    add(commands, "Commands: what befalls card or client at one, by its place among commands and requests",
        run.phases_of_commands);
    add(requests, "Requests to the authority: what befalls one", run.phases_of_commands);
    if (text.empty()) {
        return {};
    }
    if (const auto names = request_names(report); !requests.empty() && !names.empty()) {
        text += "Requests\n" + side_by_side(names, width) + "\n";
    }
    std::vector<std::string> entries;
    for (const std::string& phase : phases) {
        entries.push_back(fmt::format("{} {}", letters.at(phase), apdu::printable(phase)));
    }
    if (!entries.empty()) {
        text += "What the client was about\n" + side_by_side(entries, width) + "\n";
    }
    return text + "Signs\n" + legend(used, colour);
}

} // namespace cardrig::harness
