// How long a card is busy (Timing): the one place in which it waits, through its clock and nothing else. A
// card that answers at once never gets to the clock.
#pragma once

#include "emulator/card_config.h"
#include "emulator/environment.h"
#include "emulator/nvm.h"

#include <cstddef>

namespace cardrig::emulator {

/// Both outlive it.
class Pace final {
public:
    Pace(const Timing& timing, Clock& clock) : timing_(timing), clock_(clock) {}

    /// A command of so many bytes comes in and is taken up.
    void command(std::size_t bytes) const { wait(timing_.command + bytes * timing_.byte); }
    /// An answer of so many bytes goes out, its status word among them.
    void answer(std::size_t bytes) const { wait(bytes * timing_.byte); }
    void memory_write() const { wait(timing_.memory_write); }
    /// A key pair is made.
    void generate(Algorithm algorithm) const { wait(of(timing_.generate, algorithm)); }
    /// One operation with a key.
    void use(Algorithm algorithm) const { wait(of(timing_.use, algorithm)); }

private:
    [[nodiscard]] static std::chrono::microseconds
    of(const std::map<Algorithm, std::chrono::microseconds>& waits, Algorithm algorithm);
    void wait(std::chrono::microseconds duration) const {
        if (duration.count() > 0) {
            clock_.wait(duration);
        }
    }

    const Timing& timing_;
    Clock& clock_;
};

/// One operation with a key, in an environment that need not be a card's.
inline void take_time_to_use(const Environment& environment, Algorithm algorithm) {
    if (environment.pace != nullptr) {
        environment.pace->use(algorithm);
    }
}

/// Memory that takes its time to write.
class PacedNvm final : public Nvm {
public:
    /// Both outlive it.
    PacedNvm(Nvm& memory, const Pace& pace) : memory_(memory), pace_(pace) {}

    [[nodiscard]] NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { memory_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override;
    void sync() override { memory_.sync(); }

private:
    Nvm& memory_;
    const Pace& pace_;
};

/// Key pairs that take their time to make.
class PacedKeys final : public KeySource {
public:
    /// Both outlive it.
    PacedKeys(KeySource& keys, const Pace& pace) : keys_(keys), pace_(pace) {}

    [[nodiscard]] PrivateKey generate(CryptoContext& context, Algorithm algorithm) override;

private:
    KeySource& keys_;
    const Pace& pace_;
};

} // namespace cardrig::emulator
