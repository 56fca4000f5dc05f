#include "harness/fault.h"

#include "harness/fault_verbs.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using apdu::failure;
using apdu::Result;

/// Whether the verb can be at such a place at all.
Result<void> check_spot(const Fault& fault, Spot spot) {
    const Place& place = fault.place;
    const std::string effect = fault.effect.text();
    if (spot == Spot::anywhere) {
        return {};
    }
    if (spot == Spot::request || spot == Spot::certificate) {
        return failure(
            fmt::format("'{}' at '{}': only the authority does that; say 'authority certificate before', "
                        "or another of its requests",
                        effect, place.text()));
    }
    if (place.write && fault.effect.verb == Verb::fill_memory) {
        return failure(fmt::format("'{}' at a memory write ('{}'): a memory that is being written cannot be "
                                   "filled meanwhile; say 'before' instead of 'write #{}'",
                                   effect, place.text(), *place.write));
    }
    if (place.write) {
        return failure(fmt::format("'{}' at a memory write ('{}'): only a command is answered; say {} "
                                   "instead of 'write #{}'",
                                   effect, place.text(),
                                   spot == Spot::after ? "'after'" : "'before' or 'after'", *place.write));
    }
    if (spot == Spot::after && place.moment == Moment::before) {
        return failure(fmt::format("'{}' at '{}': there is no answer yet that could be changed; say 'after'",
                                   effect, place.text()));
    }
    return {};
}

/// Where no card's command is under way: what belongs to one cannot be there.
Result<void> check_beside_commands(const Fault& fault, const VerbRow& row) {
    const Place& place = fault.place;
    const std::string effect = fault.effect.text();
    const bool of_authority = place.where == Where::authority;
    // A body is delayed and shortened as an answer of a card is.
    const bool of_body = of_authority && (row.verb == Verb::delay || row.verb == Verb::truncate);
    if (row.target == Target::command && !of_body) {
        return failure(
            fmt::format("'{}' at '{}': no command of a card is answered there; say one as the place", effect,
                        place.text()));
    }
    if (row.target == Target::authority && !of_authority) {
        return failure(
            fmt::format("'{}' at '{}': only the authority does that; say 'authority certificate before', or "
                        "another of its requests",
                        effect, place.text()));
    }
    if (row.spot == Spot::certificate &&
        (place.moment == Moment::after || !(place.command == "certificate" || place.command == "est-enroll" ||
                                            place.command == "est-reenroll"))) {
        return failure(fmt::format("'{}' at '{}': say 'authority certificate before'", effect, place.text()));
    }
    if (place.where == Where::card_time && (row.verb == Verb::reset || row.verb == Verb::fill_memory)) {
        return failure(
            fmt::format("'{}' at '{}': not while the card does something; say a command as the place", effect,
                        place.text()));
    }
    if (fault.effect.tearing) {
        return failure(
            fmt::format("'{}' at '{}': what a torn write leaves can only be said of a memory write", effect,
                        place.text()));
    }
    return {};
}

} // namespace

const VerbRow& row_of(Verb verb) {
    const auto* const row = std::ranges::find(verb_rows, verb, &VerbRow::verb);
    if (row == verb_rows.end()) {
        throw std::logic_error("a verb that has no row");
    }
    return *row;
}

std::string_view word(Verb verb) {
    return row_of(verb).word;
}

std::optional<Verb> verb_from_word(std::string_view text) {
    const auto* const row = std::ranges::find(verb_rows, text, &VerbRow::word);
    return row == verb_rows.end() ? std::nullopt : std::optional(row->verb);
}

Target target(Verb verb) {
    return row_of(verb).target;
}

bool changes_answer(Verb verb) {
    return row_of(verb).changes_answer;
}

bool moves(Verb verb) {
    return target(verb) == Target::reader || target(verb) == Target::client;
}

bool interrupts(Verb verb) {
    return row_of(verb).interrupts;
}

Result<void> Fault::check() const {
    const VerbRow& row = row_of(effect.verb);
    if (place.where != Where::card) {
        return check_beside_commands(*this, row);
    }
    if (place.command.empty() && !place.write) {
        return failure("a fault without a place");
    }
    if (auto fits = check_spot(*this, row.spot); !fits) {
        return fits;
    }
    if (!place.write && effect.tearing) {
        return failure(fmt::format("'{}' at '{}': what a torn write leaves can only be said of a memory "
                                   "write; say '{}', or 'write #m' instead of '{}'",
                                   effect.text(), place.text(), row.word,
                                   place.moment == Moment::before ? "before" : "after"));
    }
    // The card does these, and it knows of no other card and of no reader.
    if (effect.reader && !moves(row.verb) && effect.verb != Verb::cut_power) {
        return failure(fmt::format("'{}' at '{}': it befalls the card at whose place it is; leave 'reader "
                                   "{}' away, and name the card behind the place ('card NAME')",
                                   effect.text(), place.text(), *effect.reader));
    }
    return {};
}

} // namespace cardrig::harness
