#include "harness/profile.h"

#include "emulator/inspection.h"
#include "harness/card_diff.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "tests/harness/temporary_folder.h"

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace emulator = cardrig::emulator;
using namespace cardrig::harness;
using namespace std::chrono_literals;
using cardrig::tests::TemporaryFolder;

namespace {

constexpr std::chrono::sys_seconds now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 13h;

/// One certificate on P-256, which is made in no time.
constexpr std::string_view small = R"(title: A small card
atr: "3B 80 80 01 01"
holder: {name: Test Holder, number: "700000000001"}
passcode: {value: "123456", length: 6 to 8, alphabet: digits, tries: 3}
unblocking-code: {value: "12345678", tries: 4}
management-key: {algorithm: aes-128, value: "000102030405060708090A0B0C0D0E0F"}
algorithms: [p-256, p-384]
memory: {page: 64, pages-per-block: 8, blocks: 64, protection: journal}
certificates:
  9A: {algorithm: p-256, issued: -700 days, expires: 30 days}
)";

MakeOptions at_now(ProfileOverrides overrides = {}) {
    return {std::move(overrides), now, false};
}

std::string refusal(const std::function<void()>& action) {
    try {
        action();
    } catch (const RequestError& error) {
        return error.what();
    }
    return "";
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

struct Fixture {
    Fixture() { write_file(path, small); }

    [[nodiscard]] emulator::CardState state(ProfileOverrides overrides = {}) const {
        return emulator::inspect(make_card(path, at_now(std::move(overrides))).image).value();
    }
    [[nodiscard]] std::string refused(ProfileOverrides overrides) const {
        return refusal([&] { static_cast<void>(make_card(path, at_now(std::move(overrides)))); });
    }
    /// The profile with a piece of it changed must be refused at this line and column, with this in the
    /// message.
    void check_refused(std::string_view before, std::string_view after, std::string_view place,
                       std::string_view word) const {
        std::string text(small);
        const std::size_t at = text.find(before);
        BOOST_REQUIRE_MESSAGE(at != std::string::npos, std::string(before));
        write_file(path, text.replace(at, before.size(), after));
        const std::string message = refusal([&] { static_cast<void>(make_card(path, at_now())); });
        BOOST_TEST(message.starts_with(path + ":" + std::string(place) + ": "), message);
        BOOST_TEST(contains(message, word), message);
        BOOST_TEST(!contains(message, "98765"), "a secret is in: " << message);
    }

    TemporaryFolder folder;
    std::string path = folder.file("small.yaml");
};

} // namespace

BOOST_AUTO_TEST_SUITE(profile)

BOOST_FIXTURE_TEST_CASE(a_profile_says_what_the_card_is, Fixture) {
    const MadeCard made = make_card(path, at_now());
    BOOST_TEST(made.holder.number == "700000000001");
    BOOST_TEST(made.passcode == "123456");
    BOOST_TEST(made.management_key == "000102030405060708090A0B0C0D0E0F");
    BOOST_TEST(made.issuer_certificate_pem.starts_with("-----BEGIN CERTIFICATE-----"));
    BOOST_TEST(made.image.config.profile == "small");
    BOOST_CHECK((made.image.config.geometry == emulator::NvmGeometry{64, 8, 64}));
    BOOST_TEST(made.image.config.piv.unblocking_code.tries == 4);
    const emulator::CardState card = emulator::inspect(made.image).value();
    const emulator::SlotState* slot = card.slot(emulator::piv::authentication_key);
    BOOST_REQUIRE(slot != nullptr && slot->certificate);
    BOOST_TEST(slot->certificate->subject == "UID=700000000001,CN=Test Holder");
    BOOST_TEST((slot->certificate->not_after == now + 720h));
    BOOST_TEST((slot->certificate->not_before == now - 700 * 24h));
    BOOST_TEST(slot->certificate->matches_key);
    BOOST_TEST(emulator::passcode_is(made.image, "123456").value());
}

BOOST_FIXTURE_TEST_CASE(test_keys_stay_the_same_and_dates_follow_the_clock, Fixture) {
    const auto first = make_card(path, at_now()).image;
    BOOST_CHECK(make_card(path, at_now()).image.serialize() == first.serialize());
    const auto later = make_card(path, {{}, now + 24h, false}).image;
    const auto a = emulator::inspect(first).value();
    const auto b = emulator::inspect(later).value();
    BOOST_TEST(a.slots[0].key_sha256 == b.slots[0].key_sha256);
    BOOST_TEST(a.guid == b.guid);
    BOOST_TEST(a.slots[0].certificate->serial != b.slots[0].certificate->serial);
    BOOST_CHECK(b.slots[0].certificate->not_after == a.slots[0].certificate->not_after + 24h);
}

BOOST_FIXTURE_TEST_CASE(fresh_keys_are_nobody_elses, Fixture) {
    const auto fresh = [&] { return emulator::inspect(make_card(path, {{}, now, true}).image).value(); };
    const auto a = fresh();
    const auto b = fresh();
    BOOST_TEST(a.slots[0].key_sha256 != b.slots[0].key_sha256);
    BOOST_TEST(a.slots[0].key_sha256 != state().slots[0].key_sha256);
    BOOST_TEST(a.guid != b.guid);
    BOOST_TEST(a.slots[0].certificate->matches_key);
}

BOOST_FIXTURE_TEST_CASE(overrides_change_values_by_their_keys, Fixture) {
    const auto changed = state({{"passcode.tries-left", "0"},
                                {"passcode.value", "01234567"},
                                {"certificates.9A.expires", "-1 days"},
                                {"certificates.9C.expires", "2 years"},
                                {"guid", "00112233445566778899AABBCCDDEEFF"}});
    BOOST_TEST(changed.passcode.left == 0);
    BOOST_TEST(changed.passcode.limit == 3);
    BOOST_CHECK(changed.slot(0x9A)->certificate->not_after == now - 24h);
    BOOST_CHECK(changed.slot(0x9C)->certificate->not_after == now + 730 * 24h);
    BOOST_TEST(changed.guid == "00112233445566778899AABBCCDDEEFF");
    BOOST_TEST(changed.slot(0x9A)->key_sha256 == state().slot(0x9A)->key_sha256);
    BOOST_TEST(state({{"certificates.9A", "none"}}).slots.empty());
}

BOOST_FIXTURE_TEST_CASE(a_wrong_override_is_named, Fixture) {
    BOOST_TEST(refused({{"passcode.trys", "2"}}) ==
               "override passcode.trys: key 'trys' is unknown; did you mean 'tries'?");
    BOOST_TEST(
        refused({{"certificates.9B.expires", "1 day"}}).starts_with("override certificates.9B.expires: "));
    BOOST_TEST(refused({{"passcode.tries-left", "4"}}) ==
               "override passcode.tries-left: 4 is out of range: 0 to 3");
    BOOST_TEST(refused({{"title.x", "4"}}).starts_with("override title.x: "));
    BOOST_TEST(!contains(refused({{"passcode.value", "98765"}}), "98765"));
}

BOOST_FIXTURE_TEST_CASE(every_mistake_is_refused_at_its_place, Fixture) {
    check_refused("title: A", "titel: A", "1:1", "'title' is missing");
    check_refused("\"3B 80 80 01 01\"", "\"3B 80 80 01 02\"", "2:6", "should be 01");
    check_refused("\"3B 80 80 01 01\"", "3B80800101", "2:6", "quotes");
    check_refused("name: Test Holder", "nam: Test Holder", "3:9", "'name' is missing");
    check_refused("\"700000000001\"", "700000000001", "3:37", "quotes");
    check_refused("\"700000000001\"", "\"70000000001\"", "3:37", "12 digits");
    check_refused("tries: 3", "trys: 3", "4:63", "did you mean 'tries'?");
    check_refused("tries: 3", "tries: 16", "4:70", "1 to 15");
    check_refused("tries: 3", "tries: \"3\"", "4:70", "whole number");
    check_refused("\"123456\"", "123456", "4:19", "quotes");
    check_refused("\"123456\"", "\"98765\"", "4:19", "5 characters");
    check_refused("\"123456\"", "\"98765x\"", "4:19", "digits");
    check_refused("6 to 8", "8 to 6", "4:37", "ends before it begins");
    check_refused("6 to 8", "6 till 8", "4:37", "no length");
    check_refused("6 to 8", "6 to 9", "4:37", "no length");
    check_refused("alphabet: digits", "alphabet: digit", "4:55", "did you mean 'digits'?");
    check_refused("\"12345678\"", "\"98765\"", "5:26", "unblocking code");
    check_refused("aes-128", "aes-129", "6:29", "did you mean 'aes-128'?");
    check_refused("aes-128", "p-256", "6:29", "unknown");
    check_refused("\"000102", "\"98765", "6:45", "not hexadecimal");
    check_refused("aes-128", "aes-256", "6:45", "16 bytes; AES-256 needs 32");
    check_refused("[p-256, p-384]", "[p-256, p-256]", "7:21", "twice");
    check_refused("[p-256, p-384]", "[]", "7:13", "at least one");
    check_refused("[p-256, p-384]", "p-256", "7:13", "a list");
    check_refused("page: 64", "page: 65", "8:9", "a power of two");
    check_refused("blocks: 64", "blocks: 8", "8:9", "8 blocks");
    check_refused("blocks: 64", "blocks: 5000", "8:48", "out of range");
    check_refused("protection: journal", "protection: mirror", "8:64", "known here: none, journal, shadow");
    check_refused("page: 64, pages-per-block: 8, blocks: 64", "page: 32, pages-per-block: 1, blocks: 32",
                  "8:9", "too small");
    check_refused("  9A:", "  9B:", "10:3", "'9B' is unknown");
    check_refused("algorithm: p-256", "algorithm: rsa-2048", "10:19", "does not offer 'rsa-2048'");
    check_refused("30 days", "30 dais", "10:54", "did you mean 'days'?");
    check_refused("30 days", "30", "10:54", "no duration");
    check_refused("30 days", "-700 days", "10:54", "ends before it begins");
    check_refused(", expires: 30 days", "", "10:7", "'expires' is missing");
    check_refused("certificates:", "certificate:", "9:1", "did you mean 'certificates'?");
}

BOOST_FIXTURE_TEST_CASE(what_only_shows_when_the_card_is_made_is_refused_at_its_place, Fixture) {
    check_refused("-700 days", "-29000 days", "10:34", "9A would begin before 1951");
    check_refused("issued: -700 days, expires: 30 days", "expires: -28000 days", "10:35", "before 1951");
    check_refused("certificates:", "objects: {5FC106: \"00\", 5FC105: \"700100\"}\ncertificates:", "9:25",
                  "9A, which 'certificates' gives, too, at ");
    check_refused("certificates:",
                  "largest-object: 256\nobjects: {5FC106: \"" + std::string(498, '0') + "\"}\ncertificates:",
                  "10:11", "PUT DATA takes 257 bytes");
    check_refused("certificates:", "printed-information: {serial: 0123}\ncertificates:", "9:31", "quotes");
}

BOOST_FIXTURE_TEST_CASE(a_largest_object_just_fits, Fixture) {
    BOOST_TEST(state({{"largest-object", "256"}, {"objects.5FC106", std::string(496, '0')}})
                   .objects.at(0x5FC106)
                   .size == 248U);
}

BOOST_FIXTURE_TEST_CASE(all_certificates_or_objects_can_be_taken_away, Fixture) {
    BOOST_TEST(state({{"certificates", "none"}}).slots.empty());
    BOOST_TEST(state({{"objects", "none"}}).objects.size() == state().objects.size());
    // A key whose certificate is not there.
    const auto bare = state({{"objects.5FC105", "none"}});
    BOOST_REQUIRE(bare.slot(0x9A) != nullptr);
    BOOST_TEST(!bare.slot(0x9A)->certificate.has_value());
}

BOOST_FIXTURE_TEST_CASE(one_unreadable_certificate_is_told_from_another, Fixture) {
    const auto with = [this](const char* content) {
        return state({{"certificates", "none"}, {"objects.5FC105", content}});
    };
    BOOST_TEST(card_differences(with("70 01 00"), with("70 01 00")).empty());
    BOOST_TEST(card_differences(with("70 01 00"), with("70 01 01")) ==
                   (std::vector<std::string>{"9A certificate: replaced (as damaged as before)"}),
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_files_name_is_kept_and_shown_as_text, Fixture) {
    const std::string odd = folder.file("caf\xE9.yaml");
    write_file(odd, small);
    const auto image = make_card(odd, at_now()).image;
    BOOST_TEST(image.config.profile == "caf\\xE9");
    BOOST_CHECK(emulator::CardImage::parse(image.serialize())->config == image.config);
    // What is too long as text is refused before it is saved.
    const std::string longer = folder.file(std::string(100, '\xE9') + ".yaml");
    write_file(longer, small);
    BOOST_TEST(contains(refusal([&] { static_cast<void>(make_card(longer, at_now())); }), "1 to 255 bytes"));
    for (const std::string_view content :
         {std::string_view("title: ["), std::string_view("a\0b", 3), std::string_view("title: x\n")}) {
        const std::string control = folder.file("a\x1B[2Jb.yaml");
        write_file(control, content);
        const std::string message = refusal([&] { static_cast<void>(open_card(control, at_now())); });
        BOOST_TEST(contains(message, "a\\x1B[2Jb.yaml"), message);
        BOOST_TEST(!contains(message, "\x1B"));
    }
}

BOOST_FIXTURE_TEST_CASE(an_image_that_is_cut_short_is_called_one, Fixture) {
    const auto file = make_card(path, at_now()).image.serialize();
    const std::string cut = folder.file("cut.card");
    for (const std::size_t length : {0U, 1U, 17U, 18U, 19U, 500U}) {
        write_file(cut, std::string(file.begin(), file.begin() + length));
        const std::string message = refusal([&] { static_cast<void>(open_card(cut, at_now())); });
        BOOST_TEST(contains(message, "the card image is truncated"), length << ": " << message);
    }
}

BOOST_FIXTURE_TEST_CASE(a_card_is_opened_by_what_it_is, Fixture) {
    const auto image = make_card(path, at_now()).image;
    write_file(folder.file("a.card"), image.serialize());
    BOOST_CHECK(open_card(folder.file("a.card"), at_now()).memory == image.memory);
    BOOST_CHECK(open_card(path, at_now()).memory == image.memory);
    BOOST_TEST(contains(refusal([&] {
                            static_cast<void>(open_card(folder.file("a.card"), at_now({{"title", "x"}})));
                        }),
                        "card image; 'title'"));
    BOOST_TEST(contains(refusal([&] { static_cast<void>(make_card(folder.file("a.card"), at_now())); }),
                        "a profile is wanted"));
    auto damaged = image.serialize();
    damaged.back() ^= 1U;
    write_file(folder.file("b.card"), damaged);
    BOOST_TEST(
        contains(refusal([&] { static_cast<void>(open_card(folder.file("b.card"), at_now())); }), "damaged"));
    write_file(folder.file("c.card"), std::string_view("\0\x01\x02", 3));
    BOOST_TEST(contains(refusal([&] { static_cast<void>(open_card(folder.file("c.card"), at_now())); }),
                        "neither a card image nor a profile"));
}

BOOST_FIXTURE_TEST_CASE(a_global_passcode_has_rules_and_tries_of_its_own, Fixture) {
    const auto image = make_card(path, at_now({{"global-passcode.value", "24681357"},
                                               {"global-passcode.length", "8"},
                                               {"global-passcode.tries", "5"},
                                               {"global-passcode.tries-left", "2"},
                                               {"global-passcode.preferred", "true"}}))
                           .image;
    BOOST_CHECK((image.config.piv.global_passcode == emulator::PasscodeRules{8, 8, true, 5}));
    BOOST_TEST(image.config.piv.prefers_global_passcode);
    const auto card = emulator::inspect(image).value();
    BOOST_REQUIRE(card.global_passcode.has_value());
    BOOST_TEST(card.global_passcode->left == 2);
    BOOST_TEST(card.global_passcode->limit == 5);
    BOOST_TEST(!make_card(path, at_now()).image.config.piv.global_passcode.has_value());
    BOOST_TEST(refused({{"global-passcode.tries", "5"}}) ==
               "override global-passcode.tries: the key 'value' is missing");
    BOOST_TEST(
        contains(refused({{"global-passcode.value", "98765"}}), "global passcode breaks its own rules"));
    BOOST_TEST(!contains(refused({{"global-passcode.value", "98765"}}), "98765"));
    BOOST_TEST(contains(refused({{"passcode.preferred", "true"}}), "'preferred' is unknown"));
}

BOOST_FIXTURE_TEST_CASE(a_profile_says_what_the_application_can, Fixture) {
    const auto piv = make_card(path, at_now({{"put-data", "streamed"},
                                             {"largest-object", "300"},
                                             {"algorithms", "[p-256, rsa-4096, rsa-1024]"},
                                             {"yubico", "{firmware: \"5.7.12\", serial: 4294967295}"}}))
                         .image.config.piv;
    BOOST_CHECK(piv.put_data == emulator::PutDataMode::streamed);
    BOOST_TEST(piv.longest_object == 300);
    BOOST_CHECK((piv.algorithms == std::vector{emulator::Algorithm::p256, emulator::Algorithm::rsa4096,
                                               emulator::Algorithm::rsa1024}));
    BOOST_REQUIRE(piv.yubico.has_value());
    BOOST_CHECK((piv.yubico->firmware == std::array<std::uint8_t, 3>{5, 7, 12}));
    BOOST_TEST(piv.yubico->serial == 4294967295U);
    BOOST_TEST(!make_card("piv-yubico", at_now({{"yubico", "none"}})).image.config.piv.yubico.has_value());
    BOOST_TEST(refused({{"put-data", "stream"}}) ==
               "override put-data: 'stream' is unknown; did you mean 'streamed'?");
    BOOST_TEST(contains(refused({{"largest-object", "255"}}), "256 to 65535"));
    for (const char* wrong : {"5.4", "5.4.3.1", "5.4.256", "5.4.", "x", "5,4,3", " 5.4.3"}) {
        BOOST_TEST(contains(refused({{"yubico.firmware", wrong}}), "is no firmware"), wrong);
    }
    BOOST_TEST(contains(refused({{"yubico.serial", "4294967296"}}), "out of range"));
}

BOOST_FIXTURE_TEST_CASE(capacity_is_exact_or_refused, Fixture) {
    const auto geometry = [this](std::string_view capacity, std::string_view rest = "") {
        const std::string memory = fmt::format("{{capacity: {}{}}}", capacity, rest);
        return make_card(path, at_now({{"memory", memory}})).image.config.geometry;
    };
    BOOST_CHECK((geometry("64 KiB") == emulator::NvmGeometry{128, 8, 64}));
    BOOST_CHECK((geometry("32768 bytes") == emulator::NvmGeometry{128, 8, 32}));
    BOOST_CHECK((geometry("1 MiB", ", page: 256") == emulator::NvmGeometry{256, 8, 512}));
    const auto refusal_of = [this](const std::string& memory) {
        const std::string message = refused({{"memory", memory}});
        BOOST_TEST(message.starts_with("override memory:"), message);
        return message;
    };
    BOOST_TEST(contains(refusal_of("{capacity: 33000 bytes}"), "no whole number of blocks of 1024 bytes"));
    BOOST_TEST(contains(refusal_of("{capacity: 64 KiB, blocks: 64}"), "either 'blocks' or a 'capacity'"));
    BOOST_TEST(contains(refusal_of("{capacity: 16 KiB}"), "16 blocks"));
    BOOST_TEST(contains(refusal_of("{capacity: 64 KB}"), "did you mean 'KiB'?"));
    BOOST_TEST(contains(refusal_of("{capacity: 64}"), "no whole number with a unit"));
    BOOST_TEST(contains(refusal_of("{capacity: -64 KiB}"), "no whole number with a unit"));
    BOOST_TEST(contains(refusal_of("{capacity: 4096 MiB}"), "4 GiB or more"));
    BOOST_TEST(contains(refusal_of("{capacity: 99999999999999999999 MiB}"), "no whole number with a unit"));
}

BOOST_FIXTURE_TEST_CASE(timing_is_told_in_units, Fixture) {
    using emulator::Algorithm;
    const auto timing = [this](const std::string& text) {
        return make_card(path, at_now({{"timing", text}})).image.config.timing;
    };
    BOOST_CHECK(timing("instant") == emulator::Timing{});
    BOOST_CHECK(make_card(path, at_now()).image.config.timing == emulator::Timing{});
    const emulator::Timing mine = timing("{command: 5 ms, byte: 90 us, memory-write: 3 ms, "
                                         "generate: {rsa-2048: 7 s}, use: {p-256: 90 ms, 3des: 1 minute}}");
    BOOST_CHECK(mine.command == 5ms && mine.byte == 90us && mine.memory_write == 3ms);
    BOOST_CHECK((mine.generate == std::map<Algorithm, std::chrono::microseconds>{{Algorithm::rsa2048, 7s}}));
    BOOST_CHECK((mine.use == std::map<Algorithm, std::chrono::microseconds>{{Algorithm::triple_des, 1min},
                                                                            {Algorithm::p256, 90ms}}));
    const emulator::Timing real = timing("real");
    BOOST_CHECK(real.command > 0ms && real.byte > 0us && real.memory_write > 0ms);
    BOOST_TEST(real.generate.size() == 6U);
    BOOST_TEST(real.use.size() == 10U);
    BOOST_TEST(contains(refused({{"timing", "realistic"}}), "instant, real"));
    BOOST_TEST(contains(refused({{"timing.byte", "90 µs"}}), "unit '"));
    BOOST_TEST(contains(refused({{"timing.byte", "0.5 ms"}}), "no whole number"));
    BOOST_TEST(contains(refused({{"timing.command", "11 minutes"}}), "more than ten minutes"));
    BOOST_TEST(contains(refused({{"timing.generate.aes-128", "1 s"}}), "'aes-128' is unknown"));
    BOOST_TEST(contains(refused({{"timing.used.p-256", "1 s"}}), "did you mean 'use'?"));
}

BOOST_FIXTURE_TEST_CASE(objects_are_given_by_name_or_tag, Fixture) {
    const auto objects = state({{"objects.5FC106", "BA00BB00FE00"},
                                {"objects.key-history", "C10100C20100F300FE00"},
                                {"objects.card-capability-container", "none"}})
                             .objects;
    BOOST_TEST(objects.at(0x5FC106).size == 6U);
    BOOST_TEST(objects.at(0x5FC10C).size == 10U);
    BOOST_TEST(!objects.contains(0x5FC107));
    BOOST_TEST(state().objects.contains(0x5FC107));
    BOOST_TEST(contains(refused({{"objects.5FFF00", "00"}}), "'5FFF00' is no data object"));
    BOOST_TEST(contains(refused({{"objects.5FC1", "00"}}), "'5FC1' is no data object"));
    BOOST_TEST(contains(refused({{"objects.chuidd", "00"}}), "no data object"));
    BOOST_TEST(contains(refused({{"objects.chuid", "0"}}), "not hexadecimal"));
    BOOST_TEST(contains(refused({{"objects.chuid", ""}}), "write none"));
    BOOST_TEST(contains(refused({{"objects", "{chuid: \"00\", 5fc102: \"00\"}"}}), "given twice"));
}

BOOST_FIXTURE_TEST_CASE(printed_information_is_made_up_or_given, Fixture) {
    const auto printed = [this](const ProfileOverrides& overrides) {
        return state(overrides).objects.at(0x5FC109).sha256;
    };
    // SP 800-73-4 part 1, table 14: name, affiliation, expiration date, serial number, issuer.
    BOOST_TEST(printed({{"printed-information", "true"}}) ==
               printed({{"objects.5FC109", "010B5465737420486F6C646572"
                                           "020454657374"
                                           "0409323033314E4F563230"
                                           "050A30303030303030303031"
                                           "060C636172647269672074657374"
                                           "FE00"}}));
    BOOST_TEST(
        printed({{"printed-information",
                  "{name: A, employee-affiliation: B, expiration: 30 days, serial: \"C\", issuer: D}"}}) ==
        printed({{"objects.5FC109", "010141020142"
                                    "04093230323644454332310501430601"
                                    "44FE00"}}));
    BOOST_TEST(!state({{"printed-information", "false"}}).objects.contains(0x5FC109));
    BOOST_TEST(contains(refused({{"printed-information.serial", "12345678901"}}), "1 to 10"));
    // Ten characters, and twenty bytes in UTF-8.
    BOOST_TEST(contains(refused({{"printed-information.serial", "äöüäöüäöüä"}}), "has 20 bytes"));
    BOOST_TEST(contains(refused({{"printed-information", "yes"}}), "neither true nor false"));
    BOOST_TEST(contains(refused({{"printed-information", "true"}, {"objects.5FC109", "00"}}), "too"));
}

BOOST_AUTO_TEST_CASE(every_shipped_profile_makes_a_card_that_can_be_looked_into) {
    for (const std::string& name : shipped_profile_names()) {
        const auto card = emulator::inspect(make_card(name, at_now()).image);
        BOOST_TEST(card.has_value(), name);
    }
}

BOOST_AUTO_TEST_CASE(the_blank_card_is_what_tools_expect_of_a_new_one) {
    const MadeCard made = make_card("piv-blank", at_now());
    const auto card = emulator::inspect(made.image).value();
    BOOST_TEST(card.slots.empty());
    BOOST_TEST(card.atr == "3B8B0180F9A0000003080000100048");
    BOOST_TEST(made.passcode == "123456");
    BOOST_TEST(made.unblocking_code == "12345678");
    BOOST_TEST(made.management_key == "010203040506070801020304050607080102030405060708");
    BOOST_TEST(made.image.config.piv.algorithms.size() == 6U);
    // 24 RSA 4096 keys in PKCS#8 and 25 certificates of three kilobytes.
    BOOST_TEST(card.free_bytes > 24U * 2432U + 25U * 3072U);
}

BOOST_AUTO_TEST_CASE(the_token_is_new_from_its_box) {
    const MadeCard made = make_card("piv-yubico", at_now());
    BOOST_TEST(emulator::inspect(made.image).value().atr == "3BFD1300008131FE158073C021C057597562694B657940");
    BOOST_REQUIRE(made.image.config.piv.yubico.has_value());
    BOOST_CHECK((made.image.config.piv.yubico->firmware == std::array<std::uint8_t, 3>{5, 4, 3}));
    BOOST_TEST(made.image.config.piv.yubico->serial == 12345678U);
    BOOST_TEST(made.passcode == "123456");
    BOOST_TEST(made.unblocking_code == "12345678");
    BOOST_TEST(made.management_key == "010203040506070801020304050607080102030405060708");
}

BOOST_AUTO_TEST_CASE(a_token_has_a_key_that_vouches_for_others) {
    for (const char* name : {"piv-yubico", "piv-yubico-5.7"}) {
        const MadeCard made = make_card(name, at_now());
        const auto card = emulator::inspect(made.image).value();
        BOOST_REQUIRE_EQUAL(card.slots.size(), 1U);
        const emulator::SlotState& slot = card.slots[0];
        BOOST_TEST(slot.reference == emulator::piv::attestation_key);
        BOOST_CHECK(slot.key == emulator::Algorithm::rsa2048);
        BOOST_REQUIRE(slot.certificate.has_value());
        BOOST_TEST(slot.certificate->matches_key);
        BOOST_TEST(slot.certificate->subject == fmt::format("UID={:012},CN=cardrig test token attestation",
                                                            made.image.config.piv.yubico->serial));
        BOOST_TEST(slot.certificate->issuer == "CN=cardrig test issuing authority");
    }
    // One that has no RSA vouches with what it has.
    const auto small = make_card("piv-yubico", at_now({{"algorithms", "[p-384]"}})).image;
    BOOST_CHECK(emulator::inspect(small).value().slots.at(0).key == emulator::Algorithm::p384);
    BOOST_TEST(
        emulator::inspect(make_card("piv-yubico", at_now({{"yubico", "none"}})).image).value().slots.empty());
}

BOOST_AUTO_TEST_CASE(the_strict_card_is_filled_and_goes_by_the_letter) {
    const MadeCard made = make_card("piv-strict", at_now());
    const emulator::PivConfig& piv = made.image.config.piv;
    BOOST_TEST(piv.strict_signature_passcode);
    BOOST_TEST(!piv.yubico.has_value());
    BOOST_TEST(piv.longest_object == 12'800U);
    const auto card = emulator::inspect(made.image).value();
    BOOST_CHECK(card.management_algorithm == emulator::Algorithm::aes256);
    BOOST_TEST(card.objects.contains(0x5FC109));
    BOOST_REQUIRE_EQUAL(card.slots.size(), 5U);
    for (const emulator::SlotState& slot : card.slots) {
        BOOST_REQUIRE(slot.certificate.has_value());
        BOOST_TEST(slot.certificate->matches_key);
        BOOST_TEST((slot.certificate->not_after < now) == (slot.reference == 0x82));
    }
}

BOOST_FIXTURE_TEST_CASE(a_key_may_ask_for_the_passcode_otherwise_than_its_slot_does, Fixture) {
    const auto policy = [this](const char* word) {
        return state({{"certificates.9A.passcode", word}}).slot(0x9A)->passcode_policy;
    };
    // As in the template of GENERATE (tag AA): 01 never, 02 once, 03 always.
    BOOST_TEST(policy("default") == 0);
    BOOST_TEST(policy("never") == 1);
    BOOST_TEST(policy("once") == 2);
    BOOST_TEST(policy("always") == 3);
    BOOST_TEST(state().slot(0x9A)->passcode_policy == 0);
    BOOST_TEST(contains(refused({{"certificates.9A.passcode", "sometimes"}}), "'sometimes' is unknown"));
}

BOOST_AUTO_TEST_CASE(a_name_that_is_neither_file_nor_profile_is_refused_with_those_there_are) {
    const std::string message = refusal([] { static_cast<void>(open_card("piv-staf", at_now())); });
    BOOST_TEST(contains(message, "piv-staf: there is no such file"));
    BOOST_TEST(contains(message, "did you mean 'piv-staff'?"));
    BOOST_TEST(contains(refusal([] { static_cast<void>(open_card("zzz", at_now())); }), "piv-staff"));
}

BOOST_AUTO_TEST_CASE(the_shipped_staff_card_has_two_certificates_in_their_last_thirty_days) {
    const MadeCard made = make_card("piv-staff", at_now());
    const auto state = emulator::inspect(made.image).value();
    BOOST_REQUIRE_EQUAL(state.slots.size(), 2U);
    for (const auto& slot : state.slots) {
        BOOST_CHECK(slot.key == emulator::Algorithm::rsa2048);
        BOOST_TEST(slot.certificate->matches_key);
        BOOST_CHECK(slot.certificate->not_after == now + 720h);
    }
    BOOST_TEST(made.management_key == "010203040506070801020304050607080102030405060708");
}

BOOST_AUTO_TEST_SUITE_END()
