#include "harness/card_text.h"

#include "apdu/decoder.h"
#include "harness/utc_text.h"

#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using emulator::CardConfig;
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

std::string rules_text(const PasscodeRules& rules) {
    const std::string_view characters = rules.digits_only ? "digits" : "characters";
    return rules.min_length == rules.max_length
               ? fmt::format("{} {}", rules.min_length, characters)
               : fmt::format("{} to {} {}", rules.min_length, rules.max_length, characters);
}

std::vector<std::string_view> algorithm_names(const CardConfig& config) {
    std::vector<std::string_view> names;
    for (const emulator::Algorithm algorithm : config.piv.algorithms) {
        names.push_back(emulator::name(algorithm));
    }
    return names;
}

std::string key_text(const SlotState& slot) {
    if (slot.key_damage) {
        return fmt::format("key cannot be read: {}", *slot.key_damage);
    }
    if (!slot.key) {
        return "no key";
    }
    const bool imported = slot.origin == emulator::piv::KeyOrigin::imported;
    return fmt::format("{} key{}", emulator::name(*slot.key), imported ? ", imported" : "");
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

nlohmann::json counter_json(const CounterState& counter, const PasscodeRules& rules) {
    return {{"tries-left", counter.left},
            {"tries", counter.limit},
            {"min-length", rules.min_length},
            {"max-length", rules.max_length},
            {"alphabet", rules.digits_only ? "digits" : "printable"}};
}

nlohmann::json slot_json(const SlotState& slot, sys_seconds now) {
    nlohmann::json out = {{"reference", key_reference_text(slot.reference)}};
    if (slot.key) {
        const bool imported = slot.origin == emulator::piv::KeyOrigin::imported;
        out["key"] = {{"algorithm", emulator::profile_word(*slot.key)},
                      {"origin", imported ? "imported" : "generated"},
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

} // namespace

std::string object_text(apdu::Tag tag) {
    const auto name = apdu::piv_object_name(tag);
    return name ? std::string(*name) : tag_text(tag);
}

std::string key_reference_text(emulator::piv::KeyReference reference) {
    return fmt::format("{:02X}", reference);
}

std::string card_text(const CardConfig& config, const CardState& state, sys_seconds now) {
    std::string out;
    const auto line = [&](std::string_view label, std::string_view value) {
        out += fmt::format("{:<16} {}\n", label, value);
    };
    line("profile", state.profile);
    line("ATR", state.atr);
    line("GUID", state.guid.empty() ? "none" : state.guid);
    line("passcode", fmt::format("{}; {}", counter_text(state.passcode), rules_text(config.piv.passcode)));
    line("unblocking code",
         fmt::format("{}; {}", counter_text(state.unblocking_code), rules_text(config.piv.unblocking_code)));
    line("management key", emulator::name(state.management_algorithm));
    line("algorithms", fmt::format("{}", fmt::join(algorithm_names(config), ", ")));
    line("memory",
         fmt::format("{} bytes, {} free; pages of {}, blocks of {} pages; {}", config.geometry.size(),
                     state.free_bytes, config.geometry.page_size, config.geometry.pages_per_block,
                     emulator::protection_word(config.protection)));
    out += state.slots.empty() ? "no keys, no certificates\n" : "keys and certificates\n";
    for (const SlotState& slot : state.slots) {
        out += slot_text(slot, now);
    }
    out += state.objects.empty() ? "no other objects\n" : "other objects\n";
    for (const auto& [tag, object] : state.objects) {
        out += fmt::format("  {:<32} {}\n", object_text(tag),
                           count_text(static_cast<long>(object.size), "byte"));
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

nlohmann::json card_json(const CardConfig& config, const CardState& state, sys_seconds now) {
    nlohmann::json algorithms = nlohmann::json::array();
    for (const emulator::Algorithm algorithm : config.piv.algorithms) {
        algorithms.push_back(emulator::profile_word(algorithm));
    }
    nlohmann::json slots = nlohmann::json::array();
    for (const SlotState& slot : state.slots) {
        slots.push_back(slot_json(slot, now));
    }
    nlohmann::json objects = nlohmann::json::array();
    for (const auto& [tag, object] : state.objects) {
        objects.push_back({{"name", object_text(tag)},
                           {"tag", tag_text(tag)},
                           {"bytes", object.size},
                           {"sha256", object.sha256}});
    }
    return {{"profile", state.profile},
            {"atr", state.atr},
            {"guid", state.guid},
            {"passcode", counter_json(state.passcode, config.piv.passcode)},
            {"unblocking-code", counter_json(state.unblocking_code, config.piv.unblocking_code)},
            {"management-key", {{"algorithm", emulator::profile_word(state.management_algorithm)}}},
            {"algorithms", algorithms},
            {"memory",
             {{"bytes", config.geometry.size()},
              {"free", state.free_bytes},
              {"page", config.geometry.page_size},
              {"pages-per-block", config.geometry.pages_per_block},
              {"blocks", config.geometry.blocks},
              {"protection", emulator::protection_word(config.protection)}}},
            {"slots", slots},
            {"objects", objects}};
}

} // namespace cardrig::harness
