// What a recorded run says about a card's codes up to some moment: which commands may fill its counters, and
// how many tries the card itself has said are left.
#pragma once

#include "harness/invariants.h"
#include "harness/sweep/recording.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cardrig::harness {

struct CodeEvidence {
    Excused excused;
    std::optional<std::uint8_t> told; ///< tries for the passcode, by the last answer that names them
    friend bool operator==(const CodeEvidence&, const CodeEvidence&) = default;
};

/// Of one card of a recording, which outlives it. Goes along the run.
class RunEvidence {
public:
    RunEvidence(const Recording& recording, std::size_t card);

    /// In the middle of this event: it may have been executed, and was not answered. Events never go back;
    /// one behind the last is the moment after the event asked for before.
    [[nodiscard]] const CodeEvidence& at(std::size_t event);
    /// Whether this event is the card's, and a VERIFY of its passcode that was answered 9000.
    [[nodiscard]] bool takes_passcode(std::size_t event) const;
    [[nodiscard]] bool is_of_card(std::size_t event) const;

private:
    void finish(std::size_t event);

    const Recording& recording_;
    std::string card_name_; ///< as events bear it; empty: all are the card's
    CodeEvidence finished_;
    CodeEvidence now_;
    std::size_t next_ = 0; ///< the first event that is not in finished_
    std::size_t last_ = 0;
};

} // namespace cardrig::harness
