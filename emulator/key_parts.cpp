#include "emulator/key_parts.h"

#include "emulator/openssl_support.h"

#include <utility>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

namespace cardrig::emulator {

namespace {

using openssl::ParameterBuilder;
using openssl::require;
using openssl::SecretNumber;

using NumberContext = openssl::Owned<BN_CTX, BN_CTX_free>;
using Group = openssl::Owned<EC_GROUP, EC_GROUP_free>;
using Point = openssl::Owned<EC_POINT, EC_POINT_free>;

constexpr unsigned long public_exponent = 65'537;

SecretNumber number(ByteView bytes) {
    SecretNumber value(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    require(value != nullptr, "reading a number");
    return value;
}

SecretNumber new_number() {
    SecretNumber value(BN_new());
    require(value != nullptr, "making a number");
    return value;
}

NumberContext number_context(const CryptoContext& context) {
    NumberContext made(BN_CTX_new_ex(context.native()));
    require(made != nullptr, "preparing to calculate");
    return made;
}

/// A key pair of the context from its numbers; `what` says what failed.
Result<PrivateKey> key_from(CryptoContext& context, const char* type, OSSL_PARAM_BLD* builder) {
    auto key = openssl::key_of(context.native(), type, builder);
    if (!key) {
        return tl::make_unexpected(key.error());
    }
    const openssl::KeyContext checking(EVP_PKEY_CTX_new_from_pkey(context.native(), key->get(), nullptr));
    require(checking != nullptr, "preparing to check a key");
    if (EVP_PKEY_check(checking.get()) != 1) {
        return openssl::failed("the numbers contradict each other");
    }
    return PrivateKey::adopt(context, std::move(*key));
}

/// Of two primes: the product, and the private exponent; none where the public one has no inverse.
struct RsaNumbers {
    SecretNumber modulus;
    SecretNumber private_exponent;
};

std::optional<RsaNumbers> derived_from(const BIGNUM* p, const BIGNUM* q, const BIGNUM* exponent,
                                       BN_CTX* work) {
    RsaNumbers made{new_number(), new_number()};
    const SecretNumber p_less(BN_dup(p));
    const SecretNumber q_less(BN_dup(q));
    const SecretNumber order = new_number();
    require(p_less != nullptr && q_less != nullptr && BN_mul(made.modulus.get(), p, q, work) == 1 &&
                BN_sub_word(p_less.get(), 1) == 1 && BN_sub_word(q_less.get(), 1) == 1 &&
                BN_mul(order.get(), p_less.get(), q_less.get(), work) == 1,
            "calculating an RSA key");
    BN_set_flags(order.get(), BN_FLG_CONSTTIME);
    if (BN_mod_inverse(made.private_exponent.get(), exponent, order.get(), work) == nullptr) {
        return std::nullopt;
    }
    return made;
}

const char* curve_name(Algorithm algorithm) {
    return algorithm == Algorithm::p256 ? SN_X9_62_prime256v1 : SN_secp384r1;
}

/// The public point, uncompressed.
Bytes point_of(const CryptoContext& context, Algorithm algorithm, const BIGNUM* scalar) {
    const int curve = algorithm == Algorithm::p256 ? NID_X9_62_prime256v1 : NID_secp384r1;
    const Group group(EC_GROUP_new_by_curve_name_ex(context.native(), nullptr, curve));
    const NumberContext work = number_context(context);
    require(group != nullptr, "making a curve");
    const Point point(EC_POINT_new(group.get()));
    Bytes bytes(1 + 2 * field_size(algorithm));
    require(point != nullptr &&
                EC_POINT_mul(group.get(), point.get(), scalar, nullptr, nullptr, work.get()) == 1 &&
                EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, bytes.data(),
                                   bytes.size(), work.get()) == bytes.size(),
            "calculating a public point");
    return bytes;
}

bool is_below_order(const CryptoContext& context, Algorithm algorithm, const BIGNUM* scalar) {
    const int curve = algorithm == Algorithm::p256 ? NID_X9_62_prime256v1 : NID_secp384r1;
    const Group group(EC_GROUP_new_by_curve_name_ex(context.native(), nullptr, curve));
    require(group != nullptr, "making a curve");
    return BN_is_zero(scalar) == 0 && BN_cmp(scalar, EC_GROUP_get0_order(group.get())) < 0;
}

} // namespace

Result<PrivateKey> key_from_parts(CryptoContext& context, Algorithm algorithm, const RsaParts& parts) {
    const Operation drawing(context, "check of a key from outside");
    const NumberContext work = number_context(context);
    const SecretNumber p = number(parts.p);
    const SecretNumber q = number(parts.q);
    const SecretNumber exponent = new_number();
    require(BN_set_word(exponent.get(), public_exponent) == 1, "setting a public exponent");
    if (BN_num_bits(p.get()) < 2 || BN_num_bits(q.get()) < 2 || BN_cmp(p.get(), q.get()) == 0) {
        return apdu::failure("the factors of an RSA key are no two primes");
    }
    const std::optional<RsaNumbers> derived = derived_from(p.get(), q.get(), exponent.get(), work.get());
    if (!derived) {
        return openssl::failed("65537 is no public exponent of the RSA key");
    }
    if (BN_num_bits(derived->modulus.get()) != static_cast<int>(field_size(algorithm) * 8)) {
        return apdu::failure("the factors of an RSA key do not make a modulus of its length");
    }
    const SecretNumber dp = number(parts.dp);
    const SecretNumber dq = number(parts.dq);
    const SecretNumber q_inverse = number(parts.q_inverse);
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    require(builder != nullptr, "preparing to make a key");
    for (const auto& [name, value] :
         {std::pair{OSSL_PKEY_PARAM_RSA_N, derived->modulus.get()},
          std::pair{OSSL_PKEY_PARAM_RSA_E, exponent.get()},
          std::pair{OSSL_PKEY_PARAM_RSA_D, derived->private_exponent.get()},
          std::pair{OSSL_PKEY_PARAM_RSA_FACTOR1, p.get()}, std::pair{OSSL_PKEY_PARAM_RSA_FACTOR2, q.get()},
          std::pair{OSSL_PKEY_PARAM_RSA_EXPONENT1, dp.get()},
          std::pair{OSSL_PKEY_PARAM_RSA_EXPONENT2, dq.get()},
          std::pair{OSSL_PKEY_PARAM_RSA_COEFFICIENT1, q_inverse.get()}}) {
        require(OSSL_PARAM_BLD_push_BN(builder.get(), name, value) == 1, "preparing to make a key");
    }
    return key_from(context, "RSA", builder.get());
}

Result<PrivateKey> key_from_scalar(CryptoContext& context, Algorithm algorithm, ByteView scalar) {
    const Operation drawing(context, "check of a key from outside");
    const SecretNumber secret = number(scalar);
    if (!is_below_order(context, algorithm, secret.get())) {
        return apdu::failure("the private number of an elliptic-curve key is out of range");
    }
    const Bytes point = point_of(context, algorithm, secret.get());
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    require(builder != nullptr &&
                OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                curve_name(algorithm), 0) == 1 &&
                OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                                 point.size()) == 1 &&
                OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) == 1,
            "preparing to make a key");
    return key_from(context, "EC", builder.get());
}

} // namespace cardrig::emulator
