// cardrig hand VERB ... [--at PLACE]
#include "apdu/printable.h"
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/hand/control_client.h"
#include "harness/option_checks.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Asked = ControlRequest::Asked;

constexpr const char* variable = "CARDRIG_CONTROL";
/// For the rig to answer, beyond what it waits for on our behalf.
constexpr std::chrono::milliseconds time_to_answer = 30s;
constexpr std::chrono::milliseconds usual_limit = 60s;
/// For a rig that is about to start.
constexpr std::chrono::milliseconds usual_limit_of_rig = 10s;

struct HandCommand {
    std::vector<std::string> words;
    std::string at;
    std::optional<double> limit;
    std::string socket;
    bool wait = false;
    bool as_json = false;
};

std::string joined(const std::vector<std::string>& words, std::size_t from = 0) {
    return fmt::format("{}", fmt::join(words.begin() + static_cast<std::ptrdiff_t>(from), words.end(), " "));
}

/// As a line would say it; what is wrong with it is told before anybody is asked.
ControlRequest checked(const json& request) {
    auto read = ControlRequest::parse(request.dump(-1, ' ', false, json::error_handler_t::replace));
    if (!read) {
        throw RequestError(read.error().message);
    }
    return std::move(*read);
}

std::uint64_t number(const std::string& word) {
    if (word.empty() || word.size() > 18 ||
        !std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; })) {
        throw RequestError(fmt::format("'{}' is no fault's number", word));
    }
    return std::stoull(word);
}

ControlRequest first_request(const HandCommand& command) {
    if (command.words.empty()) {
        throw RequestError("what is the hand to do? As in `cardrig hand remove`, `cardrig hand status`");
    }
    json request{{"do", joined(command.words)}};
    if (command.words.front() == "wait") {
        request["do"] = "wait";
        if (command.words.size() > 1 && command.words[1] == "fault") {
            if (command.words.size() != 3) {
                throw RequestError("'wait fault' wants the number that planning it gave, as in `cardrig hand "
                                   "wait fault 1`");
            }
            request["fault"] = number(command.words[2]);
        } else if (command.words.size() > 1) {
            request["at"] = joined(command.words, 1);
        }
    }
    if (!command.at.empty()) {
        if (request.contains("at")) {
            throw RequestError("--at says the place again");
        }
        request["at"] = command.at;
    }
    ControlRequest first = checked(request);
    const bool takes_time =
        first.asked == Asked::wait || (first.asked == Asked::act && !first.at.has_value());
    // With --socket it may be meant for the rig to come, and nothing else.
    if (command.limit && !command.wait && (takes_time || command.socket.empty())) {
        request["limit"] = *command.limit;
        first = checked(request);
    }
    return first;
}

ControlRequest request_to_wait(const HandCommand& command, const json& planned) {
    json request{{"do", "wait"}, {"fault", planned.value("fault", json())}};
    if (command.limit) {
        request["limit"] = *command.limit;
    }
    return checked(request);
}

std::chrono::milliseconds milliseconds(double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

std::string socket_path(const HandCommand& command) {
    const char* const told = std::getenv(variable);
    const std::string path = !command.socket.empty() ? command.socket : told != nullptr ? told : "";
    if (path.empty()) {
        throw HostError(
            fmt::format("no rig is known here: {} is not set. Inside `cardrig exec --card piv-staff "
                        "--control -- COMMAND` "
                        "it is; from outside, start one with --control=PATH, and give --socket PATH here",
                        variable));
    }
    return path;
}

/// CARDRIG_CONTROL is told when the socket is there; whoever chooses its place may be quicker than the rig.
ControlClient connect(const HandCommand& command) {
    const auto limit = command.limit ? milliseconds(*command.limit) : usual_limit_of_rig;
    return ControlClient(socket_path(command), command.socket.empty() ? 0ms : limit);
}

// --- for people
// ------------------------------------------------------------------------------------------------

using Row = std::vector<std::string>;

void print_table(const std::vector<Row>& rows) {
    Row::size_type columns = rows.front().size();
    std::vector<std::size_t> widths(columns);
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < columns; ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < columns; ++i) {
            line += fmt::format("{:<{}}  ", row[i], widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        fmt::print("{}\n", line);
    }
}

/// A field of an answer; "-" where it has no value.
std::string field(const json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
        return "-";
    }
    if (found->is_boolean()) {
        return found->get<bool>() ? "yes" : "no";
    }
    return apdu::printable(found->is_string() ? found->get<std::string>() : found->dump());
}

void print_list(const json& answer, const char* list, const std::vector<const char*>& keys) {
    const auto found = answer.find(list);
    if (found == answer.end() || !found->is_array() || found->empty()) {
        return;
    }
    std::vector<Row> rows{{keys.begin(), keys.end()}};
    for (const json& object : *found) {
        Row row;
        for (const char* const key : keys) {
            row.push_back(field(object, key));
        }
        rows.push_back(std::move(row));
    }
    print_table(rows);
}

void print_status(const json& answer) {
    print_list(answer, "readers", {"reader", "name", "plugged", "card"});
    fmt::print("\n");
    print_list(answer, "cards", {"card", "reader", "power", "writes", "atr"});
    if (answer.contains("faults") && !answer["faults"].empty()) {
        fmt::print("\n");
        print_list(answer, "faults", {"fault", "happened", "do", "at", "failed"});
    }
}

int status_of(const json& answer) {
    if (answer["ok"].get<bool>()) {
        return static_cast<int>(ExitStatus::all_held);
    }
    const std::string kind = field(answer, "kind");
    return static_cast<int>(kind == "request" ? ExitStatus::wrong_request
                            : kind == "time"  ? ExitStatus::something_did_not
                                              : ExitStatus::host_cannot);
}

int report(const HandCommand& command, const ControlRequest& request, const json& answer) {
    const int status = status_of(answer);
    if (command.as_json) {
        fmt::print("{}\n", answer.dump());
        return status;
    }
    if (status != 0) {
        fmt::print(stderr, "cardrig hand: {}\n", field(answer, "error"));
        return status;
    }
    if (answer.contains("notice")) {
        fmt::print(stderr, "cardrig hand: {}\n", field(answer, "notice"));
    }
    if (request.asked == Asked::status) {
        print_status(answer);
    } else if (answer.contains("fault")) {
        fmt::print("{}\n", field(answer, "fault"));
    } else {
        print_list(answer, "forgotten", {"fault", "do", "at"});
    }
    return status;
}

int hand(const HandCommand& command) {
    const ControlRequest request = first_request(command);
    if (command.wait && !request.at) {
        throw RequestError("--wait waits for what is planned with --at");
    }
    const std::chrono::milliseconds limit =
        (command.limit ? milliseconds(*command.limit) : usual_limit) + time_to_answer;
    ControlClient client = connect(command);
    const json answer = client.ask(request, limit);
    const int status = report(command, request, answer);
    if (status != 0 || !command.wait || request.asked != Asked::act) {
        return status;
    }
    std::fflush(stdout); // the number is there while it is waited for
    const ControlRequest waiting = request_to_wait(command, answer);
    return report(command, waiting, client.ask(waiting, limit));
}

int refused(const HandCommand& command, const char* kind, const char* why) {
    const json answer{{"ok", false}, {"error", why}, {"kind", kind}};
    return report(command, {}, answer);
}

/// What this side knows to be wrong is told as the rig tells it.
int hand_or_why_not(const HandCommand& command) {
    try {
        return hand(command);
    } catch (const RequestError& error) {
        return refused(command, "request", error.what());
    } catch (const HostError& error) {
        return refused(command, "host", error.what());
    }
}

CLI::Validator seconds() {
    return CLI::Validator(
        [](const std::string& word) {
            double number = -1;
            const bool fits = CLI::detail::lexical_cast(word, number) && number >= 0 && number <= 86400;
            return fits ? std::string() : "'" + word + "' is no number of seconds from 0 to 86400";
        },
        "");
}

} // namespace

void add_hand_command(CLI::App& app, int& status) {
    CLI::App* const command =
        app.add_subcommand("hand", "Move the cards of the exec or serve around it, now or at a place");
    const auto options = std::make_shared<HandCommand>();
    command
        ->add_option("verb", options->words,
                     "insert, remove, swap, reset, cut-power, unplug, plug, answer, truncate, extend, flip, "
                     "delay, fill-memory, kill-client, each with what it takes; status; wait PLACE; wait "
                     "fault N; forget")
        ->type_name("WORDS");
    command->add_option("--at", options->at, "Not now, but when a card comes to this place")
        ->type_name("PLACE")
        ->check(not_empty());
    command->add_flag("--wait", options->wait, "With --at: return when it has happened");
    command
        ->add_option(
            "--limit", options->limit,
            "So long at most (a move, 10; waiting, 60); status 1 when it is over. With --socket also for the "
            "rig to start (10); status 3 then")
        ->type_name("SECONDS")
        ->check(seconds());
    command->add_option("--socket", options->socket, "The rig's control socket, in place of CARDRIG_CONTROL")
        ->type_name("PATH")
        ->check(not_empty());
    command->add_flag("--json", options->as_json, "Print the answers as they came");
    command->footer(
        "A move returns when a client that waits for events can have seen it. With --at it is planned, and "
        "its\n"
        "number is printed. Readers have numbers from 1, cards names: those of --card and --spare are 1, 2, "
        "...\n"
        "Exit status: 0 done; 1 not within the limit; 2 the request was wrong; 3 there is no rig.\n"
        "Examples, inside `cardrig exec --card piv-staff --spare piv-staff --control -- sh`:\n"
        "  cardrig hand status\n"
        "  cardrig hand remove; cardrig hand insert\n"
        "  cardrig hand swap card 2\n"
        "  cardrig hand answer 6A80\n"
        "  cardrig hand remove --at 'put-data signature-certificate block 2 before'\n"
        "  cardrig hand cut-power prefix half --at 'put-data signature-certificate write #5' --wait --limit "
        "20\n"
        "  cardrig hand wait 'verify passcode before'");
    command->callback([options, &status] { status = hand_or_why_not(*options); });
}

} // namespace cardrig::harness
