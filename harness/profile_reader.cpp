#include "harness/profile_reader.h"

#include "emulator/card_config_rules.h"
#include "harness/profile_parts.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::Algorithm;
using std::chrono::seconds;

constexpr seconds day = std::chrono::hours(24);
constexpr seconds year = 365 * day;

constexpr auto key_pair_algorithms =
    std::to_array({Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::rsa3072, Algorithm::rsa4096,
                   Algorithm::p256, Algorithm::p384});

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

std::vector<Algorithm> read_algorithms(const YamlValue& value) {
    std::vector<Algorithm> algorithms;
    for (const YamlValue& item : value.sequence()) {
        const Algorithm algorithm = read_key_pair_algorithm(item);
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

std::vector<std::string> key_reference_words() {
    std::vector<std::string> words{"9A", "9C", "9D", "9E"};
    for (unsigned retired = 0x82; retired <= 0x95; ++retired) {
        words.push_back(fmt::format("{:02X}", retired));
    }
    return words;
}

std::uint8_t read_passcode_policy(const YamlValue& value) {
    // In the order of the numbers that a key keeps: see emulator/piv/piv_memory.h.
    const std::vector<std::string> words{"default", "never", "once", "always"};
    const auto found = std::ranges::find(words, value.word(words));
    return static_cast<std::uint8_t>(found - words.begin());
}

CertificateProfile read_certificate_profile(const std::string& word, const YamlValue& value,
                                            const std::vector<Algorithm>& offered) {
    YamlMapping mapping = value.mapping();
    CertificateProfile certificate;
    certificate.reference = apdu::from_hex(word)->at(0);
    certificate.algorithm = offered.front();
    if (const auto algorithm = mapping.take("algorithm")) {
        certificate.algorithm = read_key_pair_algorithm(*algorithm);
        if (std::find(offered.begin(), offered.end(), certificate.algorithm) == offered.end()) {
            algorithm->refuse(
                fmt::format("the card does not offer '{}'; see 'algorithms'", algorithm->text()));
        }
    }
    if (const auto policy = mapping.take("passcode")) {
        certificate.passcode_policy = read_passcode_policy(*policy);
    }
    const auto issued = mapping.take("issued");
    const YamlValue expires = mapping.require("expires");
    certificate.expires = expires.duration();
    certificate.issued = issued ? issued->duration() : certificate.expires - 2 * year;
    certificate.place = value.place();
    certificate.issued_place = (issued ? *issued : expires).place();
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
        if (item && !is_none(*item)) {
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

/// What the card can do. Returns whether it says how long the card's work takes.
bool read_capabilities(YamlMapping& mapping, emulator::CardConfig& config) {
    if (const auto algorithms = mapping.take("algorithms")) {
        config.piv.algorithms = read_algorithms(*algorithms);
    }
    if (const auto mode = mapping.take("put-data")) {
        config.piv.put_data = mode->word({"buffered", "streamed"}) == "streamed"
                                  ? emulator::PutDataMode::streamed
                                  : emulator::PutDataMode::buffered;
    }
    if (const auto largest = mapping.take("largest-object")) {
        config.piv.longest_object = static_cast<std::uint32_t>(
            largest->integer(emulator::smallest_longest_object, emulator::largest_longest_object));
    }
    if (const auto yubico = mapping.take("yubico"); yubico && !is_none(*yubico)) {
        config.piv.yubico = read_yubico(*yubico);
    }
    const auto timing = mapping.take("timing");
    if (timing) {
        config.timing = read_timing(*timing);
    }
    return timing.has_value();
}

} // namespace

std::string read_line(const YamlValue& value, const std::string& text, std::size_t longest) {
    const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; };
    const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    const auto length = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
    if (text.empty() || length > longest || std::any_of(text.begin(), text.end(), control)) {
        value.refuse(fmt::format("one line of 1 to {} characters is wanted here", longest));
    }
    return text;
}

bool is_none(const YamlValue& value) {
    return value.is_scalar() && value.text() == "none";
}

Algorithm read_key_pair_algorithm(const YamlValue& value) {
    std::vector<std::string> words;
    for (const Algorithm algorithm : key_pair_algorithms) {
        words.emplace_back(emulator::profile_word(algorithm));
    }
    return *emulator::algorithm_from_profile_word(value.word(words));
}

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
    profile.timing_given = read_capabilities(mapping, profile.card.config);
    profile.memory_place = root.place();
    if (const auto memory = mapping.take("memory")) {
        read_memory(*memory, profile.card.config);
        profile.memory_place = memory->place();
    }
    if (const auto certificates = mapping.take("certificates"); certificates && !is_none(*certificates)) {
        profile.certificates = read_certificates(*certificates, profile.card.config.piv.algorithms);
    }
    if (const auto objects = mapping.take("objects"); objects && !is_none(*objects)) {
        read_objects(*objects, profile);
    }
    if (const auto printed = mapping.take("printed-information")) {
        profile.printed_information = read_printed_information(*printed, profile);
    }
    mapping.finish();
    return profile;
}

} // namespace cardrig::harness
