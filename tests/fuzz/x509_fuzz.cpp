// Any bytes are a certificate or are refused; a key proves itself only under a certificate that holds it.
#include "emulator/x509_reading.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/small_card.h"

namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const apdu::ByteView der(data, size);
    emulator::CryptoContext& crypto = fuzz::world().crypto();
    static const emulator::PrivateKey key = emulator::PrivateKey::from_der(crypto, fuzz::key_der()).value();

    const auto facts = emulator::read_certificate(crypto, der);
    const bool proved = emulator::signature_proves(key, der);
    if (!facts) {
        fuzz::require(!facts.error().message.empty(), "a refusal says why");
        return 0; // a key may be proved all the same: dates make no difference to it
    }
    fuzz::require(!facts->public_key.empty() && !facts->serial.empty(),
                  "a certificate has a key and a number");
    // The same point may also stand there compressed, or with its curve written out.
    const apdu::Bytes own = key.subject_public_key_info();
    fuzz::require(proved || facts->public_key != own, "a key proves itself under its own certificate");
    fuzz::require(!proved || facts->public_key.size() != own.size() || facts->public_key == own,
                  "a key proves itself under no other");
    return 0;
}
