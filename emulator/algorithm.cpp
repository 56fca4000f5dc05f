#include "emulator/algorithm.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace cardrig::emulator {

namespace {

struct Description {
    Algorithm algorithm;
    std::string_view name;
    std::string_view profile_word;
    std::size_t key_size;   ///< symmetric only
    std::size_t block_size; ///< symmetric only
    std::size_t field_size; ///< asymmetric only
};

constexpr std::array<Description, 10> descriptions{{
    {Algorithm::triple_des, "3DES", "3des", 24, 8, 0},
    {Algorithm::rsa3072, "RSA 3072", "rsa-3072", 0, 0, 384},
    {Algorithm::rsa1024, "RSA 1024", "rsa-1024", 0, 0, 128},
    {Algorithm::rsa2048, "RSA 2048", "rsa-2048", 0, 0, 256},
    {Algorithm::aes128, "AES-128", "aes-128", 16, 16, 0},
    {Algorithm::aes192, "AES-192", "aes-192", 24, 16, 0},
    {Algorithm::aes256, "AES-256", "aes-256", 32, 16, 0},
    {Algorithm::p256, "P-256", "p-256", 0, 0, 32},
    {Algorithm::p384, "P-384", "p-384", 0, 0, 48},
    {Algorithm::rsa4096, "RSA 4096", "rsa-4096", 0, 0, 512},
}};

const Description& description(Algorithm algorithm) {
    const auto* found = std::find_if(descriptions.begin(), descriptions.end(),
                                     [&](const Description& d) { return d.algorithm == algorithm; });
    if (found == descriptions.end()) {
        throw std::invalid_argument("no such algorithm");
    }
    return *found;
}

std::size_t positive(std::size_t size) {
    if (size == 0) {
        throw std::invalid_argument("this algorithm has no such size");
    }
    return size;
}

} // namespace

std::string_view name(Algorithm algorithm) {
    return description(algorithm).name;
}

std::string_view profile_word(Algorithm algorithm) {
    return description(algorithm).profile_word;
}

std::optional<Algorithm> algorithm_from_profile_word(std::string_view word) {
    for (const Description& d : descriptions) {
        if (d.profile_word == word) {
            return d.algorithm;
        }
    }
    return std::nullopt;
}

std::optional<Algorithm> algorithm_from_id(std::uint8_t id) {
    for (const Description& d : descriptions) {
        if (static_cast<std::uint8_t>(d.algorithm) == id) {
            return d.algorithm;
        }
    }
    return std::nullopt;
}

std::size_t key_size(Algorithm algorithm) {
    return positive(description(algorithm).key_size);
}

std::size_t block_size(Algorithm algorithm) {
    return positive(description(algorithm).block_size);
}

std::size_t field_size(Algorithm algorithm) {
    return positive(description(algorithm).field_size);
}

} // namespace cardrig::emulator
