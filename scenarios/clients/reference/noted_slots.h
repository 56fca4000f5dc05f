// Whose it is what lies in a slot for retired keys that a note names (WorkNote): left by the renewal that
// noted the slot, or put there since by the holder, whose it stays. What is not known to be of the renewal is
// the holder's.
#pragma once

#include "scenarios/clients/reference/containers.h"
#include "scenarios/clients/reference/move_plan.h"

#include <vector>

namespace cardrig::client {

/// Whether all of it was left in the workshop by the renewals that wrote the note; also where it is empty.
/// `as_asked`: the key was made on the card, of the kind that this renewal asks for. `fresh`: the note is of
/// this renewal. `certified`: the key that this renewal's certificate was issued for, as the authority says;
/// empty: none was.
[[nodiscard]] bool is_of_workshop(const KeyPlace& found, bool as_asked, const WorkNote& note, bool fresh,
                                  const KeyId& certified);
/// Whether its key is one that a renewal has put aside; also where it is empty. `slot_certificates`: whose
/// keys are in the certificates of 9A and 9C.
[[nodiscard]] bool is_of_attic(const KeyPlace& found, const WorkNote& note,
                               const std::vector<KeyId>& slot_certificates);

/// The note to be written in this state: by it a later run knows the keys that are on the card now.
[[nodiscard]] WorkNote note_of(const PairState& state, const std::string& renewal,
                               const std::array<KeyReference, 3>& slots);

} // namespace cardrig::client
