#include "tests/harness/reader_table.h"

#include "harness/files.h"
#include "tests/harness/reader_stage.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace cardrig::test {

namespace {

constexpr const char* file = CARDRIG_SOURCE_DIR "/harness/ifd/WHAT_CLIENTS_SEE.md";
constexpr const char* hardware = "on hardware"; ///< the column that no test can measure

constexpr std::array situation_names{
    "removed during an APDU",  "removed",          "reinserted",      "swapped",       "unresponsive",
    "reset by another client", "mute card put in", "mute at a reset", "senseless ATR", "reader unplugged",
    "reader plugged again",    "daemon gone",
};

constexpr std::array call_names{
    "running Transmit", "Transmit", "Status",          "BeginTransaction", "Reconnect, LEAVE",
    "Reconnect, RESET", "Connect",  "GetStatusChange", "Disconnect",
};

std::string text_of(const char* path) {
    const apdu::Bytes bytes = harness::read_file(path);
    return {bytes.begin(), bytes.end()};
}

std::string trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" `");
    const std::size_t end = text.find_last_not_of(" `");
    return begin == std::string_view::npos ? "" : std::string(text.substr(begin, end - begin + 1));
}

/// Without marks of code and of footnotes, as in "`ok` [3]".
std::string plain(std::string_view cell) {
    std::string text;
    for (const char each : cell.substr(0, cell.find('['))) {
        if (each != '`') {
            text += each;
        }
    }
    return trimmed(text);
}

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    std::istringstream stream(line.substr(1));
    for (std::string cell; std::getline(stream, cell, '|');) {
        cells.push_back(plain(cell));
    }
    return cells;
}

/// The lines of the first table below a heading: its columns' names, a rule, and the rest.
std::vector<std::vector<std::string>> table_below(const std::string& markdown, const std::string& heading) {
    std::vector<std::vector<std::string>> lines;
    std::istringstream stream(markdown);
    bool below = false;
    for (std::string line; std::getline(stream, line);) {
        below = below || line == "### " + heading;
        if (below && line.starts_with("|")) {
            lines.push_back(cells_of(line));
        } else if (!lines.empty()) {
            break;
        }
    }
    if (lines.size() < 2) {
        throw std::runtime_error(fmt::format("no table below '### {}'", heading));
    }
    return lines;
}

std::vector<std::string> alternatives(const std::string& cell) {
    std::vector<std::string> found;
    constexpr std::string_view between = " or ";
    std::size_t begin = 0;
    for (std::size_t end = 0; end != std::string::npos; begin = end + between.size()) {
        end = cell.find(between, begin);
        found.push_back(cell.substr(begin, end == std::string::npos ? end : end - begin));
    }
    return found;
}

/// What it gave, and what a command gives then where that is not a success.
std::string with_command(PcscCard& card, LONG result) {
    if (result != SCARD_S_SUCCESS) {
        return result_name(result);
    }
    const std::string then = card.transmit(plain_command).name();
    return then == "ok" ? then : "ok, then " + then;
}

std::string made(ReaderStage& stage, Call call) {
    PcscCard& client = stage.client();
    switch (call) {
    case Call::next_transmit:
        return client.transmit(plain_command).name();
    case Call::status:
        return result_name(client.status());
    case Call::begin_transaction:
        return result_name(client.begin());
    case Call::reconnect_leave:
        return with_command(client, client.reconnect(SCARD_LEAVE_CARD));
    case Call::reconnect_reset:
        return with_command(client, client.reconnect(SCARD_RESET_CARD));
    case Call::connect: {
        PcscCard second;
        return with_command(second, second.connect(stage.context(), stage.reader_name()));
    }
    case Call::disconnect:
        return result_name(client.disconnect());
    case Call::running_transmit:
    case Call::get_status_change:
        break;
    }
    throw std::logic_error("not a call of this kind");
}

std::string in_words(const std::vector<EventWatch::Event>& events) {
    std::string text;
    for (const EventWatch::Event& event : events) {
        text += text.empty() ? "" : "; ";
        text += event.result == SCARD_S_SUCCESS ? state_names(event.state) : result_name(event.result);
    }
    return text.empty() ? "nothing" : text;
}

/// Those that only a command that runs can show, and those that cannot meet one.
bool needs_apdu(Situation situation) {
    return situation == Situation::removed_during_apdu || situation == Situation::unresponsive;
}

bool can_meet_apdu(Situation situation) {
    return needs_apdu(situation) || situation == Situation::reset_by_another ||
           situation == Situation::unplugged || situation == Situation::daemon_gone;
}

} // namespace

const std::vector<Situation>& situations() {
    static const std::vector<Situation> all = [] {
        std::vector<Situation> made;
        for (std::size_t i = 0; i < situation_names.size(); ++i) {
            made.push_back(static_cast<Situation>(i));
        }
        return made;
    }();
    return all;
}

const std::vector<Call>& calls() {
    static const std::vector<Call> all = [] {
        std::vector<Call> made;
        for (std::size_t i = 0; i < call_names.size(); ++i) {
            made.push_back(static_cast<Call>(i));
        }
        return made;
    }();
    return all;
}

std::string name_of(Situation situation) {
    return situation_names.at(static_cast<std::size_t>(situation));
}

std::string name_of(Call call) {
    return call_names.at(static_cast<std::size_t>(call));
}

std::ostream& operator<<(std::ostream& stream, Situation situation) {
    return stream << name_of(situation);
}

ReaderTable ReaderTable::parse(const std::string& markdown, const std::string& kind) {
    std::vector<std::vector<std::string>> lines = table_below(markdown, kind);
    std::vector<std::string> heading{""};
    for (const Call call : calls()) {
        heading.push_back(name_of(call));
    }
    heading.emplace_back(hardware);
    if (lines[0] != heading) {
        throw std::runtime_error(fmt::format("{}: the columns are '{}', not '{}'", kind,
                                             fmt::join(lines[0], "|"), fmt::join(heading, "|")));
    }
    ReaderTable table;
    for (std::size_t i = 2; i < lines.size(); ++i) {
        if (lines[i].size() != heading.size()) {
            throw std::runtime_error(fmt::format("{}: the line of '{}' has {} cells, not {}", kind,
                                                 lines[i][0], lines[i].size(), heading.size()));
        }
        table.cells_.push_back(lines[i]);
    }
    if (table.cells_.size() != situations().size()) {
        throw std::runtime_error(
            fmt::format("{}: {} lines, not {}", kind, table.cells_.size(), situations().size()));
    }
    for (const Situation each : situations()) {
        const std::string& name = table.cells_[static_cast<std::size_t>(each)][0];
        if (name != name_of(each)) {
            throw std::runtime_error(
                fmt::format("{}: a line is called '{}', not '{}'", kind, name, name_of(each)));
        }
    }
    return table;
}

std::vector<std::string> ReaderTable::expected(Situation situation, Call call) const {
    return alternatives(
        cells_.at(static_cast<std::size_t>(situation)).at(static_cast<std::size_t>(call) + 1));
}

std::string measure(harness::ReaderKind kind, Situation situation, Call call) {
    if (call == Call::running_transmit && !can_meet_apdu(situation)) {
        return "–";
    }
    ReaderStage stage(kind);
    if (call == Call::get_status_change) {
        stage.watch();
    }
    if (call == Call::running_transmit || needs_apdu(situation)) {
        const std::string running = stage.bring_about_during_apdu(situation);
        if (call == Call::running_transmit) {
            return running;
        }
    } else {
        stage.bring_about(situation);
    }
    if (call == Call::get_status_change) {
        return in_words(stage.watch().finish());
    }
    return stage.answer_of([&] { return made(stage, call); });
}

void check_line(harness::ReaderKind kind, Situation situation) {
    const std::string name = kind == harness::ReaderKind::rig ? "rig" : "vpcd";
    const ReaderTable table = ReaderTable::parse(text_of(file), name);
    for (const Call call : calls()) {
        const std::vector<std::string> expected = table.expected(situation, call);
        const std::string measured = measure(kind, situation, call);
        BOOST_TEST(std::ranges::count(expected, measured) != 0,
                   fmt::format("{} | {} | {}: the table says '{}', measured was '{}'", name,
                               name_of(situation), name_of(call), fmt::join(expected, "' or '"), measured));
    }
}

} // namespace cardrig::test
