// I7, the right card: no passcode, key generation or certificate that is meant for one card reaches another.
#include "emulator/inspection.h"
#include "harness/invariants.h"
#include "harness/trace_places.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::CardState;
using emulator::SlotState;

bool reached_the_card(const TraceEvent& event) {
    return event.fields.value("delivered", true);
}

/// What renews a card, by its own command.
bool renews(const TracedCommand& command) {
    return command.name == "generate-key-pair" || command.name == "import-key" ||
           command.name == "move-key" || command.name == "delete-key" ||
           (command.name == "put-data" && command.object.ends_with("-certificate"));
}

std::optional<std::string> stray_command(const Evidence& evidence) {
    for (const TraceEvent& event : evidence.trace) {
        const auto command = traced_command(event);
        if (!command || !reached_the_card(event)) {
            continue;
        }
        if (!evidence.may_be_renewed && renews(*command)) {
            return "what renews a card reached this one, which nobody wanted renewed: " + event_text(event);
        }
        if (!evidence.may_lose_tries && failed_try(event)) {
            return "a passcode that is not this card's reached it: " + event_text(event);
        }
    }
    return std::nullopt;
}

bool has_certificate(const CardState& state, const emulator::Bytes& der) {
    return std::ranges::any_of(
        state.slots, [&](const SlotState& slot) { return slot.certificate && slot.certificate->der == der; });
}

/// A certificate that came in this run, and that the authority issued for another card.
std::optional<std::string> stray_certificate(const Evidence& evidence) {
    const auto after = evidence.look(evidence.after_run);
    const auto before = evidence.look(evidence.before_run);
    if (!after || !before || after->guid.empty()) {
        return std::nullopt;
    }
    for (const SlotState& slot : after->slots) {
        if (!slot.certificate || has_certificate(*before, slot.certificate->der)) {
            continue;
        }
        const auto record =
            std::ranges::find(evidence.issued, slot.certificate->der, &IssueRecord::certificate);
        if (record != evidence.issued.end() && !record->guid.empty() && record->guid != after->guid) {
            return fmt::format(
                "the certificate of {:02X} (serial {}) was issued for the card {}, and this is {}",
                slot.reference, slot.certificate->serial, record->guid, after->guid);
        }
    }
    return std::nullopt;
}

} // namespace

std::optional<std::string> misdirected(const Evidence& evidence) {
    auto stray = stray_command(evidence);
    return stray ? stray : stray_certificate(evidence);
}

} // namespace cardrig::harness
