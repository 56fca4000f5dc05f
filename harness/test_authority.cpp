#include "harness/test_authority.h"

#include "emulator/key_der.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <openssl/pem.h>

namespace cardrig::harness {

namespace {

namespace openssl = emulator::openssl;
using emulator::CryptoContext;
using openssl::require;

constexpr std::size_t serial_size = 16;
constexpr std::size_t longest_serial = 20;      // RFC 5280, 4.1.2.2
constexpr std::size_t longest_common_name = 64; // RFC 5280, appendix A.1, ub-common-name
constexpr std::size_t number_size = 12;

openssl::Certificate new_certificate(const CryptoContext& context) {
    // Made in the context: X.509 objects made otherwise draw from the process's global generator.
    openssl::Certificate certificate(X509_new_ex(context.native(), nullptr));
    require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1,
            "making a certificate");
    return certificate;
}

Bytes random_serial(CryptoContext& context) {
    Bytes serial(serial_size);
    emulator::ContextEntropy(context).fill(serial);
    // Positive, and always of the same length, so that certificates of one kind have one size.
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3FU) | 0x40U);
    return serial;
}

void set_serial(X509* certificate, ByteView serial) {
    const openssl::Number number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
    require(number != nullptr &&
                BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
            "setting a serial number");
}

void set_validity(X509* certificate, const Validity& validity) {
    // ASN1_TIME_set takes UTCTime to 2049 and GeneralizedTime from 2050 on, as RFC 5280, 4.1.2.5 asks.
    const openssl::Time from(ASN1_TIME_set(nullptr, validity.not_before.time_since_epoch().count()));
    const openssl::Time until(ASN1_TIME_set(nullptr, validity.not_after.time_since_epoch().count()));
    require(from != nullptr && until != nullptr && X509_set1_notBefore(certificate, from.get()) == 1 &&
                X509_set1_notAfter(certificate, until.get()) == 1,
            "setting dates");
}

void add_attribute(X509_NAME* name, int nid, std::string_view value) {
    require(X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(value.data()),
                                       static_cast<int>(value.size()), -1, 0) == 1,
            "adding to a name");
}

openssl::Name authority_name() {
    openssl::Name name(X509_NAME_new());
    require(name != nullptr, "making a name");
    add_attribute(name.get(), NID_commonName, TestAuthority::common_name);
    return name;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX extension_context;
    X509V3_set_ctx(&extension_context, issuer, certificate, nullptr, nullptr, 0);
    const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &extension_context, nid, value));
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
            "adding an extension");
}

void sign_once(const CryptoContext& context, X509* certificate, const emulator::PrivateKey& key) {
    const openssl::DigestContext signing(EVP_MD_CTX_new());
    require(signing != nullptr && EVP_DigestSignInit_ex(signing.get(), nullptr, "SHA256", context.native(),
                                                        nullptr, key.native(), nullptr) == 1,
            "preparing to sign a certificate");
    const std::uint64_t drawn = context.bytes_drawn();
    require(X509_sign_ctx(certificate, signing.get()) > 0, "signing a certificate");
    // An ECDSA signature takes a random number: had it come from elsewhere, the seed would not determine it.
    if (context.seed() && is_elliptic(key.algorithm()) && context.bytes_drawn() == drawn) {
        throw std::logic_error("a certificate was signed with random numbers from outside its context");
    }
}

/// An ECDSA signature is a SEQUENCE of two INTEGERs, each of which has one byte more if its top bit is set:
/// this is the length that half of them have.
std::size_t usual_signature_size(const emulator::PrivateKey& key) {
    return 2 * (2 + field_size(key.algorithm())) + 1 + 2;
}

std::size_t signature_size(const X509* certificate) {
    const ASN1_BIT_STRING* signature = nullptr;
    X509_get0_signature(&signature, nullptr, certificate);
    return static_cast<std::size_t>(ASN1_STRING_length(signature));
}

void sign(CryptoContext& context, X509* certificate, const emulator::PrivateKey& key) {
    const emulator::Operation drawing(context, "certificate signature");
    sign_once(context, certificate, key);
    // The nonce depends on the dates, too, so that a seed alone does not hold the length still; again until
    // it is the usual one, so that certificates of one kind have one size in every run.
    while (is_elliptic(key.algorithm()) && signature_size(certificate) != usual_signature_size(key)) {
        sign_once(context, certificate, key);
    }
}

Bytes encoded(X509* certificate) {
    return openssl::to_der(i2d_X509, certificate, "encoding a certificate");
}

openssl::Certificate self_signed(CryptoContext& context, const emulator::PrivateKey& key,
                                 const Validity& validity) {
    openssl::Certificate certificate = new_certificate(context);
    const openssl::Name name = authority_name();
    set_serial(certificate.get(), random_serial(context));
    set_validity(certificate.get(), validity);
    require(X509_set_subject_name(certificate.get(), name.get()) == 1 &&
                X509_set_issuer_name(certificate.get(), name.get()) == 1,
            "filling a certificate");
    emulator::set_public_key(certificate.get(), key.native(), key.algorithm());
    X509* self = certificate.get();
    add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(self, self, NID_subject_key_identifier, "hash");
    sign(context, self, key);
    return certificate;
}

void check(const CertificateOrder& order) {
    if (order.public_key == nullptr) {
        throw std::invalid_argument("a certificate needs a public key");
    }
    if (order.common_name.empty() || order.common_name.size() > longest_common_name) {
        throw std::invalid_argument("a common name has 1 to 64 bytes");
    }
    const bool digits =
        std::all_of(order.number.begin(), order.number.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (order.number.size() != number_size || !digits) {
        throw std::invalid_argument("a holder's number has 12 digits");
    }
    if (order.validity.not_after < order.validity.not_before) {
        throw std::invalid_argument("a certificate cannot end before it begins");
    }
    if (order.serial) {
        const Bytes& serial = *order.serial;
        const bool zero = std::all_of(serial.begin(), serial.end(), [](std::uint8_t b) { return b == 0; });
        if (zero || serial.size() > longest_serial ||
            (serial.size() == longest_serial && (serial[0] & 0x80U) != 0)) {
            throw std::invalid_argument("a serial number has 1 to 20 bytes and is above zero");
        }
    }
}

/// RFC 5280, 4.2.1.3, for the leaf's use and public key.
const char* key_usage(emulator::Algorithm algorithm, CertificateUse use) {
    switch (use) {
    case CertificateUse::authentication:
        return "critical,digitalSignature";
    case CertificateUse::signature:
        return "critical,digitalSignature,nonRepudiation";
    case CertificateUse::attestation:
        return "critical,keyCertSign";
    case CertificateUse::key_management:
        break;
    }
    // RFC 3279, 2.3.1 and RFC 5480, 3: RSA keys unwrap keys, elliptic ones agree on them. Clients pick a
    // key's operations by this: OpenSC derives with no key whose certificate does not say keyAgreement.
    return is_rsa(algorithm) ? "critical,keyEncipherment" : "critical,keyAgreement";
}

void add_leaf_extensions(X509* leaf, X509* issuer, emulator::Algorithm algorithm, CertificateUse use) {
    // An attestation key certifies the keys of its card, and no further authority.
    add_extension(leaf, issuer, NID_basic_constraints,
                  use == CertificateUse::attestation ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE");
    add_extension(leaf, issuer, NID_key_usage, key_usage(algorithm, use));
    if (use == CertificateUse::authentication) {
        add_extension(leaf, issuer, NID_ext_key_usage, "clientAuth");
    }
    add_extension(leaf, issuer, NID_subject_key_identifier, "hash");
    add_extension(leaf, issuer, NID_authority_key_identifier, "keyid:always");
}

std::string pem(const char* label, ByteView der) {
    const openssl::MemoryBio out(BIO_new(BIO_s_mem()));
    require(out != nullptr &&
                PEM_write_bio(out.get(), label, "", der.data(), static_cast<long>(der.size())) > 0,
            "writing PEM");
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

emulator::Algorithm algorithm_of_order(const CertificateOrder& order) {
    const auto algorithm = emulator::algorithm_of(order.public_key);
    if (!algorithm) {
        throw std::invalid_argument(algorithm.error().message);
    }
    return *algorithm;
}

} // namespace

CertificateUse certificate_use(emulator::piv::KeyReference key) {
    switch (key) {
    case emulator::piv::signature_key:
        return CertificateUse::signature;
    case emulator::piv::authentication_key:
    case emulator::piv::card_authentication_key:
        return CertificateUse::authentication;
    case emulator::piv::attestation_key:
        return CertificateUse::attestation;
    default:
        return CertificateUse::key_management;
    }
}

TestAuthority::TestAuthority(CryptoContext& context, emulator::KeySource& keys, Validity validity,
                             emulator::Algorithm algorithm)
    : context_(context), key_(keys.generate(context, algorithm)),
      issuer_(self_signed(context, key_, validity)), certificate_(encoded(issuer_.get())) {}

Bytes TestAuthority::issue(const CertificateOrder& order) {
    check(order);
    const emulator::Algorithm algorithm = algorithm_of_order(order);
    const openssl::Certificate leaf = new_certificate(context_);
    set_serial(leaf.get(), order.serial ? *order.serial : random_serial(context_));
    set_validity(leaf.get(), order.validity);
    const openssl::Name subject(X509_NAME_new());
    require(subject != nullptr, "making a name");
    add_attribute(subject.get(), NID_commonName, order.common_name);
    add_attribute(subject.get(), NID_userId, order.number);
    require(X509_set_subject_name(leaf.get(), subject.get()) == 1 &&
                X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer_.get())) == 1,
            "filling a certificate");
    emulator::set_public_key(leaf.get(), order.public_key, algorithm);
    add_leaf_extensions(leaf.get(), issuer_.get(), algorithm, order.use);
    sign(context_, leaf.get(), key_);
    return encoded(leaf.get());
}

std::string TestAuthority::certificate_pem() const {
    return pem(PEM_STRING_X509, certificate_);
}

std::string TestAuthority::key_pem() const {
    return pem(PEM_STRING_PKCS8INF, key_.to_der());
}

} // namespace cardrig::harness
