#include "harness/card_diff.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace emulator = cardrig::emulator;
using cardrig::harness::card_differences;
using cardrig::harness::compare_cards;
using cardrig::harness::difference_lines;
using cardrig::harness::differences_json;
using cardrig::harness::ExaminedCard;
using emulator::Algorithm;
using emulator::CardState;

namespace {

emulator::CertificateState certificate(const std::string& serial, int month) {
    emulator::CertificateState state;
    state.subject = "CN=Test";
    state.serial = serial;
    state.not_after = std::chrono::sys_days(std::chrono::year(2027) / month / 1);
    state.algorithm = Algorithm::p256;
    state.sha256 = "digest of " + serial;
    state.matches_key = true;
    return state;
}

CardState sample() {
    CardState state;
    state.profile = "sample";
    state.atr = "3B00";
    state.guid = "42";
    state.passcode = {3, 3};
    state.unblocking_code = {3, 3};
    state.management_algorithm = Algorithm::triple_des;
    state.passcode_digest = "secret one";
    state.unblocking_code_digest = "secret two";
    state.management_key_digest = "secret three";
    emulator::SlotState slot;
    slot.reference = 0x9A;
    slot.key = Algorithm::p256;
    slot.key_sha256 = "key one";
    slot.certificate = certificate("01", 3);
    state.slots = {slot};
    state.objects[0x5FC102] = {59, "chuid one"};
    return state;
}

using Lines = std::vector<std::string>;

void check(const CardState& before, const CardState& after, const Lines& expected) {
    BOOST_TEST(card_differences(before, after) == expected, boost::test_tools::per_element());
}

} // namespace

BOOST_AUTO_TEST_SUITE(card_diff)

BOOST_AUTO_TEST_CASE(equal_cards_have_no_difference) {
    check(sample(), sample(), {});
    CardState after = sample();
    after.free_bytes = 17; // where things lie is no meaning
    check(sample(), after, {});
    BOOST_TEST(differences_json(compare_cards(sample(), sample())) == nlohmann::json::array());
}

BOOST_AUTO_TEST_CASE(a_renewal_is_told) {
    CardState after = sample();
    after.slots[0].certificate = certificate("02", 9);
    after.slots[0].key_sha256 = "key two";
    check(sample(), after,
          {"9A key: replaced (P-256)",
           "9A certificate: replaced (serial 01, ends 2027-03-01 00:00:00 UTC -> serial "
           "02, ends 2027-09-01 00:00:00 UTC)"});
    const auto json = differences_json(compare_cards(sample(), after));
    BOOST_TEST(json.at(1).at("what") == "9A certificate");
    BOOST_TEST(json.at(1).at("before").at("serial") == "01");
    BOOST_TEST(json.at(1).at("after").at("not-after") == "2027-09-01T00:00:00Z");
}

BOOST_AUTO_TEST_CASE(a_key_replaced_under_its_certificate_is_told_twice) {
    CardState after = sample();
    after.slots[0].key = Algorithm::rsa2048;
    after.slots[0].key_sha256 = "key two";
    after.slots[0].certificate->matches_key = false;
    check(sample(), after,
          {"9A key: replaced (P-256 -> RSA 2048)", "9A certificate: does not match its key"});
    check(after, sample(), {"9A key: replaced (RSA 2048 -> P-256)", "9A certificate: now matches its key"});
}

BOOST_AUTO_TEST_CASE(counters_and_secrets_are_told_and_secrets_not_shown) {
    CardState after = sample();
    after.passcode.left = 2;
    after.passcode_digest = "secret four";
    after.unblocking_code.left = 0;
    after.unblocking_code_digest = "secret five";
    after.management_key_digest = "secret six";
    after.management_algorithm = Algorithm::aes128;
    check(sample(), after,
          {"passcode tries: 3 -> 2", "passcode: changed", "unblocking code tries: 3 -> 0",
           "unblocking code: changed", "management key algorithm: 3DES -> AES-128",
           "management key: changed"});
    BOOST_TEST(differences_json(compare_cards(sample(), after)).dump().find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_comes_and_goes_is_told) {
    CardState after = sample();
    after.slots[0].reference = 0x9C;
    after.objects.clear();
    after.objects[0x5FC107] = {51, "ccc"};
    after.guid = "";
    check(sample(), after,
          {"GUID: 42 -> ", "9A key: removed (P-256)",
           "9A certificate: removed (serial 01, ends 2027-03-01 00:00:00 UTC)", "9C key: added (P-256)",
           "9C certificate: added (serial 01, ends 2027-03-01 00:00:00 UTC)", "chuid: removed (59 bytes)",
           "card-capability-container: added (51 bytes)"});
}

BOOST_AUTO_TEST_CASE(damage_is_told) {
    CardState after = sample();
    after.slots[0].certificate.reset();
    after.slots[0].certificate_damage = "cut";
    after.slots[0].key.reset();
    after.slots[0].key_sha256.clear();
    after.slots[0].key_damage = "torn";
    check(sample(), after, {"9A key: damaged (torn)", "9A certificate: damaged (cut)"});
    check(after, sample(),
          {"9A key: replaced a damaged one (P-256)",
           "9A certificate: replaced a damaged one (serial 01, ends 2027-03-01 00:00:00 UTC)"});
    CardState objects = sample();
    objects.objects[0x5FC102] = {60, "chuid two"};
    check(sample(), objects, {"chuid: replaced (59 bytes -> 60 bytes)"});
}

BOOST_AUTO_TEST_CASE(one_damage_is_told_from_another) {
    CardState before = sample();
    before.slots[0].certificate.reset();
    before.slots[0].certificate_damage = "cut";
    before.slots[0].stored_certificate_sha256 = "one";
    before.slots[0].key.reset();
    before.slots[0].key_damage = "torn";
    before.slots[0].stored_key_sha256 = "two";
    before.passcode_damage = "no passcode";
    CardState after = before;
    check(before, after, {});
    after.slots[0].certificate_damage = "cut";
    after.slots[0].stored_certificate_sha256 = "three";
    after.slots[0].stored_key_sha256 = "four";
    after.passcode_digest = "five";
    check(before, after,
          {"passcode: replaced (as damaged as before)", "9A key: replaced (as damaged as before)",
           "9A certificate: replaced (as damaged as before)"});
}

BOOST_AUTO_TEST_CASE(damaged_secrets_are_told) {
    CardState after = sample();
    after.passcode_damage = "no passcode";
    after.management_algorithm.reset();
    after.management_key_damage = "no key";
    after.management_key_digest.clear();
    check(sample(), after, {"passcode: damaged (no passcode)", "management key: damaged (no key)"});
    check(after, sample(), {"passcode: no longer damaged", "management key: no longer damaged"});
}

BOOST_AUTO_TEST_CASE(touch_and_origin_are_told) {
    CardState after = sample();
    after.management_key_touch = true;
    after.slots[0].origin = emulator::piv::KeyOrigin::imported;
    check(sample(), after,
          {"management key touch: not asked for -> asked for", "9A key: generated -> imported"});
}

BOOST_AUTO_TEST_CASE(a_global_passcode_is_told_like_the_others) {
    CardState before = sample();
    CardState after = sample();
    after.global_passcode = emulator::CounterState{5, 5};
    after.global_passcode_digest = "secret four";
    check(before, after, {"global passcode: added"});
    before = after;
    after.global_passcode->left = 4;
    after.global_passcode_digest = "secret five";
    check(before, after, {"global passcode tries: 5 -> 4", "global passcode: changed"});
    after.global_passcode.reset();
    check(before, after, {"global passcode: removed"});
    BOOST_TEST(differences_json(compare_cards(before, after)).dump().find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(limits_retired_slots_and_the_attestation_key_are_told) {
    CardState after = sample();
    after.passcode.limit = 5;
    emulator::SlotState slot;
    slot.reference = 0x82;
    slot.key = Algorithm::rsa4096;
    slot.key_sha256 = "key two";
    after.slots.push_back(slot);
    slot.reference = 0xF9;
    slot.key = Algorithm::rsa2048;
    after.slots.push_back(slot);
    after.slots[0].passcode_policy = 3;
    check(sample(), after,
          {"passcode limit of tries: 3 -> 5", "82 key: added (RSA 4096)",
           "9A key: passcode default -> always", "F9 key: added (RSA 2048)"});
}

BOOST_AUTO_TEST_CASE(objects_are_told_by_name_and_whether_they_are_whole) {
    CardState before = sample();
    CardState after = sample();
    after.objects[0x5FC109] = {44, "printed", false};
    after.objects[0x5FFF11] = {7, "token", false};
    check(before, after, {"printed-information: added (44 bytes)", "5FFF11: added (7 bytes)"});
    before = after;
    after.objects[0x5FC109].unfinished = true;
    check(before, after, {"printed-information: not written to its end"});
}

BOOST_AUTO_TEST_CASE(what_the_cards_are_is_told_first) {
    using namespace std::chrono_literals;
    ExaminedCard before{{}, sample()};
    before.image.config.atr = {0x3B, 0x00};
    ExaminedCard after = before;
    BOOST_TEST(compare_cards(before, after).empty());
    after.state.passcode.left = 2;
    emulator::CardConfig& config = after.image.config;
    config.geometry.blocks = 256;
    config.timing.command = 5ms;
    config.timing.use[Algorithm::p256] = 1500ms;
    config.timing.generate[Algorithm::rsa2048] = 7s;
    emulator::PivConfig& piv = config.piv;
    piv.passcode = {4, 8, false, 3};
    piv.global_passcode = emulator::PasscodeRules{};
    piv.prefers_global_passcode = true;
    piv.algorithms.push_back(Algorithm::rsa1024);
    piv.strict_signature_passcode = true;
    piv.put_data = emulator::PutDataMode::streamed;
    piv.longest_object = 300;
    piv.yubico = emulator::YubicoExtensions{{5, 7, 0}, 42};
    after.image.weak.masks = {{17, 0x01}};
    const Lines expected{"passcode rules: 6 to 8 digits -> 4 to 8 characters",
                         "global passcode rules: none -> 6 to 8 digits",
                         "algorithms: RSA 2048, P-256 -> RSA 2048, P-256, RSA 1024",
                         "memory: 128 blocks of 8 pages of 128 bytes -> 256 blocks of 8 pages of 128 bytes",
                         "signature passcode: one VERIFY each -> strict: VERIFY directly before",
                         "preferred passcode: the application's -> the global one",
                         "PUT DATA: buffered -> streamed",
                         "largest object: 16384 bytes -> 300 bytes",
                         "token extensions: none -> firmware 5.7.0, serial number 42",
                         "timing: instant -> takes its time",
                         "time of a command: none -> 5 ms",
                         "time to make RSA 2048: none -> 7 s",
                         "time to use P-256: none -> 1500 ms",
                         "bytes with weak bits: 0 -> 1",
                         "passcode tries: 3 -> 2"};
    BOOST_TEST(difference_lines(compare_cards(before, after)) == expected, boost::test_tools::per_element());
    before.image.weak.masks = {{18, 0x01}};
    BOOST_TEST(difference_lines(compare_cards(before, after)).at(13) == "bytes with weak bits: others");
}

BOOST_AUTO_TEST_SUITE_END()
