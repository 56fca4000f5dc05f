// Enrolment over EST (RFC 7030).
#include "harness/authority/authority_core.h"
#include "harness/authority/authority_refusal.h"

#include <algorithm>
#include <array>
#include <utility>

namespace cardrig::harness {

namespace {

namespace openssl = emulator::openssl;
using emulator::Bytes;
using emulator::ByteView;

/// The key of a card that has that use; empty where none was told.
std::string key_of(std::optional<CertificateUse> use) {
    if (!use) {
        return {};
    }
    return std::string(*use == CertificateUse::signature ? signature_key : authentication_key);
}

Bytes object_identifier(int nid) {
    return openssl::to_der(i2d_ASN1_OBJECT, OBJ_nid2obj(nid), "encoding an object identifier");
}

/// A constructed value that is shorter than 128 bytes.
Bytes constructed(std::uint8_t tag, const std::vector<Bytes>& parts) {
    Bytes value{tag, 0};
    for (const Bytes& part : parts) {
        value.insert(value.end(), part.begin(), part.end());
    }
    value[1] = static_cast<std::uint8_t>(value.size() - 2);
    return value;
}

} // namespace

Bytes AuthorityCore::request_attributes() {
    constexpr std::uint8_t sequence = 0x30;
    constexpr std::uint8_t set = 0x31;
    // RFC 7030, 4.5.2: the key usage is to be asked for, as it tells 9A and 9C apart; and the signatures it
    // takes.
    const Bytes extensions = constructed(
        sequence, {object_identifier(NID_ext_req), constructed(set, {object_identifier(NID_key_usage)})});
    return constructed(sequence, {extensions, object_identifier(NID_sha256WithRSAEncryption),
                                  object_identifier(NID_ecdsa_with_SHA256)});
}

Bytes AuthorityCore::simple_enroll(ByteView der, Misissue misissue) {
    const auto read = CertificationRequest::read(context_, der);
    if (!read) {
        refuse("request", read.error().message);
    }
    const std::string number = read->subject_attribute(NID_userId);
    if (!directory_.knows_holder(number)) {
        refuse("unknown-holder", "the request's subject (CN and UID) is no holder who is known");
    }
    return enrolled(number, der, misissue);
}

Bytes AuthorityCore::enrolled(const std::string& number, ByteView der, Misissue misissue) {
    const Holder holder{directory_.name_of(number), number};
    const CertificationRequest request = checked_request(der, holder);
    refuse_small(request);
    refuse_without_device(number);
    // Nothing shows that the key is on a card: so the certificate is of none, and no card can be serviced
    // with it.
    return book_
        .issue({holder,
                request.key(),
                request.asked_use().value_or(CertificateUse::authentication),
                {},
                {},
                {},
                now(),
                options_.rules.lifetime,
                misissue})
        .record.certificate;
}

void AuthorityCore::refuse_without_device(std::string_view number) const {
    const std::vector<const Device*> devices = directory_.devices_of(number);
    if (std::ranges::all_of(devices, &Device::revoked)) {
        refuse("revoked", "the holder's device is revoked");
    }
    const bool any = std::ranges::any_of(
        devices, [&](const Device* device) { return !device->revoked && !Directory::ended(*device, now()); });
    if (!any) {
        refuse("expired", "the holder's certificates have expired: contact the registration authority");
    }
}

Bytes AuthorityCore::simple_reenroll(ByteView client_certificate, ByteView der, Misissue misissue) {
    const ReadCertificate client = trusted(client_certificate);
    if (client.facts.not_after < now()) {
        refuse("expired", "the certificate has expired"); // no renewal is finished in this way
    }
    const Issued* const known = book_.find(client_certificate);
    if (known != nullptr && known->belongs() && !known->record.on_making && known->record.guid.empty()) {
        return enrolled(attribute_of(X509_get_subject_name(client.x509.get()), NID_userId), der, misissue);
    }
    Device& device = owner_of(client);
    const Issued& own = *book_.find(client_certificate);
    // RFC 7030, 4.2.2: the subject is that of the certificate that is renewed.
    const CertificationRequest request = checked_request(der, device.holder);
    refuse_small(request);
    confirm(device, own.record.key, own);
    refuse_expired(device);
    const auto use = request.asked_use();
    const std::string key = use ? key_of(use) : own.record.key;
    return book_
        .issue({device.holder,
                request.key(),
                key == signature_key ? CertificateUse::signature : CertificateUse::authentication,
                device.guid,
                key,
                {},
                now(),
                options_.rules.lifetime,
                misissue})
        .record.certificate;
}

void AuthorityCore::refuse_small(const CertificationRequest& request) {
    if (request.algorithm() == emulator::Algorithm::rsa1024) {
        refuse("request", "an RSA key needs 2048 bits or more"); // SP 800-131A rev. 2, 3
    }
}

} // namespace cardrig::harness
