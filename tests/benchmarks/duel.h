// Two cards in two readers of one rig, given the same commands in turn: one that is measured, and one that
// answers at once with answers of the same lengths.
#pragma once

#include "emulator/card_image.h"
#include "harness/rig.h"
#include "harness/rigged_card.h"
#include "harness/trace.h"
#include "tests/benchmarks/cards.h"
#include "tests/benchmarks/figure.h"
#include "tests/benchmarks/pcsc_client.h"

#include <vector>

namespace cardrig::benchmarks {

class Duel final {
public:
    explicit Duel(emulator::CardImage image);

    struct Outcome {
        Spread measured; ///< microseconds of all commands together
        Spread instant;  ///< the same
    };
    /// `commands` are sent again and again, followed by GET RESPONSE while more is announced. Throws
    /// std::runtime_error where the last answer is not a success.
    [[nodiscard]] Outcome fight(std::vector<Bytes> commands, std::size_t samples);

private:
    harness::Trace trace_{false, harness::Trace::Keep::nothing};
    harness::RiggedCard card_;
    InstantCard instant_;
    harness::Rig rig_;
    PcscClient client_;
    PcscClient::Connection to_card_;
    PcscClient::Connection to_instant_;
};

} // namespace cardrig::benchmarks
