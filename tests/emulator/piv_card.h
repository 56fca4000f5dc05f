// A PIV card for tests: memory laid out and filled directly, a card powered on over it, and the commands that
// tests need again and again.
#pragma once

#include "emulator/card.h"
#include "emulator/environment.h"
#include "emulator/nvm.h"
#include "emulator/piv/piv_memory.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::tests {

using apdu::Bytes;
using apdu::ByteView;

inline constexpr std::string_view passcode = "123456";
inline constexpr std::string_view unblocking_code = "12345678";
/// Of cards that have one.
inline constexpr std::string_view global_passcode = "777777";

/// Eight bytes in hex, padded with FF.
[[nodiscard]] std::string block(std::string_view code);
/// Bytes of hexadecimal text; throws on anything else.
[[nodiscard]] Bytes hex(std::string_view text);

/// Time stands still, and waiting takes none.
class StandingClock final : public emulator::Clock {
public:
    [[nodiscard]] std::chrono::sys_seconds now() const override { return {}; }
    void wait(std::chrono::microseconds) override {}
};

/// Hands out key pairs that were made beforehand, in turn, so that a test that generates thousands takes no
/// time.
class PremadeKeys final : public emulator::KeySource {
public:
    explicit PremadeKeys(std::vector<Bytes> pkcs8) : pkcs8_(std::move(pkcs8)) {}
    [[nodiscard]] emulator::PrivateKey generate(emulator::CryptoContext& context,
                                                emulator::Algorithm algorithm) override;

private:
    std::vector<Bytes> pkcs8_;
    std::size_t next_ = 0;
};

/// A key pair as PKCS#8.
[[nodiscard]] Bytes make_key(emulator::Algorithm algorithm);

struct Slot {
    emulator::piv::KeyReference reference;
    emulator::Algorithm algorithm;
};

struct Setup {
    emulator::CardConfig config;
    emulator::Algorithm management_algorithm = emulator::Algorithm::triple_des;
    std::vector<Slot> keys;
    std::optional<std::uint64_t> seed;

    Setup();
};

/// The key of a card made here with that management algorithm: 0102..08 again and again.
[[nodiscard]] Bytes management_key(emulator::Algorithm algorithm);

/// A store as an issuer leaves it: codes, counters, management key and key pairs.
void personalise(emulator::Nvm& nvm, const Setup& setup);

/// A card that a test talks to; where its memory is, is the test's affair.
class CardSession {
public:
    /// `keys` stands in for freshly generated ones and outlives the session.
    explicit CardSession(const Setup& setup, emulator::KeySource* keys = nullptr);
    CardSession(const CardSession&) = delete;
    CardSession& operator=(const CardSession&) = delete;
    ~CardSession() = default;

    /// Lets go of the card so far, if any. `nvm` outlives the card.
    [[nodiscard]] apdu::Result<void> power_on(emulator::Nvm& nvm);
    void power_off() { card_.reset(); }

    /// One command, one answer.
    [[nodiscard]] apdu::ResponseApdu send(std::string_view command);
    [[nodiscard]] apdu::ResponseApdu send(const apdu::CommandApdu& command);
    /// The status word of one command, as a number to compare with.
    std::uint16_t status(std::string_view command) { return send(command).status.value(); }
    /// A command in blocks of `block_size` bytes, its answer put together by GET RESPONSE.
    [[nodiscard]] apdu::ResponseApdu chained(const apdu::CommandApdu& command, std::size_t block_size = 255);

    std::uint16_t verify(std::string_view code = passcode) { return status("0020008008" + block(code)); }
    /// Mutual authentication with the management key.
    std::uint16_t authenticate();
    std::uint16_t authenticate(emulator::Algorithm algorithm, const Bytes& key);
    [[nodiscard]] apdu::ResponseApdu get_data(apdu::Tag tag);
    /// `value` without the 53.
    std::uint16_t put_data(apdu::Tag tag, ByteView value);

    [[nodiscard]] emulator::Card& card() { return *card_; }
    [[nodiscard]] emulator::CryptoContext& crypto() { return crypto_; }

private:
    Setup setup_;
    emulator::CryptoContext crypto_;
    emulator::ContextEntropy entropy_{crypto_};
    emulator::FreshKeys fresh_keys_;
    emulator::KeySource& keys_;
    StandingClock clock_;
    std::unique_ptr<emulator::Card> card_;
};

/// A card with plain memory, powered on.
class PivCard : public CardSession {
public:
    explicit PivCard(const Setup& setup = {});

    void power_cycle();
    [[nodiscard]] emulator::MemoryNvm& memory() { return memory_; }

private:
    emulator::MemoryNvm memory_;
};

/// A card answered what the test did not expect of it.
struct UnexpectedAnswer : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Throws UnexpectedAnswer where they differ, naming both.
void require_status(std::uint16_t status, std::uint16_t expected);

/// 5C and 53, 7E or 7F61, as PUT DATA takes them.
[[nodiscard]] Bytes put_data_field(apdu::Tag tag, ByteView value);

} // namespace cardrig::tests
