// clang-format off
// What to do next to a pair of keys whose successors are made in slots for retired keys, and moved into place
// when both are there: a pure function over what lies on the card, so that a run that finds the card half
// moved goes on as the one before would have.
//
// Each key of the pair has its slot (9A, 9C) and a workshop, a retired slot, in which its successor is made.
// The attic is one more, for the old key of the slot that is renewed first. The order of the moves:
//
//     both successors are in their workshops, with their certificates
//     9A -> attic, workshop -> 9A            9C works meanwhile; the old certificate of 9A has its key in the attic
//     certificate into 9A                    9A works again; the two certificates are of different renewals
//     certificate into 9C                    and are of one again: the next command; 9C's new key is in its workshop
//     old key of 9C deleted, workshop -> 9C  both work
//     certificates in the workshops erased, attic emptied
//
// At each moment one of the two slots works with its own certificate, and no certificate is without its key
// on the card.
// clang-format on
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace cardrig::client {

/// A key, by what tells it from every other; empty: none.
using KeyId = std::string;

struct KnownCertificate {
    KeyId key;
    bool current = false; ///< the one that was issued in this renewal, and good
    bool in_date = false;
    friend bool operator==(const KnownCertificate&, const KnownCertificate&) = default;
};

/// A slot of the card: its key, and what is in its certificate's object.
struct KeyPlace {
    KeyId key;
    std::optional<KnownCertificate> certificate;

    [[nodiscard]] bool works() const { return !key.empty() && certificate && certificate->key == key; }
    [[nodiscard]] bool empty() const { return key.empty() && !certificate; }
    friend bool operator==(const KeyPlace&, const KeyPlace&) = default;
};

struct PairRow {
    KeyPlace slot;
    KeyPlace workshop;
    KeyId certified;    ///< whose certificate was issued in this renewal, good, and can be had again
    bool wanted = true; ///< it is of this renewal
    friend bool operator==(const PairRow&, const PairRow&) = default;
};

struct PairState {
    std::array<PairRow, 2> rows; ///< 9A, 9C
    KeyPlace attic;
    bool noted = false; ///< workshops and attic are written down on the card
    bool fresh = false; ///< by this renewal: what is in them was made in it
    friend bool operator==(const PairState&, const PairState&) = default;
};

enum class Action : std::uint8_t {
    note,               ///< write workshops and attic down
    generate,           ///< a key in the workshop
    certify,            ///< have the key in the workshop certified, vouched for by the other row
    write_in_workshop,  ///< the certificate that was issued
    erase_in_workshop,  ///< the certificate
    delete_in_workshop, ///< the key
    stow,               ///< the slot's key into the attic
    put_back,           ///< the attic's key into the slot
    move_in,            ///< the workshop's key into the slot
    write,              ///< the new certificate, into the slot
    delete_in_slot,     ///< the key
    erase_in_attic,     ///< a certificate
    delete_in_attic,    ///< a key
    erase_note,
    nothing,    ///< all of it is done
    impossible, ///< nothing on the card can vouch for a new key
};

struct PlannedStep {
    Action action = Action::nothing;
    std::size_t row = 0; ///< where it is about one
    friend bool operator==(const PlannedStep&, const PlannedStep&) = default;
};

/// The new certificate is in the slot, with its key.
[[nodiscard]] bool finished(const PairRow& row);
[[nodiscard]] bool all_finished(const PairState& state);
/// The new key and its certificate are on the card, wherever they are.
[[nodiscard]] bool ready(const PairRow& row);

[[nodiscard]] PlannedStep next_step(const PairState& state);
/// What is on the card after a step that was done. `made`: by `generate`.
[[nodiscard]] PairState after(PairState state, const PlannedStep& step, const KeyId& made = {});

} // namespace cardrig::client
