// Certificates, and the request for one.
#pragma once

#include "apdu/bytes.h"
#include "scenarios/clients/reference/public_key.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <openssl/types.h>

namespace cardrig::client {

/// Whose a card is: what stands in its certificates' subject.
struct Holder {
    std::string name;   ///< CN
    std::string number; ///< UID, twelve digits
    friend bool operator==(const Holder&, const Holder&) = default;
};

class Certificate final {
public:
    /// None where it is no certificate, or there are bytes behind it.
    [[nodiscard]] static std::optional<Certificate> parse(apdu::ByteView der);

    [[nodiscard]] const apdu::Bytes& der() const { return der_; }
    [[nodiscard]] const Holder& holder() const { return holder_; }
    [[nodiscard]] std::chrono::sys_seconds not_before() const { return not_before_; }
    [[nodiscard]] std::chrono::sys_seconds not_after() const { return not_after_; }
    [[nodiscard]] std::string serial() const; ///< upper-case hexadecimal
    [[nodiscard]] const PublicKey& key() const { return key_; }
    [[nodiscard]] X509* get() const { return certificate_.get(); }
    [[nodiscard]] bool same_subject(const Certificate& other) const;
    /// It may be used for signatures by its holder, and for nobody's certificates. `lasting`: for those that
    /// are kept, too, which a certificate may be for alone (nonRepudiation).
    [[nodiscard]] bool signs(bool lasting) const;
    [[nodiscard]] bool ended(std::chrono::sys_seconds now) const { return now > not_after_; }
    [[nodiscard]] bool in_date(std::chrono::sys_seconds now) const {
        return now >= not_before_ && !ended(now);
    }

private:
    Certificate(std::shared_ptr<X509> certificate, PublicKey key)
        : certificate_(std::move(certificate)), key_(std::move(key)) {}

    std::shared_ptr<X509> certificate_;
    PublicKey key_;
    apdu::Bytes der_;
    Holder holder_;
    std::chrono::sys_seconds not_before_;
    std::chrono::sys_seconds not_after_;
};

/// A PKCS #10 request (RFC 2986), DER: subject as in `model`, for `key`, signed by whoever `sign` asks, with
/// SHA-256. None where the signature is not that key's.
[[nodiscard]] std::optional<apdu::Bytes>
make_request(const Certificate& model, const PublicKey& key,
             const std::function<apdu::Bytes(apdu::ByteView to_be_signed)>& sign);

/// The roots that are trusted, of a PEM file.
class TrustAnchors final {
public:
    /// Throws Failure where there is none in the file.
    explicit TrustAnchors(const std::string& file);
    /// Why a certificate does not lead to one of them by these intermediate ones; empty if it does.
    [[nodiscard]] std::string fault_of(const Certificate& certificate,
                                       const std::vector<apdu::Bytes>& chain) const;

private:
    std::shared_ptr<X509_STORE> store_;
};

/// "2026-12-21".
[[nodiscard]] std::string date_text(std::chrono::sys_seconds time);

} // namespace cardrig::client
