// cardrig doctor: what this host offers and lacks.
#include "apdu/bytes.h"
#include "apdu/printable.h"
#include "harness/command_line.h"
#include "harness/doctor/check.h"
#include "harness/errors.h"
#include "harness/profile.h"
#include "harness/rig.h"
#include "harness/rigged_card.h"
#include "harness/signal_watch.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <winscard.h>

namespace cardrig::harness {

namespace {

const char* word(CheckState state) {
    switch (state) {
    case CheckState::ok:
        return "ok";
    case CheckState::limited:
        return "limited";
    case CheckState::missing:
        return "missing";
    }
    return "";
}

void require(LONG result, const char* what) {
    if (result != SCARD_S_SUCCESS) {
        throw HostError(fmt::format("{}: {}", what, pcsc_stringify_error(result)));
    }
}

/// The ATR of the card in a reader, as any client gets it.
apdu::Bytes atr_through_pcsc(const std::string& reader) {
    SCARDCONTEXT context = 0;
    require(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context), "SCardEstablishContext");
    const std::unique_ptr<SCARDCONTEXT, void (*)(SCARDCONTEXT*)> released(
        &context, [](SCARDCONTEXT* open) { SCardReleaseContext(*open); });
    SCARDHANDLE card = 0;
    DWORD protocol = 0;
    require(SCardConnect(context, reader.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                         &card, &protocol),
            "SCardConnect");
    std::array<std::uint8_t, MAX_ATR_SIZE> atr{};
    DWORD size = atr.size();
    const LONG result = SCardStatus(card, nullptr, nullptr, nullptr, &protocol, atr.data(), &size);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    require(result, "SCardStatus");
    return {atr.begin(), atr.begin() + static_cast<std::ptrdiff_t>(size)};
}

/// A private daemon, a card in it, and its ATR read through PC/SC: what `run` and `exec` begin with.
Check try_a_card(ReaderKind kind, const SignalWatch& signals) {
    const bool own = kind == ReaderKind::rig;
    Check check{own ? "trial" : "trial-vpcd",
                CheckState::ok,
                {},
                own ? "run, exec: a private daemon with a card in its reader"
                    : "run, exec: the same with --reader vpcd",
                {},
                own};
    try {
        Trace trace(false, Trace::Keep::nothing);
        MakeOptions make;
        make.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        RiggedCard card(0, open_card("piv-staff", make), std::nullopt, trace);
        const auto begin = std::chrono::steady_clock::now();
        Rig rig(std::vector<RigReaderPlan>{{{}, &card}}, {kind, &signals});
        const apdu::Bytes atr = atr_through_pcsc(rig.reader_name(0));
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
        check.found = fmt::format("ATR {} in {:.0f} ms", apdu::to_hex(atr), took.count());
        if (atr != card.atr()) {
            check.state = CheckState::missing;
            check.found += fmt::format(", and not the card's own {}", apdu::to_hex(card.atr()));
        }
        for (const std::string& notice : rig.notices()) {
            check.state = std::max(check.state, CheckState::limited);
            check.found += "; " + notice;
        }
    } catch (const HostError& error) {
        check.state = CheckState::missing;
        check.found = error.what();
    }
    return check;
}

void print_json(const Checks& checks, bool ready) {
    nlohmann::json list = nlohmann::json::array();
    for (const Check& check : checks) {
        nlohmann::json entry{{"name", check.name},
                             {"state", word(check.state)},
                             {"found", check.found},
                             {"means", check.means},
                             {"needed", check.needed}};
        if (!check.package.empty()) {
            entry["package"] = check.package;
        }
        list.push_back(std::move(entry));
    }
    const nlohmann::json all{{"ready", ready}, {"checks", std::move(list)}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const Checks& checks, bool ready) {
    for (const Check& check : checks) {
        fmt::print("{:<8} {:<16} {}\n", word(check.state), check.name, apdu::printable(check.found));
        const bool install = !check.package.empty();
        fmt::print("{:26}for {}{}\n", "", check.means,
                   install ? fmt::format("; install the package {}", check.package) : std::string());
    }
    fmt::print("\n{}\n", ready ? "All that `cardrig run` and `cardrig exec` need is there."
                               : "`cardrig run` and `cardrig exec` lack something that they need.");
}

int examine(bool json) {
    const SignalWatch signals;
    try {
        // While there is one thread: the others begin with the trial.
        const auto keep_waiting = [&signals] {
            if (const auto event = signals.take()) {
                throw Interrupted(event->signal);
            }
        };
        Checks checks = check_software(keep_waiting);
        for (Check& check : check_host(keep_waiting)) {
            checks.push_back(std::move(check));
        }
        checks.push_back(try_a_card(ReaderKind::rig, signals));
        checks.push_back(try_a_card(ReaderKind::vpcd, signals));
        const bool ready = std::ranges::none_of(
            checks, [](const Check& check) { return check.needed && check.state == CheckState::missing; });
        (json ? print_json : print_text)(checks, ready);
        return static_cast<int>(ready ? ExitStatus::all_held : ExitStatus::host_cannot);
    } catch (const Interrupted& interrupted) {
        return signal_base + interrupted.signal();
    }
}

} // namespace

void add_doctor_command(CLI::App& app, int& status) {
    CLI::App* const command = app.add_subcommand("doctor", "Tell what this host offers and lacks");
    const auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "For programs");
    command->footer(
        "Each line: ok, limited or missing; what; what was found; below it what it is for and, where "
        "something\n"
        "is missing, the package to install (names of Debian and Ubuntu). The last checks start a private\n"
        "daemon and read a card through it, with either kind of reader; nothing is left behind.\n"
        "Exit status: 0 if all that run and exec need is there, 3 if not.\n"
        "Example: cardrig doctor --json");
    command->callback([json, &status] { status = examine(*json); });
}

} // namespace cardrig::harness
