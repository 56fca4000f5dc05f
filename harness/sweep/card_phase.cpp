#include "harness/sweep/client_phase.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using emulator::CardState;
using emulator::SlotState;
namespace piv = emulator::piv;

/// Where the pair is, which every card has.
constexpr std::array pair_slots{piv::authentication_key, piv::signature_key};

const SlotState& slot_or_empty(const CardState& card, piv::KeyReference reference) {
    static const SlotState empty;
    const SlotState* const slot = card.slot(reference);
    return slot == nullptr ? empty : *slot;
}

/// "new key", by what lies in the slot.
std::string part(std::string_view name, const std::string& before, const std::string& now, bool damaged) {
    if (now.empty()) {
        return fmt::format("no {}", name);
    }
    if (damaged) {
        return fmt::format("damaged {}", name);
    }
    return fmt::format("{} {}", before == now ? "old" : "new", name);
}

/// Of the certificate as it lies there; empty where there is none. An object without content is none; one
/// that is being written is damaged.
std::string certificate_id(const SlotState& slot) {
    return slot.certificate || slot.certificate_damage ? slot.stored_certificate_sha256 : std::string();
}

std::string slot_phase(const SlotState& before, const SlotState& now) {
    const std::string old_key = before.stored_key_sha256;
    const std::string old_certificate = certificate_id(before);
    const std::string key = now.stored_key_sha256;
    const std::string certificate = certificate_id(now);
    if (key == old_key && certificate == old_certificate &&
        before.certificate.has_value() == now.certificate.has_value()) {
        return "as before";
    }
    if (key.empty() && certificate.empty()) {
        return "empty";
    }
    const bool fits = now.certificate && now.certificate->matches_key;
    if (key != old_key && certificate != old_certificate && fits) {
        return old_certificate.empty() ? "new pair" : "renewed";
    }
    const bool stranger = certificate != old_certificate && now.certificate && now.key && !fits;
    return fmt::format("{}, {}{}", part("key", old_key, key, !now.key),
                       part("certificate", old_certificate, certificate, !now.certificate),
                       stranger ? " of another key" : "");
}

/// What keeps the holder out, or the registration authority, beside the pair.
std::vector<std::string> troubles(const CardState& before, const CardState& now) {
    std::vector<std::string> texts;
    const auto add = [&](bool there, const char* text) {
        if (there) {
            texts.emplace_back(text);
        }
    };
    add(now.passcode_damage.has_value() && !before.passcode_damage, "passcode damaged");
    add(now.passcode.left == 0 && before.passcode.left != 0, "passcode blocked");
    add(now.unblocking_code_damage.has_value() && !before.unblocking_code_damage, "unblocking code damaged");
    add(now.unblocking_code.left == 0 && before.unblocking_code.left != 0, "unblocking code blocked");
    add(now.management_key_damage.has_value() && !before.management_key_damage, "management key damaged");
    return texts;
}

} // namespace

std::string card_phase(const emulator::CardImage& start, const emulator::CardImage& now) {
    const auto before = emulator::inspect(start);
    const auto after = emulator::inspect(now);
    return before && after ? card_phase(*before, *after) : "cannot be read";
}

std::string card_phase(const CardState& start, const CardState& now) {
    std::set<piv::KeyReference> others;
    for (const CardState* card : {&start, &now}) {
        for (const SlotState& slot : card->slots) {
            others.insert(slot.reference);
        }
    }
    std::vector<std::string> texts;
    bool changed = false;
    for (const piv::KeyReference reference : pair_slots) {
        others.erase(reference);
        const std::string phase = slot_phase(slot_or_empty(start, reference), slot_or_empty(now, reference));
        changed = changed || phase != "as before";
        texts.push_back(fmt::format("{:02X} {}", reference, phase));
    }
    if (!changed) {
        texts = {"as before"};
    }
    for (const piv::KeyReference reference : others) {
        const std::string phase = slot_phase(slot_or_empty(start, reference), slot_or_empty(now, reference));
        if (phase != "as before") {
            texts.push_back(fmt::format("{:02X} {}", reference, phase));
        }
    }
    std::ranges::copy(troubles(start, now), std::back_inserter(texts));
    return fmt::format("{}", fmt::join(texts, "; "));
}

} // namespace cardrig::harness
