#include "harness/invariants.h"

#include "apdu/decoder.h"
#include "emulator/card.h"
#include "emulator/inspection.h"
#include "emulator/piv/piv_application.h"
#include "harness/system_clock.h"

#include <algorithm>
#include <array>
#include <memory>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::CardImage;
using emulator::CardState;
using emulator::SlotState;

constexpr apdu::Tag chuid_tag = 0x5FC102;
constexpr std::array<emulator::piv::KeyReference, 4> main_slots{0x9A, 0x9C, 0x9D, 0x9E};
/// What issuers' tools put on a card that nobody has personalised.
constexpr std::array<const char*, 2> factory_passcodes{"123456", "12345678"};

/// Sends one command and gathers the whole answer.
apdu::ResponseApdu ask(emulator::Card& card, const apdu::CommandApdu& command) {
    apdu::Bytes data;
    auto response = apdu::ResponseApdu::parse(card.transmit(command.encode()));
    while (response && response->status.sw1() == 0x61 && data.size() < 0x10000) {
        data.insert(data.end(), response->data.begin(), response->data.end());
        const apdu::CommandApdu more(0x00, 0xC0, 0, 0, {}, 256);
        response = apdu::ResponseApdu::parse(card.transmit(more.encode()));
    }
    if (!response) {
        return apdu::sw::no_precise_diagnosis;
    }
    data.insert(data.end(), response->data.begin(), response->data.end());
    return {std::move(data), response->status};
}

/// Which of the reads that every terminal makes does not work.
std::optional<std::string> unreadable(emulator::Card& card) {
    const apdu::ByteView aid = emulator::piv::application_identifier();
    const auto selected = ask(card, {0x00, 0xA4, 0x04, 0x00, apdu::Bytes(aid.begin(), aid.end()), 256});
    if (!selected.status.ok()) {
        return fmt::format("SELECT of the PIV application is answered {}", apdu::to_string(selected.status));
    }
    std::vector<apdu::Tag> tags{chuid_tag, 0x7E};
    for (const auto slot : main_slots) {
        tags.push_back(emulator::piv::certificate_tag(slot).value_or(chuid_tag));
    }
    for (const apdu::Tag tag : tags) {
        const auto object =
            ask(card, {0x00, 0xCB, 0x3F, 0xFF, apdu::make_tlv(0x5C, apdu::encode_tag(tag)), 256});
        const bool absent = object.status == apdu::sw::file_or_application_not_found;
        if (!absent && object.status != apdu::sw::success) {
            return fmt::format("GET DATA {:X} is answered {}", tag, apdu::to_string(object.status));
        }
    }
    return std::nullopt;
}

/// One power-on over this memory, as a reader would see it.
std::optional<std::string> dead_after_power_on(emulator::Nvm& memory, const emulator::CardConfig& config) {
    emulator::CryptoContext crypto;
    emulator::ContextEntropy entropy(crypto);
    emulator::FreshKeys keys;
    SystemClock clock;
    auto card = emulator::Card::power_on(memory, config, {crypto, entropy, keys, clock});
    if (!card) {
        return "the card stays mute: " + card.error().message;
    }
    return unusable(**card, config);
}

bool alive(const SlotState& slot, std::chrono::sys_seconds now) {
    return slot.certificate && slot.certificate->matches_key && slot.certificate->not_before <= now &&
           now <= slot.certificate->not_after;
}

bool can_prove_its_holder(const CardState& state, std::chrono::sys_seconds now) {
    return std::ranges::any_of(state.slots, [now](const SlotState& slot) { return alive(slot, now); });
}

/// Upper-case hex of the SHA-256 of the SubjectPublicKeyInfo; empty where the certificate cannot be read.
std::string public_key_digest(const apdu::Bytes& der) {
    const unsigned char* at = der.data();
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free);
    if (!certificate) {
        return {};
    }
    unsigned char* encoded = nullptr;
    const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &encoded);
    if (length <= 0) {
        return {};
    }
    apdu::Bytes digest(EVP_MAX_MD_SIZE);
    unsigned int size = 0;
    const int done =
        EVP_Digest(encoded, static_cast<std::size_t>(length), digest.data(), &size, EVP_sha256(), nullptr);
    OPENSSL_free(encoded);
    digest.resize(done == 1 ? size : 0);
    return apdu::to_hex(digest);
}

std::string why_not_alive(const SlotState& slot, std::chrono::sys_seconds now) {
    if (slot.certificate_damage) {
        return *slot.certificate_damage;
    }
    if (!slot.certificate) {
        return "no certificate";
    }
    if (now < slot.certificate->not_before || slot.certificate->not_after < now) {
        return "its certificate is out of date";
    }
    return slot.key ? "its key does not fit its certificate" : "its certificate has no key";
}

/// See Excused::see().
bool may_have_succeeded(const TraceEvent& event) {
    if (event.kind != "apdu" || !event.fields.value("delivered", true)) {
        return false;
    }
    const std::string detail = event.fields.value("detail", "");
    const std::string status = event.fields.value("card-status", event.fields.value("status", ""));
    return detail != "query" && detail != "reset" && (status.empty() || status == "9000");
}

Excused excused_in(const std::vector<TraceEvent>& trace) {
    Excused excused;
    for (const TraceEvent& event : trace) {
        excused.see(event);
    }
    return excused;
}

std::optional<std::string> risen(const char* what, const emulator::CounterState& before,
                                 const emulator::CounterState& after) {
    if (after.left <= before.left) {
        return std::nullopt;
    }
    return fmt::format(
        "{} tries rose from {} to {}, and no command that the card accepted in this run does that", what,
        before.left, after.left);
}

/// What every card has, and this one has no more.
std::optional<std::string> damaged_secret(const CardState& state) {
    for (const auto* const damage : {&state.passcode_damage, &state.unblocking_code_damage,
                                     &state.global_passcode_damage, &state.management_key_damage}) {
        if (*damage) {
            return *damage;
        }
    }
    return std::nullopt;
}

std::optional<std::string> not_one_passcode(const StateEvidence& evidence) {
    const Excused& excused = evidence.excused;
    std::vector<std::string> candidates = evidence.passcodes;
    if (excused.factory_codes && !candidates.empty()) {
        candidates.emplace_back(factory_passcodes.front()); // 123456 is what tokens go back to
    }
    std::ranges::sort(candidates);
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    const auto count = std::ranges::count_if(candidates, [&](const std::string& passcode) {
        return emulator::passcode_is(evidence.after_run, passcode);
    });
    if (!candidates.empty() && count != 1) {
        return fmt::format("{} of the {} passcodes that the scenario knows work, and it must be one", count,
                           candidates.size());
    }
    for (const char* const factory : factory_passcodes) {
        const bool before =
            evidence.before_run != nullptr && emulator::passcode_is(*evidence.before_run, factory);
        if (!excused.factory_codes && !before && emulator::passcode_is(evidence.after_run, factory)) {
            return "the passcode is a factory value, and was not before";
        }
    }
    return std::nullopt;
}

/// Nobody tells what the global passcode may be now: so it is the one from before, unless the card may have
/// accepted another one in this run, and then no factory value. (One that is erased is a damage.)
std::optional<std::string> other_global_passcode(const CardState& before, const CardState& after,
                                                 const Excused& excused) {
    if (before.global_passcode_digest == after.global_passcode_digest) {
        return std::nullopt;
    }
    if (!excused.global_change) {
        return "the global passcode is another, and no command that the card accepted in this run changes it";
    }
    for (const char* const factory : factory_passcodes) {
        if (emulator::global_passcode_is(after, factory)) {
            return "the global passcode is a factory value, and was not before";
        }
    }
    return std::nullopt;
}

/// Counters that are higher than before with no command that explains it.
std::optional<std::string> tries_from_nowhere(const CardState& before, const CardState& after,
                                              const Excused& excused) {
    std::optional<std::string> trouble;
    if (!excused.passcode_tries) {
        trouble = risen("passcode", before.passcode, after.passcode);
    }
    if (!trouble && !excused.unblocking_tries) {
        trouble = risen("unblocking", before.unblocking_code, after.unblocking_code);
    }
    if (!trouble && !excused.global_tries && before.global_passcode && after.global_passcode) {
        trouble = risen("global passcode", *before.global_passcode, *after.global_passcode);
    }
    return trouble;
}

} // namespace

const std::vector<std::string>& invariant_ids() {
    static const std::vector<std::string> ids{"I1", "I2", "I3", "I4", "I6", "I7", "I8", "I9", "I10", "I11"};
    return ids;
}

const std::vector<std::string>& card_invariant_ids() {
    static const std::vector<std::string> ids{"I1", "I2", "I4", "I6", "I7"};
    return ids;
}

std::optional<std::string> bricked(const CardImage& image) {
    emulator::MemoryNvm memory(image.config.geometry, image.memory, image.weak);
    if (auto trouble = dead_after_power_on(memory, image.config)) {
        return trouble;
    }
    if (auto trouble = dead_after_power_on(memory, image.config)) {
        return "at the second power-on, after recovery: " + *trouble;
    }
    return std::nullopt;
}

/// SP 800-73-4 part 2, 3.2.1 to 3.2.3: a code that was right fills its own counter; the unblocking code,
/// shown to set a new passcode, both. A key token's own commands that bring the factory's codes back fill
/// both, too. None of these touches the global passcode.
void Excused::see(const TraceEvent& event) {
    if (!may_have_succeeded(event)) {
        return;
    }
    const std::string text = event.fields.value("text", "");
    const bool to_factory = text.starts_with("reset-piv") || text.starts_with("set-pin-retries");
    const bool both = to_factory || text.starts_with("reset-retry-counter passcode");
    const bool changes_global = text.starts_with("change-reference-data global-passcode");
    passcode_tries |=
        both || text.starts_with("verify passcode") || text.starts_with("change-reference-data passcode");
    unblocking_tries |= both || text.starts_with("change-reference-data unblocking-code");
    global_tries |= changes_global || text.starts_with("verify global-passcode");
    global_change |= changes_global;
    factory_codes |= to_factory;
}

std::optional<std::string> unusable(emulator::Card& card, const emulator::CardConfig& config) {
    if (!std::ranges::equal(card.atr(), config.atr) || config.atr.empty()) {
        return fmt::format("the ATR is '{}'", apdu::to_hex(card.atr()));
    }
    if (auto trouble = unreadable(card)) {
        return trouble;
    }
    card.reset();
    if (auto trouble = unreadable(card)) {
        return "after a reset " + *trouble;
    }
    return std::nullopt;
}

std::optional<std::string> discontinued(const StateEvidence& evidence) {
    const auto could_prove = [&](const CardState* state) {
        return state != nullptr && can_prove_its_holder(*state, evidence.now);
    };
    // What was not there cannot be lost: an expired card stays expired.
    if ((!could_prove(evidence.start) && !could_prove(evidence.before_run)) ||
        can_prove_its_holder(evidence.after_run, evidence.now)) {
        return std::nullopt;
    }
    std::string text = "no certificate on the card is in date and works with its key";
    for (const SlotState& slot : evidence.after_run.slots) {
        text += fmt::format("; {:02X}: {}", slot.reference, why_not_alive(slot, evidence.now));
    }
    return text;
}

std::optional<std::string> discontinued(const Evidence& evidence) {
    const auto start = evidence.look(evidence.start);
    const auto before = evidence.look(evidence.before_run);
    const auto after = evidence.look(evidence.after_run);
    if (after) {
        const Excused excused = excused_in(evidence.trace);
        return discontinued(StateEvidence{start ? &*start : nullptr, before ? &*before : nullptr, *after,
                                          excused, evidence.passcodes, evidence.now});
    }
    const bool could_prove = (start && can_prove_its_holder(*start, evidence.now)) ||
                             (before && can_prove_its_holder(*before, evidence.now));
    return could_prove ? std::optional("the card cannot be read: " + after.error().message) : std::nullopt;
}

std::optional<std::string> orphaned_certificate(const CardImage& image, emulator::InspectionMemo* memo) {
    const auto state = memo == nullptr ? emulator::inspect(image) : emulator::inspect(image, *memo);
    if (!state) {
        return "the card cannot be read: " + state.error().message;
    }
    return orphaned_certificate(*state);
}

std::optional<std::string> orphaned_certificate(const CardState& state) {
    for (const SlotState& slot : state.slots) {
        if (!slot.certificate || slot.certificate->matches_key) {
            continue;
        }
        const std::string digest = public_key_digest(slot.certificate->der);
        const bool elsewhere = std::ranges::any_of(state.slots, [&](const SlotState& other) {
            return !digest.empty() && other.key_sha256 == digest && other.reference != slot.reference;
        });
        if (!elsewhere) {
            return fmt::format("the certificate of {:02X} (serial {}) has no private key on the card",
                               slot.reference, slot.certificate->serial);
        }
    }
    return std::nullopt;
}

std::optional<std::string> passcode_broken(const StateEvidence& evidence) {
    if (auto damage = damaged_secret(evidence.after_run)) {
        return damage;
    }
    if (evidence.before_run != nullptr) {
        const CardState& before = *evidence.before_run;
        if (auto trouble = tries_from_nowhere(before, evidence.after_run, evidence.excused)) {
            return trouble;
        }
        if (auto trouble = other_global_passcode(before, evidence.after_run, evidence.excused)) {
            return trouble;
        }
    }
    return not_one_passcode(evidence);
}

std::optional<std::string> passcode_broken(const Evidence& evidence) {
    const auto before = evidence.look(evidence.before_run);
    const auto after = evidence.look(evidence.after_run);
    if (!after) {
        return "the card cannot be read: " + after.error().message;
    }
    const Excused excused = excused_in(evidence.trace);
    return passcode_broken(StateEvidence{nullptr, before ? &*before : nullptr, *after, excused,
                                         evidence.passcodes, evidence.now});
}

std::vector<Promise> check_invariants(const Evidence& evidence) {
    return {{"I1", bricked(evidence.after_run)},
            {"I2", discontinued(evidence)},
            {"I4", orphaned_certificate(evidence.after_run, evidence.memo)},
            {"I6", passcode_broken(evidence)},
            {"I7", misdirected(evidence)}};
}

} // namespace cardrig::harness
