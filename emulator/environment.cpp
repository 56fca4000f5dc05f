#include "emulator/environment.h"

#include "emulator/key_generation.h"
#include "emulator/openssl_support.h"

#include <memory>
#include <stdexcept>

#include <openssl/rand.h>

namespace cardrig::emulator {

void ContextEntropy::fill(std::span<std::uint8_t> out) {
    const Operation drawing(context_, "random bytes");
    openssl::require(RAND_bytes_ex(context_.native(), out.data(), out.size(), 0) == 1,
                     "drawing random bytes");
}

PrivateKey generate_in_current_operation(CryptoContext& context, Algorithm algorithm) {
    EVP_PKEY* made = nullptr;
    if (is_rsa(algorithm)) {
        made = EVP_PKEY_Q_keygen(context.native(), nullptr, "RSA", field_size(algorithm) * 8);
    } else if (is_elliptic(algorithm)) {
        made = EVP_PKEY_Q_keygen(context.native(), nullptr, "EC",
                                 algorithm == Algorithm::p256 ? "P-256" : "P-384");
    } else {
        throw std::invalid_argument("a symmetric algorithm has no key pairs");
    }
    openssl::require(made != nullptr, "generating a key pair");
    auto key = PrivateKey::adopt(context, std::shared_ptr<EVP_PKEY>(made, EVP_PKEY_free));
    if (!key) {
        throw std::logic_error(key.error().message);
    }
    return std::move(*key);
}

PrivateKey FreshKeys::generate(CryptoContext& context, Algorithm algorithm) {
    const Operation drawing(context, key_generation_purpose);
    return generate_in_current_operation(context, algorithm);
}

} // namespace cardrig::emulator
