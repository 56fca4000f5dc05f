// A slot of `serve`, as whoever moves cards drives it.
#pragma once

#include "harness/reader.h"
#include "harness/serve/wakeup.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

namespace cardrig::harness {

/// What is wished for waits until the slot's thread takes it. The daemon is somebody else's: settle() only
/// knows that the card has left its connection, or that it is on its way in.
class SlotReader final : public Reader {
public:
    /// The card is in from the start.
    SlotReader(ReaderCard& card, SharedWakeup wakeup) : wakeup_(std::move(wakeup)), card_(&card) {}

    void insert(ReaderCard& card) override;
    void remove() override;
    void unplug() override;
    void plug() override;
    [[nodiscard]] ReaderCard* card() const override;
    [[nodiscard]] bool plugged() const override;
    [[nodiscard]] bool settle(std::chrono::milliseconds limit,
                              const std::function<void()>& keep_waiting) override;
    /// A card that throws ends the service, which says so.
    [[nodiscard]] std::exception_ptr error() const override { return nullptr; }

    // For the slot, on its thread:

    /// The next wish: a card to be put in, or nullptr for none to be in. It is granted by the next granted().
    [[nodiscard]] std::optional<ReaderCard*> next();
    [[nodiscard]] bool waiting() const;
    void granted();
    /// The card had no answer, and is out until it is put in again. False, and nothing done, where a wish is
    /// waiting: then it is that which counts.
    [[nodiscard]] bool left();

private:
    void wish(ReaderCard* card);

    SharedWakeup wakeup_;
    mutable std::mutex mutex_;
    std::condition_variable granted_now_;
    ReaderCard* card_;
    bool plugged_ = true;
    std::deque<ReaderCard*> wishes_;
    std::uint64_t wished_ = 0;  ///< so many
    std::uint64_t granted_ = 0; ///< so many of them
};

} // namespace cardrig::harness
