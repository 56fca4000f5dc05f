#include "harness/expectations.h"

#include "emulator/inspection.h"
#include "harness/card_diff.h"
#include "harness/card_text.h"
#include "harness/certificate_chain.h"
#include "harness/patterns.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using emulator::CardState;
using emulator::SlotState;

bool found_in(const std::string& output, const std::string& pattern) {
    return matches_some_line(output, compile_pattern(pattern));
}

/// What of a slot is expected and there, as words.
struct SlotFacts {
    const SlotState* before;
    const SlotState* after;
    std::chrono::sys_seconds now;
    const std::string& issuer;

    [[nodiscard]] const emulator::CertificateState* certificate(const SlotState* slot) const {
        return slot != nullptr && slot->certificate ? &*slot->certificate : nullptr;
    }
    [[nodiscard]] static bool damaged(const SlotState* slot) {
        return slot != nullptr && slot->certificate_damage.has_value();
    }
    [[nodiscard]] static std::string key(const SlotState* slot) {
        return slot != nullptr && slot->key ? slot->key_sha256 : std::string();
    }

    [[nodiscard]] std::vector<std::string> certificate_words() const {
        const auto* const was = certificate(before);
        const auto* const is = certificate(after);
        if (damaged(after)) {
            return {"damaged"};
        }
        std::vector<std::string> words;
        if (is == nullptr) {
            words.emplace_back("absent");
        }
        const bool same =
            is == nullptr ? was == nullptr && !damaged(before) : was != nullptr && is->der == was->der;
        if (same) {
            words.emplace_back("unchanged");
        } else if (is != nullptr && !issued_by(is->der, issuer)) {
            words.emplace_back("another, which this scenario's authority has not signed");
        } else if (is != nullptr && is->not_before <= now && now <= is->not_after &&
                   (was == nullptr || is->not_after > was->not_after)) {
            words.emplace_back("renewed");
        }
        if (words.empty()) {
            words.emplace_back(
                "another, but not a renewed one (out of date, or ending no later than before)");
        }
        return words;
    }

    [[nodiscard]] std::vector<std::string> key_words() const {
        const std::string was = key(before);
        const std::string is = key(after);
        std::vector<std::string> words;
        if (is.empty()) {
            words.emplace_back("absent");
        } else if (const auto* const with = certificate(after)) {
            words.emplace_back(with->matches_key ? "matches" : "differs");
        }
        if (was == is) {
            words.emplace_back("unchanged");
        } else if (!is.empty()) {
            words.emplace_back("renewed");
        }
        return words;
    }
};

void hold_words(std::vector<Shortfall>& shortfalls, const std::string& what,
                const std::vector<std::string>& expected, const std::vector<std::string>& there) {
    const bool all = std::ranges::all_of(
        expected, [&](const std::string& word) { return std::ranges::find(there, word) != there.end(); });
    if (!all) {
        shortfalls.push_back({"", "", what, fmt::format("{}", fmt::join(expected, ", ")),
                              fmt::format("{}", fmt::join(there, ", "))});
    }
}

void hold_number(std::vector<Shortfall>& shortfalls, const char* what,
                 const std::optional<std::int64_t>& expected, std::int64_t there) {
    if (expected && *expected != there) {
        shortfalls.push_back({"", "", what, fmt::format("{}", *expected), fmt::format("{}", there)});
    }
}

/// Signals that programs get for mistakes of their own, and not from somebody who wants them to end.
constexpr std::array<int, 7> crashes{SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP};
/// What a shell adds to the signal that ended its program, and ends with (POSIX 2.8.2 asks for more than
/// 128).
constexpr int by_signal = 128;

bool crashed(const RunOutcome& outcome) {
    const int signal = outcome.killed ? outcome.signal : outcome.exit_status.value_or(0) - by_signal;
    return std::ranges::find(crashes, signal) != crashes.end();
}

/// A crash is what a scenario expects only where it says that number.
bool ends_as_expected(const ExitExpectation& expect, const RunOutcome& outcome) {
    const bool met = expect.met_by(outcome.exit_status, outcome.killed);
    return met && (expect.kind == ExitExpectation::Kind::status || !crashed(outcome));
}

/// One that the rig had to end breaks I10, which tells it; there is no exit status to be judged then.
void check_ending(const Expectation& expect, const RunOutcome& outcome, std::vector<Shortfall>& shortfalls) {
    const bool ended = !outcome.timed_out && !outcome.flooded;
    if (ended && !ends_as_expected(expect.exit, outcome)) {
        shortfalls.push_back({"", "", crashed(outcome) ? "the client crashes" : "exit status",
                              expect.exit.text(), outcome.ending});
    }
    // Who is killed cannot clear up.
    if (ended && outcome.signal != SIGKILL && outcome.left_processes) {
        shortfalls.push_back({"", "", "the client leaves processes behind", "none when it has ended",
                              "some, which the rig ended"});
    }
}

/// What compare_cards() calls that of which something is said.
std::vector<std::string> said_subjects(const CardExpectation& expect) {
    std::vector<std::string> subjects;
    for (const SlotExpectation& slot : expect.slots) {
        const std::string name = key_reference_text(slot.reference);
        if (!slot.certificate.empty()) {
            subjects.push_back(name + " certificate");
        }
        if (!slot.key.empty()) {
            subjects.push_back(name + " key");
        }
    }
    if (expect.passcode_tries) {
        subjects.emplace_back("passcode tries");
    }
    if (expect.unblocking_tries) {
        subjects.emplace_back("unblocking code tries");
    }
    if (expect.passcode) {
        subjects.emplace_back("passcode");
    }
    return subjects;
}

Shortfall unreadable(const std::string& why) {
    return {"", "", "card", "one that can be read", why};
}

} // namespace

std::uint32_t flood_limit(const Expectation& expect) {
    return std::max(most_apdus_of_a_run, expect.trace.apdus.value_or(0));
}

std::vector<Shortfall> check_outcome(const Expectation& expect, const RunOutcome& outcome) {
    std::vector<Shortfall> shortfalls;
    check_ending(expect, outcome, shortfalls);
    for (const std::string& pattern : expect.output) {
        if (!found_in(outcome.output, pattern)) {
            shortfalls.push_back(
                {"", "", "output", fmt::format("a line that matches '{}'", pattern), "none"});
        }
    }
    for (const std::string& pattern : expect.never) {
        if (found_in(outcome.output, pattern)) {
            shortfalls.push_back(
                {"", "", "output", fmt::format("no line that matches '{}'", pattern), "one"});
        }
    }
    if (outcome.output_cut) {
        // What was not kept was not searched either, and may hold what must never be there.
        shortfalls.push_back({"", "", "output", fmt::format("at most {} bytes", outcome.output.size()),
                              "more: the client's output was cut there, and the rest was not searched"});
    }
    for (const Fault& fault : outcome.pending) {
        shortfalls.push_back({"", "", "fault",
                              fmt::format("{} at {}", fault.effect.text(), fault.place.text()),
                              "the client never got there"});
    }
    for (const std::string& undone : outcome.undone) {
        shortfalls.push_back({"", "", "fault", "one that can be done", undone});
    }
    return shortfalls;
}

std::vector<Shortfall> check_sayings(const Expectation& expect, const std::string& output,
                                     const std::map<std::string, std::string>& words,
                                     std::vector<std::string>& notices) {
    std::vector<Shortfall> shortfalls;
    std::vector<std::string> unknown;
    const auto judge = [&](const std::string& meaning, bool wanted) {
        const auto word = words.find(meaning);
        if (word == words.end()) {
            unknown.push_back(meaning);
        } else if (found_in(output, word->second) != wanted) {
            shortfalls.push_back({"", "", wanted ? "says" : "never says",
                                  fmt::format("{}'{}', in its words a line that matches '{}'",
                                              wanted ? "" : "not ", meaning, word->second),
                                  wanted ? "no such line" : "one"});
        }
    };
    std::ranges::for_each(expect.says, [&](const std::string& meaning) { judge(meaning, true); });
    std::ranges::for_each(expect.never_says, [&](const std::string& meaning) { judge(meaning, false); });
    if (!unknown.empty()) {
        notices.push_back(fmt::format("not looked for, as nobody has described how this client says it: {}",
                                      fmt::join(unknown, ", ")));
    }
    return shortfalls;
}

std::vector<Shortfall> check_unchanged(const CardExpectation& expect, const emulator::CardImage& before_run,
                                       const emulator::CardImage& after) {
    if (!expect.unchanged) {
        return {};
    }
    const auto was = emulator::inspect(before_run);
    const auto is = emulator::inspect(after);
    if (!was || !is) {
        return {unreadable(!is ? is.error().message : "before: " + was.error().message)};
    }
    auto differences = compare_cards(*was, *is);
    const std::vector<std::string> said = said_subjects(expect);
    std::erase_if(differences, [&said](const CardDifference& difference) {
        return std::ranges::find(said, difference.subject) != said.end();
    });
    if (differences.empty()) {
        return {};
    }
    return {{"", "", "card", said.empty() ? "unchanged" : "unchanged but for what is said of it",
             fmt::format("{}", fmt::join(difference_lines(differences), "; "))}};
}

std::vector<Shortfall> check_card(const CardExpectation& expect, const emulator::CardImage& baseline,
                                  const emulator::CardImage& after, std::chrono::sys_seconds now,
                                  const std::string& issuer) {
    const auto was = emulator::inspect(baseline);
    const auto is = emulator::inspect(after);
    if (!was || !is) {
        return {unreadable(!is ? is.error().message : "before: " + was.error().message)};
    }
    std::vector<Shortfall> shortfalls;
    for (const SlotExpectation& slot : expect.slots) {
        const SlotFacts facts{was->slot(slot.reference), is->slot(slot.reference), now, issuer};
        hold_words(shortfalls, slot.name + " certificate", slot.certificate, facts.certificate_words());
        hold_words(shortfalls, slot.name + " key", slot.key, facts.key_words());
    }
    hold_number(shortfalls, "passcode tries", expect.passcode_tries, is->passcode.left);
    hold_number(shortfalls, "unblocking tries", expect.unblocking_tries, is->unblocking_code.left);
    if (expect.passcode && !emulator::passcode_is(after, *expect.passcode).value_or(false)) {
        shortfalls.push_back({"", "", "passcode", "the one in the scenario", "another"});
    }
    return shortfalls;
}

std::vector<Shortfall> check_promises(const CardExpectation& expect, const std::vector<Promise>& promises) {
    std::vector<Shortfall> shortfalls;
    for (const Promise& promise : promises) {
        const auto said = expect.invariants.find(promise.id);
        const bool silent = said == expect.invariants.end();
        const PromiseState state = silent ? PromiseState::holds : said->second;
        if (state == PromiseState::holds && promise.broken) {
            if (silent && promise.excused) {
                continue;
            }
            const std::string what = promise.headline.empty() ? "" : ": " + promise.headline;
            shortfalls.push_back({"", "", promise.id + what, "holds", "broken: " + *promise.broken});
        } else if (state != PromiseState::holds && !promise.broken) {
            shortfalls.push_back(
                {"", "", promise.id, state == PromiseState::window ? "a window" : "broken", "it holds"});
        }
    }
    for (const auto& [id, state] : expect.invariants) {
        if (state != PromiseState::holds && std::ranges::find(promises, id, &Promise::id) == promises.end()) {
            shortfalls.push_back({"", "", id, state == PromiseState::window ? "a window" : "broken",
                                  "it is not judged here: I9 is of 'converge', and I3, I8, I10 and I11 stand "
                                  "with the first card"});
        }
    }
    return shortfalls;
}

} // namespace cardrig::harness
