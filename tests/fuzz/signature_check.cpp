#include "tests/fuzz/signature_check.h"

#include "emulator/openssl_support.h"

#include <algorithm>

namespace fuzz {

namespace openssl = cardrig::emulator::openssl;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;

bool verifies(cardrig::emulator::CryptoContext& context, ByteView pkcs8, ByteView signature,
              ByteView digest) {
    const auto key = cardrig::emulator::PrivateKey::from_der(context, pkcs8);
    if (!key) {
        return false;
    }
    Bytes extended(std::max(field_size(key->algorithm()), digest.size()), 0x00);
    std::ranges::copy(digest, extended.end() - static_cast<std::ptrdiff_t>(digest.size()));
    const openssl::KeyContext check(EVP_PKEY_CTX_new_from_pkey(context.native(), key->native(), nullptr));
    return check != nullptr && EVP_PKEY_verify_init(check.get()) == 1 &&
           EVP_PKEY_verify(check.get(), signature.data(), signature.size(), extended.data(),
                           extended.size()) == 1;
}

} // namespace fuzz
