#include "apdu/printable.h"

#include <array>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace cardrig::apdu {

namespace {

struct Character {
    std::uint32_t code = 0;
    std::size_t size = 0; ///< bytes
};

struct Form {
    std::uint8_t mask;    ///< of the bits in the first byte that tell the form
    std::uint8_t mark;    ///< their value
    std::size_t size;     ///< bytes
    std::uint32_t lowest; ///< the first code that has no shorter form
};

constexpr std::array<Form, 4> forms{
    {{0x80, 0x00, 1, 0x0}, {0xE0, 0xC0, 2, 0x80}, {0xF0, 0xE0, 3, 0x800}, {0xF8, 0xF0, 4, 0x10000}}};

/// The rest of a character of this form; none where it is no UTF-8 (RFC 3629, 3 and 4).
std::optional<Character> read_form(std::string_view text, const Form& form) {
    if (text.size() < form.size) {
        return std::nullopt;
    }
    std::uint32_t code = static_cast<std::uint8_t>(text.front()) & static_cast<std::uint8_t>(~form.mask);
    for (const char c : text.substr(1, form.size - 1)) {
        const auto byte = static_cast<std::uint8_t>(c);
        if ((byte & 0xC0U) != 0x80) {
            return std::nullopt;
        }
        code = code << 6U | (byte & 0x3FU);
    }
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (code < form.lowest || code > 0x10FFFF || surrogate) {
        return std::nullopt;
    }
    return Character{code, form.size};
}

/// The first character of a text that is not empty.
std::optional<Character> first_character(std::string_view text) {
    for (const Form& form : forms) {
        if ((static_cast<std::uint8_t>(text.front()) & form.mask) == form.mark) {
            return read_form(text, form);
        }
    }
    return std::nullopt;
}

bool is_control(const Character& character) {
    return character.code < 0x20 || (character.code >= 0x7F && character.code <= 0x9F);
}

} // namespace

bool has_control_characters(std::string_view text) {
    while (!text.empty()) {
        const auto character = first_character(text);
        if (character && is_control(*character)) {
            return true;
        }
        text.remove_prefix(character ? character->size : 1);
    }
    return false;
}

std::string printable(std::string_view text) {
    std::string clean;
    while (!text.empty()) {
        const auto character = first_character(text);
        const std::string_view bytes = text.substr(0, character ? character->size : 1);
        if (character && !is_control(*character)) {
            clean += bytes;
        } else {
            for (const char c : bytes) {
                clean += fmt::format("\\x{:02X}", static_cast<std::uint8_t>(c));
            }
        }
        text.remove_prefix(bytes.size());
    }
    return clean;
}

} // namespace cardrig::apdu
