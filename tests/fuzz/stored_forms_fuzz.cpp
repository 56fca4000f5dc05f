// The PIV application's forms in memory: a key as it is stored, and a certificate inside its data object.
#include "emulator/piv/piv_memory.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/small_card.h"

#include <algorithm>

namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
namespace piv = cardrig::emulator::piv;
using apdu::ByteView;

namespace {

void use(const emulator::PrivateKey& key) {
    fuzz::require(!key.public_key_template().empty(), "a key pair has a public key");
    fuzz::require(emulator::PrivateKey::from_der(key.context(), key.to_der()).has_value(),
                  "a key is read as it was written");
    const apdu::Bytes digest(32, 0x01);
    if (emulator::is_elliptic(key.algorithm())) {
        static_cast<void>(key.ecdsa_sign(digest));
    } else {
        static_cast<void>(
            key.rsa_private_operation(apdu::Bytes(emulator::field_size(key.algorithm()), 0x01)));
    }
}

void check_key(ByteView bytes) {
    const auto stored = piv::StoredKey::decode(bytes);
    if (!stored) {
        fuzz::require(!stored.error().message.empty(), "a refusal says why");
        return;
    }
    fuzz::require(!stored->pkcs8.empty(), "a stored key has a key");
    fuzz::require(std::ranges::equal(stored->encode(), bytes), "a stored key is written as it was read");
    const auto key = emulator::PrivateKey::from_der(fuzz::world().crypto(), stored->pkcs8);
    if (key) {
        use(*key);
    } else {
        fuzz::require(!key.error().message.empty(), "a refusal says why");
    }
}

void check_certificate(ByteView content) {
    const auto der = piv::certificate_in(content);
    if (!der) {
        return;
    }
    // A gzip file begins so (RFC 1952, 2.3.1).
    const apdu::Bytes gzip{0x1F, 0x8B, 0x08};
    const auto lies_in = [content](const apdu::Bytes& part) {
        return std::search(content.begin(), content.end(), part.begin(), part.end()) != content.end();
    };
    fuzz::require(der->size() <= 65'536 && (lies_in(*der) || lies_in(gzip)),
                  "a certificate lies in its object, or compressed");
    fuzz::require(der->empty() || piv::certificate_in(piv::certificate_container(*der)) == der,
                  "a certificate is found where it was put");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    check_key(bytes);
    check_certificate(bytes);
    return 0;
}
