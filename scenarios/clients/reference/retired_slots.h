// The renewal of a pair on a card that moves keys between its slots: both new keys are made in slots for
// retired keys, certified, written and proven there, and only then moved into place (move_plan.h says in
// which order, and why).
//
// What the holder keeps in such slots stays: workshops and attic are slots that have neither key nor
// certificate, and are written down on the card before anything is made in them, with the keys that are made
// in them or moved to them: whatever else lies there is the holder's (noted_slots.h). By that note, its own
// certificates at the authority and the public keys that the card tells, a later run knows where the one
// before had come to, on whichever computer.
#pragma once

#include "scenarios/clients/reference/authority.h"
#include "scenarios/clients/reference/certificate.h"
#include "scenarios/clients/reference/containers.h"
#include "scenarios/clients/reference/holder_card.h"
#include "scenarios/clients/reference/move_plan.h"
#include "scenarios/clients/reference/person.h"
#include "scenarios/clients/reference/secret.h"

#include <array>
#include <functional>
#include <string>

namespace cardrig::client {

class RetiredSlotRenewal final {
public:
    RetiredSlotRenewal(const Person& person, const Authority& authority, HolderCard& card,
                       const TrustAnchors& trust, const Secret& passcode)
        : person_(person), authority_(authority), card_(card), trust_(trust), passcode_(passcode) {}

    /// Begins one, or goes on with the one that was left; returns when the card holds the new pair and
    /// nothing of the work, and the authority has been told that it is done. Throws Failure; run again, it
    /// goes on from there.
    void run();
    /// It had been begun before: said before anything is done where `said` is not set yet.
    void set_said_finishing(bool said) { said_finishing_ = said; }
    [[nodiscard]] bool said_finishing() const { return said_finishing_; }

private:
    /// What the plan (PairState) knows by names only, of one key of the pair.
    struct Row {
        Slot slot = Slot::authentication;
        KeyReference workshop = 0;
        std::optional<RenewalKey> asked;              ///< none: not of this renewal
        PasscodePolicy policy = PasscodePolicy::once; ///< of the new key: that of the old one
        std::optional<PublicKey> new_key;             ///< in the workshop, of the kind that is asked for
        std::optional<Certificate> in_workshop;
        std::optional<Certificate> issued; ///< in this renewal, and good
        bool proven = false;               ///< the new key and certificate, in this run
        bool said_pending = false;
    };

    // --- looking
    void look_at_card(const Renewal& renewal);
    void look_at_slots();
    void look_at_retired(const Renewal& renewal);
    [[nodiscard]] bool take_over(std::size_t which, KeyReference slot);
    [[nodiscard]] bool take_over_attic(KeyReference slot);
    [[nodiscard]] KeyPlace look_at_workshop(Row& row, KeyReference slot);
    [[nodiscard]] bool is_free(KeyReference slot);
    [[nodiscard]] KeyReference free_slot(const std::vector<KeyReference>& taken);
    [[nodiscard]] KnownCertificate known(const Certificate& certificate, const Row& row) const;
    void say_finishing();

    // --- making
    void make(const PlannedStep& step);
    void note();
    void write_note();
    void note_new_key(const Row& row);
    [[nodiscard]] KeyId generate(Row& row);
    void certify(Row& row, const PairRow& other, const Row& other_row);
    void write_in_workshop(Row& row);

    // --- moving
    void move_all();
    void move(const PlannedStep& step);
    [[nodiscard]] apdu::StatusWord moved(const PlannedStep& step);
    void prove_new_pair(std::size_t row);
    void check_new_pair(Row& row);

    [[nodiscard]] apdu::StatusWord as_host(const std::function<apdu::StatusWord()>& work);
    void check_written(apdu::StatusWord status) const;
    [[nodiscard]] Failure lasting(const std::string& why) const;

    const Person& person_;
    const Authority& authority_;
    HolderCard& card_;
    const TrustAnchors& trust_;
    const Secret& passcode_;
    std::array<Row, 2> rows_;
    KeyReference attic_ = 0;
    std::string renewal_;
    std::optional<WorkNote> noted_; ///< what is written on the card
    PairState state_;
    bool said_finishing_ = false;
    bool checked_ = false; ///< the new pair, in its slots
};

} // namespace cardrig::client
