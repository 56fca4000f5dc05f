#include "emulator/inspection.h"

#include "emulator/environment.h"
#include "emulator/object_store.h"
#include "emulator/personalise.h"
#include "emulator/store/layout.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
namespace piv = cardrig::emulator::piv;
using namespace cardrig::emulator;

namespace {

/// P-256, self-signed: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256, subject CN=Test.
constexpr std::string_view certificate_hex =
    "3082017330820119A00302010202146C5087CCB466BDAAB090BA608EE086E531C23A3A300A06082A8648CE3D040302300F31"
    "0D300B06035504030C0454657374301E170D3236313132313133343430315A170D3238313132303133343430315A300F310D"
    "300B06035504030C04546573743059301306072A8648CE3D020106082A8648CE3D030107034200043A3168589016F0663324"
    "5DDED4284C0E85661832F154DD508A339420E7DC3E09B7C4707E7831A27B10E45B9AE08D20E60F1D0A1629172716F579653A"
    "A8CFFDD0A3533051301D0603551D0E041604142A7857303E8129DFEBF2AF3EC59DFE49C35E8F05301F0603551D2304183016"
    "80142A7857303E8129DFEBF2AF3EC59DFE49C35E8F05300F0603551D130101FF040530030101FF300A06082A8648CE3D0403"
    "02034800304502205DF6B680AC38F3D847616325AA2A6861252924499F7A6ECC012F6BD9B0AD31AB022100D8A9118112846F"
    "6F2A14AAB052F7C285C3D633EAFDFB73BD77D6DA9E74EDAC40";
/// The same after gzip -n -9.
constexpr std::string_view compressed_hex =
    "1F8B08000000000002033368622C366862945CC0CCC4C8C4249213D07E664BDADE551B26EC4AE87BD0F6D4F090959501171B"
    "87569BC7395B166626037E435E036E36E65016661E9690D4E2120339715E2333434323434363131303C32820D702C8358072"
    "3135441A08B3B183CD6362841ACCCCC8CEECC4C0626598113141EC439AB14AECBD2B1A3E7CAD6912461F43EE0674194F5178"
    "7EC78E73FB9182BA0AC345D5024FA2673DE85578C62FCB25A629AE2EF6B532D56AC5F9BF1716071B041AC802ED92E5631163"
    "11D1AA0837B06BD4BCFFFAD37ABBA373FF791E8EEB67359007492BB3481888356057C00F5220CCC8F89F85D580194821FB9E"
    "D983C1C0954921F6DBB68635169F6FB82726ABAED2CA4854D554F19C5F957786513FFBE686B586AB9914196EAC146C146AC9"
    "CFD71259B521E8FBA1D6C3D78C5FFDFD5DBCB7FCDAAD79256FD7380000D316A78777010000";
constexpr std::string_view key_hex =
    "308187020100301306072A8648CE3D020106082A8648CE3D030107046D306B0201010420480995E8FDEA9FD09B9BEB6511E3"
    "4F52B2EAEFD933E1302411A8F7B0FDC6E5E2A144034200043A3168589016F06633245DDED4284C0E85661832F154DD508A33"
    "9420E7DC3E09B7C4707E7831A27B10E45B9AE08D20E60F1D0A1629172716F579653AA8CFFDD0";

class Fixture {
public:
    Fixture() {
        spec.config.profile = "sample";
        spec.config.atr = apdu::from_hex("3B8B0180F9A0000003080000100048").value();
        spec.management_key = Bytes(24, 0x11);
        spec.guid.fill(0x42);
        spec.expires = std::chrono::year(2031) / 2 / 9;
        spec.keys = {
            {piv::signature_key, PrivateKey::from_der(context, der(key_hex)).value(), der(certificate_hex)}};
    }

    [[nodiscard]] static Bytes der(std::string_view hex) { return apdu::from_hex(hex).value(); }
    [[nodiscard]] CardImage image() const { return made(); }

    /// The card with one object replaced.
    [[nodiscard]] CardImage with(ObjectId id, const Bytes& content) const {
        CardImage changed = image();
        MemoryNvm nvm(changed.config.geometry, changed.memory);
        const auto store = ObjectStore::mount(nvm).value();
        Transaction transaction = store->begin();
        transaction.put(id, content);
        BOOST_REQUIRE(transaction.commit() == CommitResult::committed);
        changed.memory = nvm.bytes();
        return changed;
    }

    CryptoContext context;
    CardSpec spec;

private:
    [[nodiscard]] CardImage made() const { return cardrig::emulator::personalise(spec).value(); }
};

std::string refusal(const CardImage& image) {
    const auto state = inspect(image);
    return state ? std::string() : state.error().message;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(inspection)

BOOST_FIXTURE_TEST_CASE(a_card_is_told_by_meaning, Fixture) {
    spec.passcode_tries_left = std::uint8_t{2};
    const CardState state = inspect(image()).value();
    BOOST_TEST(state.profile == "sample");
    BOOST_TEST(state.guid == "42424242424242424242424242424242");
    BOOST_TEST(state.passcode.left == 2);
    BOOST_TEST(state.passcode.limit == 3);
    BOOST_TEST(state.unblocking_code.left == 3);
    BOOST_CHECK(state.management_algorithm == Algorithm::triple_des);
    BOOST_TEST(state.free_bytes > 0U);
    BOOST_REQUIRE_EQUAL(state.slots.size(), 1U);
    const SlotState* slot = state.slot(piv::signature_key);
    BOOST_REQUIRE(slot != nullptr);
    BOOST_CHECK(slot->key == Algorithm::p256);
    BOOST_REQUIRE(slot->certificate.has_value());
    // As the openssl command line prints them.
    BOOST_TEST(slot->certificate->subject == "CN=Test");
    BOOST_TEST(slot->certificate->serial == "6C5087CCB466BDAAB090BA608EE086E531C23A3A");
    BOOST_TEST(slot->certificate->sha256 ==
               "8FA2285CE696761863BF7228928577A071CC4C3402F5FCCAEA48D313873A4A1D");
    BOOST_TEST(slot->certificate->not_after.time_since_epoch().count() == 1858340641);
    BOOST_TEST(slot->certificate->matches_key);
    BOOST_TEST(slot->key_sha256 == "ECBEF3914B3786263B01EA75A2244423B3056B75700DCD8077191F6006ADDDFC");
    BOOST_TEST(state.slot(piv::authentication_key) == nullptr);
    BOOST_REQUIRE_EQUAL(state.objects.size(), 2U);
    BOOST_TEST(state.objects.at(0x5FC102).size == 59U);
}

BOOST_FIXTURE_TEST_CASE(the_attestation_key_of_a_token_is_told, Fixture) {
    spec.config.piv.yubico = YubicoExtensions{};
    spec.keys.front().reference = piv::attestation_key;
    const CardState state = inspect(image()).value();
    BOOST_REQUIRE_EQUAL(state.slots.size(), 1U);
    const SlotState* slot = state.slot(piv::attestation_key);
    BOOST_REQUIRE(slot != nullptr);
    BOOST_CHECK(slot->key == Algorithm::p256);
    BOOST_CHECK(slot->origin == piv::KeyOrigin::generated);
    BOOST_REQUIRE(slot->certificate.has_value());
    BOOST_TEST(slot->certificate->subject == "CN=Test");
    BOOST_TEST(slot->certificate->matches_key);
    BOOST_TEST(!state.objects.contains(0x5FFF01)); // it is told with its key
}

BOOST_FIXTURE_TEST_CASE(a_key_from_outside_is_told, Fixture) {
    const piv::StoredKey imported{Algorithm::p256, piv::KeyOrigin::imported, 0, der(key_hex)};
    const CardState state = inspect(with(piv::key_object(0x82), imported.encode())).value();
    BOOST_CHECK(state.slot(0x82)->origin == piv::KeyOrigin::imported);
    BOOST_CHECK(state.slot(piv::signature_key)->origin == piv::KeyOrigin::generated);
}

BOOST_FIXTURE_TEST_CASE(limits_that_a_host_has_set_are_told, Fixture) {
    const CardState state = inspect(with(piv::retry_limits_object, {0x07, 0x09})).value();
    BOOST_TEST(state.passcode.limit == 7);
    BOOST_TEST(state.passcode.left == 3);
    BOOST_TEST(state.unblocking_code.limit == 9);
}

BOOST_FIXTURE_TEST_CASE(a_compressed_certificate_is_a_certificate, Fixture) {
    // SP 800-73-4 part 1, appendix A, table 10: CertInfo 01 tells gzip.
    const auto slot = [this](const Bytes& certificate, std::uint8_t info) {
        Bytes content;
        apdu::append_tlv(content, 0x70, certificate);
        apdu::append_tlv(content, 0x71, Bytes(1, info));
        apdu::append_tlv(content, 0xFE, {});
        return *inspect(with(piv::data_object(0x5FC10A), content)).value().slot(piv::signature_key);
    };
    const Bytes compressed = der(compressed_hex);
    const SlotState good = slot(compressed, 0x01);
    BOOST_REQUIRE_MESSAGE(good.certificate, good.certificate_damage.value_or("none"));
    BOOST_TEST(good.certificate->subject == "CN=Test");
    BOOST_CHECK(good.certificate->der == der(certificate_hex));
    BOOST_TEST(good.certificate->matches_key);
    Bytes damaged = compressed;
    damaged[damaged.size() / 2] ^= 0x01U;
    BOOST_TEST(slot(damaged, 0x01).certificate_damage.has_value());
    BOOST_TEST(slot(Bytes(compressed.begin(), compressed.end() - 1), 0x01).certificate_damage.has_value());
    BOOST_TEST(slot(compressed, 0x02).certificate_damage.has_value()); // a compression that nobody knows
    BOOST_TEST(slot(compressed, 0x00).certificate_damage.has_value());
    BOOST_TEST(slot(der(certificate_hex), 0x01).certificate_damage.has_value());
}

BOOST_FIXTURE_TEST_CASE(looking_changes_nothing, Fixture) {
    const CardImage before = image();
    const CardImage looked_at = before;
    BOOST_TEST(inspect(looked_at).has_value());
    BOOST_TEST(passcode_is(looked_at, "000000").has_value());
    BOOST_CHECK(looked_at.memory == before.memory);
}

BOOST_FIXTURE_TEST_CASE(a_certificate_of_another_key_does_not_match, Fixture) {
    FreshKeys keys;
    spec.keys[0].key = keys.generate(context, Algorithm::p256);
    const CardState state = inspect(image()).value();
    BOOST_TEST(!state.slot(piv::signature_key)->certificate->matches_key);
}

BOOST_FIXTURE_TEST_CASE(a_certificate_without_a_key_and_a_key_without_a_certificate_are_slots, Fixture) {
    const Bytes container = piv::certificate_container(der(certificate_hex));
    const CardState alone = inspect(with(piv::data_object(0x5FC105), container)).value();
    BOOST_REQUIRE(alone.slot(piv::authentication_key) != nullptr);
    BOOST_TEST(!alone.slot(piv::authentication_key)->key.has_value());
    BOOST_TEST(!alone.slot(piv::authentication_key)->certificate->matches_key);

    spec.keys[0].certificate.clear();
    const CardState bare = inspect(image()).value();
    BOOST_TEST(bare.slot(piv::signature_key)->key.has_value());
    BOOST_TEST(!bare.slot(piv::signature_key)->certificate.has_value());
}

BOOST_FIXTURE_TEST_CASE(damaged_objects_are_told_and_not_taken_for_whole, Fixture) {
    Bytes container = piv::certificate_container(der(certificate_hex));
    container.resize(container.size() / 2);
    const CardState torn = inspect(with(piv::data_object(0x5FC10A), container)).value();
    BOOST_TEST(torn.slot(piv::signature_key)->certificate_damage.has_value());
    BOOST_TEST(!torn.slot(piv::signature_key)->certificate.has_value());

    Bytes half = der(certificate_hex);
    half.resize(half.size() / 2);
    const CardState cut = inspect(with(piv::data_object(0x5FC10A), piv::certificate_container(half))).value();
    BOOST_TEST(cut.slot(piv::signature_key)->certificate_damage.has_value());

    const CardState key = inspect(with(piv::key_object(piv::signature_key), Bytes(20, 0x01))).value();
    BOOST_TEST(key.slot(piv::signature_key)->key_damage.has_value());
    BOOST_TEST(!key.slot(piv::signature_key)->key.has_value());
    BOOST_TEST(!key.slot(piv::signature_key)->certificate->matches_key);
}

BOOST_FIXTURE_TEST_CASE(memory_that_is_no_cards_is_refused, Fixture) {
    CardImage erased = image();
    erased.memory.assign(erased.memory.size(), erased_byte);
    BOOST_TEST(!refusal(erased).empty());
    erased.memory.assign(erased.memory.size(), 0x00);
    BOOST_TEST(!refusal(erased).empty());
    BOOST_TEST(!passcode_is(erased, "123456").has_value());
}

BOOST_FIXTURE_TEST_CASE(a_damaged_secret_is_told_and_hides_nothing_else, Fixture) {
    const auto look = [&](ObjectId id, const Bytes& content) { return inspect(with(id, content)).value(); };
    const CardState passcode = look(piv::passcode_object, Bytes(7, 0x31));
    BOOST_TEST(contains(passcode.passcode_damage.value(), "no passcode"));
    BOOST_TEST(passcode.passcode.left == 3);
    BOOST_TEST(!passcode.unblocking_code_damage.has_value());
    BOOST_TEST(!passcode.management_key_damage.has_value());
    BOOST_TEST(passcode.slot(piv::signature_key)->certificate.has_value());
    BOOST_TEST(
        contains(look(piv::unblocking_code_object, {}).unblocking_code_damage.value(), "no unblocking code"));
    for (const Bytes& content : {Bytes(), Bytes(25, 0x11)}) {
        const CardState management = look(piv::management_key_object, content);
        BOOST_TEST(contains(management.management_key_damage.value(), "no management key"));
        BOOST_TEST(!management.management_algorithm.has_value());
    }
}

BOOST_FIXTURE_TEST_CASE(a_management_key_that_asks_for_a_touch_is_told, Fixture) {
    BOOST_TEST(!inspect(image())->management_key_touch);
    BOOST_TEST(inspect(with(piv::management_key_touch_object, {}))->management_key_touch);
}

BOOST_FIXTURE_TEST_CASE(a_memory_that_is_laid_out_for_another_protection_is_refused, Fixture) {
    CardImage changed = image();
    changed.config.protection = Protection::none;
    BOOST_TEST(contains(refusal(changed), "laid out for the protection 'journal'"));
    BOOST_TEST(contains(refusal(changed), "says 'none'"));
}

BOOST_FIXTURE_TEST_CASE(counters_that_are_erased_are_no_tries, Fixture) {
    spec.config.protection = Protection::none;
    CardImage erased = image();
    const auto layout = store::Layout::of(erased.config.geometry, Protection::none).value();
    const auto counters = erased.memory.begin() + layout.counters[0].offset + 4; // behind the magic number
    std::fill_n(counters, 16, erased_byte);
    const CardState state = inspect(erased).value();
    BOOST_TEST(state.passcode.left == 0);
    BOOST_TEST(state.unblocking_code.left == 0);
    *counters = 15;
    BOOST_TEST(inspect(erased)->passcode.left == 15);
    *counters = 16;
    BOOST_TEST(inspect(erased)->passcode.left == 0);
}

BOOST_FIXTURE_TEST_CASE(the_passcode_is_told_without_a_try, Fixture) {
    spec.passcode_tries_left = std::uint8_t{0};
    BOOST_TEST(passcode_is(image(), "123456").value());
    for (const char* wrong : {"123457", "12345", "1234567", "", "123456\xFF\xFF\xFF"}) {
        BOOST_TEST(!passcode_is(image(), wrong).value(), wrong);
    }
}

BOOST_FIXTURE_TEST_CASE(memory_without_content_is_no_passcode_here_either, Fixture) {
    BOOST_TEST(!passcode_is(with(piv::passcode_object, Bytes(8, 0xFF)), "").value());
    BOOST_TEST(!passcode_is(with(piv::passcode_object, Bytes(8, 0x00)), std::string(8, '\0')).value());
}

BOOST_FIXTURE_TEST_CASE(digests_tell_changes_of_secrets, Fixture) {
    const CardState before = inspect(image()).value();
    BOOST_TEST(before.passcode_digest == inspect(image()).value().passcode_digest);
    spec.passcode = "654321";
    const CardState after = inspect(image()).value();
    BOOST_TEST(before.passcode_digest != after.passcode_digest);
    BOOST_TEST(before.unblocking_code_digest == after.unblocking_code_digest);
}

BOOST_AUTO_TEST_CASE(the_global_passcode_shows_on_cards_that_take_one) {
    Fixture card;
    BOOST_TEST(!inspect(card.image())->global_passcode.has_value());
    BOOST_TEST(inspect(card.image())->global_passcode_digest.empty());
    card.spec.config.piv.global_passcode = PasscodeRules{6, 8, true, 5};
    card.spec.global_passcode = "135791";
    const CardState state = inspect(card.image()).value();
    BOOST_REQUIRE(state.global_passcode.has_value());
    BOOST_TEST(state.global_passcode->left == 5);
    BOOST_TEST(state.global_passcode->limit == 5);
    BOOST_TEST(state.global_passcode_digest == apdu::to_hex(sha256(Fixture::der("313335373931FFFF"))));
    BOOST_TEST(!state.global_passcode_damage.has_value());
    const CardState damaged = inspect(card.with(piv::global_passcode_object, Bytes(7))).value();
    BOOST_TEST(contains(damaged.global_passcode_damage.value(), "no global passcode"));
}

BOOST_AUTO_TEST_CASE(an_object_that_is_being_written_is_unfinished_and_no_certificate) {
    const Fixture card;
    const CardState state = inspect(card.with(piv::unfinished_mark(piv::chuid_tag), Bytes(4))).value();
    BOOST_TEST(state.objects.at(piv::chuid_tag).unfinished);
    BOOST_TEST(state.guid.empty());
    BOOST_TEST(!state.objects.at(0x5FC107).unfinished);
    BOOST_TEST(state.objects.size() == 2U); // the mark itself is none
    const CardState other = inspect(card.with(piv::unfinished_mark(0x5FC10A), Bytes(4))).value();
    const SlotState* const slot = other.slot(piv::signature_key);
    BOOST_REQUIRE(slot != nullptr);
    BOOST_TEST(!slot->certificate.has_value());
    BOOST_TEST(contains(slot->certificate_damage.value(), "not written to its end"));
    BOOST_TEST(slot->key.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
