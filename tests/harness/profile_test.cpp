#include "harness/profile.h"

#include "emulator/inspection.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "tests/harness/temporary_folder.h"

#include <functional>
#include <string>

#include <boost/test/unit_test.hpp>

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
