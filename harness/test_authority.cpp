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

openssl::Name name_of(std::string_view common_name) {
    openssl::Name name(X509_NAME_new());
    require(name != nullptr, "making a name");
    add_attribute(name.get(), NID_commonName, common_name);
    return name;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX extension_context;
    X509V3_set_ctx(&extension_context, issuer, certificate, nullptr, nullptr, 0);
    const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &extension_context, nid, value));
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
            "adding an extension");
}

/// What is signed, X.509 has two kinds of.
std::size_t signature_size(const X509* certificate) {
    const ASN1_BIT_STRING* signature = nullptr;
    X509_get0_signature(&signature, nullptr, certificate);
    return static_cast<std::size_t>(ASN1_STRING_length(signature));
}

std::size_t signature_size(const X509_CRL* list) {
    const ASN1_BIT_STRING* signature = nullptr;
    X509_CRL_get0_signature(list, &signature, nullptr);
    return static_cast<std::size_t>(ASN1_STRING_length(signature));
}

int signed_with(X509* certificate, EVP_MD_CTX* signing) {
    return X509_sign_ctx(certificate, signing);
}

int signed_with(X509_CRL* list, EVP_MD_CTX* signing) {
    return X509_CRL_sign_ctx(list, signing);
}

template <class Signed>
void sign_once(const CryptoContext& context, Signed* target, const emulator::PrivateKey& key) {
    const openssl::DigestContext signing(EVP_MD_CTX_new());
    require(signing != nullptr && EVP_DigestSignInit_ex(signing.get(), nullptr, "SHA256", context.native(),
                                                        nullptr, key.native(), nullptr) == 1,
            "preparing to sign a certificate");
    const std::uint64_t drawn = context.bytes_drawn();
    require(signed_with(target, signing.get()) > 0, "signing a certificate");
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

template <class Signed>
void sign(CryptoContext& context, Signed* target, const emulator::PrivateKey& key) {
    const emulator::Operation drawing(context, "certificate signature");
    sign_once(context, target, key);
    // The nonce depends on the dates, too, so that a seed alone does not hold the length still; again until
    // it is the usual one, so that certificates of one kind have one size in every run.
    while (is_elliptic(key.algorithm()) && signature_size(target) != usual_signature_size(key)) {
        sign_once(context, target, key);
    }
}

Bytes encoded(X509* certificate) {
    return openssl::to_der(i2d_X509, certificate, "encoding a certificate");
}

/// What an authority for tests on one host may certify, whoever trusts it by accident. Holders' certificates
/// name no host, and directory names are not constrained; but OpenSSL takes a common name that looks like a
/// host's for one, so that no holder may be called so (profile_reader.cpp).
constexpr const char* loopback_names =
    "critical,permitted;DNS:localhost,permitted;IP:127.0.0.1/255.255.255.255,"
    "permitted;email:localhost,permitted;URI:localhost";

/// DER of an OCTET STRING of so many zeros, in an extension of a number that nobody has given a meaning.
void add_ballast(X509* certificate, std::size_t size) {
    constexpr const char* unused_number = "2.25.3048582091"; // ITU-T X.667: below 2.25 nobody registers
    const openssl::Owned<ASN1_OBJECT, ASN1_OBJECT_free> number(OBJ_txt2obj(unused_number, 1));
    const openssl::OctetString value(ASN1_OCTET_STRING_new());
    const Bytes zeros(size);
    require(number != nullptr && value != nullptr &&
                ASN1_OCTET_STRING_set(value.get(), zeros.data(), static_cast<int>(size)) == 1,
            "making ballast");
    const openssl::Extension extension(X509_EXTENSION_create_by_OBJ(nullptr, number.get(), 0, value.get()));
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "adding ballast");
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

using List = openssl::Owned<X509_CRL, X509_CRL_free>;
using Revoked = openssl::Owned<X509_REVOKED, X509_REVOKED_free>;

void add_revocation(const CryptoContext& context, X509_CRL* list, const Revocation& revocation) {
    X509* target = X509_new_ex(context.native(), nullptr);
    require(target != nullptr, "making a certificate");
    const unsigned char* at = revocation.certificate.data();
    const openssl::Certificate certificate(
        d2i_X509(&target, &at, static_cast<long>(revocation.certificate.size())));
    require(certificate != nullptr, "reading a certificate that is revoked");
    const openssl::Time since(ASN1_TIME_set(nullptr, revocation.since.time_since_epoch().count()));
    Revoked entry(X509_REVOKED_new());
    require(since != nullptr && entry != nullptr &&
                X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(certificate.get())) == 1 &&
                X509_REVOKED_set_revocationDate(entry.get(), since.get()) == 1 &&
                X509_CRL_add0_revoked(list, entry.get()) == 1,
            "adding to a revocation list");
    (void)entry.release(); // the list's now
}

/// RFC 5280, 5.2.1 and 5.2.3.
void add_list_extensions(X509_CRL* list, X509* issuer, std::uint64_t number) {
    X509V3_CTX extension_context;
    X509V3_set_ctx(&extension_context, issuer, nullptr, nullptr, list, 0);
    const openssl::Extension issuer_key(
        X509V3_EXT_conf_nid(nullptr, &extension_context, NID_authority_key_identifier, "keyid:always"));
    const openssl::Integer counted(ASN1_INTEGER_new());
    require(issuer_key != nullptr && X509_CRL_add_ext(list, issuer_key.get(), -1) == 1 &&
                counted != nullptr && ASN1_INTEGER_set_uint64(counted.get(), number) == 1 &&
                X509_CRL_add1_ext_i2d(list, NID_crl_number, counted.get(), 0, 0) == 1,
            "adding an extension");
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

openssl::Name holder_name(std::string_view common_name, std::string_view number) {
    openssl::Name name(X509_NAME_new());
    require(name != nullptr, "making a name");
    add_attribute(name.get(), NID_commonName, common_name);
    add_attribute(name.get(), NID_userId, number);
    return name;
}

std::string pem_text(const char* label, ByteView der) {
    const openssl::MemoryBio out(BIO_new(BIO_s_mem()));
    require(out != nullptr &&
                PEM_write_bio(out.get(), label, "", der.data(), static_cast<long>(der.size())) > 0,
            "writing PEM");
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

TestAuthority::TestAuthority(CryptoContext& context, emulator::KeySource& keys, Validity validity,
                             emulator::Algorithm algorithm)
    : TestAuthority(context, keys, {std::string(common_name), validity, algorithm}) {}

TestAuthority::TestAuthority(CryptoContext& context, emulator::KeySource& keys, const AuthoritySpec& spec,
                             TestAuthority* parent)
    : context_(context), key_(keys.generate(context, spec.algorithm)), issuer_(certified(spec, parent)),
      certificate_(encoded(issuer_.get())) {}

openssl::Certificate TestAuthority::certified(const AuthoritySpec& spec, TestAuthority* parent) {
    openssl::Certificate certificate = new_certificate(context_);
    X509* self = certificate.get();
    X509* above = parent == nullptr ? self : parent->issuer_.get();
    const openssl::Name name = name_of(spec.common_name);
    set_serial(self, random_serial(context_));
    set_validity(self, spec.validity);
    require(X509_set_subject_name(self, name.get()) == 1 &&
                X509_set_issuer_name(self, X509_get_subject_name(above)) == 1,
            "filling a certificate");
    emulator::set_public_key(self, key_.native(), key_.algorithm());
    add_extension(self, above, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(self, above, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(self, above, NID_subject_key_identifier, "hash");
    if (parent != nullptr) {
        add_extension(self, above, NID_authority_key_identifier, "keyid:always");
    }
    if (spec.loopback_only) {
        add_extension(self, above, NID_name_constraints, loopback_names);
    }
    sign(context_, self, parent == nullptr ? key_ : parent->key_);
    return certificate;
}

Bytes TestAuthority::issue(const CertificateOrder& order) {
    check(order);
    const emulator::Algorithm algorithm = algorithm_of_order(order);
    const openssl::Certificate leaf = new_certificate(context_);
    set_serial(leaf.get(), order.serial ? *order.serial : random_serial(context_));
    set_validity(leaf.get(), order.validity);
    const openssl::Name subject = holder_name(order.common_name, order.number);
    require(X509_set_subject_name(leaf.get(), subject.get()) == 1 &&
                X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer_.get())) == 1,
            "filling a certificate");
    emulator::set_public_key(leaf.get(), order.public_key, algorithm);
    add_leaf_extensions(leaf.get(), issuer_.get(), algorithm, order.use);
    if (order.ballast > 0) {
        add_ballast(leaf.get(), order.ballast);
    }
    sign(context_, leaf.get(), key_);
    return encoded(leaf.get());
}

Bytes TestAuthority::issue_for_server(const emulator::PrivateKey& key, const Validity& validity) {
    const openssl::Certificate leaf = new_certificate(context_);
    const openssl::Name subject = name_of("localhost");
    set_serial(leaf.get(), random_serial(context_));
    set_validity(leaf.get(), validity);
    require(X509_set_subject_name(leaf.get(), subject.get()) == 1 &&
                X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer_.get())) == 1,
            "filling a certificate");
    emulator::set_public_key(leaf.get(), key.native(), key.algorithm());
    add_extension(leaf.get(), issuer_.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf.get(), issuer_.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(leaf.get(), issuer_.get(), NID_ext_key_usage, "serverAuth");
    add_extension(leaf.get(), issuer_.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    add_extension(leaf.get(), issuer_.get(), NID_subject_key_identifier, "hash");
    add_extension(leaf.get(), issuer_.get(), NID_authority_key_identifier, "keyid:always");
    sign(context_, leaf.get(), key_);
    return encoded(leaf.get());
}

Bytes TestAuthority::revocation_list(const std::vector<Revocation>& revoked, const Validity& validity,
                                     std::uint64_t number) {
    const List list(X509_CRL_new_ex(context_.native(), nullptr));
    const openssl::Time from(ASN1_TIME_set(nullptr, validity.not_before.time_since_epoch().count()));
    const openssl::Time until(ASN1_TIME_set(nullptr, validity.not_after.time_since_epoch().count()));
    // RFC 5280, 5.1.2.1: version 2 is written as 1.
    require(list != nullptr && from != nullptr && until != nullptr &&
                X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer_.get())) == 1 &&
                X509_CRL_set1_lastUpdate(list.get(), from.get()) == 1 &&
                X509_CRL_set1_nextUpdate(list.get(), until.get()) == 1,
            "filling a revocation list");
    for (const Revocation& each : revoked) {
        add_revocation(context_, list.get(), each);
    }
    require(X509_CRL_sort(list.get()) == 1, "sorting a revocation list");
    add_list_extensions(list.get(), issuer_.get(), number);
    sign(context_, list.get(), key_);
    return openssl::to_der(i2d_X509_CRL, list.get(), "encoding a revocation list");
}

bool TestAuthority::has_issued(X509* certificate) const {
    const bool names =
        X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer_.get())) == 0;
    const bool good = names && X509_verify(certificate, key_.native()) == 1;
    if (!good) {
        (void)openssl::last_reason(); // leaves no error behind for whoever looks next
    }
    return good;
}

std::string TestAuthority::certificate_pem() const {
    return pem_text(PEM_STRING_X509, certificate_);
}

std::string TestAuthority::key_pem() const {
    return pem_text(PEM_STRING_PKCS8INF, key_.to_der());
}

} // namespace cardrig::harness
