#include "emulator/openssl_support.h"

#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/err.h>

namespace cardrig::emulator::openssl {

std::string last_reason() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    if (code == 0) {
        return "no reason given";
    }
    if (const char* reason = ERR_reason_error_string(code)) {
        return reason;
    }
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    return text.data();
}

tl::unexpected<apdu::Error> failed(std::string_view what) {
    return apdu::failure(fmt::format("{}: {}", what, last_reason()));
}

void require(bool good, std::string_view what) {
    if (!good) {
        throw std::runtime_error(fmt::format("OpenSSL failed: {}: {}", what, last_reason()));
    }
}

} // namespace cardrig::emulator::openssl
