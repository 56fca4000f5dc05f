#include "harness/authority/authority_certificates.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <openssl/pem.h>

namespace cardrig::harness {

namespace {

namespace openssl = emulator::openssl;
using emulator::Bytes;
using emulator::ByteView;
using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;

/// Cards' dates may lie many years away, and scenarios move the clock: the earliest date that all readers
/// agree on (RFC 5280, 4.1.2.5.1), and the one that stands for no end (4.1.2.5).
constexpr Validity always{sys_days(year(1950) / 1 / 1),
                          sys_days(year(9999) / 12 / 31) + std::chrono::hours(24) - std::chrono::seconds(1)};
/// Clocks of clients are a little behind at times, by the rounding of a second at least.
constexpr std::chrono::seconds allowance = std::chrono::minutes(1);
constexpr days list_valid(7);
constexpr std::size_t too_large =
    20'000; // bytes of an extension; SP 800-73-4 part 1, table 8: certificates have 1856

AuthoritySpec authority(std::string name) {
    return {std::move(name), always, emulator::Algorithm::p256, true};
}

/// Another person, whoever the holder is.
Holder somebody_else(const Holder& holder) {
    return {"Somebody Else", holder.number == "999999999999" ? "999999999998" : "999999999999"};
}

std::string digest_of(ByteView certificate) {
    return apdu::to_hex(emulator::sha256(certificate));
}

} // namespace

CertificateBook::CertificateBook(emulator::CryptoContext& context)
    : context_(context), root_(context, keys_, authority("cardrig test root authority")),
      issuing_(context, keys_, authority(std::string(TestAuthority::common_name)), &root_),
      server_key_(keys_.generate(context, emulator::Algorithm::p256)),
      server_certificate_(issuing_.issue_for_server(server_key_, always)) {}

std::string CertificateBook::server_chain_pem() const {
    return pem_text(PEM_STRING_X509, server_certificate_) + issuing_.certificate_pem();
}

std::string CertificateBook::server_key_pem() const {
    return pem_text(PEM_STRING_PKCS8INF, server_key_.to_der());
}

const Issued& CertificateBook::keep(Issued issued) {
    auto facts = emulator::read_certificate(context_, issued.record.certificate);
    if (!facts) {
        throw std::logic_error("a certificate that was issued cannot be read");
    }
    issued.facts = std::move(*facts);
    issued_.push_back(std::move(issued));
    by_digest_[digest_of(issued_.back().record.certificate)] = &issued_.back();
    return issued_.back();
}

Bytes CertificateBook::certify(const CertificateOrder& order, sys_seconds now) {
    Issued issued;
    issued.record.certificate = issuing_.issue(order);
    issued.record.at = now;
    issued.record.on_making = true;
    return keep(std::move(issued)).record.certificate;
}

CertificateOrder CertificateBook::order_for(const IssueRequest& request) const {
    const Holder holder =
        request.misissue == Misissue::wrong_holder ? somebody_else(request.holder) : request.holder;
    CertificateOrder order;
    order.public_key = request.public_key;
    order.common_name = holder.name;
    order.number = holder.number;
    order.use = request.use;
    order.validity = {request.now - allowance, request.now + request.lifetime};
    if (request.misissue == Misissue::past_dates) {
        order.validity = {request.now - request.lifetime - days(1), request.now - days(1)};
    }
    if (request.misissue == Misissue::too_large) {
        order.ballast = too_large;
    }
    return order;
}

const Issued& CertificateBook::issue(const IssueRequest& request) {
    CertificateOrder order = order_for(request);
    const auto algorithm = emulator::algorithm_of(request.public_key);
    if (!algorithm) {
        throw std::invalid_argument(algorithm.error().message);
    }
    std::optional<emulator::PrivateKey> other;
    if (request.misissue == Misissue::wrong_key) {
        other = keys_.generate(context_, *algorithm);
        order.public_key = other->native();
    }
    Issued issued;
    issued.misissue = request.misissue;
    issued.asked_key = openssl::to_der(i2d_PUBKEY, request.public_key, "encoding a public key");
    issued.record = {request.renewal, request.guid, request.key, issuing_.issue(order), request.now};
    return keep(std::move(issued));
}

Issued* CertificateBook::entry(ByteView certificate) {
    const auto found = by_digest_.find(digest_of(certificate));
    return found == by_digest_.end() ? nullptr : found->second;
}

const Issued* CertificateBook::find(ByteView certificate) const {
    const auto found = by_digest_.find(digest_of(certificate));
    return found == by_digest_.end() ? nullptr : found->second;
}

void CertificateBook::assign(ByteView certificate, const std::string& guid, const std::string& key) {
    if (Issued* const issued = entry(certificate)) {
        issued->record.guid = guid;
        issued->record.key = key;
    }
}

void CertificateBook::set_delivered(ByteView certificate, bool delivered) {
    if (Issued* const issued = entry(certificate)) {
        issued->record.delivered = delivered;
    }
}

void CertificateBook::restore(const Kept& kept) {
    issued_ = kept.issued;
    lists_ = kept.lists;
    by_digest_.clear();
    for (Issued& issued : issued_) {
        by_digest_[digest_of(issued.record.certificate)] = &issued;
    }
}

Bytes CertificateBook::revocation_list(const std::vector<Revocation>& revoked, sys_seconds now) {
    return issuing_.revocation_list(revoked, {now - allowance, now + list_valid}, ++lists_);
}

} // namespace cardrig::harness
