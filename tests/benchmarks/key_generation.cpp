#include "emulator/key_generation.h"
#include "emulator/crypto.h"
#include "tests/benchmarks/parts.h"
#include "tests/benchmarks/stopwatch.h"
#include "tests/emulator/piv_card.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace cardrig::benchmarks {

namespace {

using apdu::Bytes;
using emulator::Algorithm;
using emulator::CryptoContext;

struct Kind {
    std::string_view name;
    Algorithm algorithm;
    std::size_t samples;
};

constexpr std::array kinds{
    Kind{"RSA 2048", Algorithm::rsa2048, 15},
    Kind{"RSA 3072", Algorithm::rsa3072, 9},
    Kind{"P-256", Algorithm::p256, 400},
};

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key generate_with_openssl(OSSL_LIB_CTX* context, Algorithm algorithm) {
    EVP_PKEY* const key = emulator::is_rsa(algorithm) ? EVP_PKEY_Q_keygen(context, nullptr, "RSA",
                                                                          emulator::field_size(algorithm) * 8)
                                                      : EVP_PKEY_Q_keygen(context, nullptr, "EC", "P-256");
    if (key == nullptr) {
        throw std::runtime_error("OpenSSL made no key");
    }
    return {key, EVP_PKEY_free};
}

/// A context that draws the same random numbers as another one with that seed: the search for primes takes as
/// long as its random numbers will have it, so both sides are to draw the same.
constexpr std::uint64_t common_seed = 20'731;

/// The card's keys come from a context of their own, in which nothing else draws.
class KeysByThemselves final : public emulator::KeySource {
public:
    [[nodiscard]] emulator::PrivateKey generate(CryptoContext& /*context*/, Algorithm algorithm) override {
        last_ = fresh_.generate(context_, algorithm);
        return *last_;
    }
    /// The public key that was made last.
    [[nodiscard]] Bytes last() const { return last_.value().subject_public_key_info(); }

private:
    CryptoContext context_{common_seed};
    emulator::FreshKeys fresh_;
    std::optional<emulator::PrivateKey> last_;
};

tests::Setup setup_for(Algorithm algorithm) {
    tests::Setup setup;
    setup.config.piv.algorithms = {algorithm};
    return setup;
}

/// Milliseconds of GENERATE ASYMMETRIC KEY PAIR in process, answer included.
double card_milliseconds(tests::CardSession& card, const apdu::CommandApdu& command) {
    const Bytes bytes = command.encode();
    Bytes answer;
    const Stopwatch watch;
    card.card().transmit(bytes, answer);
    const double took = watch.seconds() * 1e3;
    if (answer.size() < 4 || answer[0] != 0x7F || answer[1] != 0x49) {
        throw std::runtime_error(fmt::format("the card made no key pair: {}", apdu::to_hex(answer)));
    }
    return took;
}

/// Milliseconds of the same by OpenSSL alone; `expected` is the public key that comes of it.
double openssl_milliseconds(CryptoContext& context, Algorithm algorithm, const Bytes& expected) {
    const emulator::Operation drawing(context, emulator::key_generation_purpose);
    const Stopwatch watch;
    const Key key = generate_with_openssl(context.native(), algorithm);
    const double took = watch.seconds() * 1e3;
    Bytes made(static_cast<std::size_t>(std::max(0, i2d_PUBKEY(key.get(), nullptr))));
    unsigned char* at = made.data();
    if (i2d_PUBKEY(key.get(), &at) <= 0 || made != expected) {
        throw std::runtime_error("card and OpenSSL made different keys: their times do not compare");
    }
    return took;
}

Figure measure(const Kind& kind, const Effort& effort) {
    KeysByThemselves keys;
    CryptoContext context(common_seed);
    const tests::Setup setup = setup_for(kind.algorithm);
    emulator::MemoryNvm memory(setup.config.geometry);
    tests::personalise(memory, setup);
    tests::CardSession card(setup, &keys);
    if (!card.power_on(memory) || card.authenticate() != 0x9000) {
        throw std::runtime_error("the card does not start");
    }
    const apdu::CommandApdu command(0x00, 0x47, 0x00, 0x9A,
                                    Bytes{0xAC, 0x03, 0x80, 0x01, static_cast<std::uint8_t>(kind.algorithm)},
                                    65536);
    std::vector<double> measured;
    std::vector<double> alone;
    const std::size_t samples = effort.brief ? 1 : kind.samples;
    for (std::size_t i = 0; i < samples; ++i) {
        measured.push_back(card_milliseconds(card, command));
        alone.push_back(openssl_milliseconds(context, kind.algorithm, keys.last()));
    }
    return {"key-generation",
            std::string(kind.name),
            "ms",
            Spread(std::move(measured)),
            Floor{Spread(std::move(alone)), "EVP_PKEY_Q_keygen with the same random numbers"},
            Aim{Aim::Of::ratio, Aim::Bound::at_most, 1.05},
            "in process; the key is written to the card's memory, too"};
}

} // namespace

std::vector<Figure> key_generation(const Effort& effort) {
    std::vector<Figure> figures;
    for (const Kind& kind : kinds) {
        figures.push_back(measure(kind, effort));
    }
    return figures;
}

} // namespace cardrig::benchmarks
