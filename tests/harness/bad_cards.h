// Cards with a planted defect: what lies between card and memory, and how they come to life. Each undoes one
// precaution of a card with a journal, and is made to be found by one invariant.
#pragma once

#include "harness/sweep/card_maker.h"

#include <functional>
#include <string>
#include <vector>

namespace cardrig::test {

/// The tries are written when the passcode has been compared, and the answer has left.
[[nodiscard]] harness::CardMaker spends_tries_afterwards();
/// A key goes into its place without the journal's commit record.
[[nodiscard]] harness::CardMaker writes_keys_in_place();
/// Data objects do so: the tables, with the new length, before the content.
[[nodiscard]] harness::CardMaker writes_length_first();
/// Keeps a note in its memory that the passcode was verified, and believes it after power-on. `passcode`:
/// what it does so with.
[[nodiscard]] harness::CardMaker remembers_verified(const std::string& passcode);
/// Recovery says that it is through before the pages are in their places.
[[nodiscard]] harness::CardMaker recovers_once();
/// Goes back to the factory's codes and forgets everything where the commit record is erased.
[[nodiscard]] harness::CardMaker starts_anew_when_empty();
/// Lives on a memory that erases in larger blocks than the card thinks, which thinks of this.
[[nodiscard]] harness::CardMaker believes_in(const emulator::NvmGeometry& geometry);

} // namespace cardrig::test
