#include "scenarios/clients/reference/renewal.h"

#include "scenarios/clients/reference/containers.h"
#include "scenarios/clients/reference/tasks.h"

#include <utility>

#include <fmt/format.h>

namespace cardrig::client {

namespace {

using apdu::Bytes;
using apdu::ByteView;
namespace sw = apdu::sw;

constexpr std::array<Slot, 2> slots{Slot::authentication, Slot::signature};

} // namespace

std::string fault_of_issued(const Certificate& issued, Slot slot, const PublicKey& key,
                            const Certificate& before, std::chrono::sys_seconds lasting_until,
                            std::chrono::sys_seconds now) {
    if (!issued.key().same_as(key)) {
        return "for another key";
    }
    if (!issued.same_subject(before) || issued.holder() != before.holder()) {
        return "for another holder";
    }
    if (!issued.in_date(now) || issued.not_after() < lasting_until) {
        return "not in date";
    }
    if (!issued.signs(slot == Slot::signature)) {
        return "for another use";
    }
    if (certificate_container(issued.der()).size() > largest_container) {
        return "too large for the card";
    }
    return {};
}

/// Where it has come to this before, running again is not what helps.
Failure PairRenewal::lasting(const std::string& why) const {
    return {ExitStatus::step_failed,
            "Error: " + why + (said_finishing_ ? ": contact the registration authority" : "")};
}

const Certificate& model_for(const HolderCard& card, Slot slot) {
    const auto& own = card.certificate(slot);
    return own ? *own : *card.certificate(other_of(slot)); // a card without any is nobody's
}

std::string complaint_about(const Certificate& certificate, Slot slot, const PublicKey& key,
                            const std::vector<Bytes>& chain, const HolderCard& card,
                            const TrustAnchors& trust) {
    const auto& own = card.certificate(slot);
    std::string fault =
        fault_of_issued(certificate, slot, key, model_for(card, slot), own ? own->not_after() : now(), now());
    if (!fault.empty()) {
        return "the certificate is " + fault;
    }
    fault = trust.fault_of(certificate, chain);
    return fault.empty() ? "" : "the certificate is not of the registration authority: " + fault;
}

std::string PairRenewal::complaint(const Certificate& certificate, Slot slot, const PublicKey& key,
                                   const std::vector<Bytes>& chain) const {
    return complaint_about(certificate, slot, key, chain, card_, trust_);
}

/// Of what was issued in this renewal before.
bool PairRenewal::good(const Certificate& certificate, Slot slot) {
    return complaint(certificate, slot, certificate.key(), row(slot).key->chain).empty();
}

void PairRenewal::run() {
    const Renewal renewal = authority_.begin_renewal(card_.identity().guid);
    look_at_keys(renewal);
    for (const Slot slot : order()) {
        if (!row(slot).key) {
            continue;
        }
        if (row(slot).done) {
            person_.say(fmt::format("{} Done", name_of(slot)));
        } else {
            renew(renewal, slot);
        }
    }
    authority_.renewal_done(renewal);
}

void PairRenewal::look_at_keys(const Renewal& renewal) {
    bool begun = false;
    for (const RenewalKey& key : renewal.keys) {
        row(key.slot).key = key;
        begun = begun || key.issued.has_value();
    }
    card_.step([&] {
        for (const Slot slot : slots) {
            const auto& certificate = card_.certificate(slot);
            row(slot).works = certificate && card_.proves(slot, *certificate, passcode_);
        }
    });
    for (const Slot slot : slots) {
        const auto& certificate = card_.certificate(slot);
        Row& one = row(slot);
        const auto& issued = one.key ? one.key->issued : std::nullopt;
        one.done = one.works && issued && certificate->der() == *issued && good(*certificate, slot);
        begun = begun || (one.key && !one.works);
    }
    if (!row(Slot::authentication).works && !row(Slot::signature).works) {
        throw needs_repair("neither key of the smartcard proves its certificate");
    }
    if (begun && !said_finishing_) {
        person_.say("A renewal was left half finished: finishing it");
        said_finishing_ = true;
    }
}

/// The key that cannot vouch for the other comes first, and is vouched for by it.
std::array<Slot, 2> PairRenewal::order() {
    const auto& signature = card_.certificate(Slot::signature);
    // Where the other key is gone it has to, in date or not: the authority judges whether it may.
    const bool signature_vouches = row(Slot::signature).works && signature &&
                                   (signature->in_date(now()) || !row(Slot::authentication).works);
    if (signature_vouches) {
        return slots;
    }
    return {Slot::signature, Slot::authentication};
}

/// What the authority issued in this renewal, if the key on the card is its key and nothing else is wrong
/// with it.
std::optional<Certificate> PairRenewal::issued_before(Slot slot) {
    const auto& issued = row(slot).key->issued;
    auto certificate = issued ? Certificate::parse(*issued) : std::nullopt;
    if (!certificate || !good(*certificate, slot)) {
        return std::nullopt;
    }
    bool proves = false;
    card_.step([&] { proves = card_.proves(slot, *certificate, passcode_); });
    return proves ? std::move(certificate) : std::nullopt;
}

void PairRenewal::renew(const Renewal& renewal, Slot slot) {
    person_.say(fmt::format("{} Pending", name_of(slot)));
    auto certificate = issued_before(slot);
    if (!certificate) {
        certificate = obtain(renewal, slot);
    }
    person_.say(fmt::format("{} Writing", name_of(slot)));
    write(slot, *certificate);
    card_.set_certificate(slot, std::move(*certificate));
    row(slot).works = true;
    person_.say(fmt::format("{} Done", name_of(slot)));
}

PublicKey PairRenewal::generate(Slot slot) {
    const std::uint8_t algorithm = row(slot).key->algorithm;
    card_.authenticate_host(authority_);
    apdu::ResponseApdu answer = card_.piv().generate(reference_of(slot), algorithm);
    if (answer.status == sw::security_status_not_satisfied) {
        card_.forget_host(); // it has forgotten, too
        card_.authenticate_host(authority_);
        answer = card_.piv().generate(reference_of(slot), algorithm);
    }
    if (!answer.status.ok()) {
        throw lasting(fmt::format("the operation cannot be completed: the smartcard makes no key {} ({})",
                                  name_of(slot), apdu::to_string(answer.status)));
    }
    auto key = PublicKey::from_template(answer.data, algorithm);
    if (!key) {
        throw CardError(CardError::Kind::failed, "a key that is none");
    }
    return std::move(*key);
}

Certificate PairRenewal::obtain(const Renewal& renewal, Slot slot) {
    const Slot other = other_of(slot);
    if (!row(other).works) {
        throw needs_repair("no key of the smartcard can vouch for the new one");
    }
    const Certificate voucher = *card_.certificate(other);
    std::optional<PublicKey> key;
    std::optional<Bytes> request;
    std::optional<Bytes> vouched;
    card_.step([&] {
        key = generate(slot);
        row(slot).works = false;
        const auto sign_own = [&](ByteView data) {
            auto signature = card_.sign(slot, *key, data, passcode_);
            return signature ? std::move(*signature) : Bytes{};
        };
        request = make_request(model_for(card_, slot), *key, sign_own);
        if (request) {
            vouched = card_.sign(other, voucher.key(), *request, passcode_);
        }
    });
    if (!request || !vouched) {
        throw lasting(fmt::format("the operation cannot be completed: the key {} does not sign",
                                  name_of(request ? other : slot)));
    }
    const Issued issued = authority_.certify(renewal, slot, *request, voucher, *vouched);
    auto certificate = Certificate::parse(issued.certificate);
    if (!certificate) {
        throw lasting("the operation cannot be completed: what the service issued is no certificate");
    }
    const std::string fault = complaint(*certificate, slot, *key, issued.chain);
    if (!fault.empty()) {
        throw lasting(fault);
    }
    return std::move(*certificate);
}

void PairRenewal::write(Slot slot, const Certificate& certificate) {
    const Bytes container = certificate_container(certificate.der());
    apdu::StatusWord written = sw::success;
    bool same = false;
    bool proves = false;
    card_.step([&] {
        card_.authenticate_host(authority_);
        written = card_.piv().write(certificate_object(slot), container);
        if (written == sw::security_status_not_satisfied) {
            card_.forget_host();
            card_.authenticate_host(authority_);
            written = card_.piv().write(certificate_object(slot), container);
        }
        if (!written.ok()) {
            return;
        }
        const auto back = card_.piv().read(certificate_object(slot));
        same = back && *back == container;
        proves = same && card_.proves(slot, certificate, passcode_);
    });
    if (written == sw::not_enough_memory) {
        throw lasting(
            "the operation cannot be completed: there is no room for the certificate on the smartcard");
    }
    if (!written.ok()) {
        throw lasting(
            fmt::format("the operation cannot be completed: the smartcard does not take the certificate ({})",
                        apdu::to_string(written)));
    }
    if (!same) {
        throw lasting(
            "the operation cannot be completed: the certificate does not read back as it was written");
    }
    if (!proves) {
        throw lasting("the operation cannot be completed: the new key does not prove its certificate");
    }
}

} // namespace cardrig::client
