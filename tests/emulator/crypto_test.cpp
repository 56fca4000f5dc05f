#include "emulator/crypto.h"

#include "apdu/ber_tlv.h"
#include "emulator/environment.h"
#include "emulator/openssl_support.h"
#include "tests/emulator/verify_with_openssl.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <openssl/err.h>

namespace emulator = cardrig::emulator;
namespace test = cardrig::test;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;
using emulator::Algorithm;

namespace {

Bytes hex(std::string_view text) {
    return cardrig::apdu::from_hex(text).value();
}

emulator::PrivateKey fresh(emulator::CryptoContext& context, Algorithm algorithm) {
    return emulator::FreshKeys().generate(context, algorithm);
}

Bytes value_of(const Bytes& objects, cardrig::apdu::Tag tag) {
    const auto parsed = cardrig::apdu::parse_tlvs(objects).value();
    const auto found = cardrig::apdu::find_tlv(parsed, tag);
    BOOST_REQUIRE(found.has_value());
    return {found->begin(), found->end()};
}

struct BlockVector {
    Algorithm algorithm;
    const char* key;
    const char* plain;
    const char* encrypted;
};

// FIPS 197, appendices C.1 to C.3; SP 800-67 revision 2, appendix B.1 (first block of its example).
const std::vector<BlockVector> published_blocks{
    {Algorithm::aes128, "000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
     "69C4E0D86A7B0430D8CDB78070B4C55A"},
    {Algorithm::aes192, "000102030405060708090A0B0C0D0E0F1011121314151617",
     "00112233445566778899AABBCCDDEEFF", "DDA97CA4864CDFE06EAF70A0EC0D7191"},
    {Algorithm::aes256, "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF", "8EA2B7CA516745BFEAFC49904B496089"},
    {Algorithm::triple_des, "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123", "5468652071756663",
     "A826FD8CE53B855F"}};

} // namespace

BOOST_AUTO_TEST_SUITE(crypto)

BOOST_AUTO_TEST_CASE(block_ciphers_agree_with_published_vectors) {
    for (const std::optional<std::uint64_t> seed :
         {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(1)}) {
        emulator::CryptoContext context(seed);
        for (const BlockVector& vector : published_blocks) {
            BOOST_TEST_CONTEXT(emulator::name(vector.algorithm)) {
                const Bytes key = hex(vector.key);
                BOOST_CHECK(emulator::encrypt_block(context, vector.algorithm, key, hex(vector.plain)) ==
                            hex(vector.encrypted));
                BOOST_CHECK(emulator::decrypt_block(context, vector.algorithm, key, hex(vector.encrypted)) ==
                            hex(vector.plain));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(block_ciphers_refuse_wrong_lengths_and_asymmetric_algorithms) {
    emulator::CryptoContext context;
    const Bytes key(24, 1);
    const Bytes block(8, 2);
    BOOST_CHECK_THROW((void)emulator::encrypt_block(context, Algorithm::triple_des, Bytes(16, 1), block),
                      std::invalid_argument);
    BOOST_CHECK_THROW((void)emulator::encrypt_block(context, Algorithm::triple_des, key, Bytes(16, 2)),
                      std::invalid_argument);
    BOOST_CHECK_THROW((void)emulator::decrypt_block(context, Algorithm::aes128, key, Bytes(16, 2)),
                      std::invalid_argument);
    BOOST_CHECK_THROW((void)emulator::encrypt_block(context, Algorithm::rsa2048, key, block),
                      std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(sha256_agrees_with_the_published_vector) {
    // FIPS 180-2, appendix B.1.
    const Bytes abc{'a', 'b', 'c'};
    BOOST_CHECK(emulator::sha256(abc) ==
                hex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
}

BOOST_AUTO_TEST_CASE(comparison_sees_every_difference) {
    const Bytes value = hex("0102030405060708");
    BOOST_TEST(emulator::equal_in_constant_time(value, Bytes(value)));
    BOOST_TEST(emulator::equal_in_constant_time({}, {}));
    for (std::size_t i = 0; i < value.size(); ++i) {
        Bytes other = value;
        other[i] ^= 0x80U;
        BOOST_TEST(!emulator::equal_in_constant_time(value, other));
    }
    BOOST_TEST(!emulator::equal_in_constant_time(value, Bytes(value.begin(), value.end() - 1)));
}

BOOST_AUTO_TEST_CASE(algorithms_have_the_identifiers_and_sizes_of_the_standard) {
    // SP 800-78-4, table 6-2.
    BOOST_CHECK(emulator::algorithm_from_id(0x03) == Algorithm::triple_des);
    BOOST_CHECK(emulator::algorithm_from_id(0x07) == Algorithm::rsa2048);
    BOOST_CHECK(emulator::algorithm_from_id(0x0A) == Algorithm::aes192);
    BOOST_CHECK(emulator::algorithm_from_id(0x11) == Algorithm::p256);
    BOOST_CHECK(emulator::algorithm_from_id(0x14) == Algorithm::p384);
    BOOST_CHECK(emulator::algorithm_from_id(0x16) == Algorithm::rsa4096); // not in the standard
    int known = 0;
    for (unsigned id = 0; id <= 0xFF; ++id) {
        const auto algorithm = emulator::algorithm_from_id(static_cast<std::uint8_t>(id));
        if (algorithm) {
            ++known;
            BOOST_TEST(static_cast<unsigned>(*algorithm) == id);
            BOOST_CHECK(emulator::algorithm_from_profile_word(emulator::profile_word(*algorithm)) ==
                        algorithm);
        }
    }
    BOOST_TEST(known == 10);
    BOOST_CHECK(!emulator::algorithm_from_profile_word("RSA 2048"));
    BOOST_TEST(emulator::key_size(Algorithm::aes192) == 24U);
    BOOST_TEST(emulator::block_size(Algorithm::triple_des) == 8U);
    BOOST_TEST(emulator::field_size(Algorithm::rsa3072) == 384U);
    BOOST_CHECK_THROW((void)emulator::field_size(Algorithm::aes128), std::invalid_argument);
    BOOST_CHECK_THROW((void)emulator::block_size(Algorithm::p256), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(rsa_private_operation_is_undone_by_the_public_key) {
    emulator::CryptoContext context;
    const emulator::PrivateKey key = fresh(context, Algorithm::rsa2048);
    Bytes block(256);
    emulator::ContextEntropy(context).fill(block);
    block[0] = 0x00;
    const auto result = key.rsa_private_operation(block);
    BOOST_REQUIRE(result.has_value());
    BOOST_TEST(result->size() == 256U);
    BOOST_CHECK(test::rsa_public_operation(key.subject_public_key_info(), *result) == block);
}

BOOST_AUTO_TEST_CASE(rsa_private_operation_takes_only_values_below_the_modulus) {
    emulator::CryptoContext context;
    const emulator::PrivateKey key = fresh(context, Algorithm::rsa1024);
    const Bytes modulus = value_of(key.public_key_template(), 0x81);
    BOOST_REQUIRE(modulus.size() == 128U);
    BOOST_CHECK(!key.rsa_private_operation(modulus));
    BOOST_CHECK(!key.rsa_private_operation(Bytes(128, 0xFF)));
    BOOST_CHECK(!key.rsa_private_operation(Bytes(127, 0x01)));
    BOOST_CHECK(!key.rsa_private_operation(Bytes(129, 0x00)));
    BOOST_CHECK(!key.rsa_private_operation({}));
    Bytes largest = modulus; // odd, so that this is one less
    largest.back() ^= 0x01U;
    BOOST_CHECK(key.rsa_private_operation(largest).has_value());
    BOOST_CHECK(key.rsa_private_operation(Bytes(128, 0x00)) == Bytes(128, 0x00));
    BOOST_TEST(ERR_peek_error() == 0UL); // refusals leave nothing in the thread's queue
}

BOOST_AUTO_TEST_CASE(ecdsa_takes_digests_of_one_byte_to_the_field_length) {
    emulator::CryptoContext context;
    for (const Algorithm algorithm : {Algorithm::p256, Algorithm::p384}) {
        const emulator::PrivateKey key = fresh(context, algorithm);
        const std::size_t field = emulator::field_size(algorithm);
        for (const std::size_t size : {std::size_t{1}, std::size_t{20}, std::size_t{30}, field}) {
            const Bytes digest(size, 0xA5);
            Bytes extended(field - size, 0x00);
            extended.insert(extended.end(), digest.begin(), digest.end());
            const auto signature = key.ecdsa_sign(digest);
            BOOST_REQUIRE(signature.has_value());
            BOOST_TEST(test::ecdsa_verifies(key.subject_public_key_info(), extended, *signature));
            extended.back() ^= 0x01U;
            BOOST_TEST(!test::ecdsa_verifies(key.subject_public_key_info(), extended, *signature));
        }
        BOOST_CHECK(!key.ecdsa_sign({}));
        BOOST_CHECK(!key.ecdsa_sign(Bytes(field + 1, 0x01)));
    }
}

BOOST_AUTO_TEST_CASE(ecdh_agrees_with_a_published_vector) {
    // NIST CAVP, ECC CDH primitive (SP 800-56A), P-256, count 0.
    const Bytes peer = hex("04 700C48F77F56584C5CC632CA65640DB91B6BACCE3A4DF6B42CE7CC838833D287"
                           "DB71E509E3FD9B060DDB20BA5C51DCC5948D46FBF640DFE0441782CAB85FA4AC");
    const Bytes own = hex("04 EAD218590119E8876B29146FF89CA61770C4EDBBF97D38CE385ED281D8A6B230"
                          "28AF61281FD35E2FA7002523ACC85A429CB06EE6648325389F59EDFCE1405141");
    emulator::CryptoContext context;
    const auto key = emulator::PrivateKey::from_der(
        context,
        test::p256_key(hex("7D7DC5F71EB29DDAF80D6214632EEAE03D9058AF1FB6D22ED80BADB62BC1A534"), own));
    BOOST_REQUIRE(key.has_value());
    BOOST_CHECK(value_of(key->public_key_template(), 0x86) == own);
    BOOST_CHECK(key->ecdh(peer) == hex("46FC62106420FF012E54A434FBDD2D25CCC5852060561E68040DD7778997BD7B"));
}

BOOST_AUTO_TEST_CASE(ecdh_gives_both_sides_the_same_secret) {
    emulator::CryptoContext context;
    for (const Algorithm algorithm : {Algorithm::p256, Algorithm::p384}) {
        const emulator::PrivateKey one = fresh(context, algorithm);
        const emulator::PrivateKey other = fresh(context, algorithm);
        const auto secret = one.ecdh(value_of(other.public_key_template(), 0x86));
        BOOST_REQUIRE(secret.has_value());
        BOOST_TEST(secret->size() == emulator::field_size(algorithm));
        BOOST_CHECK(other.ecdh(value_of(one.public_key_template(), 0x86)) == *secret);
    }
}

BOOST_AUTO_TEST_CASE(ecdh_refuses_what_is_no_point_of_the_curve) {
    emulator::CryptoContext context;
    const emulator::PrivateKey key = fresh(context, Algorithm::p256);
    const Bytes good = value_of(key.public_key_template(), 0x86);
    Bytes off_curve = good;
    off_curve.back() ^= 0x01U;
    BOOST_CHECK(!key.ecdh(off_curve));
    BOOST_CHECK(!key.ecdh(Bytes(65, 0x00)));
    Bytes wrong_form = good;
    wrong_form[0] = 0x06; // the hybrid form
    BOOST_CHECK(!key.ecdh(wrong_form));
    BOOST_CHECK(!key.ecdh(ByteView(good).first(64)));
    Bytes compressed(good.begin(), good.begin() + 33);
    compressed[0] = 0x02;
    BOOST_CHECK(!key.ecdh(compressed));
    Bytes beyond_field(65, 0xFF); // coordinates not below the field's prime
    beyond_field[0] = 0x04;
    BOOST_CHECK(!key.ecdh(beyond_field));
    const emulator::PrivateKey larger = fresh(context, Algorithm::p384);
    BOOST_CHECK(!key.ecdh(value_of(larger.public_key_template(), 0x86)));
}

BOOST_AUTO_TEST_CASE(keys_refuse_operations_of_other_kinds) {
    emulator::CryptoContext context;
    const emulator::PrivateKey rsa = fresh(context, Algorithm::rsa1024);
    const emulator::PrivateKey elliptic = fresh(context, Algorithm::p256);
    BOOST_CHECK(!rsa.ecdsa_sign(Bytes(32, 1)));
    BOOST_CHECK(!rsa.ecdh(value_of(elliptic.public_key_template(), 0x86)));
    BOOST_CHECK(!elliptic.rsa_private_operation(Bytes(32, 1)));
    BOOST_CHECK_THROW((void)fresh(context, Algorithm::aes128), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(keys_survive_their_der_form) {
    emulator::CryptoContext context;
    emulator::CryptoContext elsewhere;
    for (const Algorithm algorithm :
         {Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::p256, Algorithm::p384}) {
        const emulator::PrivateKey key = fresh(context, algorithm);
        const auto again = emulator::PrivateKey::from_der(elsewhere, key.to_der());
        BOOST_REQUIRE(again.has_value());
        BOOST_CHECK(again->algorithm() == algorithm);
        BOOST_CHECK(again->to_der() == key.to_der());
        BOOST_CHECK(again->subject_public_key_info() == key.subject_public_key_info());
    }
}

BOOST_AUTO_TEST_CASE(public_key_template_has_the_lengths_of_the_standard) {
    emulator::CryptoContext context;
    // SP 800-73-4 part 2, 3.3.2: modulus without a leading zero, exponent 65537.
    const Bytes rsa = fresh(context, Algorithm::rsa2048).public_key_template();
    BOOST_TEST(value_of(rsa, 0x81).size() == 256U);
    BOOST_CHECK(value_of(rsa, 0x82) == hex("010001"));
    const Bytes elliptic = fresh(context, Algorithm::p384).public_key_template();
    BOOST_TEST(value_of(elliptic, 0x86).size() == 97U);
    BOOST_TEST(value_of(elliptic, 0x86).front() == 0x04);
}

BOOST_AUTO_TEST_CASE(reading_a_key_refuses_what_no_card_has) {
    emulator::CryptoContext context;
    for (const char* kind : {"P-521", "ED25519", "RSA"}) {
        const auto key = emulator::PrivateKey::from_der(context, test::foreign_key(kind));
        BOOST_CHECK(!key);
        BOOST_TEST(!key.error().message.empty());
    }
    const Bytes good = fresh(context, Algorithm::p256).to_der();
    BOOST_CHECK(!emulator::PrivateKey::from_der(context, {}));
    BOOST_CHECK(!emulator::PrivateKey::from_der(context, ByteView(good).first(good.size() - 1)));
    Bytes longer = good;
    longer.push_back(0x00);
    BOOST_CHECK(!emulator::PrivateKey::from_der(context, longer));
    BOOST_CHECK(!emulator::PrivateKey::adopt(context, nullptr));
    BOOST_TEST(ERR_peek_error() == 0UL);
}

BOOST_AUTO_TEST_CASE(unseeded_contexts_never_repeat_themselves) {
    emulator::CryptoContext one;
    emulator::CryptoContext other;
    BOOST_CHECK(!one.seed());
    BOOST_CHECK(fresh(one, Algorithm::p256).to_der() != fresh(other, Algorithm::p256).to_der());
    BOOST_TEST(one.bytes_drawn() == 0U);
    BOOST_TEST(one.begin_operation("count") == 2U); // counted all the same
}

BOOST_AUTO_TEST_SUITE_END()
