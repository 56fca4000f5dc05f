// What memory holds while a command is carried out, write by write: after a cut, it is one of these.
#include "apdu/instructions.h"
#include "emulator/key_parts.h"
#include "emulator/piv/piv_memory.h"
#include "tests/fuzz/card_model.h"
#include "tests/fuzz/card_rules.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace fuzz {

namespace apdu = cardrig::apdu;
namespace piv = cardrig::emulator::piv;
namespace sw = apdu::sw;

namespace {

constexpr std::size_t passcode_counter = 0;
constexpr std::size_t unblocking_counter = 1;
constexpr std::size_t global_counter = 2;

Bytes code_of(std::string_view text) {
    return piv::padded_code(text);
}

// What a token leaves its factory with.
constexpr std::string_view factory_passcode = "123456";
constexpr std::string_view factory_unblocking_code = "12345678";
constexpr std::uint8_t factory_tries = 3;

Bytes factory_management_key(const emulator::YubicoExtensions& token) {
    const bool aes = token.firmware >= std::array<std::uint8_t, 3>{5, 7, 0};
    Bytes key{static_cast<std::uint8_t>(aes ? emulator::Algorithm::aes192 : emulator::Algorithm::triple_des)};
    for (std::uint8_t i = 0; i < 24; ++i) {
        key.push_back(static_cast<std::uint8_t>(i % 8 + 1));
    }
    return key;
}

/// What a reset leaves alone: the key that vouches for others, and what is neither key nor data object.
bool survives_reset(emulator::ObjectId id) {
    const bool data = id <= emulator::ObjectId{0xFFFFFF} && id != piv::data_object(0x5FFF01);
    const bool key =
        id >= piv::key_object(0x00) && id <= piv::key_object(0xFF) && id != piv::key_object(0xF9);
    return !data && !key;
}

} // namespace

CardModel::CodeParts CardModel::parts(std::uint8_t reference) const {
    const auto set = memory_.objects.find(piv::retry_limits_object);
    const bool own = set != memory_.objects.end();
    const emulator::PivConfig& piv_config = config_.piv;
    switch (reference) {
    case global_passcode_reference: {
        const emulator::PasscodeRules& rules = piv_config.global_passcode.value();
        return {piv::global_passcode_object, global_counter, rules, rules.tries};
    }
    case unblocking_code_reference:
        return {piv::unblocking_code_object, unblocking_counter, piv_config.unblocking_code,
                own ? set->second.at(1) : piv_config.unblocking_code.tries};
    default:
        return {piv::passcode_object, passcode_counter, piv_config.passcode,
                own ? set->second.at(0) : piv_config.passcode.tries};
    }
}

bool CardModel::acceptable(std::uint8_t reference, ByteView replacement) const {
    const emulator::PasscodeRules& rules = parts(reference).rules;
    if (reference == unblocking_code_reference && !rules.digits_only) {
        // What memory without content reads as is never a code.
        const auto all = [&](std::uint8_t value) {
            return std::ranges::all_of(replacement, [&](std::uint8_t byte) { return byte == value; });
        };
        return !all(0x00) && !all(0xFF);
    }
    const auto allowed = [&](std::uint8_t byte) {
        return rules.digits_only ? byte >= '0' && byte <= '9' : byte >= 0x20 && byte <= 0x7E;
    };
    const auto length =
        static_cast<std::size_t>(std::ranges::find_if_not(replacement, allowed) - replacement.begin());
    return length >= rules.min_length && length <= rules.max_length &&
           std::ranges::all_of(replacement.subspan(length), [](std::uint8_t byte) { return byte == 0xFF; });
}

CardModel::Expectation CardModel::show_code(const CodeParts& code, ByteView shown) const {
    const std::uint8_t tries = memory_.counters.at(code.tries);
    if (tries == 0) {
        return {{memory_}, sw::authentication_method_blocked};
    }
    Memory spent = memory_;
    spent.counters.at(code.tries) = static_cast<std::uint8_t>(tries - 1);
    if (!std::ranges::equal(memory_.objects.at(code.value), shown)) {
        return {{memory_, spent}, sw::verification_failed(static_cast<std::uint8_t>(tries - 1))};
    }
    return {{memory_, spent}, std::nullopt};
}

CardModel::Expectation CardModel::expect_verify() const {
    const CodeParts shown = parts(under_way_->reference);
    Expectation result = show_code(shown, under_way_->shown);
    if (!result.status) {
        Memory full = memory_;
        full.counters.at(shown.tries) = shown.limit;
        result.course.push_back(std::move(full));
        result.status = sw::success;
    }
    return result;
}

CardModel::Expectation CardModel::expect_change() const {
    const CodeParts changed = parts(under_way_->reference);
    Expectation result = show_code(changed, under_way_->shown);
    if (result.status) {
        return result;
    }
    if (!acceptable(under_way_->reference, under_way_->replacement)) {
        result.course.push_back(memory_);
        result.status = sw::incorrect_data;
        return result;
    }
    Memory full = memory_;
    full.counters.at(changed.tries) = changed.limit;
    Memory replaced = full;
    replaced.objects[changed.value] = under_way_->replacement;
    result.course.push_back(std::move(full));
    result.course.push_back(std::move(replaced));
    result.status = sw::success;
    result.may_run_out_of_memory = true;
    return result;
}

CardModel::Expectation CardModel::expect_unblock() const {
    const CodeParts key = parts(unblocking_code_reference);
    const CodeParts lock = parts(passcode_reference);
    Expectation result = show_code(key, under_way_->shown);
    if (result.status) {
        return result;
    }
    if (!acceptable(passcode_reference, under_way_->replacement)) {
        result.course.push_back(memory_);
        result.status = sw::incorrect_data;
        return result;
    }
    Memory full = memory_;
    full.counters.at(key.tries) = key.limit;
    Memory replaced = full;
    replaced.objects[lock.value] = under_way_->replacement;
    Memory unblocked = replaced;
    unblocked.counters.at(lock.tries) = lock.limit;
    result.course.push_back(std::move(full));
    result.course.push_back(std::move(replaced));
    result.course.push_back(std::move(unblocked));
    result.status = sw::success;
    result.may_run_out_of_memory = true;
    return result;
}

CardModel::Expectation CardModel::expect_put() const {
    if (!authenticated_) {
        return {{memory_}, sw::security_status_not_satisfied};
    }
    Expectation result{{memory_}, std::nullopt};
    if (!under_way_->tag) {
        result.status = sw::incorrect_data;
        return result;
    }
    if (!is_piv_object(config_.piv, *under_way_->tag)) {
        return result;
    }
    Memory written = memory_;
    const emulator::ObjectId id = piv::data_object(*under_way_->tag);
    if (under_way_->value.empty()) {
        written.objects.erase(id);
    } else {
        written.objects[id] = under_way_->value;
    }
    result.course.push_back(std::move(written));
    result.may_run_out_of_memory = true;
    const bool in_its_own_form = under_way_->tag == 0x7E || under_way_->tag == 0x7F61;
    if (!in_its_own_form || !under_way_->value.empty()) {
        result.status = sw::success;
    }
    return result;
}

CardModel::Expectation CardModel::expect_generate(const std::optional<Bytes>& made_key) const {
    if (!authenticated_) {
        return {{memory_}, sw::security_status_not_satisfied};
    }
    Expectation result{{memory_}, std::nullopt};
    result.may_run_out_of_memory = made_key.has_value();
    if (made_key) {
        const auto key = emulator::PrivateKey::from_der(crypto_, *made_key);
        const piv::StoredKey stored{key->algorithm(), piv::KeyOrigin::generated, under_way_->policy,
                                    *made_key};
        Memory with_key = memory_;
        with_key.objects[piv::key_object(under_way_->reference)] = stored.encode();
        result.course.push_back(std::move(with_key));
    }
    return result;
}

/// Where blocks are written as they come, what the object held is gone with one of the first.
CardModel::Expectation CardModel::expect_block() const {
    const bool streamed = config_.piv.put_data == emulator::PutDataMode::streamed &&
                          under_way_->instruction == apdu::ins::put_data;
    if (!streamed) {
        return {{memory_}, sw::success};
    }
    Expectation result{{memory_}, std::nullopt};
    result.open = true;
    result.forbidden = !authenticated_;
    if (authenticated_ && under_way_->tag) {
        Memory without = memory_;
        without.objects.erase(piv::data_object(*under_way_->tag));
        result.course.push_back(std::move(without));
    }
    return result;
}

CardModel::Expectation CardModel::expect_import() const {
    Expectation result{{memory_}, std::nullopt};
    const auto elements = apdu::parse_tlvs(under_way_->value);
    const auto scalar = elements ? apdu::find_tlv(*elements, 0x06) : std::nullopt;
    if (!authenticated_ || !scalar) {
        result.forbidden = true;
        return result;
    }
    const auto key = emulator::key_from_scalar(crypto_, emulator::Algorithm::p256, *scalar);
    if (!key || under_way_->algorithm != static_cast<std::uint8_t>(emulator::Algorithm::p256)) {
        result.forbidden = true;
        return result;
    }
    const piv::StoredKey stored{key->algorithm(), piv::KeyOrigin::imported, under_way_->policy,
                                key->to_der()};
    Memory with_key = memory_;
    with_key.objects[piv::key_object(under_way_->reference)] = stored.encode();
    result.course.push_back(std::move(with_key));
    result.may_run_out_of_memory = true;
    return result;
}

// Counters that have to fall do so before the codes are the factory's, and rise only afterwards.
CardModel::Expectation CardModel::expect_set_tries() const {
    constexpr std::uint8_t most = 15;
    const std::uint8_t passcode_limit = under_way_->algorithm;
    const std::uint8_t unblocking_limit = under_way_->reference;
    const auto login = logins_.find(passcode_reference);
    const bool holder = login != logins_.end() && login->second.verified;
    Expectation result{{memory_}, std::nullopt};
    if (!authenticated_ || !holder || passcode_limit < 1 || passcode_limit > most || unblocking_limit < 1 ||
        unblocking_limit > most) {
        result.forbidden = true;
        return result;
    }
    Memory next = memory_;
    const auto step = [&](std::size_t counter, std::uint8_t value) {
        next.counters.at(counter) = value;
        result.course.push_back(next);
    };
    step(passcode_counter, std::min(next.counters.at(passcode_counter), passcode_limit));
    step(unblocking_counter, std::min(next.counters.at(unblocking_counter), unblocking_limit));
    next.objects[piv::passcode_object] = code_of(factory_passcode);
    next.objects[piv::unblocking_code_object] = code_of(factory_unblocking_code);
    next.objects[piv::retry_limits_object] = {passcode_limit, unblocking_limit};
    result.course.push_back(next);
    step(unblocking_counter, unblocking_limit);
    step(passcode_counter, passcode_limit);
    result.status = sw::success;
    result.may_run_out_of_memory = true;
    return result;
}

CardModel::Expectation CardModel::expect_set_management_key() const {
    Expectation result{{memory_}, std::nullopt};
    const Bytes& data = under_way_->value;
    const auto algorithm = data.size() > 3 ? emulator::algorithm_from_id(data[0]) : std::nullopt;
    const bool fits = algorithm && emulator::is_symmetric(*algorithm) && data[1] == 0x9B &&
                      data[2] == data.size() - 3 && data[2] == emulator::key_size(*algorithm);
    if (!authenticated_ || !fits) {
        result.forbidden = true;
        return result;
    }
    Memory next = memory_;
    Bytes& key = next.objects[piv::management_key_object];
    key.assign(data.begin() + 2, data.end());
    key.front() = data.front();
    next.objects.erase(piv::management_key_touch_object);
    if (under_way_->reference == 0xFE) {
        next.objects[piv::management_key_touch_object] = {};
    }
    result.course.push_back(std::move(next));
    result.status = sw::success;
    result.may_run_out_of_memory = true;
    return result;
}

CardModel::Expectation CardModel::expect_reset_token() const {
    Expectation result{{memory_}, std::nullopt};
    if (tries(passcode_reference) != 0 || tries(unblocking_code_reference) != 0) {
        result.status = sw::conditions_of_use_not_satisfied;
        return result;
    }
    Memory next = memory_;
    std::erase_if(next.objects, [](const auto& object) { return !survives_reset(object.first); });
    next.objects.erase(piv::management_key_touch_object);
    next.objects[piv::passcode_object] = code_of(factory_passcode);
    next.objects[piv::unblocking_code_object] = code_of(factory_unblocking_code);
    next.objects[piv::retry_limits_object] = {factory_tries, factory_tries};
    next.objects[piv::management_key_object] = factory_management_key(*config_.piv.yubico);
    result.course.push_back(next);
    next.counters.at(unblocking_counter) = factory_tries;
    result.course.push_back(next);
    next.counters.at(passcode_counter) = factory_tries;
    result.course.push_back(std::move(next));
    result.status = sw::success;
    result.may_run_out_of_memory = true;
    return result;
}

CardModel::Expectation CardModel::expect_move_key() const {
    constexpr std::uint8_t nowhere = 0xFF;
    const std::uint8_t to = under_way_->algorithm;
    const std::uint8_t from = under_way_->reference;
    Expectation result{{memory_}, std::nullopt};
    const auto key = memory_.objects.find(piv::key_object(from));
    if (!authenticated_ || key == memory_.objects.end() || memory_.objects.contains(piv::key_object(to))) {
        result.forbidden = true;
        return result;
    }
    Memory next = memory_;
    next.objects.erase(piv::key_object(from));
    if (to != nowhere) {
        auto stored = piv::StoredKey::decode(key->second);
        stored->passcode_policy = policy_of(from, stored->passcode_policy);
        next.objects[piv::key_object(to)] = stored->encode();
    }
    result.course.push_back(std::move(next));
    result.may_run_out_of_memory = true;
    return result;
}

CardModel::Expectation CardModel::expect(const std::optional<Bytes>& made_key) const {
    switch (under_way_->kind) {
    case Kind::malformed:
        return {{memory_}, sw::wrong_length};
    case Kind::block:
        return expect_block();
    case Kind::forget:
        return {{memory_}, sw::success};
    case Kind::too_long: {
        // For its length, or for what comes before that.
        Expectation result{{memory_}, std::nullopt};
        result.forbidden = true;
        return result;
    }
    case Kind::import_key:
        return expect_import();
    case Kind::set_tries:
        return expect_set_tries();
    case Kind::set_management_key:
        return expect_set_management_key();
    case Kind::reset_token:
        return expect_reset_token();
    case Kind::move_key:
        return expect_move_key();
    case Kind::query: {
        const std::uint8_t left = tries(under_way_->reference);
        const auto login = logins_.find(under_way_->reference);
        const bool verified = login != logins_.end() && login->second.verified;
        return {{memory_},
                verified    ? sw::success
                : left == 0 ? sw::authentication_method_blocked
                            : sw::verification_failed(left)};
    }
    case Kind::verify:
        return expect_verify();
    case Kind::change:
        return expect_change();
    case Kind::unblock:
        return expect_unblock();
    case Kind::put_data:
        return expect_put();
    case Kind::generate:
        return expect_generate(made_key);
    default:
        return {{memory_}, std::nullopt};
    }
}

} // namespace fuzz
