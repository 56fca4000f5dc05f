#include "harness/card_text.h"

#include "apdu/decoder.h"
#include "emulator/card_config_rules.h"
#include "emulator/card_config_text.h"
#include "harness/config_text.h"
#include "harness/utc_text.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cardrig::harness {

namespace {

using emulator::CardConfig;
using emulator::CardImage;
using emulator::CardState;
using emulator::CertificateState;
using emulator::CounterState;
using emulator::PasscodeRules;
using emulator::SlotState;
using std::chrono::sys_seconds;

/// As the bytes that name the object: tokens have some whose numbers spell no tag.
std::string tag_text(apdu::Tag tag) {
    return fmt::format("{:02X}", tag);
}

std::string_view use_of(emulator::piv::KeyReference reference) {
    switch (reference) {
    case emulator::piv::authentication_key:
        return "authentication";
    case emulator::piv::signature_key:
        return "signature";
    case emulator::piv::key_management_key:
        return "key management";
    case emulator::piv::card_authentication_key:
        return "card authentication";
    case emulator::piv::attestation_key:
        return "attestation";
    default:
        return "retired";
    }
}

std::string count_text(long count, std::string_view one) {
    return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string time_left(const CertificateState& certificate, sys_seconds now) {
    if (now < certificate.not_before) {
        return "not valid yet";
    }
    if (now > certificate.not_after) {
        return "expired";
    }
    return count_text(days_left(certificate.not_after, now), "day") + " left";
}

std::string counter_text(const CounterState& counter) {
    const std::string text = fmt::format("{} of {} tries left", counter.left, counter.limit);
    return counter.left == 0 ? text + ", blocked" : text;
}

std::string key_text(const SlotState& slot) {
    if (slot.key_damage) {
        return fmt::format("key cannot be read: {}", *slot.key_damage);
    }
    if (!slot.key) {
        return "no key";
    }
    const bool imported = slot.origin == emulator::piv::KeyOrigin::imported;
    return fmt::format("{} key{}{}", emulator::name(*slot.key), imported ? ", imported" : "",
                       slot.passcode_policy == 0
                           ? std::string()
                           : fmt::format(", passcode {}", policy_text(slot.passcode_policy)));
}

std::string match_text(const SlotState& slot) {
    if (!slot.key) {
        return "there is no key to match";
    }
    return slot.certificate->matches_key ? "matches its key" : "does NOT match its key";
}

std::string slot_text(const SlotState& slot, sys_seconds now) {
    std::string out = fmt::format("  {}  {}: {}\n", key_reference_text(slot.reference),
                                  use_of(slot.reference), key_text(slot));
    const auto line = [&](std::string_view label, std::string_view value) {
        out += fmt::format("      {:<12} {}\n", label, value);
    };
    if (slot.certificate_damage) {
        line("certificate", fmt::format("cannot be read: {}", *slot.certificate_damage));
    } else if (!slot.certificate) {
        line("certificate", "none");
    } else {
        const CertificateState& certificate = *slot.certificate;
        line("certificate", certificate.subject);
        line("issued by", certificate.issuer);
        line("serial", certificate.serial);
        line("valid from", utc_text(certificate.not_before));
        line("valid until",
             fmt::format("{}, {}", utc_text(certificate.not_after), time_left(certificate, now)));
        line("key", match_text(slot));
    }
    return out;
}

nlohmann::json counter_json(const CounterState& counter, const PasscodeRules& rules,
                            const std::optional<std::string>& damage) {
    nlohmann::json out = {{"tries-left", counter.left},
                          {"tries", counter.limit},
                          {"min-length", rules.min_length},
                          {"max-length", rules.max_length},
                          {"alphabet", rules.digits_only ? "digits" : "printable"}};
    if (damage) {
        out["damage"] = *damage;
    }
    return out;
}

nlohmann::json slot_json(const SlotState& slot, sys_seconds now) {
    nlohmann::json out = {{"reference", key_reference_text(slot.reference)}};
    if (slot.key) {
        const bool imported = slot.origin == emulator::piv::KeyOrigin::imported;
        out["key"] = {{"algorithm", emulator::profile_word(*slot.key)},
                      {"origin", imported ? "imported" : "generated"},
                      {"passcode", policy_text(slot.passcode_policy)},
                      {"sha256", slot.key_sha256}};
    }
    if (slot.key_damage) {
        out["key-damage"] = *slot.key_damage;
    }
    if (slot.certificate) {
        out["certificate"] = certificate_json(*slot.certificate);
        out["certificate"]["days-left"] = days_left(slot.certificate->not_after, now);
    }
    if (slot.certificate_damage) {
        out["certificate-damage"] = *slot.certificate_damage;
    }
    return out;
}

std::string code_text(const CounterState& counter, const PasscodeRules& rules,
                      const std::optional<std::string>& damage) {
    const std::string text = fmt::format("{}; {}", counter_text(counter), rules_text(rules));
    return damage ? fmt::format("{}; cannot be read: {}", text, *damage) : text;
}

std::string management_key_text(const CardState& state) {
    const std::string text =
        state.management_algorithm
            ? std::string(emulator::name(*state.management_algorithm))
            : fmt::format("cannot be read: {}", state.management_key_damage.value_or(""));
    return state.management_key_touch ? text + ", asks for a touch" : text;
}

nlohmann::json management_key_json(const CardState& state) {
    nlohmann::json out = {{"algorithm", nullptr}, {"touch", state.management_key_touch}};
    if (state.management_algorithm) {
        out["algorithm"] = emulator::profile_word(*state.management_algorithm);
    }
    if (state.management_key_damage) {
        out["damage"] = *state.management_key_damage;
    }
    return out;
}

/// All but keys, certificates and objects.
std::vector<ConfigFact> head_of(const CardImage& image, const CardState& state) {
    const CardConfig& config = image.config;
    const emulator::PivConfig& piv = config.piv;
    std::vector<ConfigFact> head{{"profile", state.profile},
                                 {"ATR", state.atr},
                                 {"protocol", protocols_text(config)},
                                 {"GUID", state.guid.empty() ? "none" : state.guid},
                                 {"passcode", code_text(state.passcode, piv.passcode, state.passcode_damage)},
                                 {"unblocking code", code_text(state.unblocking_code, piv.unblocking_code,
                                                               state.unblocking_code_damage)}};
    if (state.global_passcode && piv.global_passcode) {
        head.push_back({"global passcode", code_text(*state.global_passcode, *piv.global_passcode,
                                                     state.global_passcode_damage)});
    }
    head.push_back({"management key", management_key_text(state)});
    head.push_back({"algorithms", algorithms_text(config)});
    for (ConfigFact& fact : capability_facts(config)) {
        head.push_back(std::move(fact));
    }
    head.push_back({"memory", fmt::format("{} bytes, {} free; pages of {}, blocks of {} pages; {}",
                                          config.geometry.size(), state.free_bytes, config.geometry.page_size,
                                          config.geometry.pages_per_block, protection_text(config))});
    if (!image.weak.masks.empty()) {
        head.push_back({"weak bits", count_text(static_cast<long>(image.weak.masks.size()), "byte")});
    }
    return head;
}

nlohmann::json memory_json(const CardImage& image, const CardState& state) {
    const emulator::NvmGeometry& geometry = image.config.geometry;
    return {{"bytes", geometry.size()},
            {"free", state.free_bytes},
            {"page", geometry.page_size},
            {"pages-per-block", geometry.pages_per_block},
            {"blocks", geometry.blocks},
            {"protection", protection_text(image.config)},
            {"bytes-with-weak-bits", image.weak.masks.size()}};
}

} // namespace

std::string_view policy_text(std::uint8_t policy) {
    constexpr std::array<std::string_view, 4> words{"default", "never", "once", "always"};
    return words.at(policy);
}

std::string object_text(apdu::Tag tag) {
    const auto name = apdu::piv_object_name(tag);
    return name ? std::string(*name) : tag_text(tag);
}

std::string key_reference_text(emulator::piv::KeyReference reference) {
    return fmt::format("{:02X}", reference);
}

std::string card_text(const CardImage& image, const CardState& state, sys_seconds now) {
    std::string out;
    for (const ConfigFact& fact : head_of(image, state)) {
        out += fmt::format("{:<18} {}\n", fact.name, fact.text);
    }
    out += state.slots.empty() ? "no keys, no certificates\n" : "keys and certificates\n";
    for (const SlotState& slot : state.slots) {
        out += slot_text(slot, now);
    }
    out += state.objects.empty() ? "no other objects\n" : "other objects\n";
    for (const auto& [tag, object] : state.objects) {
        out += fmt::format("  {:<32} {}{}\n", object_text(tag),
                           count_text(static_cast<long>(object.size), "byte"),
                           object.unfinished ? ", not written to its end" : "");
    }
    return out;
}

nlohmann::json certificate_json(const CertificateState& certificate) {
    return {{"subject", certificate.subject},
            {"issuer", certificate.issuer},
            {"serial", certificate.serial},
            {"not-before", utc_rfc3339(certificate.not_before)},
            {"not-after", utc_rfc3339(certificate.not_after)},
            {"algorithm", emulator::profile_word(certificate.algorithm)},
            {"sha256", certificate.sha256},
            {"matches-key", certificate.matches_key}};
}

nlohmann::json card_json(const CardImage& image, const CardState& state, sys_seconds now) {
    const emulator::PivConfig& piv = image.config.piv;
    // The rest of what the card is, in the form and under the names that images and profiles have for it.
    const nlohmann::json config = emulator::config_to_json(image.config);
    nlohmann::json slots = nlohmann::json::array();
    for (const SlotState& slot : state.slots) {
        slots.push_back(slot_json(slot, now));
    }
    nlohmann::json objects = nlohmann::json::array();
    for (const auto& [tag, object] : state.objects) {
        objects.push_back({{"name", object_text(tag)},
                           {"tag", tag_text(tag)},
                           {"bytes", object.size},
                           {"sha256", object.sha256},
                           {"unfinished", object.unfinished}});
    }
    nlohmann::json out = {{"profile", state.profile},
                          {"atr", state.atr},
                          {"protocols", emulator::protocols(image.config.atr)},
                          {"guid", state.guid},
                          {"passcode", counter_json(state.passcode, piv.passcode, state.passcode_damage)},
                          {"unblocking-code", counter_json(state.unblocking_code, piv.unblocking_code,
                                                           state.unblocking_code_damage)},
                          {"global-passcode", nullptr},
                          {"management-key", management_key_json(state)},
                          {"timing-microseconds", config.at("timing")},
                          {"memory", memory_json(image, state)},
                          {"slots", slots},
                          {"objects", objects}};
    if (state.global_passcode && piv.global_passcode) {
        out["global-passcode"] =
            counter_json(*state.global_passcode, *piv.global_passcode, state.global_passcode_damage);
        out["global-passcode"]["preferred"] = piv.prefers_global_passcode;
    }
    for (const char* const key :
         {"algorithms", "strict-signature-passcode", "put-data", "largest-object", "yubico"}) {
        out[key] = config.at("piv").at(key);
    }
    return out;
}

} // namespace cardrig::harness
