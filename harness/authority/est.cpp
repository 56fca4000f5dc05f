#include "harness/authority/est.h"

#include "emulator/openssl_support.h"

#include <algorithm>
#include <array>

#include <openssl/objects.h>
#include <openssl/pkcs7.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace openssl = emulator::openssl;
using openssl::require;

constexpr std::size_t line_length = 64;
/// Four characters stand for three bytes.
constexpr std::size_t quantum = 4;
constexpr std::size_t quantum_bytes = 3;

using SignedMessage = openssl::Owned<PKCS7, PKCS7_free>;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool in_alphabet(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

} // namespace

std::string base64_lines(apdu::ByteView bytes) {
    std::string text;
    constexpr std::size_t bytes_a_line = line_length / quantum * quantum_bytes;
    for (std::size_t begin = 0; begin < bytes.size(); begin += bytes_a_line) {
        const auto part = bytes.subspan(begin, std::min(bytes_a_line, bytes.size() - begin));
        std::array<unsigned char, line_length + 1> line{}; // with the end that OpenSSL writes
        const int length = EVP_EncodeBlock(line.data(), part.data(), static_cast<int>(part.size()));
        text.append(line.begin(), line.begin() + length);
        text += '\n';
    }
    return text;
}

apdu::Result<apdu::Bytes> from_base64_lines(std::string_view text) {
    std::string packed;
    for (const char c : text) {
        if (is_blank(c)) {
            continue;
        }
        if (c != '=' && !in_alphabet(c)) {
            return apdu::failure(
                fmt::format("no base64: the character with the code {} is none of its alphabet",
                            static_cast<unsigned>(static_cast<unsigned char>(c))));
        }
        if (c != '=' && !packed.empty() && packed.back() == '=') {
            return apdu::failure("no base64: something follows the padding");
        }
        packed += c;
    }
    const auto padding = static_cast<std::size_t>(std::ranges::count(packed, '='));
    if (packed.size() % quantum != 0 || padding > 2) {
        return apdu::failure("no base64: its length, with padding, is no multiple of four characters");
    }
    apdu::Bytes bytes(packed.size() / quantum * quantum_bytes);
    const int length = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(packed.data()),
                                       static_cast<int>(packed.size()));
    if (length < 0) {
        return apdu::failure("no base64");
    }
    bytes.resize(static_cast<std::size_t>(length) - padding);
    return bytes;
}

apdu::Bytes certificates_only(const std::vector<apdu::Bytes>& certificates) {
    const SignedMessage message(PKCS7_new());
    require(message != nullptr && PKCS7_set_type(message.get(), NID_pkcs7_signed) == 1,
            "a message for certificates");
    message->d.sign->contents->type = OBJ_nid2obj(NID_pkcs7_data); // there is no content (RFC 5652, 5.2)
    for (const apdu::Bytes& der : certificates) {
        const unsigned char* at = der.data();
        const openssl::Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
        require(certificate != nullptr, "a certificate for a message");
        require(PKCS7_add_certificate(message.get(), certificate.get()) == 1, "a certificate in a message");
    }
    return openssl::to_der(i2d_PKCS7, message.get(), "a message with certificates");
}

} // namespace cardrig::harness
