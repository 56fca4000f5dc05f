#include "harness/profile_parts.h"

#include "emulator/card_config_rules.h"

#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::Algorithm;
using emulator::PasscodeRules;

/// "6 to 8", or "8" for exactly eight.
std::pair<std::uint8_t, std::uint8_t> read_length(const YamlValue& value) {
    const std::string text = value.text();
    const std::size_t to = text.find(" to ");
    const std::string low = text.substr(0, to);
    const std::string high = to == std::string::npos ? low : text.substr(to + 4);
    const auto in_range = [](const std::string& s) { return s.size() == 1 && s[0] >= '4' && s[0] <= '8'; };
    if (!in_range(low) || !in_range(high)) {
        value.refuse(fmt::format("'{}' is no length such as '6 to 8' or '8', within 4 to 8", text));
    }
    if (low > high) {
        value.refuse(fmt::format("the length '{}' ends before it begins", text));
    }
    return {static_cast<std::uint8_t>(low[0] - '0'), static_cast<std::uint8_t>(high[0] - '0')};
}

struct Code {
    std::string value;
    PasscodeRules rules;
    std::optional<std::uint8_t> tries_left;
    /// Of a global passcode alone: whether hosts are asked to use it.
    std::optional<bool> preferred;
};

/// A passcode or an unblocking code; `code` holds what is so where the profile does not say.
Code read_code(const YamlValue& value, std::string_view what, Code code) {
    YamlMapping mapping = value.mapping();
    // An empty one is none that a card could have: this one has to be given.
    const std::optional<YamlValue> given =
        code.value.empty() ? mapping.require("value") : mapping.take("value");
    if (const auto length = mapping.take("length")) {
        std::tie(code.rules.min_length, code.rules.max_length) = read_length(*length);
    }
    if (const auto alphabet = mapping.take("alphabet")) {
        code.rules.digits_only = alphabet->word({"digits", "printable"}) == "digits";
    }
    if (const auto tries = mapping.take("tries")) {
        code.rules.tries = static_cast<std::uint8_t>(tries->integer(1, 15));
    }
    if (const auto left = mapping.take("tries-left")) {
        code.tries_left = static_cast<std::uint8_t>(left->integer(0, code.rules.tries));
    }
    if (code.preferred) {
        const auto preferred = mapping.take("preferred");
        code.preferred = preferred && preferred->boolean();
    }
    mapping.finish();
    if (given) {
        code.value = given->quoted();
    }
    if (const auto fault = emulator::passcode_fault(code.rules, code.value)) {
        const auto message = fmt::format("the {} breaks its own rules: {}", what, *fault);
        given ? given->refuse(message) : mapping.refuse(message);
    }
    return code;
}

apdu::Bytes read_secret_hex(const YamlValue& value) {
    const auto bytes = apdu::from_hex(value.quoted());
    if (!bytes) {
        value.refuse("this is not hexadecimal (pairs of digits, with blanks or colons between pairs)");
    }
    return *bytes;
}

Algorithm read_management_algorithm(const YamlValue& value) {
    std::vector<std::string> words;
    for (const Algorithm algorithm :
         {Algorithm::triple_des, Algorithm::aes128, Algorithm::aes192, Algorithm::aes256}) {
        words.emplace_back(emulator::profile_word(algorithm));
    }
    return *emulator::algorithm_from_profile_word(value.word(words));
}

void read_management_key(const YamlValue& value, emulator::CardSpec& card) {
    YamlMapping mapping = value.mapping();
    if (const auto algorithm = mapping.take("algorithm")) {
        card.management_algorithm = read_management_algorithm(*algorithm);
    }
    const YamlValue key = mapping.require("value");
    card.management_key = read_secret_hex(key);
    const std::size_t wanted = emulator::key_size(card.management_algorithm);
    if (card.management_key.size() != wanted) {
        key.refuse(fmt::format("the management key has {} bytes; {} needs {}", card.management_key.size(),
                               emulator::name(card.management_algorithm), wanted));
    }
    mapping.finish();
}

void read_global_passcode(const YamlValue& value, emulator::CardSpec& card) {
    const Code code = read_code(value, "global passcode", {"", {}, std::nullopt, false});
    card.global_passcode = code.value;
    card.global_passcode_tries_left = code.tries_left;
    card.config.piv.global_passcode = code.rules;
    card.config.piv.prefers_global_passcode = code.preferred.value_or(false);
}

} // namespace

void read_codes(YamlMapping& mapping, emulator::CardSpec& card) {
    emulator::PivConfig& piv = card.config.piv;
    Code passcode{card.passcode, piv.passcode, std::nullopt, std::nullopt};
    if (const auto value = mapping.take("passcode")) {
        passcode = read_code(*value, "passcode", passcode);
    }
    Code unblocking{card.unblocking_code, piv.unblocking_code, std::nullopt, std::nullopt};
    if (const auto value = mapping.take("unblocking-code")) {
        unblocking = read_code(*value, "unblocking code", unblocking);
    }
    card.passcode = passcode.value;
    piv.passcode = passcode.rules;
    card.passcode_tries_left = passcode.tries_left;
    card.unblocking_code = unblocking.value;
    piv.unblocking_code = unblocking.rules;
    card.unblocking_code_tries_left = unblocking.tries_left;
    // "none" lets an override take away what a profile has.
    if (const auto value = mapping.take("global-passcode"); value && !is_none(*value)) {
        read_global_passcode(*value, card);
    }
    if (const auto strict = mapping.take("strict-signature-passcode")) {
        piv.strict_signature_passcode = strict->boolean();
    }
    read_management_key(mapping.require("management-key"), card);
}

} // namespace cardrig::harness
