#include "emulator/piv/management_key.h"

#include <utility>

namespace cardrig::emulator::piv {

namespace sw = apdu::sw;

namespace {

constexpr apdu::Tag witness_tag = 0x80;
constexpr apdu::Tag challenge_tag = 0x81;
constexpr apdu::Tag response_tag = 0x82;

} // namespace

Bytes authentication_template(apdu::Tag element, ByteView value) {
    const Bytes inner = apdu::make_tlv(element, value);
    return apdu::make_tlv(0x7C, inner);
}

void ManagementKey::next_command() {
    awaited_ = std::exchange(handed_out_, std::nullopt);
}

void ManagementKey::forget() {
    authenticated_ = false;
    handed_out_.reset();
    awaited_.reset();
}

std::optional<ManagementKey::Key> ManagementKey::key() const {
    std::optional<Bytes> stored = store_.read(management_key_object);
    if (!stored || stored->empty()) {
        return std::nullopt;
    }
    const std::optional<Algorithm> algorithm = algorithm_from_id(stored->front());
    if (!algorithm || !is_symmetric(*algorithm) || stored->size() != 1 + key_size(*algorithm)) {
        return std::nullopt;
    }
    stored->erase(stored->begin());
    return Key{*algorithm, std::move(*stored)};
}

std::optional<Algorithm> ManagementKey::algorithm() const {
    const std::optional<Key> stored = key();
    return stored ? std::optional{stored->algorithm} : std::nullopt;
}

ResponseApdu ManagementKey::authenticate(const AuthenticationTemplate& data) {
    const std::optional<Key> stored = key();
    if (!stored) {
        return sw::incorrect_p1_p2;
    }
    return std::visit([&](const auto& request) { return run(*stored, request); }, data);
}

Bytes ManagementKey::random_block(const Key& key) {
    Bytes block(block_size(key.algorithm));
    environment_.entropy.fill(block);
    return block;
}

Bytes ManagementKey::encrypt(const Key& key, ByteView block) {
    return encrypt_block(environment_.crypto, key.algorithm, key.bytes, block);
}

// Mutual authentication: the card sends its random number encrypted, the host shows that it could decrypt it.
ResponseApdu ManagementKey::run(const Key& key, const RequestWitness& /*data*/) {
    const Bytes block = random_block(key);
    handed_out_ = Exchange{Kind::witness, block};
    return authentication_template(witness_tag, encrypt(key, block));
}

// External authentication: the card sends its random number in clear, the host encrypts it. Hosts also take
// it as a source of random numbers, so that it must not touch any status.
ResponseApdu ManagementKey::run(const Key& key, const RequestChallenge& /*data*/) {
    const Bytes block = random_block(key);
    handed_out_ = Exchange{Kind::challenge, encrypt(key, block)};
    return authentication_template(challenge_tag, block);
}

StatusWord ManagementKey::check(Kind kind, ByteView answer) {
    if (!awaited_ || awaited_->kind != kind) {
        return sw::conditions_of_use_not_satisfied;
    }
    if (answer.size() != awaited_->expected.size()) {
        return sw::incorrect_data;
    }
    if (!equal_in_constant_time(awaited_->expected, answer)) {
        return sw::security_status_not_satisfied;
    }
    return sw::success;
}

ResponseApdu ManagementKey::run(const Key& /*key*/, const AnswerChallenge& data) {
    const StatusWord status = check(Kind::challenge, data.response);
    authenticated_ = authenticated_ || status.ok();
    return status;
}

ResponseApdu ManagementKey::run(const Key& key, const AnswerWitness& data) {
    const StatusWord status = check(Kind::witness, data.witness);
    if (!status.ok()) {
        return status;
    }
    if (data.challenge.size() != block_size(key.algorithm)) {
        return sw::incorrect_data;
    }
    authenticated_ = true;
    return authentication_template(response_tag, encrypt(key, data.challenge));
}

// Internal authentication: the card shows that it has the key. It cannot be used to have the card answer its
// own challenge, since asking for this makes the challenge void.
ResponseApdu ManagementKey::run(const Key& key, const UseKey& data) {
    if (data.input.size() != block_size(key.algorithm)) {
        return sw::incorrect_data;
    }
    return authentication_template(response_tag, encrypt(key, data.input));
}

ResponseApdu ManagementKey::run(const Key& /*key*/, const AgreeOnSecret& /*data*/) {
    return sw::incorrect_data; // a symmetric key has nothing to agree with
}

} // namespace cardrig::emulator::piv
