#include "harness/authority/authority_secrets.h"

#include "emulator/environment.h"
#include "emulator/openssl_support.h"

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace openssl = emulator::openssl;
using emulator::Bytes;
using emulator::ByteView;

constexpr std::size_t master_size = 32;
constexpr std::size_t des_key_size = 8;
constexpr std::string_view blank_code = "12345678";
constexpr std::uint64_t codes = 100'000'000; // of eight digits

/// SP 800-67 rev. 2, 3.4.2: the four weak keys and the twelve semi-weak ones.
constexpr std::array<std::uint64_t, 16> weak_keys{
    0x0101010101010101, 0xFEFEFEFEFEFEFEFE, 0xE0E0E0E0F1F1F1F1, 0x1F1F1F1F0E0E0E0E,
    0x011F011F010E010E, 0x1F011F010E010E01, 0x01E001E001F101F1, 0xE001E001F101F101,
    0x01FE01FE01FE01FE, 0xFE01FE01FE01FE01, 0x1FE01FE00EF10EF1, 0xE01FE01FF10EF10E,
    0x1FFE1FFE0EFE0EFE, 0xFE1FFE1FFE0EFE0E, 0xE0FEE0FEF1FEF1FE, 0xFEE0FEE0FEF1FEF1};

void append(Bytes& bytes, std::uint32_t number) {
    for (unsigned shift = 32; shift > 0;) {
        shift -= 8;
        bytes.push_back(static_cast<std::uint8_t>(number >> shift));
    }
}

std::uint64_t number_from(ByteView bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) {
        number = number << 8U | bytes[i];
    }
    return number;
}

void set_odd_parity(Bytes& key) {
    for (std::uint8_t& byte : key) {
        const bool odd = std::popcount(static_cast<unsigned>(byte >> 1U)) % 2 == 1;
        byte = static_cast<std::uint8_t>((byte & 0xFEU) | (odd ? 0U : 1U));
    }
}

bool good_triple_des(ByteView key) {
    std::array<std::uint64_t, 3> parts{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        parts[i] = number_from(key.subspan(i * des_key_size));
    }
    const bool weak = std::ranges::any_of(
        parts, [](std::uint64_t part) { return std::ranges::find(weak_keys, part) != weak_keys.end(); });
    return !weak && parts[0] != parts[1] && parts[1] != parts[2] && parts[0] != parts[2];
}

} // namespace

CardSecrets::CardSecrets(emulator::CryptoContext& context) : context_(context), master_(master_size) {
    emulator::ContextEntropy(context_).fill(master_);
}

CardSecrets::~CardSecrets() {
    OPENSSL_cleanse(master_.data(), master_.size());
}

Bytes CardSecrets::derive(std::string_view label, ByteView guid, std::uint32_t number,
                          std::uint32_t attempt) const {
    Bytes input(label.begin(), label.end());
    input.push_back(0x00); // a label is never the beginning of another one
    input.insert(input.end(), guid.begin(), guid.end());
    append(input, number);
    append(input, attempt);
    Bytes output(32);
    std::size_t size = 0;
    openssl::require(EVP_Q_mac(context_.native(), "HMAC", nullptr, "SHA256", nullptr, master_.data(),
                               master_.size(), input.data(), input.size(), output.data(), output.size(),
                               &size) != nullptr &&
                         size == output.size(),
                     "deriving a card's secret");
    return output;
}

Bytes CardSecrets::management_key(ByteView guid, emulator::Algorithm algorithm) const {
    if (!is_symmetric(algorithm)) {
        throw std::invalid_argument("a management key is symmetric");
    }
    const bool triple_des = algorithm == emulator::Algorithm::triple_des;
    for (std::uint32_t attempt = 0;; ++attempt) {
        Bytes key = derive("management key", guid, static_cast<std::uint32_t>(algorithm), attempt);
        key.resize(key_size(algorithm));
        if (triple_des) {
            set_odd_parity(key);
        }
        if (!triple_des || good_triple_des(key)) {
            return key;
        }
    }
}

std::string CardSecrets::candidate(ByteView guid, std::uint32_t generation, std::uint32_t attempt) const {
    return fmt::format("{:08}", number_from(derive("unblocking code", guid, generation, attempt)) % codes);
}

std::string CardSecrets::unblocking_code(ByteView guid, std::uint32_t generation) const {
    // Digits that every second generation may share, but no two in a row: an odd one begins with an odd
    // digit.
    for (std::uint32_t attempt = 0;; ++attempt) {
        std::string code = candidate(guid, generation, attempt);
        const bool odd = (code.front() - '0') % 2 == 1;
        if (odd == (generation % 2 == 1) && code != blank_code) {
            return code;
        }
    }
}

} // namespace cardrig::harness
