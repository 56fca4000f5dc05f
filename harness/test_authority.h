// A test certificate authority: certifies the keys of cards. It is root and issuer in one, or issued by
// another one, and trusted by nobody who was not told to.
#pragma once

#include "emulator/crypto.h"
#include "emulator/environment.h"
#include "emulator/openssl_support.h"
#include "emulator/piv/piv_memory.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

using emulator::Bytes;
using emulator::ByteView;

enum class CertificateUse {
    authentication, ///< keyUsage digitalSignature, extendedKeyUsage clientAuth
    signature,      ///< keyUsage digitalSignature and nonRepudiation
    key_management, ///< keyUsage keyEncipherment for RSA, keyAgreement for elliptic keys
    attestation,    ///< basicConstraints CA, pathlen 0, keyUsage keyCertSign: certifies keys of its own card
};

/// What a PIV card's key pair is for (SP 800-73-4 part 1, 3.2): 9D and the retired keys manage keys, 9C
/// signs, 9A and 9E authenticate, and F9 of tokens that have one attests.
[[nodiscard]] CertificateUse certificate_use(emulator::piv::KeyReference key);

/// From and until when, both included (RFC 5280, 4.1.2.5); years 1950 to 9999.
struct Validity {
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
};

struct CertificateOrder {
    const EVP_PKEY* public_key = nullptr; ///< of a kind in emulator::Algorithm; a key pair serves as well
    std::string common_name;              ///< 1 to 64 bytes of UTF-8
    std::string number;                   ///< the holder's, 12 digits: attribute UID (RFC 4519, 2.39)
    Validity validity;
    CertificateUse use = CertificateUse::authentication;
    /// 1 to 20 bytes, big-endian, above zero and with the top bit clear in twenty of them (RFC 5280,
    /// 4.1.2.2); drawn at random where there is none.
    std::optional<Bytes> serial;
    /// Bytes of an extension that means nothing to anybody: makes a certificate larger than any card takes.
    std::size_t ballast = 0;
};

/// One line of a revocation list.
struct Revocation {
    Bytes certificate; ///< DER
    std::chrono::sys_seconds since;
};

/// What an authority's own certificate says.
struct AuthoritySpec {
    std::string common_name;
    Validity validity;
    emulator::Algorithm algorithm = emulator::Algorithm::p256; ///< RSA or elliptic
    /// Name constraints (RFC 5280, 4.2.1.10): no host but localhost and 127.0.0.1, no mail and no URI
    /// elsewhere.
    bool loopback_only = false;
};

/// CN and UID, as in each holder's certificate; throws std::runtime_error where OpenSSL takes no such text.
[[nodiscard]] emulator::openssl::Name holder_name(std::string_view common_name, std::string_view number);
/// PEM of DER; `label`: "CERTIFICATE".
[[nodiscard]] std::string pem_text(const char* label, ByteView der);

/// All that it makes is made in its context: with a seeded one, the same orders in the same order give the
/// same bytes. The context outlives it.
class TestAuthority {
public:
    static constexpr std::string_view common_name = "cardrig test issuing authority";

    /// Makes the authority's key (RSA or elliptic) and its own certificate. Throws std::runtime_error where
    /// OpenSSL refuses, as all of this does.
    TestAuthority(emulator::CryptoContext& context, emulator::KeySource& keys, Validity validity,
                  emulator::Algorithm algorithm = emulator::Algorithm::p256);

    /// The same, certified by `parent`, which outlives it; without one by itself.
    TestAuthority(emulator::CryptoContext& context, emulator::KeySource& keys, const AuthoritySpec& spec,
                  TestAuthority* parent = nullptr);

    /// A certificate, DER, signed with SHA-256. Throws std::invalid_argument on an order that breaks its own
    /// rules.
    [[nodiscard]] Bytes issue(const CertificateOrder& order);
    /// For a TLS server at localhost and 127.0.0.1.
    [[nodiscard]] Bytes issue_for_server(const emulator::PrivateKey& key, const Validity& validity);
    /// RFC 5280, 5; DER. `number` grows from list to list.
    [[nodiscard]] Bytes revocation_list(const std::vector<Revocation>& revoked, const Validity& validity,
                                        std::uint64_t number);
    /// Whether it signed that certificate. Dates and revocation are not looked at.
    [[nodiscard]] bool has_issued(X509* certificate) const;

    [[nodiscard]] ByteView certificate() const { return certificate_; } ///< its own, DER
    [[nodiscard]] std::string certificate_pem() const;
    [[nodiscard]] std::string key_pem() const; ///< PKCS#8, not encrypted

private:
    [[nodiscard]] emulator::openssl::Certificate certified(const AuthoritySpec& spec, TestAuthority* parent);

    emulator::CryptoContext& context_;
    emulator::PrivateKey key_;
    emulator::openssl::Certificate issuer_;
    Bytes certificate_; ///< the same, DER
};

} // namespace cardrig::harness
