// Renewals: which may begin, what vouches for a new key, and what is certified.
#include "harness/authority/authority_core.h"
#include "harness/authority/authority_refusal.h"
#include "harness/base64.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::Bytes;
using emulator::ByteView;

std::string_view other_key(std::string_view key) {
    return key == authentication_key ? signature_key : authentication_key;
}

CertificateUse use_of(std::string_view key) {
    return key == signature_key ? CertificateUse::signature : CertificateUse::authentication;
}

/// The keys of the device's pair, each of the kind that it has now.
std::vector<RenewalKey> keys_to_renew(const Device& device) {
    std::vector<RenewalKey> keys;
    for (const auto& [key, certificate] : device.pair) {
        if (!certificate.facts.algorithm) {
            refuse("refused", fmt::format("the key of {} is of a kind that no card has", key));
        }
        keys.push_back({key, *certificate.facts.algorithm});
    }
    return keys;
}

} // namespace

std::vector<const Issued*> AuthorityCore::issued_in(const Renewal& renewal, std::string_view key) const {
    std::vector<const Issued*> all;
    for (const Issued& issued : book_.all()) {
        if (issued.record.renewal == renewal.id && issued.record.key == key) {
            all.push_back(&issued);
        }
    }
    return all;
}

const Issued* AuthorityCore::last_good(const Renewal& renewal, std::string_view key) const {
    const Issued* last = nullptr;
    for (const Issued* const issued : issued_in(renewal, key)) {
        last = issued->misissue == Misissue::none ? issued : last;
    }
    return last;
}

bool AuthorityCore::outlived(const Renewal& renewal) const {
    // Where certificates live shorter than the window, each is due as soon as it is issued.
    const auto& rules = options_.rules;
    const std::chrono::seconds late = std::min(rules.window, rules.lifetime / 2);
    return std::ranges::any_of(renewal.keys, [&](const RenewalKey& each) {
        const Issued* const issued = last_good(renewal, each.key);
        return issued != nullptr && issued->facts.not_after - late <= now();
    });
}

bool AuthorityCore::finished(const Renewal& renewal) const {
    return renewal.begun + time_to_finish < now() &&
           std::ranges::all_of(renewal.keys,
                               [&](const RenewalKey& each) { return renewal.shown.contains(each.key); });
}

void AuthorityCore::close(Renewal& renewal, Device& device) {
    renewal.open = false;
    device.begun.reset();
}

Renewal* AuthorityCore::open_renewal(Device& device) {
    Renewal* const open = renewals_.open_for(device.guid);
    if (open != nullptr && (outlived(*open) || finished(*open))) {
        close(*open, device); // if its certificates are themselves to be renewed, that is another one
        return nullptr;
    }
    return open;
}

nlohmann::json AuthorityCore::renewal_json(const Renewal& renewal, const Device& device) const {
    nlohmann::json keys = nlohmann::json::array();
    for (const RenewalKey& each : renewal.keys) {
        nlohmann::json key{{"key", each.key}, {"algorithm", profile_word(each.algorithm)}, {"issued", false}};
        if (const Issued* const issued = last_good(renewal, each.key)) {
            key["issued"] = true;
            key.update(certificate_json(*issued));
        }
        keys.push_back(std::move(key));
    }
    return {{"renewal", renewal.id},
            {"keys", std::move(keys)},
            {"holder", {{"name", device.holder.name}, {"number", device.holder.number}}}};
}

nlohmann::json AuthorityCore::renewal(std::string_view session_id, const Fields& body) {
    const Session session = session_of(session_id);
    Device& device = served(session, body.guid("device"));
    Renewal* renewal = open_renewal(device);
    refuse_expired(device);
    if (renewal == nullptr) {
        if (!directory_.due(device, now())) {
            refuse("not-due", "renewal is not yet due");
        }
        renewal = &renewals_.begin(device.guid, keys_to_renew(device), now());
    }
    if (!Directory::ended(device, now())) {
        device.begun = now();
    }
    return renewal_json(*renewal, device);
}

Renewal& AuthorityCore::renewal_of(const Session& session, std::string_view id) {
    Renewal* const renewal = renewals_.find(id);
    if (renewal == nullptr) {
        refuse("unknown-renewal", "there is no such renewal");
    }
    (void)served(session, renewal->guid);
    return *renewal;
}

void AuthorityCore::check_voucher(Device& device, std::string_view key, ByteView request,
                                  const Fields& voucher) {
    const Bytes presented = voucher.bytes("certificate");
    const Bytes signature = voucher.bytes("signature");
    const Issued* const issued = book_.find(presented);
    const auto certificate = read_presented(context_, presented);
    if (!certificate || issued == nullptr || !issued->belongs() || issued->record.guid != device.guid ||
        issued->record.key != other_key(key)) {
        refuse("voucher",
               fmt::format("the voucher's certificate is not one of this device's {}", other_key(key)));
    }
    if (now() < issued->facts.not_before || over(issued->facts, &device)) {
        refuse("voucher", "the voucher's certificate is not in date");
    }
    if (!signature_verifies(context_, *certificate, request, signature)) {
        refuse("voucher", "the request is not signed by the voucher's key");
    }
    confirm(device, issued->record.key, *issued);
}

void AuthorityCore::refuse_known_key(const Renewal& renewal, const RenewalKey& key,
                                     const CertificationRequest& request) const {
    const Bytes asked = request.public_key();
    const bool known = std::ranges::any_of(book_.all(), [&](const Issued& issued) {
        const bool same_place = issued.record.renewal == renewal.id && issued.record.key == key.key;
        return !same_place && issued.facts.public_key == asked;
    });
    if (known) {
        refuse("request", "this key has a certificate already: a renewal is of a new one");
    }
}

const Issued& AuthorityCore::certified(const Renewal& renewal, const Device& device, const RenewalKey& key,
                                       const CertificationRequest& request, Misissue misissue) {
    for (const Issued* const issued : issued_in(renewal, key.key)) {
        // What is to go wrong goes wrong with a new one.
        if (misissue == Misissue::none && issued->misissue == Misissue::none &&
            issued->asked_key == request.public_key()) {
            return *issued;
        }
    }
    return book_.issue({device.holder, request.key(), use_of(key.key), device.guid, key.key, renewal.id,
                        now(), options_.rules.lifetime, misissue});
}

nlohmann::json AuthorityCore::certificate(std::string_view session_id, std::string_view id,
                                          const Fields& body, Misissue misissue) {
    const Session session = session_of(session_id);
    const Renewal& renewal = renewal_of(session, id);
    if (!renewal.open) {
        refuse("unknown-renewal", "this renewal is done");
    }
    const RenewalKey* const key = renewal.find(body.text("key"));
    if (key == nullptr) {
        refuse_malformed("field 'key': none of this renewal's keys");
    }
    const Bytes der = body.bytes("request");
    Device& device = device_of(renewal.guid);
    const CertificationRequest request = checked_request(der, device.holder);
    if (request.algorithm() != key->algorithm) {
        refuse("request", fmt::format("{} is to have a key of the kind {}", key->key, name(key->algorithm)));
    }
    refuse_known_key(renewal, *key, request);
    check_voucher(device, key->key, der, body.object("voucher"));
    refuse_expired(device); // after the voucher, which may have shown that 9A is renewed already
    const Issued& issued = certified(renewal, device, *key, request, misissue);
    book_.set_delivered(issued.record.certificate, true);
    return certificate_json(issued);
}

CertificationRequest AuthorityCore::checked_request(ByteView der, const Holder& holder) {
    auto request = CertificationRequest::read(context_, der);
    if (!request) {
        refuse("request", request.error().message);
    }
    if (!request->names(holder)) {
        refuse("request", "the request's subject is not that of the holder's certificates");
    }
    return std::move(*request);
}

nlohmann::json AuthorityCore::certificate_json(const Issued& issued) const {
    return {{"certificate", to_base64(issued.record.certificate)},
            {"chain", {to_base64(book_.issuing().certificate()), to_base64(book_.root().certificate())}}};
}

nlohmann::json AuthorityCore::renewal_done(std::string_view session_id, std::string_view id) {
    const Session session = session_of(session_id);
    Renewal& renewal = renewal_of(session, id);
    if (!renewal.open) {
        return nlohmann::json::object(); // told again
    }
    for (const RenewalKey& each : renewal.keys) {
        if (issued_in(renewal, each.key).empty()) {
            refuse("incomplete", fmt::format("{} has no certificate in this renewal yet", each.key));
        }
    }
    Device& device = device_of(renewal.guid);
    for (const RenewalKey& each : renewal.keys) {
        if (const Issued* const issued = last_good(renewal, each.key)) {
            confirm(device, each.key, *issued);
        }
    }
    close(renewal, device);
    return nlohmann::json::object();
}

} // namespace cardrig::harness
