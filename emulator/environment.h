// What a card is given from outside: time, random numbers, key pairs. Interfaces, never global.
#pragma once

#include "emulator/crypto.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace cardrig::emulator {

class Clock {
public:
    virtual ~Clock() = default;
    /// Coordinated universal time.
    [[nodiscard]] virtual std::chrono::sys_seconds now() const = 0;
    /// The card is busy for so long.
    virtual void wait(std::chrono::microseconds duration) = 0;
};

class Entropy {
public:
    virtual ~Entropy() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;
};

class KeySource {
public:
    virtual ~KeySource() = default;
    /// Makes an RSA or elliptic-curve key pair. `context` is the card's.
    [[nodiscard]] virtual PrivateKey generate(CryptoContext& context, Algorithm algorithm) = 0;
};

/// Random numbers of a context.
class ContextEntropy final : public Entropy {
public:
    explicit ContextEntropy(CryptoContext& context) : context_(context) {}
    void fill(std::span<std::uint8_t> out) override;

private:
    CryptoContext& context_;
};

/// Makes each key pair anew.
class FreshKeys final : public KeySource {
public:
    [[nodiscard]] PrivateKey generate(CryptoContext& context, Algorithm algorithm) override;
};

class Pace;

/// All that a card is given. The parts outlive the card.
struct Environment {
    CryptoContext& crypto;
    Entropy& entropy;
    KeySource& keys;
    Clock& clock;
    /// How long its work takes. The card sets this for its applications, whatever it was given.
    const Pace* pace = nullptr;
};

} // namespace cardrig::emulator
