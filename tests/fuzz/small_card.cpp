#include "tests/fuzz/small_card.h"

#include "emulator/personalise.h"
#include "harness/test_authority.h"
#include "tests/fuzz/property.h"

#include <algorithm>
#include <numeric>

namespace fuzz {

namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;

namespace {

/// What can only fail where the target itself is wrong; then it says why.
template <class T>
T good(cardrig::apdu::Result<T> result) {
    require(result.has_value(), result ? "" : result.error().message.c_str());
    return std::move(*result);
}

Bytes hex(std::string_view text) {
    return good(cardrig::apdu::from_hex(text));
}

emulator::PrivateKey the_key(emulator::CryptoContext& context) {
    return good(emulator::PrivateKey::from_der(context, key_der()));
}

Bytes certificate_of(emulator::CryptoContext& context, const emulator::PrivateKey& key) {
    using std::chrono::sys_days;
    using std::chrono::year;
    OneKey keys;
    const harness::Validity validity{sys_days(year(2025) / 1 / 1), sys_days(year(2035) / 1 / 1)};
    harness::TestAuthority authority(context, keys, validity);
    harness::CertificateOrder order;
    order.public_key = key.native();
    order.common_name = "Test Holder";
    order.number = "700000000001";
    order.validity = validity;
    order.serial = Bytes{0x01};
    return authority.issue(order);
}

emulator::CardImage make_card(const std::function<void(emulator::CardSpec&)>& change) {
    emulator::CryptoContext context(2);
    const emulator::PrivateKey key = the_key(context);
    emulator::CardSpec spec;
    spec.config.profile = "small";
    spec.config.atr = hex("3B8B0180F9A0000003080000100048");
    spec.config.geometry = {128, 2, 64};
    spec.config.piv.algorithms = {emulator::Algorithm::p256};
    spec.management_algorithm = emulator::Algorithm::aes128;
    spec.management_key.resize(16);
    std::iota(spec.management_key.begin(), spec.management_key.end(), std::uint8_t{1});
    spec.expires = std::chrono::sys_days(std::chrono::year(2035) / 1 / 1);
    spec.keys = {
        {0x9A, key, certificate_of(context, key)}, {0x9C, key, {}}, {0x9D, key, {}}, {0x9E, key, {}}};
    change(spec);
    return good(emulator::personalise(spec));
}

std::vector<Bytes> premade_keys() {
    emulator::CryptoContext context(3);
    emulator::FreshKeys fresh;
    std::vector<Bytes> keys;
    for (int i = 0; i < 4; ++i) {
        keys.push_back(fresh.generate(context, emulator::Algorithm::p256).to_der());
    }
    return keys;
}

} // namespace

ByteView key_der() {
    static const Bytes der = hex("308187020100301306072A8648CE3D020106082A8648CE3D030107046D306B0201010420"
                                 "565A84A4BF088354AD35BA016401EE2CB54CE75BA15A4213C6D6CA74711C535DA1440342"
                                 "00043C5ABC66F9766F62257A4A5C475DAFBE743D456A1003CA3D76A5EB878AF1717B92C1"
                                 "2645867284371B8FB7E009F74CD1935E89C52BB1F0CBECCB5926486B271F");
    return der;
}

const emulator::CardImage& small_card() {
    static const emulator::CardImage card = make_card([](emulator::CardSpec&) {});
    return card;
}

emulator::CardImage small_card(const std::function<void(emulator::CardSpec&)>& change) {
    return make_card(change);
}

World& world() {
    static World world;
    return world;
}

void ConstantEntropy::fill(std::span<std::uint8_t> out) {
    std::ranges::fill(out, std::uint8_t{0x5A});
}

emulator::PrivateKey OneKey::generate(emulator::CryptoContext& context, emulator::Algorithm algorithm) {
    require(algorithm == emulator::Algorithm::p256, "a card makes only what it offers");
    return the_key(context);
}

emulator::PrivateKey KeysInTurn::generate(emulator::CryptoContext& context, emulator::Algorithm algorithm) {
    require(algorithm == emulator::Algorithm::p256, "a card makes only what it offers");
    static const std::vector<Bytes> keys = premade_keys();
    made_ = keys.at(next_++ % keys.size());
    return good(emulator::PrivateKey::from_der(context, *made_));
}

} // namespace fuzz
