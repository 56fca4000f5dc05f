#include "harness/profile_reader.h"

#include "emulator/card_config_rules.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::Algorithm;
using emulator::PasscodeRules;
using std::chrono::seconds;

constexpr seconds day = std::chrono::hours(24);
constexpr seconds year = 365 * day;

constexpr auto key_pair_algorithms =
    std::to_array({Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::rsa3072, Algorithm::rsa4096,
                   Algorithm::p256, Algorithm::p384});
constexpr auto management_algorithms =
    std::to_array({Algorithm::triple_des, Algorithm::aes128, Algorithm::aes192, Algorithm::aes256});

template <std::size_t n>
Algorithm read_algorithm(const YamlValue& value, const std::array<Algorithm, n>& known) {
    std::vector<std::string> words;
    for (const Algorithm algorithm : known) {
        words.emplace_back(emulator::profile_word(algorithm));
    }
    return *emulator::algorithm_from_profile_word(value.word(words));
}

std::string read_line(const YamlValue& value, const std::string& text, std::ptrdiff_t longest) {
    const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; };
    const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    const auto length = std::count_if(text.begin(), text.end(), begins_character);
    if (text.empty() || length > longest || std::any_of(text.begin(), text.end(), control)) {
        value.refuse(fmt::format("one line of 1 to {} characters is wanted here", longest));
    }
    return text;
}

Holder read_holder(const YamlValue& value) {
    YamlMapping mapping = value.mapping();
    Holder holder;
    const YamlValue name = mapping.require("name");
    // RFC 5280, appendix A.1: a common name has at most 64 characters.
    holder.name = read_line(name, name.text(), 64);
    const YamlValue number = mapping.require("number");
    holder.number = number.quoted();
    const bool digits =
        std::all_of(holder.number.begin(), holder.number.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (holder.number.size() != 12 || !digits) {
        number.refuse(fmt::format("'{}' is no holder's number: it has 12 digits", holder.number));
    }
    mapping.finish();
    return holder;
}

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
};

/// A passcode or an unblocking code; `code` holds what is so where the profile does not say.
Code read_code(const YamlValue& value, std::string_view what, Code code) {
    YamlMapping mapping = value.mapping();
    const auto given = mapping.take("value");
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

void read_management_key(const YamlValue& value, emulator::CardSpec& card) {
    YamlMapping mapping = value.mapping();
    if (const auto algorithm = mapping.take("algorithm")) {
        card.management_algorithm = read_algorithm(*algorithm, management_algorithms);
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

std::vector<Algorithm> read_algorithms(const YamlValue& value) {
    std::vector<Algorithm> algorithms;
    for (const YamlValue& item : value.sequence()) {
        const Algorithm algorithm = read_algorithm(item, key_pair_algorithms);
        if (std::find(algorithms.begin(), algorithms.end(), algorithm) != algorithms.end()) {
            item.refuse(fmt::format("'{}' is listed twice", item.text()));
        }
        algorithms.push_back(algorithm);
    }
    if (algorithms.empty()) {
        value.refuse("a card offers at least one algorithm");
    }
    return algorithms;
}

void read_memory(const YamlValue& value, emulator::CardConfig& config) {
    YamlMapping mapping = value.mapping();
    const auto number = [&](std::string_view key, std::uint32_t& out) {
        if (const auto item = mapping.take(key)) {
            out = static_cast<std::uint32_t>(item->integer(1, 4096));
        }
    };
    number("page", config.geometry.page_size);
    number("pages-per-block", config.geometry.pages_per_block);
    number("blocks", config.geometry.blocks);
    if (const auto protection = mapping.take("protection")) {
        const std::string word = protection->word({"none", "journal", "shadow"});
        config.protection = emulator::protection_from_word(word).value();
    }
    mapping.finish();
    if (const auto fault = emulator::geometry_fault(config.geometry)) {
        value.refuse(*fault);
    }
}

std::vector<std::string> key_reference_words() {
    std::vector<std::string> words{"9A", "9C", "9D", "9E"};
    for (unsigned retired = 0x82; retired <= 0x95; ++retired) {
        words.push_back(fmt::format("{:02X}", retired));
    }
    return words;
}

CertificateProfile read_certificate_profile(const std::string& word, const YamlValue& value,
                                            const std::vector<Algorithm>& offered) {
    YamlMapping mapping = value.mapping();
    CertificateProfile certificate;
    certificate.reference = apdu::from_hex(word)->at(0);
    certificate.algorithm = offered.front();
    if (const auto algorithm = mapping.take("algorithm")) {
        certificate.algorithm = read_algorithm(*algorithm, key_pair_algorithms);
        if (std::find(offered.begin(), offered.end(), certificate.algorithm) == offered.end()) {
            algorithm->refuse(
                fmt::format("the card does not offer '{}'; see 'algorithms'", algorithm->text()));
        }
    }
    const auto issued = mapping.take("issued");
    const YamlValue expires = mapping.require("expires");
    certificate.expires = expires.duration();
    certificate.issued = issued ? issued->duration() : certificate.expires - 2 * year;
    if (certificate.issued >= certificate.expires) {
        expires.refuse("the certificate ends before it begins");
    }
    mapping.finish();
    return certificate;
}

std::vector<CertificateProfile> read_certificates(const YamlValue& value,
                                                  const std::vector<Algorithm>& offered) {
    YamlMapping mapping = value.mapping();
    std::vector<CertificateProfile> certificates;
    for (const std::string& word : key_reference_words()) {
        const auto item = mapping.take(word);
        // "none" lets an override take away what a profile has.
        if (item && !(item->is_scalar() && item->text() == "none")) {
            certificates.push_back(read_certificate_profile(word, *item, offered));
        }
    }
    mapping.finish();
    return certificates;
}

void read_identity(YamlMapping& mapping, Profile& profile) {
    const YamlValue atr = mapping.require("atr");
    const auto bytes = apdu::from_hex(atr.quoted());
    if (!bytes) {
        atr.refuse(fmt::format("the ATR is no hexadecimal: {}", bytes.error().message));
    }
    if (const auto fault = emulator::atr_fault(*bytes)) {
        atr.refuse(*fault);
    }
    profile.card.config.atr = *bytes;
    if (const auto guid = mapping.take("guid")) {
        const auto value = apdu::from_hex(guid->quoted());
        if (!value || value->size() != profile.card.guid.size()) {
            guid->refuse("a GUID is 32 hexadecimal digits");
        }
        std::copy(value->begin(), value->end(), profile.card.guid.begin());
        profile.guid_given = true;
    }
    const auto expires = mapping.take("card-expires");
    profile.card_expires = expires ? expires->duration() : 5 * year;
}

void read_codes(YamlMapping& mapping, emulator::CardSpec& card) {
    emulator::PivConfig& piv = card.config.piv;
    Code passcode{card.passcode, piv.passcode, std::nullopt};
    if (const auto value = mapping.take("passcode")) {
        passcode = read_code(*value, "passcode", passcode);
    }
    Code unblocking{card.unblocking_code, piv.unblocking_code, std::nullopt};
    if (const auto value = mapping.take("unblocking-code")) {
        unblocking = read_code(*value, "unblocking code", unblocking);
    }
    card.passcode = passcode.value;
    piv.passcode = passcode.rules;
    card.passcode_tries_left = passcode.tries_left;
    card.unblocking_code = unblocking.value;
    piv.unblocking_code = unblocking.rules;
    card.unblocking_code_tries_left = unblocking.tries_left;
    if (const auto strict = mapping.take("strict-signature-passcode")) {
        piv.strict_signature_passcode = strict->boolean();
    }
}

} // namespace

Profile read_profile(std::string_view yaml, const std::string& name, const std::string& file,
                     const ProfileOverrides& overrides) {
    const YamlValue root = YamlValue::parse(yaml, file).with(overrides);
    YamlMapping mapping = root.mapping();
    Profile profile;
    profile.card.config.profile = name;
    const YamlValue title = mapping.require("title");
    profile.title = read_line(title, title.text(), 200);
    read_identity(mapping, profile);
    profile.holder = read_holder(mapping.require("holder"));
    read_codes(mapping, profile.card);
    read_management_key(mapping.require("management-key"), profile.card);
    if (const auto algorithms = mapping.take("algorithms")) {
        profile.card.config.piv.algorithms = read_algorithms(*algorithms);
    }
    profile.memory_place = root.place();
    if (const auto memory = mapping.take("memory")) {
        read_memory(*memory, profile.card.config);
        profile.memory_place = memory->place();
    }
    if (const auto certificates = mapping.take("certificates")) {
        profile.certificates = read_certificates(*certificates, profile.card.config.piv.algorithms);
    }
    mapping.finish();
    return profile;
}

} // namespace cardrig::harness
