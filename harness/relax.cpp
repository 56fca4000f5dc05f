#include "harness/relax.h"

#include "harness/errors.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr const char* no_power =
    "vpcd cannot show a card without power: it is out of the reader until somebody puts it in again";
constexpr const char* pulled_out = "vpcd cannot show a reader that is pulled out: its card is out instead";
constexpr const char* plugged_in = "vpcd cannot show a reader that comes back: its card comes back instead";
constexpr const char* late = "vpcd shows what is put in or taken out at a place up to 0.4 seconds later";
constexpr const char* empty_answer =
    "vpcd has no error for a command that is interrupted: it gets an empty answer, and the next one an error";
constexpr const char* no_answer =
    "vpcd has no error for a command without an answer: the card is out until somebody puts it in again";
constexpr const char* nothing_left =
    "vpcd cannot carry an answer without a byte: where nothing is left of one, the card leaves";

/// ISO/IEC 7816-4, 5.6: an answer has at least its two status bytes.
constexpr std::uint32_t shortest_answer = 2;

std::string joined(const char* first, const char* second) {
    return fmt::format("{}; {}", first, second);
}

/// Of an effect at a place; exhaustive, so that a new verb is decided here too.
std::string at_a_place(const Effect& effect, const Place& place) {
    switch (effect.verb) {
    case Verb::cut_power:
        return joined(no_power, empty_answer);
    case Verb::unplug:
        return joined(pulled_out, empty_answer);
    case Verb::remove:
    case Verb::swap:
        return joined(empty_answer, late);
    case Verb::plug:
        return joined(plugged_in, late);
    case Verb::insert:
        return late;
    case Verb::truncate:
        return effect.count < shortest_answer ? "" : nothing_left;
    case Verb::reset: // a card that starts again in the middle of a command has no answer to it
        return place.write ? no_answer : "";
    case Verb::answer:
    case Verb::extend:
    case Verb::flip:
    case Verb::delay:
    case Verb::fill_memory:
    case Verb::kill_client:
    case Verb::refuse:
    case Verb::fail:
    case Verb::hang:
    case Verb::drop:
    case Verb::later:
    case Verb::wrong_key:
    case Verb::wrong_holder:
    case Verb::past_dates:
    case Verb::too_large:
    case Verb::log_out:
    case Verb::wait:
        break;
    }
    return "";
}

} // namespace

Relaxed relax(const Effect& effect, ReaderKind kind) {
    Relaxed relaxed{effect, ""};
    if (kind == ReaderKind::rig) {
        return relaxed;
    }
    switch (effect.verb) {
    case Verb::cut_power:
        relaxed.effect.verb = Verb::remove;
        relaxed.notice = no_power;
        break;
    case Verb::unplug:
        relaxed.notice = pulled_out;
        break;
    case Verb::plug:
        relaxed.notice = plugged_in;
        break;
    case Verb::truncate:
        relaxed.notice = effect.count < shortest_answer ? "" : nothing_left;
        break;
    case Verb::insert:
    case Verb::remove:
    case Verb::swap:
    case Verb::reset:
    case Verb::answer:
    case Verb::extend:
    case Verb::flip:
    case Verb::delay:
    case Verb::fill_memory:
    case Verb::kill_client:
    case Verb::refuse:
    case Verb::fail:
    case Verb::hang:
    case Verb::drop:
    case Verb::later:
    case Verb::wrong_key:
    case Verb::wrong_holder:
    case Verb::past_dates:
    case Verb::too_large:
    case Verb::log_out:
    case Verb::wait:
        break;
    }
    return relaxed;
}

Relaxed relax(const Fault& fault, ReaderKind kind) {
    if (fault.place.where == Where::output) { // no command is interrupted: it is done as between two of them
        return {fault.effect, relax(fault.effect, kind).notice};
    }
    return {fault.effect, kind == ReaderKind::rig ? "" : at_a_place(fault.effect, fault.place)};
}

void check_readers(const std::vector<std::string>& names, ReaderKind kind) {
    const std::size_t most = most_readers(kind);
    if (names.empty()) {
        throw RequestError("at least one reader");
    }
    if (names.size() > most) {
        throw RequestError(
            kind == ReaderKind::rig
                ? fmt::format("{} readers: there can be {} at most, which is PC/SC's own limit", names.size(),
                              most)
                : fmt::format("{} readers: vpcd has {}; --reader rig has up to 16", names.size(), most));
    }
    const auto chosen = std::ranges::find_if(names, [](const std::string& name) { return !name.empty(); });
    if (kind == ReaderKind::vpcd && chosen != names.end()) {
        throw RequestError(fmt::format(
            "'{}': vpcd's readers have names of their own; with --reader rig they can be chosen", *chosen));
    }
}

} // namespace cardrig::harness
