// A card that holds a command until a test lets it go, and writes down what reached it.
#pragma once

#include "harness/reader_card.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace cardrig::test {

/// Thread-safe. Answers 9000, at once or when it is let go.
class GatedCard final : public harness::ReaderCard {
public:
    explicit GatedCard(harness::Bytes atr = {0x3B, 0x80, 0x80, 0x01, 0x01}) : atr_(std::move(atr)) {}

    void power_on() override {
        const std::scoped_lock lock(mutex_);
        log_.emplace_back("on");
        powered_ = true;
        mute_ = falls_mute_;
        changed_.notify_all();
    }
    void power_off() override {
        const std::scoped_lock lock(mutex_);
        log_.emplace_back("off");
        lose();
    }
    void reset() override {
        const std::scoped_lock lock(mutex_);
        log_.emplace_back("reset");
        powered_ = true;
        mute_ = falls_mute_;
        verified_ = false;
        changed_.notify_all();
    }
    [[nodiscard]] harness::Bytes atr() override {
        const std::scoped_lock lock(mutex_);
        return powered_ && !mute_ ? atr_ : harness::Bytes{};
    }
    [[nodiscard]] harness::Answer transmit(harness::ByteView command) override {
        std::unique_lock lock(mutex_);
        log_.push_back(apdu::to_hex(command.first(std::min<std::size_t>(command.size(), 4))));
        const std::uint8_t instruction = command.size() > 1 ? command[1] : std::uint8_t{0};
        if (instruction == held && !open_) {
            holding_ = true;
            changed_.notify_all();
            changed_.wait(lock, [this] { return open_ || !powered_; });
            holding_ = false;
        }
        if (!powered_ || mute_) {
            return tl::make_unexpected(harness::NoAnswer::no_power);
        }
        if (instruction == verify) {
            verified_ = true;
        }
        return instruction != guarded || verified_ ? harness::Bytes{0x90, 0x00} : harness::Bytes{0x69, 0x82};
    }
    void hurry() override { let_go(); }
    void lose_power() override {
        const std::scoped_lock lock(mutex_);
        lose();
    }

    /// Waits until a held command runs.
    [[nodiscard]] bool wait_until_holding(std::chrono::milliseconds limit) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [this] { return holding_; });
    }
    /// Held commands are answered, from now on at once.
    void let_go() {
        const std::scoped_lock lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    /// From its next reset on it has no ATR.
    void fall_mute() {
        const std::scoped_lock lock(mutex_);
        falls_mute_ = true;
    }
    /// Power events ("on", "off", "reset") and the first four bytes of each command.
    [[nodiscard]] std::vector<std::string> log() {
        const std::scoped_lock lock(mutex_);
        return log_;
    }
    void forget_log() {
        const std::scoped_lock lock(mutex_);
        log_.clear();
    }

private:
    static constexpr std::uint8_t verify = 0x20;
    static constexpr std::uint8_t guarded = 0x22;
    static constexpr std::uint8_t held = 0xF0;

    void lose() {
        powered_ = false;
        verified_ = false;
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    harness::Bytes atr_;
    std::vector<std::string> log_;
    bool powered_ = false;
    bool verified_ = false;
    bool holding_ = false;
    bool open_ = false;
    bool falls_mute_ = false;
    bool mute_ = false;
};

/// Commands to it.
inline const harness::Bytes plain_command{0x00, 0xA4, 0x00, 0x00};
inline const harness::Bytes held_command{0x00, 0xF0, 0x00, 0x00};
inline const harness::Bytes verify_command{0x00, 0x20, 0x00, 0x00};
inline const harness::Bytes guarded_command{0x00, 0x22, 0x00, 0x00}; ///< 6982 unless verified

} // namespace cardrig::test
