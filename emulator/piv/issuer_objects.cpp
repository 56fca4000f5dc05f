#include "emulator/piv/issuer_objects.h"

#include "apdu/ber_tlv.h"

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace cardrig::emulator::piv {

namespace {

using apdu::append_tlv;
using apdu::Bytes;

// The FASC-N's characters as TIG SCEPACS 2.2, 6.1 numbers them beyond the digits.
constexpr char start_sentinel = '\x0B';
constexpr char field_separator = '\x0D';
constexpr char end_sentinel = '\x0F';

unsigned value_of(char character) {
    return static_cast<unsigned char>(character) & 0x0FU;
}

/// Five bits of one character: four of data, the lowest first, and odd parity (TIG SCEPACS 2.2, 6.1).
unsigned five_bits(unsigned value) {
    unsigned bits = 0;
    for (unsigned i = 0; i < 4; ++i) {
        bits = bits << 1U | ((value >> i) & 1U);
    }
    return bits << 1U | (std::popcount(value) % 2 == 0 ? 1U : 0U);
}

} // namespace

std::array<std::uint8_t, 25> non_federal_fasc_n() {
    // Agency, system, credential number, credential series, individual credential issue; person, organisation
    // category and identifier, association.
    std::string characters = fmt::format("{0}9999{1}9999{1}999999{1}0{1}1{1}0000000000300001{2}",
                                         start_sentinel, field_separator, end_sentinel);
    unsigned check = 0;
    for (const char character : characters) {
        check ^= value_of(character);
    }
    characters.push_back(static_cast<char>(check));

    std::array<std::uint8_t, 25> packed{};
    std::size_t bit = 0;
    for (const char character : characters) {
        const unsigned bits = five_bits(value_of(character));
        for (unsigned i = 5; i-- > 0; ++bit) {
            packed.at(bit / 8) =
                static_cast<std::uint8_t>(unsigned{packed.at(bit / 8)} << 1U | ((bits >> i) & 1U));
        }
    }
    return packed;
}

Bytes card_holder_unique_identifier(const Guid& guid, std::chrono::sys_days expires) {
    const std::chrono::year_month_day date(expires);
    const std::string digits =
        fmt::format("{:04}{:02}{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                    static_cast<unsigned>(date.day()));
    Bytes out;
    append_tlv(out, 0x30, non_federal_fasc_n());
    append_tlv(out, 0x34, guid);
    append_tlv(out, 0x35, Bytes(digits.begin(), digits.end()));
    append_tlv(out, 0x3E, {}); // the issuer's signature, which nobody checks on a test card
    append_tlv(out, 0xFE, {});
    return out;
}

Bytes printed_information(const PrintedInformation& printed) {
    constexpr std::array<std::string_view, 12> months{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                      "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
    const std::chrono::year_month_day date(printed.expires);
    const std::string expires =
        fmt::format("{:04}{}{:02}", static_cast<int>(date.year()),
                    months.at(static_cast<unsigned>(date.month()) - 1), static_cast<unsigned>(date.day()));
    Bytes out;
    const auto append_text = [&out](apdu::Tag tag, std::string_view text) {
        append_tlv(out, tag, Bytes(text.begin(), text.end()));
    };
    append_text(0x01, printed.name);
    append_text(0x02, printed.affiliation);
    append_text(0x04, expires);
    append_text(0x05, printed.serial);
    append_text(0x06, printed.issuer);
    append_text(0xFE, {});
    return out;
}

Bytes card_capability_container(const Guid& guid) {
    // GSC-IS 2.1 table 8-1: the registered identifier, no known manufacturer, a Java card, the card's number.
    Bytes card_identifier{0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02};
    card_identifier.insert(card_identifier.end(), guid.begin() + 2, guid.end());
    Bytes out;
    append_tlv(out, 0xF0, card_identifier);
    append_tlv(out, 0xF1, Bytes{0x21}); // capability container version
    append_tlv(out, 0xF2, Bytes{0x21}); // capability grammar version
    append_tlv(out, 0xF3, {});
    append_tlv(out, 0xF4, Bytes{0x00}); // no PKCS#15 on it
    append_tlv(out, 0xF5, Bytes{0x10}); // the data model that PIV has registered
    for (const apdu::Tag tag : {0xF6U, 0xF7U, 0xFAU, 0xFBU, 0xFCU, 0xFDU, 0xFEU}) {
        append_tlv(out, tag, {});
    }
    return out;
}

} // namespace cardrig::emulator::piv
