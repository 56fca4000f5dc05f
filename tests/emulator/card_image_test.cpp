#include "emulator/card_image.h"

#include "emulator/card_config_rules.h"
#include "emulator/crypto.h"
#include "emulator/inspection.h"
#include "emulator/protection.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

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
    image.config.piv.global_passcode = PasscodeRules{5, 8, false, 7};
    image.config.piv.yubico = YubicoExtensions{{5, 7, 1}, 4'294'967'295U};
    image.config.timing.byte = std::chrono::microseconds(90);
    image.config.timing.use[Algorithm::p256] = std::chrono::milliseconds(90);
    image.weak = {{{0, 0x01}, {7, 0xFF}, {1023, 0x80}}, 0x0123'4567'89AB'CDEFU};
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
        fmt::format("cardrig card image 2\n{}{} {}\n", line, apdu::to_hex(sha256(covered)), deflated.size());
    Bytes file(head.begin(), head.end());
    file.insert(file.end(), deflated.begin(), deflated.end());
    return file;
}

/// The sample's memory and its weak bits, as they lie in the file.
Bytes sample_content() {
    Bytes content = sample().memory;
    const Bytes weak = apdu::from_hex("0000000001 00000007FF 000003FF80").value();
    content.insert(content.end(), weak.begin(), weak.end());
    return content;
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

/// Everything that a configuration can be, at random, within the rules.
class RandomConfigs final {
public:
    [[nodiscard]] CardConfig next() {
        CardConfig config = sample().config;
        config.timing = {};
        config.piv.global_passcode.reset();
        config.piv.prefers_global_passcode = false;
        config.piv.yubico.reset();
        config.profile = fmt::format("card {}", number(0, 1'000'000));
        config.atr = apdu::from_hex(number(0, 1) == 0 ? "3B00" : "3B80800101").value();
        config.geometry = {1U << number(5, 12), number(1, 8), number(32, 60)};
        config.protection = all_protections.at(number(0, 2));
        config.piv.passcode = rules();
        config.piv.unblocking_code = rules();
        if (number(0, 1) == 0) {
            config.piv.global_passcode = rules();
            config.piv.prefers_global_passcode = number(0, 1) == 0;
        }
        config.piv.algorithms.assign(1, Algorithm::rsa4096);
        for (const Algorithm algorithm :
             {Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::rsa3072, Algorithm::p256, Algorithm::p384}) {
            if (number(0, 1) == 0) {
                config.piv.algorithms.push_back(algorithm);
                config.timing.generate[algorithm] = wait();
                config.timing.use[algorithm] = wait();
            }
        }
        config.piv.strict_signature_passcode = number(0, 1) == 0;
        config.piv.put_data = number(0, 1) == 0 ? PutDataMode::buffered : PutDataMode::streamed;
        config.piv.longest_object = number(smallest_longest_object, largest_longest_object);
        if (number(0, 1) == 0) {
            config.piv.yubico = YubicoExtensions{{byte(), byte(), byte()}, number(0, UINT32_MAX)};
            // The factory codes, of six and of eight characters, keep the rules.
            PasscodeRules& own = config.piv.passcode;
            own.min_length = std::min<std::uint8_t>(own.min_length, 6);
            own.max_length = std::max<std::uint8_t>(own.max_length, 6);
            config.piv.unblocking_code.max_length = 8;
        }
        config.timing.command = wait();
        config.timing.byte = wait();
        config.timing.memory_write = wait();
        config.timing.use[Algorithm::aes256] = wait();
        return config;
    }

    [[nodiscard]] std::uint32_t number(std::uint32_t low, std::uint32_t high) {
        return std::uniform_int_distribution<std::uint32_t>(low, high)(engine_);
    }

private:
    [[nodiscard]] std::uint8_t byte() { return static_cast<std::uint8_t>(number(0, 255)); }
    [[nodiscard]] std::chrono::microseconds wait() {
        return std::chrono::microseconds(number(0, static_cast<std::uint32_t>(longest_wait.count())));
    }
    [[nodiscard]] PasscodeRules rules() {
        const auto low = static_cast<std::uint8_t>(number(4, 8));
        return {low, static_cast<std::uint8_t>(number(low, 8)), number(0, 1) == 0,
                static_cast<std::uint8_t>(number(1, 15))};
    }

    std::mt19937 engine_{1}; // NOLINT: the same configurations each time
};

} // namespace

BOOST_AUTO_TEST_SUITE(card_image)

BOOST_AUTO_TEST_CASE(a_card_comes_back_as_it_was_saved) {
    const CardImage before = sample();
    const auto after = CardImage::parse(before.serialize());
    BOOST_REQUIRE(after.has_value());
    BOOST_CHECK(after->config == before.config);
    BOOST_CHECK(after->memory == before.memory);
    BOOST_CHECK(after->weak == before.weak);
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
    for (std::size_t length = 0; length < file.size(); ++length) {
        BOOST_REQUIRE(CardImage::begins_like_one(ByteView(file).first(length)));
        const std::string message = refusal(ByteView(file).first(length));
        BOOST_REQUIRE_MESSAGE(contains(message, "truncated"), length << ": " << message);
    }
    Bytes longer = file;
    longer.push_back(0);
    BOOST_TEST(contains(refusal(longer), "damaged"));
}

BOOST_AUTO_TEST_CASE(each_kind_of_wrong_file_has_its_name) {
    const auto of = [](std::string_view text) { return refusal(Bytes(text.begin(), text.end())); };
    BOOST_TEST(contains(of(""), "truncated: the file is empty"));
    BOOST_TEST(contains(of("title: a profile\n"), "not a card image"));
    BOOST_TEST(contains(of("\x7F"
                           "ELF and more of it, longer than the first line"),
                        "not a card image"));
    BOOST_TEST(
        contains(of("cardrig card image 3\n{}\n"), "version '3'; this program reads versions 1 and 2"));
    BOOST_TEST(contains(of("cardrig card image \n"), "version ''"));
    BOOST_TEST(contains(of("cardrig card image \x1B[2J\n"), "version '\\x1B[2J'"));
    BOOST_TEST(contains(of("cardrig card image " + std::string(100'000, '1')), "damaged"));

    Bytes damaged = sample().serialize();
    damaged.back() ^= 1;
    BOOST_TEST(contains(refusal(damaged), "damaged"));
}

BOOST_AUTO_TEST_CASE(a_configuration_that_no_card_has_is_refused) {
    const Bytes memory = sample_content();
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
    BOOST_TEST(contains(of("\"command\":0", "\"command\":600000001"), "600000001 microseconds"));
    BOOST_TEST(contains(of("\"command\":0", "\"command\":-1"), "'command' is out of range"));
    BOOST_TEST(contains(of("{\"p-256\":90000}", "{\"p-257\":90000}"), "'p-257'"));
    BOOST_TEST(contains(of("{\"p-256\":90000}", "[]"), "type"));
    BOOST_TEST(contains(of("\"generate\":{}", "\"generate\":{\"3des\":1}"), "3DES makes no key pairs"));
    BOOST_TEST(contains(of("\"largest-object\":16384", "\"largest-object\":65536"), "65536 bytes"));
    BOOST_TEST(contains(of("\"buffered\"", "\"sent\""), "'sent'"));
    BOOST_TEST(contains(of("[5,7,1]", "[5,7]"), "three numbers"));
    BOOST_TEST(contains(of("[5,7,1]", "[5,7,256]"), "'firmware' is out of range"));
    BOOST_TEST(contains(of("\"global-passcode\":{", "\"global-passcod\":{"), "global-passcode"));
    BOOST_TEST(contains(refusal(forge("[]", memory)), "configuration is wrong"));
    BOOST_TEST(contains(refusal(forge("{", memory)), "configuration is wrong"));
    BOOST_TEST(contains(refusal(forge(std::string(60'000, '['), memory)), "configuration is wrong"));
}

BOOST_AUTO_TEST_CASE(a_name_that_no_image_can_keep_is_refused) {
    CardConfig config = sample().config;
    config.profile = "caf\xC3\xA9";
    BOOST_TEST(config_fault(config).value_or("") == "");
    config.profile = "caf\xE9";
    BOOST_TEST(contains(config_fault(config).value(), "UTF-8"));
}

// A small file can say that it holds a large memory; real ones deflate well, but not without bound.
BOOST_AUTO_TEST_CASE(a_memory_that_cannot_be_in_the_file_is_refused_and_one_that_is_all_the_same_is_not) {
    CardImage image = sample();
    image.config.geometry = {4096, 4, 256};
    image.memory.assign(image.config.geometry.size(), erased_byte);
    image.weak = {};
    const Bytes file = image.serialize();
    BOOST_TEST(file.size() < image.memory.size() / 100);
    BOOST_REQUIRE_EQUAL(refusal(file), "");
    BOOST_TEST(refusal(forge(with("\"count\":3", "\"count\":0"), image.memory)) != "");
    std::string config(file.begin() + static_cast<std::ptrdiff_t>(line_end(file, 1)),
                       file.begin() + static_cast<std::ptrdiff_t>(line_end(file, 2)) - 1);
    BOOST_TEST(refusal(forge(config, image.memory)) == "");
    config.replace(config.find("\"count\":0"), 9, "\"count\":4194304");
    BOOST_TEST(contains(refusal(forge(config, image.memory)), "does not have the 4194304 bytes"));
}

BOOST_AUTO_TEST_CASE(weak_bits_out_of_order_are_refused) {
    const auto with_weak = [](std::string_view hex, int count) {
        Bytes content = sample().memory;
        const Bytes weak = apdu::from_hex(hex).value();
        content.insert(content.end(), weak.begin(), weak.end());
        return refusal(forge(with("\"count\":3", fmt::format("\"count\":{}", count)), content));
    };
    BOOST_TEST(with_weak("0000000001 0000000701", 2) == "");
    BOOST_TEST(with_weak("", 0) == "");
    for (const std::string_view wrong : {"0000000701 0000000001", "0000000701 0000000701", // not ascending
                                         "0000000001 0000040001",                          // outside
                                         "0000000000 0000000001"}) {                       // nothing weak
        BOOST_TEST(contains(with_weak(wrong, 2), "weak bits are not in order"), wrong);
    }
    BOOST_TEST(contains(with_weak("0000000001", 2), "does not have the 1024 bytes"));
    BOOST_TEST(contains(with_weak("0000000001", 1025), "more bytes with weak bits"));
    BOOST_TEST(contains(with_weak("0000000001", -1), "more bytes with weak bits"));
    BOOST_TEST(contains(refusal(forge(with("0123456789ABCDEF", "0123456789ABCD"), sample_content())),
                        "16 hexadecimal digits"));
}

BOOST_AUTO_TEST_CASE(any_configuration_comes_back_as_it_was_saved) {
    RandomConfigs configs;
    for (int i = 0; i < 100; ++i) {
        CardImage image;
        image.config = configs.next();
        BOOST_REQUIRE_EQUAL(config_fault(image.config).value_or(""), "");
        image.memory.resize(image.config.geometry.size(), static_cast<std::uint8_t>(i));
        for (int weak = 0; weak < i; ++weak) {
            image.weak.masks[configs.number(0, image.config.geometry.size() - 1)] = 0x40;
        }
        image.weak.state = configs.number(0, UINT32_MAX) * 0x1'0000'0001U;
        const auto after = CardImage::parse(image.serialize());
        BOOST_REQUIRE_MESSAGE(after.has_value(), i);
        BOOST_CHECK(after->config == image.config);
        BOOST_CHECK(after->memory == image.memory);
        BOOST_CHECK(after->weak == image.weak);
    }
}

BOOST_AUTO_TEST_CASE(an_image_of_version_1_is_read_as_the_card_it_was) {
    // Made by the last program that wrote version 1: memory of 64 blocks of 4 pages of 64 bytes, passcode
    // 123456 with two tries left of three, unblocking code with four, a P-256 key with its certificate in 9A.
    std::ifstream in(CARDRIG_SOURCE_DIR "/tests/data/version_1.card", std::ios::binary);
    const Bytes file{std::istreambuf_iterator<char>(in), {}};
    const auto image = CardImage::parse(file);
    BOOST_REQUIRE_MESSAGE(image.has_value(), refusal(file));
    CardConfig expected;
    expected.profile = "v1small";
    expected.atr = apdu::from_hex("3B80800101").value();
    expected.geometry = {64, 4, 64};
    expected.piv.unblocking_code.tries = 4;
    expected.piv.algorithms = {Algorithm::p256, Algorithm::p384};
    expected.piv.strict_signature_passcode = true;
    expected.piv.longest_object = 16'384;
    BOOST_CHECK(image->config == expected);
    BOOST_CHECK(image->weak == WeakBits{});
    const auto card = inspect(*image).value();
    BOOST_TEST(card.passcode.left == 2);
    BOOST_TEST(card.guid == "00112233445566778899AABBCCDDEEFF");
    BOOST_REQUIRE(card.slot(0x9A) != nullptr && card.slot(0x9A)->certificate);
    BOOST_TEST(card.slot(0x9A)->certificate->matches_key);
    // It is saved as what it is now, and damage to the old file is seen as before.
    const auto again = CardImage::parse(image->serialize());
    BOOST_CHECK(again && again->config == expected && again->memory == image->memory);
    for (std::size_t i = 0; i < file.size(); ++i) {
        Bytes damaged = file;
        damaged[i] ^= 0x01U;
        BOOST_REQUIRE_MESSAGE(!refusal(damaged).empty(), "byte " << i);
    }
}

BOOST_AUTO_TEST_CASE(an_answer_to_reset_tells_the_protocols) {
    const auto of = [](std::string_view hex) { return protocols(apdu::from_hex(hex).value()); };
    // ISO/IEC 7816-3, 8.2.3: without TD1 T=0 alone; T=15 is no protocol.
    BOOST_CHECK((of("3B00") == std::vector{0}));
    BOOST_CHECK((of("3B 6A 00 FF 4A 43 4F 50 34 31 56 32 32 31") == std::vector{0}));
    BOOST_CHECK((of("3B 8B 01 80 F9 A0 00 00 03 08 00 00 10 00 48") == std::vector{1}));
    BOOST_CHECK((of("3B 80 80 01 01") == std::vector{0, 1}));
    BOOST_CHECK(
        (of("3B FD 13 00 00 81 31 FE 15 80 73 C0 21 C0 57 59 75 62 69 4B 65 79 40") == std::vector{1}));
    BOOST_CHECK((of("3B 80 1F 00 9F") == std::vector{0}));
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
