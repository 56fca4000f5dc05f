#include "emulator/x509_reading.h"

#include "emulator/environment.h"
#include "emulator/openssl_support.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>
#include <openssl/rsa.h>

namespace cardrig::emulator {

namespace {

Result<openssl::Certificate> parse(const CryptoContext& context, ByteView der) {
    X509* target = X509_new_ex(context.native(), nullptr);
    openssl::require(target != nullptr, "making a certificate");
    const unsigned char* at = der.data();
    // On failure OpenSSL frees what it was to fill.
    openssl::Certificate certificate(d2i_X509(&target, &at, static_cast<long>(der.size())));
    if (!certificate) {
        return openssl::failed("the certificate cannot be read");
    }
    if (at != der.data() + der.size()) {
        return apdu::failure("bytes are left over after the certificate");
    }
    return certificate;
}

std::string text_of(const X509_NAME* name) {
    const openssl::MemoryBio out(BIO_new(BIO_s_mem()));
    openssl::require(out != nullptr && X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) >= 0,
                     "printing a name");
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string serial_of(const X509* certificate) {
    const openssl::Number number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    openssl::require(number != nullptr, "reading a serial number");
    Bytes bytes(static_cast<std::size_t>(std::max(1, BN_num_bytes(number.get()))));
    openssl::require(BN_bn2binpad(number.get(), bytes.data(), static_cast<int>(bytes.size())) >= 0,
                     "writing a serial number");
    // RFC 5280, 4.1.2.2: never negative, yet some are.
    return fmt::format("{}{}", BN_is_negative(number.get()) == 1 ? "-" : "", apdu::to_hex(bytes));
}

Result<std::chrono::sys_seconds> seconds_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return openssl::failed("a date in the certificate cannot be read");
    }
    const std::chrono::year_month_day day(std::chrono::year(parts.tm_year + 1900),
                                          std::chrono::month(static_cast<unsigned>(parts.tm_mon) + 1),
                                          std::chrono::day(static_cast<unsigned>(parts.tm_mday)));
    return std::chrono::sys_days(day) + std::chrono::hours(parts.tm_hour) +
           std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec);
}

/// The input of a raw RSA operation that makes a PKCS #1 v1.5 signature (RFC 8017, 9.2).
Bytes pkcs1_block(ByteView digest, std::size_t size) {
    static constexpr std::array<std::uint8_t, 19> sha256_prefix{
        0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}; // the DigestInfo up to the digest
    Bytes block(size, 0xFF);
    block[0] = 0x00;
    block[1] = 0x01;
    const std::size_t prefix_at = size - digest.size() - sha256_prefix.size();
    block[prefix_at - 1] = 0x00;
    const auto after = std::copy(sha256_prefix.begin(), sha256_prefix.end(),
                                 block.begin() + static_cast<std::ptrdiff_t>(prefix_at));
    std::copy(digest.begin(), digest.end(), after);
    return block;
}

bool verifies(const CryptoContext& context, EVP_PKEY* public_key, bool rsa, ByteView digest,
              ByteView signature) {
    const openssl::KeyContext operation(EVP_PKEY_CTX_new_from_pkey(context.native(), public_key, nullptr));
    const openssl::Digest sha256(EVP_MD_fetch(context.native(), "SHA256", nullptr));
    openssl::require(operation != nullptr && sha256 != nullptr, "preparing to verify");
    bool ready = EVP_PKEY_verify_init(operation.get()) == 1;
    if (rsa) {
        ready = ready && EVP_PKEY_CTX_set_rsa_padding(operation.get(), RSA_PKCS1_PADDING) == 1;
    }
    ready = ready && EVP_PKEY_CTX_set_signature_md(operation.get(), sha256.get()) == 1;
    const bool good = ready && EVP_PKEY_verify(operation.get(), signature.data(), signature.size(),
                                               digest.data(), digest.size()) == 1;
    if (!good) {
        (void)openssl::last_reason(); // leaves no error behind for whoever looks next
    }
    return good;
}

} // namespace

Result<CertificateFacts> read_certificate(CryptoContext& context, ByteView der) {
    const auto certificate = parse(context, der);
    if (!certificate) {
        return tl::make_unexpected(certificate.error());
    }
    const X509* x509 = certificate->get();
    const auto not_before = seconds_of(X509_get0_notBefore(x509));
    const auto not_after = seconds_of(X509_get0_notAfter(x509));
    if (!not_before || !not_after) {
        return tl::make_unexpected(!not_before ? not_before.error() : not_after.error());
    }
    EVP_PKEY* key = X509_get0_pubkey(x509);
    if (key == nullptr) {
        return openssl::failed("the certificate's public key cannot be read");
    }
    CertificateFacts facts{text_of(X509_get_subject_name(x509)),
                           text_of(X509_get_issuer_name(x509)),
                           serial_of(x509),
                           *not_before,
                           *not_after,
                           openssl::to_der(i2d_PUBKEY, key, "encoding a public key"),
                           std::nullopt};
    if (const auto algorithm = algorithm_of(key)) {
        facts.algorithm = *algorithm;
    }
    return facts;
}

bool signature_proves(const PrivateKey& key, ByteView certificate_der) {
    CryptoContext& context = key.context();
    const auto certificate = parse(context, certificate_der);
    if (!certificate) {
        return false;
    }
    EVP_PKEY* public_key = X509_get0_pubkey(certificate->get());
    if (public_key == nullptr) {
        (void)openssl::last_reason();
        return false;
    }
    const auto algorithm = algorithm_of(public_key);
    if (!algorithm || *algorithm != key.algorithm()) {
        return false;
    }
    Bytes digest(32);
    ContextEntropy(context).fill(digest);
    const bool rsa = is_rsa(*algorithm);
    const auto signature =
        rsa ? key.rsa_private_operation(pkcs1_block(digest, field_size(*algorithm))) : key.ecdsa_sign(digest);
    return signature && verifies(context, public_key, rsa, digest, *signature);
}

} // namespace cardrig::emulator
