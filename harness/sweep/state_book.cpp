#include "harness/sweep/state_book.h"

#include "emulator/piv/key_ring.h"
#include "harness/sweep/client_phase.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace piv = emulator::piv;

std::optional<emulator::CardState> state_of(const emulator::CardImage& image) {
    auto state = emulator::inspect(image);
    return state ? std::optional(std::move(*state)) : std::nullopt;
}

apdu::Bytes signature_request(emulator::Algorithm algorithm) {
    apdu::Bytes request = apdu::make_tlv(0x82, {});
    apdu::append_tlv(request, 0x81,
                     apdu::Bytes(emulator::is_rsa(algorithm) ? emulator::field_size(algorithm) : 32, 0x55));
    return apdu::make_tlv(0x7C, request);
}

/// In blocks: not every card takes extended length.
apdu::Result<apdu::ResponseApdu> ask_to_sign(emulator::Card& card, piv::KeyReference key,
                                             emulator::Algorithm algorithm) {
    constexpr std::size_t block = 255;
    const apdu::Bytes request = signature_request(algorithm);
    for (std::size_t at = 0;; at += block) {
        const bool last = request.size() - at <= block;
        const auto begin = request.begin() + static_cast<std::ptrdiff_t>(at);
        const apdu::Bytes part(begin, last ? request.end() : begin + block);
        const apdu::CommandApdu command(last ? 0x00 : 0x10, 0x87, static_cast<std::uint8_t>(algorithm), key,
                                        part, last ? std::optional<std::uint32_t>(256) : std::nullopt);
        auto response = apdu::ResponseApdu::parse(card.transmit(command.encode()));
        if (last || !response || !response->status.ok()) {
            return response;
        }
    }
}

bool refused_for_passcode(apdu::StatusWord status) {
    constexpr std::uint16_t security_status = 0x6982;
    constexpr std::uint16_t blocked = 0x6983;
    return status.value() == security_status || status.value() == blocked;
}

/// A private key that works for whoever asks, and must not: nobody has shown a passcode to this card yet.
std::optional<std::string> open_key(emulator::Card& card, const emulator::CardState& state) {
    for (const emulator::SlotState& slot : state.slots) {
        if (!slot.key || piv::policy_of(slot.reference, slot.passcode_policy) == piv::PasscodePolicy::never) {
            continue;
        }
        const auto response = ask_to_sign(card, slot.reference, *slot.key);
        if (!response) {
            continue;
        }
        if (response->status.ok() || response->status.sw1() == 0x61) {
            return fmt::format("after the power was lost, the key of {:02X} works without a passcode",
                               slot.reference);
        }
        if (refused_for_passcode(response->status)) {
            return std::nullopt; // one key tells, where it came to be asked at all
        }
    }
    return std::nullopt;
}

} // namespace

StateBook::StateBook(const Recording& recording, std::size_t card, const CommittedValues& committed,
                     bool merge, bool memo)
    : recording_(recording), card_(card), committed_(committed), merge_(merge), memo_(memo),
      made_(state_of(recording.made.at(card))), start_(state_of(recording.start.at(card))),
      orphaned_before_(start_ ? orphaned_certificate(*start_) : std::nullopt) {}

std::uint32_t StateBook::number(emulator::Card& card, const StoreContents& contents) {
    const auto [at, is_new] =
        numbers_.try_emplace(contents.digest(), static_cast<std::uint32_t>(entries_.size()));
    if (is_new) {
        entries_.push_back(look(card, contents, false));
    } else if (!merge_) {
        entries_.at(at->second) = look(card, contents, memo_);
    }
    return at->second;
}

StateBook::Entry StateBook::look(emulator::Card& card, const StoreContents& contents, bool is_known) {
    if (!memo_) {
        known_ = std::make_unique<emulator::InspectionMemo>();
    }
    Entry entry;
    entry.secrets = emulator::inspect(recording_.start[card_].config, card.store(), *known_);
    const Excused none;
    entry.discontinued =
        discontinued(StateEvidence{made_ ? &*made_ : nullptr, start_ ? &*start_ : nullptr, entry.secrets,
                                   none, recording_.passcodes.at(card_), recording_.now});
    entry.orphaned = orphaned_certificate(entry.secrets);
    if (entry.orphaned == orphaned_before_) {
        entry.orphaned.reset(); // no cut of this run did that
    }
    entry.torn = committed_.torn(contents);
    entry.open = is_known ? entries_.at(numbers_.at(contents.digest())).open : open_key(card, entry.secrets);
    entry.card_state = start_ ? card_phase(*start_, entry.secrets) : std::string();
    entry.secrets.slots.clear();
    entry.secrets.objects.clear();
    return entry;
}

std::optional<std::string> StateBook::passcode_trouble(std::uint32_t number,
                                                       const CodeEvidence& evidence) const {
    const emulator::CardState& state = entries_.at(number).secrets;
    auto trouble =
        passcode_broken(StateEvidence{nullptr, start_ ? &*start_ : nullptr, state, evidence.excused,
                                      recording_.passcodes.at(card_), recording_.now});
    if (!trouble && evidence.told && state.passcode.left > *evidence.told) {
        trouble = fmt::format("the card has answered that {} passcode tries are left, and now it has {}",
                              *evidence.told, state.passcode.left);
    }
    return trouble;
}

} // namespace cardrig::harness
