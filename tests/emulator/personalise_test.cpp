#include "emulator/personalise.h"

#include "emulator/environment.h"
#include "emulator/object_store.h"
#include "emulator/piv/issuer_objects.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
namespace piv = cardrig::emulator::piv;
using namespace cardrig::emulator;

namespace {

CardSpec sample() {
    CardSpec spec;
    spec.config.profile = "sample";
    spec.config.atr = apdu::from_hex("3B8B0180F9A0000003080000100048").value();
    spec.management_key = Bytes(24, 0x11);
    spec.guid = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x47, 0x08,
                 0x89, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10};
    spec.expires = std::chrono::year(2031) / 2 / 9;
    return spec;
}

std::string refusal(const CardSpec& spec) {
    const auto image = personalise(spec);
    return image ? std::string() : image.error().message;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

PersonalisedKey key_of(CryptoContext& context, piv::KeyReference reference, Algorithm algorithm) {
    FreshKeys keys;
    return {reference, keys.generate(context, algorithm), Bytes{0x30, 0x00}};
}

/// The memory that a specification makes, as an object store.
class Made {
public:
    explicit Made(const CardSpec& spec)
        : image_(personalise(spec).value()), nvm_(image_.config.geometry, image_.memory),
          store_(ObjectStore::mount(nvm_).value()) {}

    [[nodiscard]] std::string object(ObjectId id) const { return apdu::to_hex(store_->read(id).value()); }
    [[nodiscard]] const ObjectStore& store() const { return *store_; }

private:
    CardImage image_;
    MemoryNvm nvm_;
    std::unique_ptr<ObjectStore> store_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(personalise)

BOOST_AUTO_TEST_CASE(the_fasc_n_is_the_one_that_other_issuers_outside_the_government_write) {
    // As the template in yubico-piv-tool's source has it (agency, system and credential all nines).
    BOOST_TEST(apdu::to_hex(piv::non_federal_fasc_n()) ==
               "D4E739DA739CED39CE739D836858210842108421C84210C3EB");
}

BOOST_AUTO_TEST_CASE(objects_and_secrets_lie_where_the_application_looks) {
    const Made card(sample());
    BOOST_TEST(card.object(piv::passcode_object) == "313233343536FFFF");
    BOOST_TEST(card.object(piv::unblocking_code_object) == "3132333435363738");
    BOOST_TEST(card.object(piv::management_key_object) == "03" + apdu::to_hex(Bytes(24, 0x11)));
    // SP 800-73-4 part 1, tables 8 and 9.
    BOOST_TEST(card.object(piv::data_object(0x5FC102)) ==
               "3019D4E739DA739CED39CE739D836858210842108421C84210C3EB"
               "3410010203040506470889"
               "0A0B0C0D0E0F10"
               "35083230333130323039"
               "3E00FE00");
    BOOST_TEST(card.object(piv::data_object(0x5FC107)) ==
               "F015A000000116FF020304050647"
               "0889"
               "0A0B0C0D0E0F10"
               "F10121F20121F300F40100F50110F600F700FA00FB00FC00FD00FE00");
    BOOST_TEST(card.store().counter(piv::passcode_tries) == 3);
    BOOST_TEST(card.store().counter(piv::unblocking_code_tries) == 3);
}

BOOST_AUTO_TEST_CASE(a_card_can_begin_with_tries_already_spent) {
    CardSpec spec = sample();
    spec.passcode_tries_left = std::uint8_t{0};
    spec.unblocking_code_tries_left = std::uint8_t{1};
    const Made card(spec);
    BOOST_TEST(card.store().counter(piv::passcode_tries) == 0);
    BOOST_TEST(card.store().counter(piv::unblocking_code_tries) == 1);
    spec.passcode_tries_left = std::uint8_t{4};
    BOOST_TEST(contains(refusal(spec), "passcode has 4 tries left of 3"));
}

BOOST_AUTO_TEST_CASE(a_global_passcode_is_there_where_the_card_takes_one) {
    CardSpec spec = sample();
    spec.config.piv.global_passcode = PasscodeRules{6, 8, true, 5};
    BOOST_TEST(contains(refusal(spec), "takes a global passcode, and none is given"));
    spec.global_passcode = "13579";
    BOOST_TEST(contains(refusal(spec), "global passcode breaks its rules"));
    BOOST_TEST(!contains(refusal(spec), "13579"));
    spec.global_passcode = "135791";
    const Made card(spec);
    BOOST_TEST(card.object(piv::global_passcode_object) == "313335373931FFFF");
    BOOST_TEST(card.store().counter(piv::global_passcode_tries) == 5);
    spec.config.piv.global_passcode.reset();
    BOOST_TEST(contains(refusal(spec), "a global passcode is given, and the card takes none"));
    BOOST_TEST(!Made(sample()).store().contains(piv::global_passcode_object));
}

BOOST_AUTO_TEST_CASE(objects_of_the_specification_replace_those_that_the_card_gets_anyway) {
    CryptoContext context(7);
    CardSpec spec = sample();
    spec.keys = {key_of(context, piv::signature_key, Algorithm::p256)};
    spec.objects = {{0x5FC106, Bytes{0xBA, 0x00}},
                    {0x5FC102, Bytes{0x30, 0x00}},
                    {0x5FC107, {}},
                    {0x5FC10A, Bytes{0x70, 0x00}},
                    {0x7E, Bytes{0x4F, 0x00}}};
    const Made card(spec);
    BOOST_TEST(card.object(piv::data_object(0x5FC106)) == "BA00");
    BOOST_TEST(card.object(piv::data_object(0x5FC102)) == "3000");
    BOOST_TEST(!card.store().contains(piv::data_object(0x5FC107)));
    BOOST_TEST(card.object(piv::data_object(0x5FC10A)) == "7000");
    BOOST_TEST(card.object(piv::data_object(0x7E)) == "4F00");
    spec.objects = {{0x5FC124, Bytes{0x00}}};
    BOOST_TEST(contains(refusal(spec), "5FC124 is no data object"));
}

BOOST_AUTO_TEST_CASE(keys_and_certificates_go_into_their_slots) {
    CryptoContext context(7);
    CardSpec spec = sample();
    spec.keys = {key_of(context, piv::signature_key, Algorithm::p256)};
    const Made card(spec);
    const auto stored =
        piv::StoredKey::decode(card.store().read(piv::key_object(piv::signature_key)).value());
    BOOST_REQUIRE(stored.has_value());
    BOOST_CHECK(stored->pkcs8 == spec.keys[0].key.to_der());
    BOOST_TEST(card.object(piv::data_object(0x5FC10A)) == "70023000710100FE00");
    BOOST_TEST(!card.store().contains(piv::data_object(0x5FC105)));
}

BOOST_AUTO_TEST_CASE(contradictions_are_refused_without_telling_secrets) {
    const auto with = [](const auto& change) {
        CardSpec spec = sample();
        change(spec);
        return refusal(spec);
    };
    const std::string passcode = with([](CardSpec& s) { s.passcode = "98765"; });
    BOOST_TEST(contains(passcode, "passcode breaks its rules"));
    BOOST_TEST(!contains(passcode, "98765"));
    BOOST_TEST(contains(with([](CardSpec& s) { s.passcode = "12345a"; }), "digits"));
    BOOST_TEST(contains(with([](CardSpec& s) { s.unblocking_code = "1234567"; }), "unblocking code"));
    BOOST_TEST(contains(with([](CardSpec& s) { s.unblocking_code = "1234567\xFF"; }), "printable"));
    BOOST_TEST(contains(with([](CardSpec& s) { s.management_key.pop_back(); }), "23 bytes; 3DES needs 24"));
    BOOST_TEST(contains(with([](CardSpec& s) { s.management_algorithm = Algorithm::p256; }), "P-256"));
    BOOST_TEST(contains(with([](CardSpec& s) { s.config.geometry.page_size = 31; }), "31 bytes"));
}

BOOST_AUTO_TEST_CASE(an_attestation_key_is_a_tokens) {
    CryptoContext context;
    CardSpec spec = sample();
    spec.keys = {key_of(context, piv::attestation_key, Algorithm::p256)};
    BOOST_TEST(contains(refusal(spec), "F9 is no key reference of a key pair"));
    spec.config.piv.yubico = YubicoExtensions{};
    const Made card(spec);
    BOOST_TEST(card.object(piv::data_object(0x5FFF01)) == "70023000710100FE00");
    BOOST_TEST(card.store().contains(piv::key_object(0xF9)));
}

BOOST_AUTO_TEST_CASE(a_token_whose_rules_its_factory_codes_break_is_refused) {
    CardSpec spec = sample();
    spec.config.piv.passcode.min_length = 8;
    spec.passcode = "12345678";
    BOOST_TEST(refusal(spec) == "");
    spec.config.piv.yubico = YubicoExtensions{};
    BOOST_TEST(contains(refusal(spec), "factory passcode breaks its rules: it has 6 characters"));
    spec = sample();
    spec.config.piv.yubico = YubicoExtensions{};
    BOOST_TEST(refusal(spec) == "");
    spec.config.piv.unblocking_code = PasscodeRules{4, 6, true, 3};
    spec.unblocking_code = "123456";
    BOOST_TEST(contains(refusal(spec), "factory unblocking code breaks its rules: it has 8 characters"));
}

BOOST_AUTO_TEST_CASE(an_object_is_no_longer_than_put_data_takes) {
    CardSpec spec = sample();
    spec.config.piv.longest_object = 256;
    spec.objects = {{0x5FC108, Bytes(248)}}; // 5C035FC108 and 5381F8
    BOOST_TEST(refusal(spec) == "");
    spec.objects = {{0x5FC108, Bytes(249)}};
    BOOST_TEST(
        contains(refusal(spec), "object 5FC108 takes a PUT DATA of 257 bytes; the card's largest has 256"));
    spec.objects = {{0x7F61, Bytes(253)}}; // 7F6181FD is 4
    BOOST_TEST(contains(refusal(spec), "object 7F61 takes a PUT DATA of 257 bytes"));
}

BOOST_AUTO_TEST_CASE(keys_that_the_card_cannot_hold_are_refused) {
    CryptoContext context(7);
    CardSpec spec = sample();
    spec.keys = {key_of(context, piv::signature_key, Algorithm::p384)};
    BOOST_TEST(contains(refusal(spec), "key 9C is P-384, which the card does not offer"));
    spec.keys = {key_of(context, piv::management_key, Algorithm::p256)};
    BOOST_TEST(contains(refusal(spec), "9B is no key reference"));
    const PersonalisedKey twice = key_of(context, piv::signature_key, Algorithm::p256);
    spec.keys = {twice, twice};
    BOOST_TEST(contains(refusal(spec), "key 9C is given twice"));
    spec.keys = {twice};
    spec.keys[0].certificate = Bytes(spec.config.geometry.size(), 0x30);
    BOOST_TEST(contains(refusal(spec), "too small"));
}

BOOST_AUTO_TEST_SUITE_END()
