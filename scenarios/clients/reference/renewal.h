// The renewal of a pair: each key is made on the card, its certificate vouched for by the other key.
#pragma once

#include "scenarios/clients/reference/authority.h"
#include "scenarios/clients/reference/certificate.h"
#include "scenarios/clients/reference/holder_card.h"
#include "scenarios/clients/reference/person.h"
#include "scenarios/clients/reference/secret.h"

#include <array>
#include <string>

namespace cardrig::client {

/// What an issued certificate has that it must not have, as words behind "the certificate is"; empty if it is
/// good. `before`: whose subject it is compared with; `lasting_until`: what it must not end before.
[[nodiscard]] std::string fault_of_issued(const Certificate& issued, Slot slot, const PublicKey& key,
                                          const Certificate& before, std::chrono::sys_seconds lasting_until,
                                          std::chrono::sys_seconds now);

/// A certificate with the subject that a new one for this slot is to have.
[[nodiscard]] const Certificate& model_for(const HolderCard& card, Slot slot);
/// What an issued certificate for this key has against it, as a sentence; empty if it is good. `chain`: what
/// the authority sent with it.
[[nodiscard]] std::string complaint_about(const Certificate& certificate, Slot slot, const PublicKey& key,
                                          const std::vector<apdu::Bytes>& chain, const HolderCard& card,
                                          const TrustAnchors& trust);

/// In place: each new key is made in its slot, where the old one was.
class PairRenewal final {
public:
    PairRenewal(const Person& person, const Authority& authority, HolderCard& card, const TrustAnchors& trust,
                const Secret& passcode)
        : person_(person), authority_(authority), card_(card), trust_(trust), passcode_(passcode) {}

    /// Begins one, or goes on with the one that was left; returns when the authority has been told that it is
    /// done. Throws Failure; run again, it goes on from there.
    void run();
    /// It had been begun before: said before the first row where `said` is not set yet.
    void set_said_finishing(bool said) { said_finishing_ = said; }
    [[nodiscard]] bool said_finishing() const { return said_finishing_; }

private:
    struct Row {
        std::optional<RenewalKey> key; ///< none: not of this renewal
        bool works = false;            ///< the key on the card is that of the certificate on the card
        bool done = false;             ///< and the certificate is of this renewal
    };

    void look_at_keys(const Renewal& renewal);
    [[nodiscard]] Row& row(Slot slot) { return rows_[slot == Slot::authentication ? 0 : 1]; }
    [[nodiscard]] std::array<Slot, 2> order();
    /// What an issued certificate for this key has against it, as a sentence; empty if it is good.
    [[nodiscard]] std::string complaint(const Certificate& certificate, Slot slot, const PublicKey& key,
                                        const std::vector<apdu::Bytes>& chain) const;
    [[nodiscard]] bool good(const Certificate& certificate, Slot slot);
    void renew(const Renewal& renewal, Slot slot);
    [[nodiscard]] std::optional<Certificate> issued_before(Slot slot);
    [[nodiscard]] Certificate obtain(const Renewal& renewal, Slot slot);
    void write(Slot slot, const Certificate& certificate);
    [[nodiscard]] PublicKey generate(Slot slot);
    [[nodiscard]] Failure lasting(const std::string& why) const;

    const Person& person_;
    const Authority& authority_;
    HolderCard& card_;
    const TrustAnchors& trust_;
    const Secret& passcode_;
    std::array<Row, 2> rows_;
    bool said_finishing_ = false;
};

} // namespace cardrig::client
