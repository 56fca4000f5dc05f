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
#include <string>
#include <vector>

namespace cardrig::harness {

/// Why a card with its power switched on says nothing.
struct Mute {
    bool power_lost = false; ///< while it recovered its memory: the next power-on goes on from there
    std::string reason;      ///< what is wrong with its memory, or that power was cut
};

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
    /// Why the last power-on left it without an ATR; none where it has one, and after power_off().
    [[nodiscard]] std::optional<Mute> mute() const;
    void power_off() override;
    void reset() override;
    [[nodiscard]] Bytes atr() override;
    [[nodiscard]] Answer transmit(ByteView command) override;
    void hurry() override;

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
