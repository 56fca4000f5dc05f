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

apdu::Result<std::shared_ptr<EVP_PKEY>> key_of(OSSL_LIB_CTX* context, const char* type,
                                               OSSL_PARAM_BLD* numbers) {
    const Parameters parameters(OSSL_PARAM_BLD_to_param(numbers));
    const KeyContext maker(EVP_PKEY_CTX_new_from_name(context, type, nullptr));
    require(parameters != nullptr && maker != nullptr && EVP_PKEY_fromdata_init(maker.get()) == 1,
            "preparing to make a key");
    EVP_PKEY* made = nullptr;
    if (EVP_PKEY_fromdata(maker.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()) != 1) {
        return failed("the numbers make no key");
    }
    return std::shared_ptr<EVP_PKEY>(made, EVP_PKEY_free);
}

} // namespace cardrig::emulator::openssl
