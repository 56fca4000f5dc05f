#include "emulator/card_image.h"

#include "apdu/printable.h"
#include "emulator/card_config_text.h"
#include "emulator/crypto.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

namespace cardrig::emulator {

namespace {

using nlohmann::json;

constexpr std::string_view first_version = "1";
constexpr std::string_view version = "2";
constexpr std::size_t longest_line = 64UL * 1024;

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

/// Deflated bytes never grow more than that (zlib's own figure is 1032): what cannot be there is not made
/// room for.
constexpr std::size_t largest_growth = 1040;

std::optional<Bytes> inflate_exactly(ByteView deflated, std::size_t size) {
    if (size / largest_growth > deflated.size()) {
        return std::nullopt;
    }
    Bytes memory(size);
    uLongf out_size = memory.size();
    uLong in_size = deflated.size();
    const int status = uncompress2(memory.data(), &out_size, deflated.data(), &in_size);
    if (status != Z_OK || out_size != size || in_size != deflated.size()) {
        return std::nullopt;
    }
    return memory;
}

Bytes deflate_all(ByteView bytes) {
    uLongf size = compressBound(bytes.size());
    Bytes deflated(size);
    // Cannot fail: the bound is zlib's own.
    compress2(deflated.data(), &size, bytes.data(), bytes.size(), Z_BEST_SPEED);
    deflated.resize(size);
    return deflated;
}

/// What the line of JSON tells.
struct Description {
    CardConfig config;
    std::size_t weak_bytes = 0;
    std::uint64_t weak_state = 0;
};

std::string description_line(const CardImage& image) {
    const json out = {
        {"card", config_to_json(image.config)},
        {"weak-bits",
         {{"count", image.weak.masks.size()}, {"state", fmt::format("{:016X}", image.weak.state)}}}};
    // Never throws: a name that is not UTF-8, which config_fault() refuses, changes.
    return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Description> read_weak_bits(const json& in, const CardConfig& config) {
    Description out{config, 0, 0};
    const json& count = in.at("count");
    if (!count.is_number_unsigned() || count.get<std::uint64_t>() > config.geometry.size()) {
        return apdu::failure("there are more bytes with weak bits than the memory has");
    }
    out.weak_bytes = count.get<std::size_t>();
    const auto state = apdu::from_hex(in.at("state").get<std::string>());
    if (!state || state->size() != sizeof(out.weak_state)) {
        return apdu::failure("the state of its weak bits is not 16 hexadecimal digits");
    }
    for (const std::uint8_t byte : *state) {
        out.weak_state = out.weak_state << 8U | byte;
    }
    return out;
}

Result<Description> parse_description(std::string_view line, bool first) {
    try {
        const json in = json::parse(line);
        auto config = config_from_json(first ? in : in.at("card"), first);
        if (!config) {
            return tl::make_unexpected(config.error());
        }
        return first ? Description{std::move(*config), 0, 0} : read_weak_bits(in.at("weak-bits"), *config);
    } catch (const json::exception& error) {
        return apdu::failure(error.what());
    }
}

/// A byte with weak bits: its offset, then their mask.
constexpr std::size_t weak_entry_size = 5;

void append_weak_bits(Bytes& out, const WeakBits& weak) {
    for (const auto& [offset, mask] : weak.masks) {
        for (unsigned shift = 32; shift > 0; shift -= 8) {
            out.push_back(static_cast<std::uint8_t>(offset >> (shift - 8)));
        }
        out.push_back(mask);
    }
}

/// None where they do not ascend, lie outside the memory, or say nothing.
std::optional<WeakBits> parse_weak_bits(ByteView entries, std::size_t memory_size, std::uint64_t state) {
    WeakBits weak;
    weak.state = state;
    for (; entries.size() >= weak_entry_size; entries = entries.subspan(weak_entry_size)) {
        std::uint32_t offset = 0;
        for (std::size_t i = 0; i + 1 < weak_entry_size; ++i) {
            offset = offset << 8U | entries[i];
        }
        const std::uint8_t mask = entries[weak_entry_size - 1];
        if (mask == 0 || offset >= memory_size ||
            (!weak.masks.empty() && weak.masks.rbegin()->first >= offset)) {
            return std::nullopt;
        }
        weak.masks.emplace_hint(weak.masks.end(), offset, mask);
    }
    return weak;
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

Result<CardImage> unpack(const Description& described, ByteView deflated) {
    const std::size_t size = described.config.geometry.size();
    auto content = inflate_exactly(deflated, size + described.weak_bytes * weak_entry_size);
    if (!content) {
        return apdu::failure(fmt::format(
            "the card image's memory does not have the {} bytes that its configuration tells", size));
    }
    auto weak = parse_weak_bits(ByteView(*content).subspan(size), size, described.weak_state);
    if (!weak) {
        return apdu::failure("the card image's weak bits are not in order");
    }
    content->resize(size);
    return CardImage{described.config, std::move(*content), std::move(*weak)};
}

} // namespace

Bytes CardImage::serialize() const {
    const std::string description = description_line(*this);
    Bytes content = memory;
    append_weak_bits(content, weak);
    const Bytes deflated = deflate_all(content);
    const std::string_view payload(reinterpret_cast<const char*>(deflated.data()), deflated.size());
    const std::string head = fmt::format("{}{}\n{}{}\n", card_image_magic, version, description,
                                         checksum_line(description, payload));
    Bytes file(head.begin(), head.end());
    file.insert(file.end(), deflated.begin(), deflated.end());
    return file;
}

bool CardImage::begins_like_one(ByteView file) {
    const std::size_t size = std::min(file.size(), card_image_magic.size());
    return std::equal(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size),
                      card_image_magic.begin());
}

Result<CardImage> CardImage::parse(ByteView file) {
    if (!begins_like_one(file)) {
        return apdu::failure("not a card image: it does not begin as one");
    }
    if (file.size() < card_image_magic.size()) {
        return apdu::failure(file.empty() ? "the card image is truncated: the file is empty"
                                          : "the card image is truncated: it ends in its first line");
    }
    std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    text.remove_prefix(card_image_magic.size());
    const auto found_version = take_line(text);
    if (!found_version) {
        return tl::make_unexpected(short_of(text, "first line"));
    }
    const bool first = *found_version == first_version;
    if (!first && *found_version != version) {
        return apdu::failure(
            fmt::format("a card image of version '{}'; this program reads versions {} and {}",
                        apdu::printable(found_version->substr(0, 20)), first_version, version));
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
    const auto described = parse_description(*config_text, first);
    if (!described) {
        return apdu::failure(fmt::format("the card image's configuration is wrong: {}",
                                         apdu::printable(described.error().message)));
    }
    return unpack(*described, bytes_of(text));
}

} // namespace cardrig::emulator
