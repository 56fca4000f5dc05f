#include "emulator/card_config_rules.h"

#include "apdu/printable.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace cardrig::emulator {

namespace {

std::optional<std::string> rules_fault(std::string_view what, const PasscodeRules& rules) {
    if (rules.min_length < 4 || rules.max_length > 8 || rules.min_length > rules.max_length) {
        return fmt::format("{} of {} to {} characters; lengths lie between 4 and 8", what, rules.min_length,
                           rules.max_length);
    }
    if (rules.tries < 1 || rules.tries > 15) {
        return fmt::format("{} with {} tries; a card can count 1 to 15", what, rules.tries);
    }
    return std::nullopt;
}

std::optional<std::string> algorithms_fault(const std::vector<Algorithm>& algorithms) {
    if (algorithms.empty()) {
        return "a card without algorithms";
    }
    for (auto i = algorithms.begin(); i != algorithms.end(); ++i) {
        if (is_symmetric(*i)) {
            return fmt::format("{} makes no key pairs", name(*i));
        }
        if (std::find(algorithms.begin(), i, *i) != i) {
            return fmt::format("{} is listed twice", name(*i));
        }
    }
    return std::nullopt;
}

} // namespace

std::optional<std::string> atr_fault(apdu::ByteView atr) {
    if (atr.size() < 2 || atr.size() > 33) {
        return fmt::format("an ATR of {} bytes; one has 2 to 33", atr.size());
    }
    if (atr[0] != 0x3B && atr[0] != 0x3F) {
        return fmt::format("an ATR that begins with {:02X}, not 3B or 3F", atr[0]);
    }
    // ISO/IEC 7816-3, 8.2.3: the upper half of T0, then of each TD, tells which interface bytes follow; a TD
    // that names a protocol other than T=0 asks for a check byte at the end.
    const std::size_t historical = atr[1] & 0x0FU;
    unsigned follows = atr[1] >> 4U;
    std::size_t at = 2;
    bool check_byte = false;
    while (follows != 0) {
        at += static_cast<std::size_t>(std::popcount(follows));
        if (at > atr.size()) {
            return "an ATR that ends among its interface bytes";
        }
        if ((follows & 0x8U) == 0) {
            break;
        }
        check_byte = check_byte || (atr[at - 1] & 0x0FU) != 0;
        follows = atr[at - 1] >> 4U;
    }
    const std::size_t expected = at + historical + (check_byte ? 1 : 0);
    if (expected != atr.size()) {
        return fmt::format("an ATR of {} bytes that announces {}", atr.size(), expected);
    }
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : atr.subspan(1)) {
        sum ^= byte;
    }
    if (check_byte && sum != 0) {
        return fmt::format("an ATR whose last byte should be {:02X}", sum ^ atr.back());
    }
    return std::nullopt;
}

std::optional<std::string> geometry_fault(const NvmGeometry& geometry) {
    if (const auto sensible = check(geometry); !sensible) {
        return sensible.error().message;
    }
    if (geometry.size() > largest_memory) {
        return fmt::format("a memory of {} bytes; a card has at most {}", geometry.size(), largest_memory);
    }
    return std::nullopt;
}

std::optional<std::string> config_fault(const CardConfig& config) {
    if (config.profile.empty() || config.profile.size() > 255) {
        return "a profile's name has 1 to 255 bytes";
    }
    // Names are shown on terminals.
    if (apdu::has_control_characters(config.profile)) {
        return "a profile's name has no control characters";
    }
    if (auto fault = atr_fault(config.atr)) {
        return fault;
    }
    if (auto fault = geometry_fault(config.geometry)) {
        return fault;
    }
    if (auto fault = rules_fault("a passcode", config.piv.passcode)) {
        return fault;
    }
    if (auto fault = rules_fault("an unblocking code", config.piv.unblocking_code)) {
        return fault;
    }
    return algorithms_fault(config.piv.algorithms);
}

std::optional<std::string> passcode_fault(const PasscodeRules& rules, std::string_view passcode) {
    if (passcode.size() < rules.min_length || passcode.size() > rules.max_length) {
        return fmt::format("it has {} characters; the card's rules want {} to {}", passcode.size(),
                           rules.min_length, rules.max_length);
    }
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (rules.digits_only && !std::all_of(passcode.begin(), passcode.end(), digit)) {
        return "it has other characters than the digits that the card's rules want";
    }
    // Printable ASCII: FF is what the card pads with, and a keyboard gives nothing below the blank.
    const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
    if (!std::all_of(passcode.begin(), passcode.end(), printable)) {
        return "it has characters that are not printable ASCII";
    }
    return std::nullopt;
}

} // namespace cardrig::emulator
