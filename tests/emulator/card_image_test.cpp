#include "emulator/card_image.h"

#include "emulator/card_config_rules.h"
#include "emulator/crypto.h"

#include <random>
#include <string>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <zlib.h>

namespace apdu = cardrig::apdu;
using namespace cardrig::emulator;

namespace {

/// A card with a memory that deflates badly enough for the file to have some length.
CardImage sample() {
    CardImage image;
    image.config.profile = "sample";
    image.config.atr = apdu::from_hex("3B8B0180F9A0000003080000100048").value();
    image.config.geometry = {32, 1, 32};
    image.config.piv.passcode = {4, 7, false, 5};
    image.config.piv.unblocking_code = {6, 8, true, 15};
    image.config.piv.algorithms = {Algorithm::p384, Algorithm::rsa1024};
    image.config.piv.strict_signature_passcode = true;
    image.memory.resize(image.config.geometry.size(), erased_byte);
    std::mt19937 numbers(1); // NOLINT: the same bytes each time
    for (std::size_t i = 0; i < image.memory.size() / 2; ++i) {
        image.memory[i] = static_cast<std::uint8_t>(numbers());
    }
    return image;
}

std::string refusal(ByteView file) {
    const auto image = CardImage::parse(file);
    return image ? std::string() : image.error().message;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::size_t line_end(const Bytes& file, int lines) {
    std::size_t at = 0;
    for (; lines > 0; ++at) {
        lines -= file.at(at) == '\n' ? 1 : 0;
    }
    return at;
}

/// A file whose checksum is right, whatever it says.
Bytes forge(const std::string& config, const Bytes& memory) {
    uLongf size = compressBound(memory.size());
    Bytes deflated(size);
    compress2(deflated.data(), &size, memory.data(), memory.size(), Z_BEST_COMPRESSION);
    deflated.resize(size);
    const std::string line = config + "\n";
    Bytes covered(line.begin(), line.end());
    covered.insert(covered.end(), deflated.begin(), deflated.end());
    const std::string head =
        fmt::format("cardrig card image 1\n{}{} {}\n", line, apdu::to_hex(sha256(covered)), deflated.size());
    Bytes file(head.begin(), head.end());
    file.insert(file.end(), deflated.begin(), deflated.end());
    return file;
}

std::string sample_config() {
    const Bytes file = sample().serialize();
    return {file.begin() + static_cast<std::ptrdiff_t>(line_end(file, 1)),
            file.begin() + static_cast<std::ptrdiff_t>(line_end(file, 2)) - 1};
}

std::string with(const std::string& before, const std::string& after) {
    std::string config = sample_config();
    const std::size_t at = config.find(before);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, before);
    return config.replace(at, before.size(), after);
}

} // namespace

BOOST_AUTO_TEST_SUITE(card_image)

BOOST_AUTO_TEST_CASE(a_card_comes_back_as_it_was_saved) {
    const CardImage before = sample();
    const auto after = CardImage::parse(before.serialize());
    BOOST_REQUIRE(after.has_value());
    BOOST_CHECK(after->config == before.config);
    BOOST_CHECK(after->memory == before.memory);
    BOOST_CHECK(after->serialize() == before.serialize());
}

BOOST_AUTO_TEST_CASE(a_change_of_any_byte_is_refused) {
    const Bytes file = sample().serialize();
    for (std::size_t i = 0; i < file.size(); ++i) {
        for (const unsigned mask : {0x01U, 0x20U, 0x80U}) {
            Bytes damaged = file;
            damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ mask);
            BOOST_REQUIRE_MESSAGE(!refusal(damaged).empty(), "byte " << i);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_cut_at_any_length_is_refused_as_one) {
    const Bytes file = sample().serialize();
    for (std::size_t length = 1; length < file.size(); ++length) {
        const std::string message = refusal(ByteView(file).first(length));
        BOOST_REQUIRE_MESSAGE(contains(message, "truncated"), length << ": " << message);
    }
    Bytes longer = file;
    longer.push_back(0);
    BOOST_TEST(contains(refusal(longer), "damaged"));
}

BOOST_AUTO_TEST_CASE(each_kind_of_wrong_file_has_its_name) {
    const auto of = [](std::string_view text) { return refusal(Bytes(text.begin(), text.end())); };
    BOOST_TEST(contains(of(""), "not a card image"));
    BOOST_TEST(contains(of("title: a profile\n"), "not a card image"));
    BOOST_TEST(contains(of("\x7F"
                           "ELF and more of it, longer than the first line"),
                        "not a card image"));
    BOOST_TEST(contains(of("cardrig card image 2\n{}\n"), "version '2'; this program reads version 1"));
    BOOST_TEST(contains(of("cardrig card image \n"), "version ''"));
    BOOST_TEST(contains(of("cardrig card image \x1B[2J\n"), "version '\\x1B[2J'"));
    BOOST_TEST(contains(of("cardrig card image " + std::string(100'000, '1')), "damaged"));

    Bytes damaged = sample().serialize();
    damaged.back() ^= 1;
    BOOST_TEST(contains(refusal(damaged), "damaged"));
}

BOOST_AUTO_TEST_CASE(a_configuration_that_no_card_has_is_refused) {
    const Bytes& memory = sample().memory;
    BOOST_TEST(refusal(forge(sample_config(), memory)).empty()); // the forger can forge
    const auto of = [&](const std::string& before, const std::string& after) {
        return refusal(forge(with(before, after), memory));
    };
    // Absurd sizes are refused by their numbers, before memory is set aside for them.
    BOOST_TEST(contains(of("\"page\":32", "\"page\":4294967295"), "pages of 4294967295 bytes"));
    BOOST_TEST(contains(of("\"page\":32", "\"page\":4294967328"), "'page' is out of range"));
    BOOST_TEST(contains(of("\"page\":32", "\"page\":-32"), "'page' is out of range"));
    BOOST_TEST(contains(of("\"page\":32", "\"page\":33"), "a power of two"));
    BOOST_TEST(contains(of("\"blocks\":32", "\"blocks\":1000000"), "1000000 blocks"));
    BOOST_TEST(contains(of("\"blocks\":32", "\"blocks\":64"), "2048 bytes"));
    BOOST_TEST(contains(of("\"blocks\":32", "\"block\":32"), "blocks"));
    BOOST_TEST(contains(of("\"journal\"", "\"magic\""), "'magic'"));
    BOOST_TEST(contains(of("\"p-384\"", "\"p-385\""), "'p-385'"));
    BOOST_TEST(contains(of("\"p-384\"", "\"aes-128\""), "AES-128"));
    // Words of a foreign file are shown, and no terminal obeys them.
    BOOST_TEST(contains(of("\"journal\"", "\"\\u001b[2J\""), "'\\x1B[2J'"));
    BOOST_TEST(contains(of("\"p-384\"", "\"\\u009b2J\""), "'\\xC2\\x9B2J'"));
    BOOST_TEST(contains(of("3B8B", "\\u001b8B"), "'\\x1B' at offset 0"));
    BOOST_TEST(contains(of("3B8B", "3C8B"), "3C"));
    BOOST_TEST(contains(of("3B8B", "zz8B"), "ATR is no hex"));
    BOOST_TEST(contains(of("\"tries\":5", "\"tries\":16"), "16 tries"));
    BOOST_TEST(contains(of("\"tries\":5", "\"tries\":0"), "0 tries"));
    BOOST_TEST(contains(of("\"min\":4", "\"min\":8"), "8 to 7"));
    BOOST_TEST(contains(of("\"sample\"", "\"\\u001b[2J\""), "control characters"));
    BOOST_TEST(contains(of("\"sample\"", "\"\\u009b2J\""), "control characters"));
    BOOST_TEST(contains(refusal(forge("[]", memory)), "configuration is wrong"));
    BOOST_TEST(contains(refusal(forge("{", memory)), "configuration is wrong"));
    BOOST_TEST(contains(refusal(forge(std::string(60'000, '['), memory)), "configuration is wrong"));
}

BOOST_AUTO_TEST_CASE(answers_to_reset_are_checked_as_they_are_built) {
    const auto fault = [](std::string_view hex) {
        return atr_fault(apdu::from_hex(hex).value()).value_or("");
    };
    // Cards in the field, and what OpenSC's own list holds.
    for (const char* good : {"3B 8B 01 80 F9 A0 00 00 03 08 00 00 10 00 48", "3B 80 80 01 01",
                             "3B FD 13 00 00 81 31 FE 15 80 73 C0 21 C0 57 59 75 62 69 4B 65 79 40",
                             "3B F9 18 00 00 81 31 FE 45 4A 43 4F 50 34 31 56 32 32 AF",
                             "3B 6A 00 FF 4A 43 4F 50 34 31 56 32 32 31"}) {
        BOOST_TEST(fault(good) == "", good);
    }
    BOOST_TEST(contains(fault("3B"), "2 to 33"));
    BOOST_TEST(contains(fault("3A 80 80 01 01"), "begins with 3A"));
    BOOST_TEST(contains(fault("3B 80 80 01 02"), "should be 01"));
    BOOST_TEST(contains(fault("3B 80 80 01"), "announces 5"));
    BOOST_TEST(contains(fault("3B F0 11"), "interface bytes"));
    BOOST_TEST(contains(fault("3B 00 00"), "announces 2"));
}

BOOST_AUTO_TEST_SUITE_END()
