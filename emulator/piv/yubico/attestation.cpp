#include "emulator/piv/yubico/attestation.h"

#include "emulator/key_der.h"
#include "emulator/openssl_support.h"

#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::emulator::piv::yubico {

namespace {

using openssl::require;

constexpr std::size_t serial_size = 16;
constexpr std::uint8_t touch_never = 1;
/// A key for USB-A on a keyring: this card has no form of its own.
constexpr std::uint8_t form_factor = 1;

openssl::Certificate new_certificate(const CryptoContext& context) {
    // Made in the context: X.509 objects made otherwise draw from the process's global generator.
    openssl::Certificate certificate(X509_new_ex(context.native(), nullptr));
    require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1,
            "making a certificate");
    return certificate;
}

Result<openssl::Certificate> parse(const CryptoContext& context, ByteView der) {
    X509* target = X509_new_ex(context.native(), nullptr);
    require(target != nullptr, "making a certificate");
    const unsigned char* at = der.data();
    // On failure OpenSSL frees what it was to fill.
    openssl::Certificate certificate(d2i_X509(&target, &at, static_cast<long>(der.size())));
    if (!certificate) {
        return openssl::failed("the attestation certificate cannot be read");
    }
    return certificate;
}

void set_serial(X509* certificate, Entropy& entropy) {
    Bytes serial(serial_size);
    entropy.fill(serial);
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3FU) | 0x40U); // positive, and of one length
    const openssl::Number number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
    require(number != nullptr &&
                BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
            "setting a serial number");
}

void set_subject(X509* certificate, KeyReference reference) {
    const std::string common_name = fmt::format("YubiKey PIV Attestation {:02x}", reference);
    const openssl::Name name(X509_NAME_new());
    require(name != nullptr &&
                X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(common_name.data()),
                                           static_cast<int>(common_name.size()), -1, 0) == 1 &&
                X509_set_subject_name(certificate, name.get()) == 1,
            "setting a subject");
}

/// `value` is what stands inside the extension's octet string.
void add_extension(X509* certificate, const char* identifier, ByteView value) {
    using Object = openssl::Owned<ASN1_OBJECT, ASN1_OBJECT_free>;
    const Object object(OBJ_txt2obj(identifier, 1));
    const openssl::OctetString content(ASN1_OCTET_STRING_new());
    require(object != nullptr && content != nullptr &&
                ASN1_OCTET_STRING_set(content.get(), value.data(), static_cast<int>(value.size())) == 1,
            "preparing an extension");
    const openssl::Extension extension(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, content.get()));
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
            "adding an extension");
}

Bytes der_integer(std::uint32_t value) {
    const openssl::Integer integer(ASN1_INTEGER_new());
    require(integer != nullptr && ASN1_INTEGER_set_uint64(integer.get(), value) == 1, "making an integer");
    return openssl::to_der(i2d_ASN1_INTEGER, integer.get(), "encoding an integer");
}

void add_extensions(X509* certificate, const YubicoExtensions& token, PasscodePolicy policy) {
    const Bytes policies{static_cast<std::uint8_t>(policy), touch_never};
    add_extension(certificate, "1.3.6.1.4.1.41482.3.3", token.firmware);
    add_extension(certificate, "1.3.6.1.4.1.41482.3.7", der_integer(token.serial));
    add_extension(certificate, "1.3.6.1.4.1.41482.3.8", policies);
    add_extension(certificate, "1.3.6.1.4.1.41482.3.9", ByteView(&form_factor, 1));
}

Bytes sign(CryptoContext& context, X509* certificate, const PrivateKey& key) {
    const Operation drawing(context, "attestation");
    const openssl::DigestContext signing(EVP_MD_CTX_new());
    require(signing != nullptr && EVP_DigestSignInit_ex(signing.get(), nullptr, "SHA256", context.native(),
                                                        nullptr, key.native(), nullptr) == 1,
            "preparing to sign a certificate");
    const std::uint64_t drawn = context.bytes_drawn();
    require(X509_sign_ctx(certificate, signing.get()) > 0, "signing a certificate");
    // An ECDSA signature takes a random number: had it come from elsewhere, the seed would not determine it.
    if (context.seed() && is_elliptic(key.algorithm()) && context.bytes_drawn() == drawn) {
        throw std::logic_error("an attestation was signed with random numbers from outside its context");
    }
    return openssl::to_der(i2d_X509, certificate, "encoding a certificate");
}

} // namespace

Result<Bytes> attest(Environment environment, const YubicoExtensions& token, const Attestor& attestor,
                     KeyReference reference, const UsableKey& key) {
    const Result<openssl::Certificate> issuer = parse(environment.crypto, attestor.certificate);
    if (!issuer) {
        return tl::make_unexpected(issuer.error());
    }
    const openssl::Certificate certificate = new_certificate(environment.crypto);
    set_serial(certificate.get(), environment.entropy);
    set_subject(certificate.get(), reference);
    require(X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer->get())) == 1 &&
                X509_set1_notBefore(certificate.get(), X509_get0_notBefore(issuer->get())) == 1 &&
                X509_set1_notAfter(certificate.get(), X509_get0_notAfter(issuer->get())) == 1,
            "filling a certificate");
    set_public_key(certificate.get(), key.key.native(), key.key.algorithm());
    add_extensions(certificate.get(), token, key.policy);
    return sign(environment.crypto, certificate.get(), attestor.key);
}

} // namespace cardrig::emulator::piv::yubico
