// Certificates and certification requests as clients present them: read, and their signatures verified.
// Nothing that they hold is believed before.
#pragma once

#include "emulator/crypto.h"
#include "emulator/openssl_support.h"
#include "emulator/x509_reading.h"
#include "harness/profile.h"

#include <optional>
#include <string>

namespace cardrig::harness {

/// A certificate that could be read.
struct ReadCertificate {
    emulator::openssl::Certificate x509;
    emulator::CertificateFacts facts;
    emulator::Bytes der;
};

/// None for what is no certificate.
[[nodiscard]] std::optional<ReadCertificate> read_presented(emulator::CryptoContext& context,
                                                            emulator::ByteView der);

/// The name's attribute of that kind; empty where there is none, or more than one.
[[nodiscard]] std::string attribute_of(const X509_NAME* name, int nid);

/// With SHA-256: RSA PKCS #1 v1.5 or ECDSA in DER, by the certificate's key.
[[nodiscard]] bool signature_verifies(const emulator::CryptoContext& context,
                                      const ReadCertificate& certificate, emulator::ByteView signed_bytes,
                                      emulator::ByteView signature);

/// A PKCS #10 request (RFC 2986) that is signed by the key in it.
class CertificationRequest final {
public:
    /// Fails, with one sentence for people, on what is no request, on bytes behind it, on a wrong signature,
    /// and on a key that no card has.
    [[nodiscard]] static emulator::Result<CertificationRequest> read(emulator::CryptoContext& context,
                                                                     emulator::ByteView der);

    [[nodiscard]] EVP_PKEY* key() const;
    [[nodiscard]] emulator::Algorithm algorithm() const { return algorithm_; }
    [[nodiscard]] const emulator::Bytes& public_key() const { return public_key_; } ///< SubjectPublicKeyInfo
    /// Whether its subject is what the holder's certificates have.
    [[nodiscard]] bool names(const Holder& holder) const;
    [[nodiscard]] std::string subject_attribute(int nid) const; ///< as attribute_of()
    /// The use that its requested key usage tells (RFC 2985, 5.4.2); none where it asks for none.
    [[nodiscard]] std::optional<CertificateUse> asked_use() const;

private:
    using Request = emulator::openssl::Owned<X509_REQ, X509_REQ_free>;
    CertificationRequest(Request request, emulator::Algorithm algorithm, emulator::Bytes public_key);

    Request request_;
    emulator::Algorithm algorithm_;
    emulator::Bytes public_key_;
};

} // namespace cardrig::harness
