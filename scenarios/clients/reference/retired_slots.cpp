#include "scenarios/clients/reference/retired_slots.h"

#include "scenarios/clients/reference/noted_slots.h"
#include "scenarios/clients/reference/renewal.h"
#include "scenarios/clients/reference/tasks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cardrig::client {

namespace {

using apdu::Bytes;
using apdu::ByteView;
using apdu::StatusWord;
namespace sw = apdu::sw;

/// Since when keys can be moved and deleted.
constexpr std::array<std::uint8_t, 3> firmware_that_moves{5, 7, 0};
/// Far more than any plan has: whatever a card tells, it comes to an end.
constexpr int most_steps = 60;

constexpr std::array<Slot, 2> slots{Slot::authentication, Slot::signature};
constexpr const char* cannot = "the operation cannot be completed: ";

/// A key that the card holds; of a kind that is not known here, by its bytes.
KeyId id_of(const KeyMetadata& key) {
    const auto read = PublicKey::from_template(key.public_key, key.algorithm);
    return read ? read->id() : apdu::to_hex(key.public_key);
}

bool is_made(Action action) {
    return action == Action::note || action == Action::generate || action == Action::certify ||
           action == Action::write_in_workshop;
}

const char* what_was_asked(Action action) {
    switch (action) {
    case Action::stow:
    case Action::put_back:
    case Action::move_in:
        return "move a key";
    case Action::delete_in_slot:
    case Action::delete_in_workshop:
    case Action::delete_in_attic:
        return "delete a key";
    default:
        return "erase a certificate";
    }
}

} // namespace

Failure RetiredSlotRenewal::lasting(const std::string& why) const {
    return {ExitStatus::step_failed,
            "Error: " + why + (said_finishing_ ? ": contact the registration authority" : "")};
}

void RetiredSlotRenewal::run() {
    const Renewal renewal = authority_.begin_renewal(card_.identity().guid);
    renewal_ = renewal.id;
    look_at_card(renewal);
    say_finishing();
    for (int steps = 0;; ++steps) {
        const PlannedStep step = next_step(state_);
        if (step.action == Action::nothing && checked_) {
            break;
        }
        if (step.action == Action::impossible) {
            throw needs_repair("no key of the smartcard can vouch for a new one");
        }
        if (steps == most_steps) {
            throw cannot_complete("the smartcard does not keep what is written to it");
        }
        if (is_made(step.action)) {
            make(step);
        } else {
            move_all();
        }
    }
    for (const Row& row : rows_) {
        if (row.asked) {
            person_.say(fmt::format("{} Done", name_of(row.slot)));
        }
    }
    authority_.renewal_done(renewal);
}

// --- looking

void RetiredSlotRenewal::look_at_card(const Renewal& renewal) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
        rows_[i].slot = slots[i];
        const auto asked = std::ranges::find(renewal.keys, slots[i], &RenewalKey::slot);
        if (asked != renewal.keys.end()) {
            rows_[i].asked = *asked;
        }
    }
    card_.step([&] {
        const auto version = card_.piv().version();
        if (!version || *version < firmware_that_moves) {
            throw cannot_complete("this smartcard does not move keys between its slots");
        }
        look_at_slots();
        look_at_retired(renewal);
    });
}

void RetiredSlotRenewal::look_at_slots() {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        Row& row = rows_[i];
        PairRow& planned = state_.rows[i];
        planned.wanted = row.asked.has_value();
        row.policy = row.slot == Slot::signature ? PasscodePolicy::always : PasscodePolicy::once;
        if (const auto key = card_.piv().metadata(reference_of(row.slot))) {
            planned.slot.key = id_of(*key);
            row.policy = static_cast<PasscodePolicy>(key->passcode_policy);
        }
        auto issued = row.asked && row.asked->issued ? Certificate::parse(*row.asked->issued) : std::nullopt;
        if (issued &&
            complaint_about(*issued, row.slot, issued->key(), row.asked->chain, card_, trust_).empty()) {
            planned.certified = issued->key().id();
            row.issued = std::move(issued);
        }
        if (const auto& certificate = card_.certificate(row.slot)) {
            planned.slot.certificate = known(*certificate, row);
        }
    }
}

KnownCertificate RetiredSlotRenewal::known(const Certificate& certificate, const Row& row) const {
    return {certificate.key().id(), row.issued && row.issued->der() == certificate.der(),
            certificate.in_date(now())};
}

/// By the note, if there is one. A noted slot into which the holder has put something is left to him, and
/// another one is taken: never one that is noted for something else.
void RetiredSlotRenewal::look_at_retired(const Renewal& renewal) {
    const auto content = card_.piv().read(work_note_object);
    noted_ = content ? work_note_in(*content) : std::nullopt;
    state_.noted = content.has_value();
    state_.fresh = noted_ && noted_->renewal == renewal.id;
    std::vector<KeyReference> taken;
    if (noted_) {
        taken.assign(noted_->slots.begin(), noted_->slots.end());
    }
    std::array<KeyReference, 3> chosen{};
    bool all_kept = true;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        const bool kept = noted_ && take_over(i, noted_->slots[i]);
        chosen[i] = kept ? noted_->slots[i] : free_slot(taken);
        taken.push_back(chosen[i]);
        all_kept = all_kept && kept;
    }
    rows_[0].workshop = chosen[0];
    rows_[1].workshop = chosen[1];
    attic_ = chosen[2];
    state_.fresh = state_.fresh && all_kept;
}

/// Whether the slot is a renewal's still; what it has is known then.
bool RetiredSlotRenewal::take_over(std::size_t which, KeyReference slot) {
    if (which == rows_.size()) {
        return take_over_attic(slot);
    }
    Row& row = rows_[which];
    const KeyPlace found = look_at_workshop(row, slot);
    if (!is_of_workshop(found, row.new_key.has_value(), *noted_, state_.fresh,
                        state_.rows[which].certified)) {
        row.new_key.reset();
        row.in_workshop.reset();
        return false;
    }
    state_.rows[which].workshop = found;
    return true;
}

bool RetiredSlotRenewal::take_over_attic(KeyReference slot) {
    KeyPlace found;
    if (const auto key = card_.piv().metadata(slot)) {
        found.key = id_of(*key);
    }
    if (const auto content = card_.piv().read(certificate_object(slot))) {
        const auto der = certificate_in(*content);
        const auto certificate = der ? Certificate::parse(*der) : std::nullopt;
        found.certificate = KnownCertificate{certificate ? certificate->key().id() : KeyId{}};
    }
    std::vector<KeyId> certified;
    for (const PairRow& row : state_.rows) {
        if (row.slot.certificate) {
            certified.push_back(row.slot.certificate->key);
        }
    }
    if (!is_of_attic(found, *noted_, certified)) {
        return false;
    }
    // No renewal writes a certificate there: one that is not that key's stays when the key goes.
    if (!found.works()) {
        found.certificate.reset();
    }
    state_.attic = found;
    return true;
}

KeyPlace RetiredSlotRenewal::look_at_workshop(Row& row, KeyReference slot) {
    KeyPlace place;
    if (const auto key = card_.piv().metadata(slot)) {
        place.key = id_of(*key);
        const bool as_asked = row.asked && key->algorithm == row.asked->algorithm && key->generated &&
                              key->passcode_policy == static_cast<std::uint8_t>(row.policy);
        row.new_key = as_asked ? PublicKey::from_template(key->public_key, key->algorithm) : std::nullopt;
    }
    if (const auto content = card_.piv().read(certificate_object(slot))) {
        const auto der = certificate_in(*content);
        row.in_workshop = der ? Certificate::parse(*der) : std::nullopt;
        // One that cannot be read is of no key, and goes.
        place.certificate = row.in_workshop ? known(*row.in_workshop, row) : KnownCertificate{};
    }
    return place;
}

bool RetiredSlotRenewal::is_free(KeyReference slot) {
    return !card_.piv().metadata(slot) && !card_.piv().read(certificate_object(slot));
}

KeyReference RetiredSlotRenewal::free_slot(const std::vector<KeyReference>& taken) {
    for (KeyReference slot = first_retired; slot <= last_retired; ++slot) {
        if (std::ranges::find(taken, slot) == taken.end() && is_free(slot)) {
            return slot;
        }
    }
    throw cannot_complete("three free slots for retired keys are needed on the smartcard");
}

void RetiredSlotRenewal::say_finishing() {
    const auto begun = [](const PairRow& row) {
        return row.wanted && (!row.certified.empty() || !row.slot.works());
    };
    if (!said_finishing_ && (state_.fresh || std::ranges::any_of(state_.rows, begun))) {
        person_.say("A renewal was left half finished: finishing it");
        said_finishing_ = true;
    }
}

// --- making

/// The card may have forgotten who the host is; it is asked once more then.
StatusWord RetiredSlotRenewal::as_host(const std::function<StatusWord()>& work) {
    StatusWord status = work();
    if (status == sw::security_status_not_satisfied) {
        card_.forget_host();
        card_.authenticate_host(authority_);
        status = work();
    }
    return status;
}

void RetiredSlotRenewal::make(const PlannedStep& planned) {
    PlannedStep step = planned;
    Row& row = rows_[step.row];
    KeyId made;
    if (step.action != Action::note && !row.said_pending) {
        person_.say(fmt::format("{} Pending", name_of(row.slot)));
        row.said_pending = true;
    }
    switch (step.action) {
    case Action::note:
        note();
        break;
    case Action::generate:
        made = generate(row);
        break;
    case Action::certify:
        if (row.new_key) {
            certify(row, state_.rows[1 - step.row], rows_[1 - step.row]);
            break;
        }
        // Not of the kind that is asked for.
        step.action = Action::delete_in_workshop;
        card_.step([&] {
            card_.authenticate_host(authority_);
            move(step);
        });
        return;
    default:
        write_in_workshop(row);
        break;
    }
    state_ = after(std::move(state_), step, made);
}

void RetiredSlotRenewal::note() {
    card_.step([&] {
        card_.authenticate_host(authority_);
        write_note();
    });
}

void RetiredSlotRenewal::write_note() {
    const WorkNote written = note_of(state_, renewal_, {rows_[0].workshop, rows_[1].workshop, attic_});
    const Bytes content = work_note_container(written);
    check_written(as_host([&] { return card_.piv().write(work_note_object, content); }));
    if (card_.piv().read(work_note_object) != content) {
        throw lasting(std::string(cannot) + "an object does not read back as it was written");
    }
    noted_ = written;
}

KeyId RetiredSlotRenewal::generate(Row& row) {
    const std::uint8_t algorithm = row.asked->algorithm;
    apdu::ResponseApdu answer;
    card_.step([&] {
        card_.authenticate_host(authority_);
        const StatusWord status = as_host([&] {
            answer = card_.piv().generate(row.workshop, algorithm, row.policy);
            return answer.status;
        });
        if (!status.ok()) {
            throw lasting(fmt::format("{}the smartcard makes no key for {} ({})", cannot, name_of(row.slot),
                                      apdu::to_string(status)));
        }
        row.new_key = PublicKey::from_template(answer.data, algorithm);
        if (!row.new_key) {
            throw CardError(CardError::Kind::failed, "a key that is none");
        }
    });
    return row.new_key->id();
}

/// Before anybody knows of it: by the note alone a later renewal can tell it from the holder's own.
void RetiredSlotRenewal::note_new_key(const Row& row) {
    if (!noted_ || std::ranges::find(noted_->new_keys, row.new_key->id()) == noted_->new_keys.end()) {
        card_.authenticate_host(authority_);
        write_note();
    }
}

/// `other`: which can vouch for it, in its slot or in its workshop.
void RetiredSlotRenewal::certify(Row& row, const PairRow& other, const Row& other_row) {
    const auto& old_one = card_.certificate(other_row.slot);
    const bool by_slot = other.slot.works() && (other.slot.certificate->in_date || !other.workshop.works());
    const Certificate voucher = by_slot ? *old_one : other_row.in_workshop.value();
    const KeyReference voucher_slot = by_slot ? reference_of(other_row.slot) : other_row.workshop;
    std::optional<Bytes> request;
    std::optional<Bytes> vouched;
    card_.step([&] {
        card_.check_whose();
        note_new_key(row);
        request = make_request(model_for(card_, row.slot), *row.new_key, [&](ByteView data) {
            auto signature = card_.sign(row.workshop, *row.new_key, data, passcode_);
            return signature ? std::move(*signature) : Bytes{};
        });
        if (request) {
            vouched = card_.sign(voucher_slot, voucher.key(), *request, passcode_);
        }
    });
    if (!request || !vouched) {
        throw lasting(
            fmt::format("{}the key {} does not sign", cannot, name_of(request ? other_row.slot : row.slot)));
    }
    const RenewalKey& asked = *row.asked;
    const Issued issued = authority_.certify({renewal_, {}}, asked.slot, *request, voucher, *vouched);
    auto certificate = Certificate::parse(issued.certificate);
    if (!certificate) {
        throw lasting(std::string(cannot) + "what the service issued is no certificate");
    }
    const std::string fault =
        complaint_about(*certificate, row.slot, *row.new_key, issued.chain, card_, trust_);
    if (!fault.empty()) {
        throw lasting(fault);
    }
    row.issued = std::move(certificate);
}

void RetiredSlotRenewal::write_in_workshop(Row& row) {
    const Bytes container = certificate_container(row.issued->der());
    const apdu::Tag object = certificate_object(row.workshop);
    card_.step([&] {
        card_.authenticate_host(authority_);
        check_written(as_host([&] { return card_.piv().write(object, container); }));
        if (card_.piv().read(object) != container) {
            throw lasting(std::string(cannot) + "the certificate does not read back as it was written");
        }
        if (!card_.proves(row.workshop, *row.issued, passcode_)) {
            throw lasting(std::string(cannot) + "the new key does not prove its certificate");
        }
    });
    row.in_workshop = row.issued;
    row.proven = true;
}

void RetiredSlotRenewal::check_written(StatusWord status) const {
    if (status == sw::not_enough_memory) {
        throw lasting(std::string(cannot) + "there is no room for the certificate on the smartcard");
    }
    if (!status.ok()) {
        throw lasting(fmt::format("{}the smartcard does not take the certificate ({})", cannot,
                                  apdu::to_string(status)));
    }
}

// --- moving

/// In one go, until there is something to be made, or nothing more to do.
void RetiredSlotRenewal::move_all() {
    card_.step([&] {
        card_.authenticate_host(authority_);
        for (std::size_t row = 0; row < rows_.size(); ++row) {
            prove_new_pair(row);
        }
        for (int steps = 0; steps < most_steps; ++steps) {
            const PlannedStep step = next_step(state_);
            if (is_made(step.action) || step.action == Action::impossible) {
                return;
            }
            if (all_finished(state_) && !checked_) {
                std::ranges::for_each(rows_, [this](Row& row) { check_new_pair(row); });
                checked_ = true;
            }
            if (step.action == Action::nothing) {
                return;
            }
            move(step);
        }
    });
}

/// Before anything of the old pair is touched: what takes its place really signs.
void RetiredSlotRenewal::prove_new_pair(std::size_t row) {
    const PairRow& planned = state_.rows[row];
    Row& one = rows_[row];
    if (!planned.wanted || finished(planned) || !ready(planned) || one.proven) {
        return;
    }
    const bool in_workshop = planned.workshop.key == planned.certified;
    const KeyReference slot = in_workshop ? one.workshop : reference_of(one.slot);
    if (!card_.proves(slot, one.issued.value(), passcode_)) {
        throw lasting(std::string(cannot) + "the new key does not prove its certificate");
    }
    one.proven = true;
}

void RetiredSlotRenewal::check_new_pair(Row& row) {
    if (!row.asked) {
        return;
    }
    const Certificate& certificate = *card_.certificate(row.slot);
    const auto content = card_.piv().read(certificate_object(row.slot));
    if (!content || certificate_in(*content) != certificate.der()) {
        throw lasting(std::string(cannot) + "the certificate does not read back as it was written");
    }
    if (!card_.proves(row.slot, certificate, passcode_)) {
        throw lasting(std::string(cannot) + "the new key does not prove its certificate");
    }
}

void RetiredSlotRenewal::move(const PlannedStep& step) {
    Row& row = rows_[step.row];
    if (step.action == Action::write) {
        person_.say(fmt::format("{} Writing", name_of(row.slot)));
    }
    const StatusWord status = as_host([&] { return moved(step); });
    if (step.action == Action::write) {
        check_written(status);
        card_.set_certificate(row.slot, row.issued.value());
    } else if (!status.ok()) {
        throw lasting(fmt::format("{}the smartcard does not {} ({})", cannot, what_was_asked(step.action),
                                  apdu::to_string(status)));
    }
    if (step.action == Action::erase_in_workshop) {
        row.in_workshop.reset();
    }
    state_ = after(std::move(state_), step);
    // Where its certificate is still to come, the old one is on the card yet.
    const PairRow& planned = state_.rows[step.row];
    if (step.action == Action::move_in && !planned.slot.works() &&
        !card_.proves(row.slot, row.issued.value(), passcode_)) {
        throw lasting(std::string(cannot) + "the new key does not prove its certificate");
    }
}

StatusWord RetiredSlotRenewal::moved(const PlannedStep& step) {
    const Row& row = rows_[step.row];
    const KeyReference slot = reference_of(row.slot);
    Piv& piv = card_.piv();
    switch (step.action) {
    case Action::stow:
        return piv.move_key(slot, attic_);
    case Action::put_back:
        return piv.move_key(attic_, slot);
    case Action::move_in:
        return piv.move_key(row.workshop, slot);
    case Action::write:
        return piv.write(certificate_object(slot), certificate_container(row.issued.value().der()));
    case Action::delete_in_slot:
        return piv.delete_key(slot);
    case Action::delete_in_workshop:
        return piv.delete_key(row.workshop);
    case Action::delete_in_attic:
        return piv.delete_key(attic_);
    case Action::erase_in_workshop:
        return piv.write(certificate_object(row.workshop), {});
    case Action::erase_in_attic:
        return piv.write(certificate_object(attic_), {});
    default:
        return piv.write(work_note_object, {});
    }
}

} // namespace cardrig::client
