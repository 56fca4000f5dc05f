#include "emulator/card_image.h"

#include "apdu/printable.h"
#include "emulator/card_config_rules.h"
#include "emulator/crypto.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

namespace cardrig::emulator {

namespace {

using nlohmann::json;

constexpr std::string_view version = "1";
constexpr std::size_t longest_line = 64UL * 1024;

json rules_to_json(const PasscodeRules& rules) {
    return {{"min", rules.min_length},
            {"max", rules.max_length},
            {"digits", rules.digits_only},
            {"tries", rules.tries}};
}

std::string config_line(const CardConfig& config) {
    json algorithms = json::array();
    for (const Algorithm algorithm : config.piv.algorithms) {
        algorithms.push_back(profile_word(algorithm));
    }
    const json out = {{"profile", config.profile},
                      {"atr", apdu::to_hex(config.atr)},
                      {"memory",
                       {{"page", config.geometry.page_size},
                        {"pages-per-block", config.geometry.pages_per_block},
                        {"blocks", config.geometry.blocks},
                        {"protection", protection_word(config.protection)}}},
                      {"piv",
                       {{"passcode", rules_to_json(config.piv.passcode)},
                        {"unblocking-code", rules_to_json(config.piv.unblocking_code)},
                        {"algorithms", algorithms},
                        {"strict-signature-passcode", config.piv.strict_signature_passcode}}}};
    // A profile is named after its file, and a file's name may hold bytes that are not UTF-8.
    return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// A whole number in 0 to `max`: nlohmann would cut a larger one short without a word.
std::uint32_t number(const json& object, const char* key, std::uint32_t max) {
    const json& value = object.at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max) {
        throw std::range_error(fmt::format("'{}' is out of range", key));
    }
    return value.get<std::uint32_t>();
}

PasscodeRules rules_from_json(const json& object) {
    return {static_cast<std::uint8_t>(number(object, "min", 255)),
            static_cast<std::uint8_t>(number(object, "max", 255)), object.at("digits").get<bool>(),
            static_cast<std::uint8_t>(number(object, "tries", 255))};
}

Result<CardConfig> config_from_json(const json& in) {
    CardConfig config;
    config.profile = in.at("profile").get<std::string>();
    auto atr = apdu::from_hex(in.at("atr").get<std::string>());
    if (!atr) {
        return apdu::failure(fmt::format("its ATR is no hex: {}", atr.error().message));
    }
    config.atr = *atr;
    const json& memory = in.at("memory");
    config.geometry = {number(memory, "page", UINT32_MAX), number(memory, "pages-per-block", UINT32_MAX),
                       number(memory, "blocks", UINT32_MAX)};
    const auto protection_text = memory.at("protection").get<std::string>();
    const auto protection = protection_from_word(protection_text);
    if (!protection) {
        return apdu::failure(fmt::format("its memory's protection is '{}', unknown here", protection_text));
    }
    config.protection = *protection;
    const json& piv = in.at("piv");
    config.piv.passcode = rules_from_json(piv.at("passcode"));
    config.piv.unblocking_code = rules_from_json(piv.at("unblocking-code"));
    config.piv.strict_signature_passcode = piv.at("strict-signature-passcode").get<bool>();
    config.piv.algorithms.clear();
    for (const json& word : piv.at("algorithms")) {
        const auto algorithm = algorithm_from_profile_word(word.get<std::string>());
        if (!algorithm) {
            return apdu::failure(fmt::format("its algorithm '{}' is unknown here", word.get<std::string>()));
        }
        config.piv.algorithms.push_back(*algorithm);
    }
    return config;
}

Result<CardConfig> parse_config(std::string_view line) {
    try {
        auto config = config_from_json(json::parse(line));
        if (config) {
            if (const auto fault = config_fault(*config)) {
                return apdu::failure(*fault);
            }
        }
        return config;
    } catch (const json::exception& error) {
        return apdu::failure(error.what());
    } catch (const std::range_error& error) {
        return apdu::failure(error.what());
    }
}

/// Takes a line off the front, without its newline; none where there is no newline within reason.
std::optional<std::string_view> take_line(std::string_view& text) {
    const std::size_t end = text.substr(0, longest_line).find('\n');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

std::string digest(std::string_view config_with_newline, ByteView deflated) {
    Bytes all(config_with_newline.begin(), config_with_newline.end());
    all.insert(all.end(), deflated.begin(), deflated.end());
    return apdu::to_hex(sha256(all));
}

ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::optional<Bytes> inflate_exactly(ByteView deflated, std::size_t size) {
    Bytes memory(size);
    uLongf out_size = memory.size();
    uLong in_size = deflated.size();
    const int status = uncompress2(memory.data(), &out_size, deflated.data(), &in_size);
    if (status != Z_OK || out_size != size || in_size != deflated.size()) {
        return std::nullopt;
    }
    return memory;
}

/// Tells a file cut within the lines from one whose bytes changed: a line that is short of its newline at the
/// end of the file was cut.
apdu::Error short_of(std::string_view rest, std::string_view what) {
    return {rest.size() < longest_line ? fmt::format("the card image is truncated: it ends in its {}", what)
                                       : fmt::format("the card image is damaged: its {} does not end", what)};
}

/// The digest and the number of deflated bytes that follow, which tells a cut file from a changed one.
std::string checksum_line(std::string_view config_with_newline, std::string_view deflated) {
    return fmt::format("{} {}", digest(config_with_newline, bytes_of(deflated)), deflated.size());
}

std::optional<std::string> content_fault(std::string_view checksum, std::string_view config_with_newline,
                                         std::string_view deflated) {
    if (checksum == checksum_line(config_with_newline, deflated)) {
        return std::nullopt;
    }
    const std::size_t blank = std::min(checksum.find(' '), checksum.size());
    std::size_t announced = 0;
    std::from_chars(checksum.data() + std::min(blank + 1, checksum.size()), checksum.data() + checksum.size(),
                    announced);
    if (deflated.size() < announced) {
        return fmt::format("the card image is truncated: {} of {} bytes of its memory are there",
                           deflated.size(), announced);
    }
    return "the card image is damaged: its checksum is not that of its content";
}

} // namespace

Bytes CardImage::serialize() const {
    const std::string config_text = config_line(config);
    uLongf size = compressBound(memory.size());
    Bytes deflated(size);
    // Cannot fail: the bound is zlib's own.
    compress2(deflated.data(), &size, memory.data(), memory.size(), Z_BEST_SPEED);
    deflated.resize(size);
    const std::string_view payload(reinterpret_cast<const char*>(deflated.data()), deflated.size());
    const std::string head = fmt::format("{}{}\n{}{}\n", card_image_magic, version, config_text,
                                         checksum_line(config_text, payload));
    Bytes file(head.begin(), head.end());
    file.insert(file.end(), deflated.begin(), deflated.end());
    return file;
}

bool CardImage::begins_like_one(ByteView file) {
    return file.size() >= card_image_magic.size() &&
           std::equal(card_image_magic.begin(), card_image_magic.end(), file.begin());
}

Result<CardImage> CardImage::parse(ByteView file) {
    if (!begins_like_one(file)) {
        const bool cut = !file.empty() && file.size() < card_image_magic.size() &&
                         std::equal(file.begin(), file.end(), card_image_magic.begin());
        return apdu::failure(cut ? "the card image is truncated: it ends in its first line"
                                 : "not a card image: it does not begin as one");
    }
    std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    text.remove_prefix(card_image_magic.size());
    const auto found_version = take_line(text);
    if (!found_version) {
        return tl::make_unexpected(short_of(text, "first line"));
    }
    if (*found_version != version) {
        return apdu::failure(fmt::format("a card image of version '{}'; this program reads version {}",
                                         apdu::printable(found_version->substr(0, 20)), version));
    }
    const std::string_view config_start = text;
    const auto config_text = take_line(text);
    if (!config_text) {
        return tl::make_unexpected(short_of(text, "configuration"));
    }
    const auto checksum = take_line(text);
    if (!checksum) {
        return tl::make_unexpected(short_of(text, "checksum"));
    }
    if (const auto fault = content_fault(*checksum, config_start.substr(0, config_text->size() + 1), text)) {
        return apdu::failure(*fault);
    }
    const auto config = parse_config(*config_text);
    if (!config) {
        return apdu::failure(fmt::format("the card image's configuration is wrong: {}",
                                         apdu::printable(config.error().message)));
    }
    auto memory = inflate_exactly(bytes_of(text), config->geometry.size());
    if (!memory) {
        return apdu::failure(
            fmt::format("the card image's memory does not have the {} bytes that its configuration tells",
                        config->geometry.size()));
    }
    return CardImage{*config, std::move(*memory)};
}

} // namespace cardrig::emulator
