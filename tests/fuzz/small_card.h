// A small card with P-256 keys, made once, and an environment in which nothing is left to chance: what seeds
// say of it stays true.
#pragma once

#include "emulator/card_image.h"
#include "emulator/environment.h"
#include "emulator/personalise.h"

#include <functional>
#include <optional>

namespace fuzz {

/// The one key pair of this card, PKCS#8.
[[nodiscard]] cardrig::apdu::ByteView key_der();

/// 16 KiB of memory; the key in 9A, with a certificate, in 9C, without, and in 9D and 9E; passcode 123456,
/// unblocking code 12345678, AES-128 management key 0102..0F10.
[[nodiscard]] const cardrig::emulator::CardImage& small_card();
/// The same with something changed before it is made.
[[nodiscard]] cardrig::emulator::CardImage
small_card(const std::function<void(cardrig::emulator::CardSpec&)>& change);

class StandingClock final : public cardrig::emulator::Clock {
public:
    [[nodiscard]] std::chrono::sys_seconds now() const override { return {}; }
    void wait(std::chrono::microseconds /*duration*/) override {}
};

/// The same byte again and again, so that a seed can answer a challenge.
class ConstantEntropy final : public cardrig::emulator::Entropy {
public:
    void fill(std::span<std::uint8_t> out) override;
};

/// The same key pair again and again.
class OneKey final : public cardrig::emulator::KeySource {
public:
    [[nodiscard]] cardrig::emulator::PrivateKey generate(cardrig::emulator::CryptoContext& context,
                                                         cardrig::emulator::Algorithm algorithm) override;
};

/// Four key pairs, one after the other, again and again, so that one is told from the next.
class KeysInTurn final : public cardrig::emulator::KeySource {
public:
    [[nodiscard]] cardrig::emulator::PrivateKey generate(cardrig::emulator::CryptoContext& context,
                                                         cardrig::emulator::Algorithm algorithm) override;

    /// The last one handed out since forget_made(), PKCS#8.
    [[nodiscard]] const std::optional<cardrig::apdu::Bytes>& made() const { return made_; }
    void forget_made() { made_.reset(); }

private:
    std::size_t next_ = 0;
    std::optional<cardrig::apdu::Bytes> made_;
};

/// Lives as long as the target: making a context takes longer than most runs.
class World final {
public:
    [[nodiscard]] cardrig::emulator::Environment environment() { return {crypto_, entropy_, keys_, clock_}; }
    [[nodiscard]] cardrig::emulator::CryptoContext& crypto() { return crypto_; }

private:
    cardrig::emulator::CryptoContext crypto_{1};
    ConstantEntropy entropy_;
    OneKey keys_;
    StandingClock clock_;
};

[[nodiscard]] World& world();

} // namespace fuzz
