#include "emulator/pace.h"

namespace cardrig::emulator {

std::chrono::microseconds Pace::of(const std::map<Algorithm, std::chrono::microseconds>& waits,
                                   Algorithm algorithm) {
    const auto found = waits.find(algorithm);
    return found == waits.end() ? std::chrono::microseconds(0) : found->second;
}

void PacedNvm::write(std::uint32_t offset, ByteView bytes) {
    pace_.memory_write();
    memory_.write(offset, bytes);
}

PrivateKey PacedKeys::generate(CryptoContext& context, Algorithm algorithm) {
    pace_.generate(algorithm);
    return keys_.generate(context, algorithm);
}

} // namespace cardrig::emulator
