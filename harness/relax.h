// What vpcd cannot show as the rig's own reader shows it, and what takes its place: the one rule for that.
// Scenarios, the hand and the command line ask here, and pass the notice on in their results.
#pragma once

#include "harness/fault.h"
#include "harness/reader_kind.h"

#include <string>
#include <vector>

namespace cardrig::harness {

struct Relaxed {
    Effect effect;      ///< what is done, by the one who was asked for another
    std::string notice; ///< what of it clients see differently, in one line; empty: all is as asked
};

/// Done now, between two commands. A pulled-out reader stays `unplug`: Reader::unplug() takes the card out
/// where that is all that can be shown.
[[nodiscard]] Relaxed relax(const Effect& effect, ReaderKind kind);
/// At its place, in the middle of a command: the card itself does what it can (it says NoAnswer), so the
/// effect is the one that was planned.
[[nodiscard]] Relaxed relax(const Fault& fault, ReaderKind kind);

/// What no rule helps: throws RequestError for no reader, for more than there can be, and for a name (empty:
/// the kind's own) where the readers' names cannot be chosen.
void check_readers(const std::vector<std::string>& names, ReaderKind kind);

} // namespace cardrig::harness
