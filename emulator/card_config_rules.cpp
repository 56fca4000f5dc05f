#include "emulator/card_config_rules.h"

#include "apdu/printable.h"
#include "emulator/piv/yubico/factory_state.h"

#include <algorithm>
#include <bit>
#include <utility>

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

std::optional<std::string> codes_fault(const PivConfig& piv) {
    if (auto fault = rules_fault("a passcode", piv.passcode)) {
        return fault;
    }
    if (auto fault = rules_fault("an unblocking code", piv.unblocking_code)) {
        return fault;
    }
    if (piv.global_passcode) {
        return rules_fault("a global passcode", *piv.global_passcode);
    }
    if (piv.prefers_global_passcode) {
        return "a global passcode is preferred where there is none";
    }
    return std::nullopt;
}

std::optional<std::string> timing_fault(const Timing& timing) {
    for (const auto& [what, wait] : {std::pair("a command", timing.command), std::pair("a byte", timing.byte),
                                     std::pair("a write", timing.memory_write)}) {
        if (auto fault = wait_fault(what, wait)) {
            return fault;
        }
    }
    for (const auto& [algorithm, wait] : timing.generate) {
        if (is_symmetric(algorithm)) {
            return fmt::format("{} makes no key pairs", name(algorithm));
        }
        if (auto fault = wait_fault("making a key pair", wait)) {
            return fault;
        }
    }
    for (const auto& [algorithm, wait] : timing.use) {
        if (auto fault = wait_fault("using a key", wait)) {
            return fault;
        }
    }
    return std::nullopt;
}

/// Where the interface bytes of an answer to reset end, and whether a check byte ends it all.
struct InterfaceBytes {
    std::size_t end = 2;
    bool check_byte = false;
    std::vector<int> protocols;
};

/// ISO/IEC 7816-3, 8.2.3: the upper half of T0, then of each TD, tells which interface bytes follow; a TD
/// that names a protocol other than T=0 asks for a check byte at the end. None where the bytes end too early.
std::optional<InterfaceBytes> interface_bytes(apdu::ByteView atr) {
    constexpr int no_protocol = 15; // T=15 tells that global interface bytes follow
    InterfaceBytes found;
    unsigned follows = atr[1] >> 4U;
    while (follows != 0) {
        found.end += static_cast<std::size_t>(std::popcount(follows));
        if (found.end > atr.size()) {
            return std::nullopt;
        }
        if ((follows & 0x8U) == 0) {
            break;
        }
        const int protocol = atr[found.end - 1] & 0x0F;
        found.check_byte = found.check_byte || protocol != 0;
        if (protocol != no_protocol &&
            std::ranges::find(found.protocols, protocol) == found.protocols.end()) {
            found.protocols.push_back(protocol);
        }
        follows = atr[found.end - 1] >> 4U;
    }
    return found;
}

/// RESET and SET PIN RETRIES bring the factory codes back, whatever the card came with.
std::optional<std::string> factory_codes_fault(const PivConfig& config) {
    if (!config.yubico) {
        return std::nullopt;
    }
    if (const auto fault = passcode_fault(config.passcode, piv::yubico::factory_passcode)) {
        return fmt::format("a token whose factory passcode breaks its rules: {}", *fault);
    }
    if (const auto fault = passcode_fault(config.unblocking_code, piv::yubico::factory_unblocking_code)) {
        return fmt::format("a token whose factory unblocking code breaks its rules: {}", *fault);
    }
    return std::nullopt;
}

} // namespace

std::vector<int> protocols(apdu::ByteView atr) {
    const auto found = atr.size() < 2 ? std::nullopt : interface_bytes(atr);
    return found && !found->protocols.empty() ? found->protocols : std::vector<int>{0};
}

std::optional<std::string> wait_fault(std::string_view what, std::chrono::microseconds wait) {
    if (wait.count() < 0 || wait > longest_wait) {
        return fmt::format("{} that takes {} microseconds; 0 to {} are possible", what, wait.count(),
                           longest_wait.count());
    }
    return std::nullopt;
}

std::optional<std::string> atr_fault(apdu::ByteView atr) {
    if (atr.size() < 2 || atr.size() > 33) {
        return fmt::format("an ATR of {} bytes; one has 2 to 33", atr.size());
    }
    if (atr[0] != 0x3B && atr[0] != 0x3F) {
        return fmt::format("an ATR that begins with {:02X}, not 3B or 3F", atr[0]);
    }
    const auto interface = interface_bytes(atr);
    if (!interface) {
        return "an ATR that ends among its interface bytes";
    }
    const std::size_t historical = atr[1] & 0x0FU;
    const bool check_byte = interface->check_byte;
    const std::size_t expected = interface->end + historical + (check_byte ? 1 : 0);
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
    // Names are shown on terminals, and images are JSON.
    if (apdu::has_control_characters(config.profile)) {
        return "a profile's name has no control characters";
    }
    if (apdu::printable(config.profile) != config.profile) {
        return "a profile's name is UTF-8";
    }
    if (auto fault = atr_fault(config.atr)) {
        return fault;
    }
    if (auto fault = geometry_fault(config.geometry)) {
        return fault;
    }
    if (auto fault = codes_fault(config.piv)) {
        return fault;
    }
    if (auto fault = factory_codes_fault(config.piv)) {
        return fault;
    }
    if (config.piv.longest_object < smallest_longest_object ||
        config.piv.longest_object > largest_longest_object) {
        return fmt::format("a largest object of {} bytes; {} to {} are possible", config.piv.longest_object,
                           smallest_longest_object, largest_longest_object);
    }
    if (auto fault = timing_fault(config.timing)) {
        return fault;
    }
    return algorithms_fault(config.piv.algorithms);
}

// Printable ASCII: FF is what the card pads with, and a keyboard gives nothing below the blank.
bool is_allowed(const PasscodeRules& rules, std::uint8_t character) {
    return rules.digits_only ? character >= '0' && character <= '9' : character >= ' ' && character <= '~';
}

std::optional<std::string> passcode_fault(const PasscodeRules& rules, std::string_view passcode) {
    if (passcode.size() < rules.min_length || passcode.size() > rules.max_length) {
        return fmt::format("it has {} characters; the card's rules want {} to {}", passcode.size(),
                           rules.min_length, rules.max_length);
    }
    const auto allowed = [&rules](char c) { return is_allowed(rules, static_cast<std::uint8_t>(c)); };
    if (std::ranges::all_of(passcode, allowed)) {
        return std::nullopt;
    }
    return rules.digits_only ? "it has other characters than the digits that the card's rules want"
                             : "it has characters that are not printable ASCII";
}

} // namespace cardrig::emulator
