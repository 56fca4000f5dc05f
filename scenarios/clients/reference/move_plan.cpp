#include "scenarios/clients/reference/move_plan.h"

#include <algorithm>
#include <utility>

namespace cardrig::client {

namespace {

using Planned = std::optional<PlannedStep>;

constexpr std::size_t other_row(std::size_t row) {
    return 1 - row;
}

bool ready_in_workshop(const PairRow& row) {
    return row.workshop.works() && row.workshop.certificate->current;
}

/// The certificate is in the slot, and its key in the workshop still.
bool waits_for_key(const PairRow& row) {
    return row.slot.certificate && !row.slot.works() && !row.workshop.key.empty() &&
           row.slot.certificate->key == row.workshop.key;
}

/// The key is in the slot, and its certificate is not there yet.
bool waits_for_certificate(const PairRow& row) {
    if (row.slot.key.empty() || row.slot.works()) {
        return false;
    }
    const auto& aside = row.workshop.certificate;
    return row.certified == row.slot.key || (aside && aside->current && aside->key == row.slot.key);
}

/// The slot's own certificate has its key in the attic.
bool was_stowed(const PairState& state, const PairRow& row) {
    return row.slot.certificate && !row.slot.works() && !state.attic.key.empty() &&
           row.slot.certificate->key == state.attic.key;
}

/// How well something of this row vouches for a key of the other: 2 in date, 1 works at least, 0 nothing.
int vouches(const PairRow& row) {
    int best = 0;
    for (const KeyPlace* const place : {&row.slot, &row.workshop}) {
        const bool good = place->works() && (place == &row.slot || place->certificate->current);
        best = std::max(best, good ? (place->certificate->in_date ? 2 : 1) : 0);
    }
    return best;
}

/// What was cut between certificate and key, whichever renewal it is of.
Planned complete_slots(const PairState& state) {
    for (std::size_t row = 0; row < state.rows.size(); ++row) {
        const PairRow& one = state.rows[row];
        if (!waits_for_key(one)) {
            continue;
        }
        if (one.workshop.certificate && one.workshop.certificate->key != one.workshop.key) {
            return PlannedStep{Action::erase_in_workshop, row};
        }
        return PlannedStep{one.slot.key.empty() ? Action::move_in : Action::delete_in_slot, row};
    }
    return std::nullopt;
}

/// The old key comes back where there is nothing yet to take its place.
Planned put_back(const PairState& state) {
    for (std::size_t row = 0; row < state.rows.size(); ++row) {
        const PairRow& one = state.rows[row];
        if (was_stowed(state, one) && !waits_for_certificate(one)) {
            return PlannedStep{one.slot.key.empty() ? Action::put_back : Action::delete_in_slot, row};
        }
    }
    return std::nullopt;
}

/// Of another renewal, or of none that is known: it is no use to this one. Certificates go first.
Planned clear_workshop(const PairState& state, std::size_t row) {
    const PairRow& one = state.rows[row];
    if (one.workshop.certificate && !(state.fresh && ready_in_workshop(one))) {
        return PlannedStep{Action::erase_in_workshop, row};
    }
    if (!one.workshop.key.empty() && !state.fresh) {
        return PlannedStep{Action::delete_in_workshop, row};
    }
    return std::nullopt;
}

Planned empty_workshops(const PairState& state) {
    for (std::size_t row = 0; row < state.rows.size(); ++row) {
        if (const Planned step = clear_workshop(state, row); step && !ready(state.rows[row])) {
            return step;
        }
    }
    return std::nullopt;
}

PlannedStep make(const PairState& state, std::size_t row) {
    const PairRow& one = state.rows[row];
    if (one.workshop.key.empty()) {
        return {Action::generate, row};
    }
    return {one.certified == one.workshop.key ? Action::write_in_workshop : Action::certify, row};
}

/// A key that has no certificate beside it yet vouches for the other one when it has.
Planned write_for_voucher(const PairState& state) {
    for (std::size_t row = 0; row < state.rows.size(); ++row) {
        if (waits_for_certificate(state.rows[row])) {
            return PlannedStep{Action::write, row};
        }
    }
    return std::nullopt;
}

/// Both successors, each vouched for by the other row; the one that has the better voucher first.
PlannedStep make_successors(const PairState& state) {
    if (const Planned step = put_back(state)) {
        return *step;
    }
    if (const Planned step = empty_workshops(state)) {
        return *step;
    }
    if (!state.noted || !state.fresh) {
        return {Action::note};
    }
    Planned best;
    int vouched = 0;
    for (std::size_t row = 0; row < state.rows.size(); ++row) {
        const PairRow& one = state.rows[row];
        const int voucher = vouches(state.rows[other_row(row)]);
        if (one.wanted && !ready(one) && voucher > vouched) {
            best = make(state, row);
            vouched = voucher;
        }
    }
    return best ? *best : write_for_voucher(state).value_or(PlannedStep{Action::impossible});
}

/// The slot that is renewed while the other one works with the old pair: the one that was begun with, or that
/// does not work already.
std::size_t leading_row(const PairState& state) {
    const auto& [first, second] = state.rows;
    if (was_stowed(state, first) != was_stowed(state, second)) {
        return was_stowed(state, first) ? 0 : 1;
    }
    return first.slot.works() && !second.slot.works() ? 1 : 0;
}

PlannedStep lead(const PairState& state, std::size_t row) {
    const PairRow& one = state.rows[row];
    if (waits_for_certificate(one)) {
        return {Action::write, row};
    }
    if (one.slot.key.empty()) {
        return {Action::move_in, row};
    }
    if (state.attic.empty()) {
        // Nothing is moved to where no later run would look for it.
        return state.fresh ? PlannedStep{Action::stow, row} : PlannedStep{Action::note};
    }
    if (state.attic.certificate) {
        return {Action::erase_in_attic};
    }
    // Where the attic has the key of the slot's certificate, what is in the slot is nobody's.
    return was_stowed(state, one) ? PlannedStep{Action::delete_in_slot, row}
                                  : PlannedStep{Action::delete_in_attic};
}

PlannedStep move_into_place(const PairState& state) {
    const auto& [first, second] = state.rows;
    const bool first_done = !first.wanted || finished(first);
    const bool second_done = !second.wanted || finished(second);
    if (!first_done && !second_done) {
        return lead(state, leading_row(state));
    }
    // The other slot works: here the certificate may come before its key, right behind the other certificate.
    return {Action::write, first_done ? std::size_t{1} : std::size_t{0}};
}

PlannedStep tidy_up(const PairState& state) {
    for (std::size_t row = 0; row < state.rows.size(); ++row) {
        if (state.rows[row].workshop.certificate) {
            return {Action::erase_in_workshop, row};
        }
        if (!state.rows[row].workshop.key.empty()) {
            return {Action::delete_in_workshop, row};
        }
    }
    if (state.attic.certificate) {
        return {Action::erase_in_attic};
    }
    if (!state.attic.key.empty()) {
        return {Action::delete_in_attic};
    }
    return {state.noted ? Action::erase_note : Action::nothing};
}

const KeyId& key_deleted_by(const PairState& state, const PlannedStep& step) {
    static const KeyId none; // what most steps delete
    switch (step.action) {
    case Action::delete_in_slot:
        return state.rows[step.row].slot.key;
    case Action::delete_in_workshop:
        return state.rows[step.row].workshop.key;
    case Action::delete_in_attic:
        return state.attic.key;
    default:
        return none;
    }
}

/// A key's certificate goes before the key does, wherever somebody has left one.
PlannedStep certificates_first(const PairState& state, const PlannedStep& step) {
    const KeyId& key = key_deleted_by(state, step);
    if (key.empty()) {
        return step;
    }
    for (std::size_t row = 0; row < state.rows.size(); ++row) {
        const auto& certificate = state.rows[row].workshop.certificate;
        if (certificate && certificate->key == key) {
            return {Action::erase_in_workshop, row};
        }
    }
    const auto& certificate = state.attic.certificate;
    return certificate && certificate->key == key ? PlannedStep{Action::erase_in_attic} : step;
}

PlannedStep wanted_step(const PairState& state) {
    if (const Planned step = complete_slots(state)) {
        return *step;
    }
    if (all_finished(state)) {
        return tidy_up(state);
    }
    return ready(state.rows[0]) && ready(state.rows[1]) ? move_into_place(state) : make_successors(state);
}

void change_certificates(PairState& state, const PlannedStep& step) {
    PairRow& row = state.rows[step.row];
    switch (step.action) {
    case Action::write_in_workshop:
        row.workshop.certificate = {row.certified, true, true};
        break;
    case Action::erase_in_workshop:
        row.workshop.certificate.reset();
        break;
    case Action::write:
        row.slot.certificate = {waits_for_certificate(row) ? row.slot.key : row.workshop.key, true, true};
        break;
    case Action::erase_in_attic:
        state.attic.certificate.reset();
        break;
    default:
        break;
    }
}

void change_keys(PairState& state, const PlannedStep& step) {
    PairRow& row = state.rows[step.row];
    switch (step.action) {
    case Action::delete_in_workshop:
        row.workshop.key.clear();
        break;
    case Action::stow:
        state.attic.key = std::exchange(row.slot.key, {});
        break;
    case Action::put_back:
        row.slot.key = std::exchange(state.attic.key, {});
        break;
    case Action::move_in:
        row.slot.key = std::exchange(row.workshop.key, {});
        break;
    case Action::delete_in_slot:
        row.slot.key.clear();
        break;
    case Action::delete_in_attic:
        state.attic.key.clear();
        break;
    default:
        break;
    }
}

} // namespace

bool finished(const PairRow& row) {
    return row.slot.works() && row.slot.certificate->current;
}

bool ready(const PairRow& row) {
    return !row.wanted || finished(row) || ready_in_workshop(row) || waits_for_certificate(row) ||
           (waits_for_key(row) && row.slot.certificate->current);
}

bool all_finished(const PairState& state) {
    const auto done = [](const PairRow& row) { return !row.wanted || finished(row); };
    return done(state.rows[0]) && done(state.rows[1]);
}

PlannedStep next_step(const PairState& state) {
    return certificates_first(state, wanted_step(state));
}

PairState after(PairState state, const PlannedStep& step, const KeyId& made) {
    PairRow& row = state.rows[step.row];
    switch (step.action) {
    case Action::note:
        state.noted = true;
        state.fresh = true;
        break;
    case Action::generate:
        row.workshop.key = made;
        break;
    case Action::certify:
        row.certified = row.workshop.key;
        break;
    case Action::erase_note:
        state.noted = false;
        break;
    default:
        change_certificates(state, step);
        change_keys(state, step);
        break;
    }
    return state;
}

} // namespace cardrig::client
