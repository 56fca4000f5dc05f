#include "apdu/status_word.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace cardrig::apdu {

namespace {

struct Meaning {
    std::uint16_t value;
    std::string_view text;
};

// ISO/IEC 7816-4, table 6 and 7, in ascending order.
constexpr std::array<Meaning, 47> meanings{{
    {0x6200, "warning, memory unchanged"},
    {0x6281, "part of the returned data may be corrupted"},
    {0x6282, "end of file or record reached before Ne bytes"},
    {0x6283, "selected file deactivated"},
    {0x6284, "control information not formatted as it should be"},
    {0x6285, "selected file in termination state"},
    {0x6286, "no input data from a sensor on the card"},
    {0x6300, "warning, memory changed"},
    {0x6381, "file filled up by the last write"},
    {0x6400, "execution error, memory unchanged"},
    {0x6401, "immediate response required by the card"},
    {0x6500, "execution error, memory changed"},
    {0x6581, "memory failure"},
    {0x6600, "security-related issue"},
    {0x6700, "wrong length"},
    {0x6800, "function in the class byte not supported"},
    {0x6881, "logical channel not supported"},
    {0x6882, "secure messaging not supported"},
    {0x6883, "last command of the chain expected"},
    {0x6884, "command chaining not supported"},
    {0x6900, "command not allowed"},
    {0x6981, "command incompatible with the file's structure"},
    {0x6982, "security status not satisfied"},
    {0x6983, "authentication method blocked"},
    {0x6984, "reference data not usable"},
    {0x6985, "conditions of use not satisfied"},
    {0x6986, "command not allowed, no current file"},
    {0x6987, "secure messaging data objects missing"},
    {0x6988, "incorrect secure messaging data objects"},
    {0x6A00, "wrong P1-P2"},
    {0x6A80, "incorrect data"},
    {0x6A81, "function not supported"},
    {0x6A82, "file or application not found"},
    {0x6A83, "record not found"},
    {0x6A84, "not enough memory"},
    {0x6A85, "length inconsistent with the data's structure"},
    {0x6A86, "incorrect P1-P2"},
    {0x6A87, "length inconsistent with P1-P2"},
    {0x6A88, "referenced data not found"},
    {0x6A89, "file exists already"},
    {0x6A8A, "application name exists already"},
    {0x6B00, "wrong P1-P2"},
    {0x6D00, "instruction not supported"},
    {0x6E00, "class not supported"},
    {0x6F00, "no precise diagnosis"},
    {0x9000, "success"},
    {0xFFFF, ""}, // closes the table, so that a search always stops at an entry
}};

constexpr bool ascending =
    std::is_sorted(meanings.begin(), meanings.end(),
                   [](const Meaning& left, const Meaning& right) { return left.value < right.value; });
static_assert(ascending, "lower_bound needs the order");

/// What the first byte alone says, for second bytes that the standard does not name.
std::string_view class_of(std::uint8_t sw1) {
    switch (sw1) {
    case 0x62:
        return "warning, memory unchanged";
    case 0x63:
        return "warning, memory changed";
    case 0x64:
        return "execution error, memory unchanged";
    case 0x65:
        return "execution error, memory changed";
    case 0x66:
        return "security-related issue";
    case 0x67:
        return "wrong length";
    case 0x68:
        return "function in the class byte not supported";
    case 0x69:
        return "command not allowed";
    case 0x6A:
    case 0x6B:
        return "wrong P1-P2";
    case 0x6D:
        return "instruction not supported";
    case 0x6E:
        return "class not supported";
    case 0x6F:
        return "no precise diagnosis";
    default:
        return {};
    }
}

std::string_view plural(unsigned count) {
    return count == 1 ? "" : "s";
}

/// The forms that carry a number in their second byte; empty for all others.
std::string describe_counted(StatusWord status) {
    const unsigned low = status.sw2();
    if (status.sw1() == 0x61) {
        return low == 0 ? "256 bytes or more available"
                        : fmt::format("{} byte{} available", low, plural(low));
    }
    if (status.sw1() == 0x6C) {
        const unsigned exact = low == 0 ? 256 : low;
        return fmt::format("wrong Le, {} byte{} available", exact, plural(exact));
    }
    if (status.sw1() == 0x63 && (low & 0xF0U) == 0xC0) {
        const unsigned tries = low & 0x0FU;
        return fmt::format("wrong, {} {} left", tries, tries == 1 ? "try" : "tries");
    }
    // ISO/IEC 7816-4, 5.6: 6202 to 6280 and 6402 to 6480 are the card's request to be asked for so many
    // bytes.
    if ((status.sw1() == 0x62 || status.sw1() == 0x64) && low >= 0x02 && low <= 0x80) {
        return fmt::format("the card wants to be asked for {} bytes", low);
    }
    return {};
}

} // namespace

std::string describe(StatusWord status) {
    if (std::string counted = describe_counted(status); !counted.empty()) {
        return counted;
    }
    const auto found =
        std::lower_bound(meanings.begin(), meanings.end(), status.value(),
                         [](const Meaning& meaning, std::uint16_t value) { return meaning.value < value; });
    if (found->value == status.value() && !found->text.empty()) {
        return std::string(found->text);
    }
    if (const std::string_view text = class_of(status.sw1()); !text.empty()) {
        return fmt::format("{} ({})", text, to_string(status));
    }
    // ISO/IEC 7816-3, 12.1.2: SW1 is 6X (but 60) or 9X; of the latter only 9000 has a meaning for all cards.
    if (status.sw1() >> 4U == 0x9) {
        return fmt::format("proprietary ({})", to_string(status));
    }
    return fmt::format("no status word of the standard ({})", to_string(status));
}

std::string to_string(StatusWord status) {
    return fmt::format("{:04X}", status.value());
}

} // namespace cardrig::apdu
