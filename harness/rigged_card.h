// A card in the rig: an image brought to life behind decorators that trace it and make it fail at chosen
// places.
#pragma once

#include "apdu/decoder.h"
#include "emulator/card.h"
#include "emulator/card_image.h"
#include "harness/fault.h"
#include "harness/faulty_nvm.h"
#include "harness/reader_card.h"
#include "harness/trace.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace cardrig::harness {

/// Thread-safe: a reader link drives it while somebody else looks at it or removes it.
class RiggedCard final : public ReaderCard {
public:
    /// `index` is the reader's, for the trace, which outlives the card. With a seed, keys and random numbers
    /// are reproducible.
    RiggedCard(int index, emulator::CardImage image, std::optional<std::uint64_t> seed, Trace& trace);
    ~RiggedCard() override;

    /// Faults of this card; each happens once.
    void plan(std::vector<Fault> faults);
    /// Faults that have not happened yet.
    [[nodiscard]] std::vector<Fault> pending_faults() const;

    void power_on() override;
    void power_off() override;
    void reset() override;
    [[nodiscard]] Bytes atr() override;
    [[nodiscard]] std::optional<Bytes> transmit(ByteView command) override;

    /// The card as it is now: configuration and memory.
    [[nodiscard]] emulator::CardImage image() const;
    /// Memory writes since the rig began.
    [[nodiscard]] std::uint64_t writes() const;

private:
    struct Parts;
    mutable std::mutex mutex_;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
