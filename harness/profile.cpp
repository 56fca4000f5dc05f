#include "harness/profile.h"

#include "apdu/printable.h"
#include "emulator/card_config_rules.h"
#include "emulator/environment.h"
#include "emulator/piv/issuer_objects.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/key_cache.h"
#include "harness/profile_reader.h"
#include "harness/shipped_profiles.h"
#include "harness/test_authority.h"
#include "harness/yaml.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using emulator::CardImage;
using emulator::CryptoContext;
using std::chrono::sys_seconds;

apdu::Bytes hash(std::string_view text) {
    return emulator::sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// The profile's own authority: it certifies, and draws no secrets, as the profile says what they are.
class ProfileIssuer final : public CardIssuer {
public:
    ProfileIssuer(CryptoContext& context, emulator::KeySource& keys, Validity validity)
        : authority_(context, keys, validity) {}

    [[nodiscard]] apdu::Bytes certify(const CertificateOrder& order) override {
        return authority_.issue(order);
    }
    [[nodiscard]] apdu::Bytes management_key(apdu::ByteView, emulator::Algorithm) override { return {}; }
    [[nodiscard]] std::string unblocking_code(apdu::ByteView) override { return {}; }
    [[nodiscard]] std::string certificate_pem() const override { return authority_.certificate_pem(); }
    [[nodiscard]] std::string key_pem() const override { return authority_.key_pem(); }

private:
    TestAuthority authority_;
};

/// Keys, GUID and authority of one card about to be made. Test keys are always the same for one profile; each
/// has a seed of its own, so that a certificate more or less changes no other key.
class Issuer final {
public:
    Issuer(const Profile& profile, const MakeOptions& options)
        : profile_(profile), options_(options),
          context_(options.fresh_keys ? std::nullopt : std::optional<std::uint64_t>(0)) {}

    [[nodiscard]] MadeCard make() {
        emulator::CardSpec spec = profile_.card;
        if (!profile_.guid_given) {
            spec.guid = guid();
        }
        spec.expires = std::chrono::floor<std::chrono::days>(options_.now + profile_.card_expires);
        add_printed_information(spec);
        draw_secrets(spec);
        // All keys first: the authority's seed is good for its key and all that it signs.
        std::vector<Request> all = requests();
        std::optional<ProfileIssuer> own;
        if (options_.issuer == nullptr) {
            own.emplace(context("issuing authority"), keys(), authority_validity());
        }
        CardIssuer& issuer = own ? static_cast<CardIssuer&>(*own) : *options_.issuer;
        for (Request& each : all) {
            spec.keys.push_back(certify(issuer, std::move(each)));
        }
        auto image = emulator::personalise(spec);
        if (!image) {
            throw RequestError(fmt::format("{}: {}", profile_.memory_place, image.error().message));
        }
        return {std::move(*image),
                profile_.holder,
                spec.passcode,
                spec.unblocking_code,
                apdu::to_hex(spec.management_key),
                spec.management_algorithm,
                {spec.guid.begin(), spec.guid.end()},
                issuer.certificate_pem(),
                issuer.key_pem()};
    }

private:
    /// A key pair, and what is to be in its certificate.
    struct Request {
        CertificateProfile certificate;
        Holder subject;
        emulator::PrivateKey key;
    };

    [[nodiscard]] std::string identity(std::string_view what) const {
        const std::string which = options_.identity.empty() ? "" : "\n" + options_.identity;
        return fmt::format("cardrig test card\n{}\n{}{}", profile_.card.config.profile, what, which);
    }

    /// Where somebody else issues the card, and nobody said what they are.
    void draw_secrets(emulator::CardSpec& spec) const {
        if (options_.issuer == nullptr) {
            return;
        }
        if (!options_.overrides.contains("management-key.value")) {
            spec.management_key = options_.issuer->management_key(spec.guid, spec.management_algorithm);
        }
        if (!options_.overrides.contains("unblocking-code.value")) {
            spec.unblocking_code = options_.issuer->unblocking_code(spec.guid);
        }
    }

    /// The context, seeded for that.
    [[nodiscard]] CryptoContext& context(std::string_view what) {
        if (!options_.fresh_keys) {
            std::uint64_t seed = 0;
            const apdu::Bytes digest = hash(identity(what));
            for (std::size_t i = 0; i < sizeof seed; ++i) {
                seed = seed << 8U | digest[i];
            }
            context_.reseed(seed);
        }
        return context_;
    }

    [[nodiscard]] emulator::KeySource& keys() {
        return options_.fresh_keys ? static_cast<emulator::KeySource&>(fresh_) : memoised_;
    }

    [[nodiscard]] std::array<std::uint8_t, 16> guid() {
        std::array<std::uint8_t, 16> guid{};
        if (options_.fresh_keys) {
            emulator::ContextEntropy(context("guid")).fill(guid);
        } else {
            const apdu::Bytes digest = hash(identity("guid"));
            std::copy_n(digest.begin(), guid.size(), guid.begin());
        }
        // RFC 4122, 4.4: version 4, the variant of that document.
        guid[6] = static_cast<std::uint8_t>((guid[6] & 0x0FU) | 0x40U);
        guid[8] = static_cast<std::uint8_t>((guid[8] & 0x3FU) | 0x80U);
        return guid;
    }

    void add_printed_information(emulator::CardSpec& spec) const {
        if (const auto& printed = profile_.printed_information) {
            const auto expires = printed->expires.value_or(profile_.card_expires);
            spec.objects[emulator::piv::printed_information_tag] = emulator::piv::printed_information(
                {printed->name, printed->affiliation,
                 std::chrono::floor<std::chrono::days>(options_.now + expires), printed->serial,
                 printed->issuer});
        }
    }

    /// Long enough for all that it certifies, and for renewals to come.
    [[nodiscard]] Validity authority_validity() const {
        sys_seconds first = options_.now;
        sys_seconds last = options_.now;
        for (const CertificateProfile& certificate : profile_.certificates) {
            first = std::min(first, options_.now + certificate.issued);
            last = std::max(last, options_.now + certificate.expires);
        }
        return {first - std::chrono::days(1), last + std::chrono::days(10L * 365)};
    }

    [[nodiscard]] Request request(const CertificateProfile& certificate, const Holder& subject) {
        emulator::CryptoContext& seeded = context(slot_name(certificate));
        return {certificate, subject, keys().generate(seeded, certificate.algorithm)};
    }

    [[nodiscard]] std::vector<Request> requests() {
        std::vector<Request> made;
        for (const CertificateProfile& certificate : profile_.certificates) {
            made.push_back(request(certificate, profile_.holder));
        }
        if (const auto& token = profile_.card.config.piv.yubico) {
            made.push_back(token_request(*token));
        }
        return made;
    }

    /// The key of a token that vouches for the keys made on it, and its certificate, which names the token.
    [[nodiscard]] Request token_request(const emulator::YubicoExtensions& token) {
        const auto& offered = profile_.card.config.piv.algorithms;
        const bool has_rsa = std::ranges::find(offered, emulator::Algorithm::rsa2048) != offered.end();
        CertificateProfile certificate;
        certificate.reference = emulator::piv::attestation_key;
        certificate.algorithm = has_rsa ? emulator::Algorithm::rsa2048 : offered.front();
        certificate.expires = std::chrono::days(10L * 365);
        return request(certificate, {"cardrig test token attestation", fmt::format("{:012}", token.serial)});
    }

    [[nodiscard]] emulator::PersonalisedKey certify(CardIssuer& issuer, Request request) const {
        const CertificateProfile& certificate = request.certificate;
        CertificateOrder order;
        order.public_key = request.key.native();
        order.common_name = request.subject.name;
        order.number = request.subject.number;
        order.validity = {options_.now + certificate.issued, options_.now + certificate.expires};
        order.use = certificate_use(certificate.reference);
        if (!options_.fresh_keys) {
            order.serial = serial(slot_name(certificate), order);
        }
        apdu::Bytes der = issuer.certify(order);
        return {certificate.reference, std::move(request.key), std::move(der), certificate.passcode_policy};
    }

    [[nodiscard]] static std::string slot_name(const CertificateProfile& certificate) {
        return fmt::format("{:02X}", certificate.reference);
    }

    /// The same authority certifies the same key again and again, with other dates: each certificate has a
    /// number of its own, the same for the same content (RFC 5280, 4.1.2.2).
    [[nodiscard]] apdu::Bytes serial(const std::string& slot, const CertificateOrder& order) const {
        apdu::Bytes digest =
            hash(fmt::format("{}\n{}\n{}\n{}\n{}", identity(slot), order.common_name, order.number,
                             order.validity.not_before.time_since_epoch().count(),
                             order.validity.not_after.time_since_epoch().count()));
        digest.resize(16);
        digest[0] = static_cast<std::uint8_t>((digest[0] & 0x3FU) | 0x40U);
        return digest;
    }

    const Profile& profile_;
    const MakeOptions& options_;
    CryptoContext context_;
    emulator::FreshKeys fresh_;
    MemoisedKeys memoised_;
};

const std::string_view* shipped_profile(std::string_view name) {
    const auto* found = std::find_if(shipped_profiles.begin(), shipped_profiles.end(),
                                     [&](const auto& profile) { return profile.first == name; });
    return found == shipped_profiles.end() ? nullptr : &found->second;
}

/// X.509 has no dates before 1950 that all readers agree on (RFC 5280, 4.1.2.5).
void refuse_early_dates(const Profile& profile, const MakeOptions& options) {
    constexpr sys_seconds earliest = std::chrono::sys_days(std::chrono::year(1951) / 1 / 1);
    for (const CertificateProfile& certificate : profile.certificates) {
        if (options.now + certificate.issued < earliest) {
            throw RequestError(fmt::format("{}: the certificate of {:02X} would begin before 1951",
                                           certificate.issued_place, certificate.reference));
        }
    }
}

MadeCard make_from(std::string_view yaml, const std::string& name, const std::string& file,
                   const MakeOptions& options) {
    Profile profile = read_profile(yaml, name, file, options.overrides);
    if (options.real_timing && !profile.timing_given) {
        profile.card.config.timing = real_timing();
    }
    if (const auto fault = emulator::config_fault(profile.card.config)) {
        throw RequestError(fmt::format("{}: {}", apdu::printable(file), *fault));
    }
    refuse_early_dates(profile, options);
    return Issuer(profile, options).make();
}

apdu::Bytes read_card_file(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error) && !error) {
        const auto names = shipped_profile_names();
        const std::string hint = nearest_word(path, names);
        throw RequestError(
            fmt::format("{}: there is no such file, and no such profile is shipped (there is: {}){}",
                        apdu::printable(path), fmt::join(names, ", "), hint.empty() ? "" : "; " + hint));
    }
    return read_file(path);
}

MadeCard make_from_file(const std::string& path, apdu::ByteView content, const MakeOptions& options) {
    if (std::find(content.begin(), content.end(), 0) != content.end()) {
        throw RequestError(fmt::format("{}: neither a card image nor a profile", apdu::printable(path)));
    }
    const std::string_view yaml(reinterpret_cast<const char*>(content.data()), content.size());
    // A file's name may hold bytes that are not UTF-8, which no image can keep; what would be no name of a
    // profile otherwise, is refused.
    const std::string name = std::filesystem::path(path).stem().string();
    return make_from(yaml, apdu::has_control_characters(name) ? name : apdu::printable(name), path, options);
}

} // namespace

MadeCard make_card(const std::string& name_or_path, const MakeOptions& options) {
    if (const std::string_view* yaml = shipped_profile(name_or_path)) {
        return make_from(*yaml, name_or_path, "profile " + name_or_path, options);
    }
    const apdu::Bytes content = read_card_file(name_or_path);
    if (!content.empty() && CardImage::begins_like_one(content)) {
        throw RequestError(
            fmt::format("{}: this is a card image; a profile is wanted here", apdu::printable(name_or_path)));
    }
    return make_from_file(name_or_path, content, options);
}

CardImage open_card(const std::string& name_or_path, const MakeOptions& options) {
    if (shipped_profile(name_or_path) != nullptr) {
        return make_card(name_or_path, options).image;
    }
    const apdu::Bytes content = read_card_file(name_or_path);
    if (!CardImage::begins_like_one(content)) {
        return make_from_file(name_or_path, content, options).image;
    }
    if (!options.overrides.empty()) {
        throw RequestError(fmt::format("{}: this is a card image; '{}' can be changed in a profile only",
                                       apdu::printable(name_or_path), options.overrides.begin()->first));
    }
    auto image = CardImage::parse(content);
    if (!image) {
        throw RequestError(fmt::format("{}: {}", apdu::printable(name_or_path), image.error().message));
    }
    return std::move(*image);
}

std::vector<std::string> shipped_profile_names() {
    std::vector<std::string> names;
    for (const auto& profile : shipped_profiles) {
        names.emplace_back(profile.first);
    }
    return names;
}

} // namespace cardrig::harness
