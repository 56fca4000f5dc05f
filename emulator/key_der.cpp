#include "emulator/key_der.h"

#include "apdu/ber_tlv.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>

namespace cardrig::emulator {

namespace {

using openssl::require;
using openssl::SecretNumber;

constexpr apdu::Tag integer = 0x02;
constexpr apdu::Tag bit_string = 0x03;
constexpr apdu::Tag octet_string = 0x04;
constexpr apdu::Tag null = 0x05;
constexpr apdu::Tag sequence = 0x30;
constexpr apdu::Tag public_point = 0xA1; // RFC 5915, 3

/// RFC 8017, A.1.2, in its order, behind the version.
constexpr std::array rsa_numbers{OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                 OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                 OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                 OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
constexpr std::size_t rsa_public_numbers = 2;

constexpr std::uint8_t two_primes = 0;        // RFC 8017, A.1.2, version
constexpr std::uint8_t elliptic_version = 1;  // RFC 5915, 3
constexpr std::uint8_t pkcs8_version = 0;     // RFC 5208, 5
constexpr std::uint8_t no_unused_bits = 0x00; // X.690, 8.6.2.2
constexpr std::uint8_t top_bit = 0x80;

SecretNumber parameter_of(const EVP_PKEY* key, const char* parameter) {
    BIGNUM* found = nullptr;
    require(EVP_PKEY_get_bn_param(key, parameter, &found) == 1, "reading a key's numbers");
    return SecretNumber(found);
}

Bytes padded(const BIGNUM* number, std::size_t size) {
    Bytes bytes(size);
    require(BN_bn2binpad(number, bytes.data(), static_cast<int>(size)) == static_cast<int>(size),
            "writing a number");
    return bytes;
}

// X.690, 8.3: with a zero in front where it would look negative.
void append_integer(Bytes& out, const BIGNUM* number) {
    apdu::append_tlv(out, integer, padded(number, static_cast<std::size_t>(BN_num_bits(number)) / 8 + 1));
}

void append_small(Bytes& out, std::uint8_t number) {
    apdu::append_tlv(out, integer, ByteView(&number, 1));
}

Bytes in_bits(ByteView bytes) {
    Bytes out;
    out.reserve(1 + bytes.size());
    out.push_back(no_unused_bits);
    out.insert(out.end(), bytes.begin(), bytes.end());
    return out;
}

int curve_of(Algorithm algorithm) {
    return algorithm == Algorithm::p256 ? NID_X9_62_prime256v1 : NID_secp384r1;
}

void append_identifier(Bytes& out, int nid) {
    const Bytes der = openssl::to_der(i2d_ASN1_OBJECT, OBJ_nid2obj(nid), "encoding an object identifier");
    out.insert(out.end(), der.begin(), der.end());
}

Bytes algorithm_identifier(Algorithm algorithm) {
    Bytes inside;
    if (is_rsa(algorithm)) {
        append_identifier(inside, NID_rsaEncryption);
        apdu::append_tlv(inside, null, {});
    } else {
        append_identifier(inside, NID_X9_62_id_ecPublicKey);
        append_identifier(inside, curve_of(algorithm));
    }
    return apdu::make_tlv(sequence, inside);
}

Bytes private_numbers(const EVP_PKEY* key, Algorithm algorithm) {
    Bytes inside;
    if (is_rsa(algorithm)) {
        append_small(inside, two_primes);
        for (const char* parameter : rsa_numbers) {
            append_integer(inside, parameter_of(key, parameter).get());
        }
    } else {
        append_small(inside, elliptic_version);
        apdu::append_tlv(inside, octet_string,
                         padded(parameter_of(key, OSSL_PKEY_PARAM_PRIV_KEY).get(), field_size(algorithm)));
        apdu::append_tlv(inside, public_point,
                         apdu::make_tlv(bit_string, in_bits(uncompressed_point(key, algorithm))));
    }
    return apdu::make_tlv(sequence, inside);
}

Bytes public_numbers(const EVP_PKEY* key, Algorithm algorithm) {
    if (!is_rsa(algorithm)) {
        return uncompressed_point(key, algorithm);
    }
    Bytes inside;
    for (std::size_t i = 0; i < rsa_public_numbers; ++i) {
        append_integer(inside, parameter_of(key, rsa_numbers.at(i)).get());
    }
    return apdu::make_tlv(sequence, inside);
}

/// What stands in a SEQUENCE that is all there is.
std::optional<std::vector<apdu::TlvView>> inside_sequence(ByteView der) {
    const auto outer = apdu::parse_tlvs(der);
    if (!outer || outer->size() != 1 || outer->front().tag != sequence) {
        return std::nullopt;
    }
    auto inside = apdu::parse_tlvs(outer->front().value);
    if (!inside) {
        return std::nullopt;
    }
    return std::move(*inside);
}

bool is_small(const apdu::TlvView& element, std::uint8_t number) {
    return element.tag == integer && element.value.size() == 1 && element.value[0] == number;
}

/// Above zero; none where it is not.
SecretNumber positive(const apdu::TlvView& element) {
    if (element.tag != integer || element.value.empty() || (element.value[0] & top_bit) != 0) {
        return nullptr;
    }
    SecretNumber number(BN_bin2bn(element.value.data(), static_cast<int>(element.value.size()), nullptr));
    require(number != nullptr, "reading a number");
    return BN_is_zero(number.get()) == 1 ? nullptr : std::move(number);
}

Result<std::shared_ptr<EVP_PKEY>> rsa_key(const CryptoContext& context, ByteView der) {
    const auto inside = inside_sequence(der);
    if (!inside || inside->size() != 1 + rsa_numbers.size() || !is_small(inside->front(), two_primes)) {
        return apdu::failure("the private key is no RSA key with two primes");
    }
    const openssl::ParameterBuilder builder(OSSL_PARAM_BLD_new());
    require(builder != nullptr, "preparing to make a key");
    std::vector<SecretNumber> numbers; // the builder refers to them
    for (std::size_t i = 0; i < rsa_numbers.size(); ++i) {
        numbers.push_back(positive((*inside)[1 + i]));
        if (!numbers.back()) {
            return apdu::failure("an RSA key has a number that is not above zero");
        }
        require(OSSL_PARAM_BLD_push_BN(builder.get(), rsa_numbers.at(i), numbers.back().get()) == 1,
                "preparing to make a key");
    }
    return openssl::key_of(context.native(), "RSA", builder.get());
}

Result<std::shared_ptr<EVP_PKEY>> elliptic_key(const CryptoContext& context, int curve, ByteView der) {
    if (curve != NID_X9_62_prime256v1 && curve != NID_secp384r1) {
        return apdu::failure(curve == NID_undef
                                 ? "a key on an unnamed curve is not supported"
                                 : fmt::format("keys on curve {} are not supported", OBJ_nid2sn(curve)));
    }
    const auto inside = inside_sequence(der);
    if (!inside || inside->size() < 3 || !is_small(inside->front(), elliptic_version) ||
        (*inside)[1].tag != octet_string) {
        return apdu::failure("the private key is no elliptic-curve key with its public point");
    }
    const ByteView scalar = (*inside)[1].value;
    const auto point = apdu::parse_tlvs(apdu::find_tlv(*inside, public_point).value_or(ByteView{}));
    if (!point || point->size() != 1 || point->front().tag != bit_string || point->front().value.empty() ||
        point->front().value[0] != no_unused_bits) {
        return apdu::failure("the private key is no elliptic-curve key with its public point");
    }
    const ByteView bytes = point->front().value.subspan(1);
    const SecretNumber secret(BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), nullptr));
    const openssl::ParameterBuilder builder(OSSL_PARAM_BLD_new());
    require(secret != nullptr && builder != nullptr &&
                OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, OBJ_nid2sn(curve),
                                                0) == 1 &&
                OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, bytes.data(),
                                                 bytes.size()) == 1 &&
                OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) == 1,
            "preparing to make a key");
    return openssl::key_of(context.native(), "EC", builder.get());
}

/// NID_undef where there is none, or one that is given by its numbers.
int curve_in(const X509_ALGOR* algorithm) {
    int kind = V_ASN1_UNDEF;
    const void* value = nullptr;
    X509_ALGOR_get0(nullptr, &kind, &value, algorithm);
    return kind == V_ASN1_OBJECT ? OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(value)) : NID_undef;
}

} // namespace

Bytes number_of(const EVP_PKEY* key, const char* parameter) {
    const SecretNumber number = parameter_of(key, parameter);
    return padded(number.get(), static_cast<std::size_t>(BN_num_bytes(number.get())));
}

Bytes uncompressed_point(const EVP_PKEY* key, Algorithm algorithm) {
    const std::size_t size = field_size(algorithm);
    // Both at once: OpenSSL calculates both from its own form of the point each time that it is asked.
    std::array<std::array<unsigned char, 48>, 2> coordinates{};
    std::array<OSSL_PARAM, 3> asked{
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_EC_PUB_X, coordinates[0].data(), size),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_EC_PUB_Y, coordinates[1].data(), size),
        OSSL_PARAM_construct_end()};
    require(EVP_PKEY_get_params(key, asked.data()) == 1, "reading a point");
    Bytes point;
    point.reserve(1 + 2 * size);
    point.push_back(0x04);
    for (const OSSL_PARAM& coordinate : std::span(asked).first(2)) {
        BIGNUM* found = nullptr;
        require(OSSL_PARAM_get_BN(&coordinate, &found) == 1, "reading a point");
        const Bytes bytes = padded(openssl::Number(found).get(), size);
        point.insert(point.end(), bytes.begin(), bytes.end());
    }
    return point;
}

Bytes private_key_der(const EVP_PKEY* key, Algorithm algorithm) {
    Bytes inside;
    append_small(inside, pkcs8_version);
    const Bytes identifier = algorithm_identifier(algorithm);
    inside.insert(inside.end(), identifier.begin(), identifier.end());
    apdu::append_tlv(inside, octet_string, private_numbers(key, algorithm));
    return apdu::make_tlv(sequence, inside);
}

Bytes public_key_der(const EVP_PKEY* key, Algorithm algorithm) {
    Bytes inside = algorithm_identifier(algorithm);
    apdu::append_tlv(inside, bit_string, in_bits(public_numbers(key, algorithm)));
    return apdu::make_tlv(sequence, inside);
}

Result<std::shared_ptr<EVP_PKEY>> private_key_from_der(const CryptoContext& context, ByteView pkcs8) {
    const unsigned char* at = pkcs8.data();
    const openssl::Pkcs8 parsed(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(pkcs8.size())));
    if (!parsed) {
        return openssl::failed("the private key is no PKCS#8");
    }
    if (at != pkcs8.data() + pkcs8.size()) {
        return apdu::failure("bytes are left over after the private key");
    }
    const ASN1_OBJECT* kind = nullptr;
    const X509_ALGOR* algorithm = nullptr;
    const unsigned char* inside = nullptr;
    int size = 0;
    require(PKCS8_pkey_get0(&kind, &inside, &size, &algorithm, parsed.get()) == 1, "reading PKCS#8");
    const ByteView numbers(inside, static_cast<std::size_t>(size));
    switch (OBJ_obj2nid(kind)) {
    case NID_rsaEncryption:
        return rsa_key(context, numbers);
    case NID_X9_62_id_ecPublicKey:
        return elliptic_key(context, curve_in(algorithm), numbers);
    default:
        return apdu::failure("the key is neither RSA nor on an elliptic curve");
    }
}

void set_public_key(X509* certificate, const EVP_PKEY* key, Algorithm algorithm) {
    const Bytes numbers = public_numbers(key, algorithm);
    const bool rsa = is_rsa(algorithm);
    auto* const copy = static_cast<unsigned char*>(OPENSSL_memdup(numbers.data(), numbers.size()));
    // The certificate takes all of it over. The identifiers are OpenSSL's own, which nobody frees.
    require(copy != nullptr &&
                X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(certificate),
                                       OBJ_nid2obj(rsa ? NID_rsaEncryption : NID_X9_62_id_ecPublicKey),
                                       rsa ? V_ASN1_NULL : V_ASN1_OBJECT,
                                       rsa ? nullptr : OBJ_nid2obj(curve_of(algorithm)), copy,
                                       static_cast<int>(numbers.size())) == 1,
            "setting a certificate's public key");
}

} // namespace cardrig::emulator
