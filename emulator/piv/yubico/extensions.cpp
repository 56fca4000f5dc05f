#include "emulator/piv/yubico/extensions.h"

#include "emulator/pace.h"
#include "emulator/piv/yubico/attestation.h"
#include "emulator/piv/yubico/factory_state.h"

#include <utility>

namespace cardrig::emulator::piv::yubico {

namespace {

namespace sw = apdu::sw;

/// What GET METADATA tells, element by element.
enum class Metadata : std::uint8_t {
    algorithm = 0x01,
    policies = 0x02,
    origin = 0x03,
    public_key = 0x04,
    is_factory_value = 0x05,
    tries = 0x06,
};

constexpr std::uint8_t no_algorithm = 0xFF;
constexpr std::uint8_t no_passcode_policy = 0x00;
constexpr std::uint8_t touch_never = 0x01;
constexpr std::uint8_t touch_always = 0x02;

void add(Bytes& out, Metadata element, const Bytes& value) {
    apdu::append_tlv(out, static_cast<apdu::Tag>(element), value);
}

class Extensions final {
public:
    explicit Extensions(State& state) : state_(state), token_(*state.config.yubico) {}

    [[nodiscard]] ResponseApdu run(const GetVersion& /*command*/) const {
        return Bytes(token_.firmware.begin(), token_.firmware.end());
    }
    [[nodiscard]] ResponseApdu run(const GetSerial& command) const;
    [[nodiscard]] ResponseApdu run(const GetMetadata& command);
    [[nodiscard]] ResponseApdu run(const Attest& command);
    [[nodiscard]] ResponseApdu run(const ImportKey& command);
    [[nodiscard]] ResponseApdu run(const SetPinRetries& command);
    [[nodiscard]] ResponseApdu run(const SetManagementKey& command);
    [[nodiscard]] ResponseApdu run(const ResetPiv& command);
    [[nodiscard]] ResponseApdu run(const MoveKey& command);
    [[nodiscard]] ResponseApdu run(const DeleteKey& command);

private:
    [[nodiscard]] ResponseApdu passcode_metadata() const;
    [[nodiscard]] ResponseApdu unblocking_code_metadata() const;
    [[nodiscard]] ResponseApdu management_key_metadata() const;
    [[nodiscard]] ResponseApdu key_metadata(KeyReference reference);
    [[nodiscard]] Bytes code_metadata(ObjectId code, std::string_view factory_code, std::uint8_t limit,
                                      std::uint8_t left) const;
    [[nodiscard]] bool holds_key(KeyReference reference) const {
        return state_.store.contains(key_object(reference));
    }

    State& state_;
    const YubicoExtensions& token_;
};

ResponseApdu Extensions::run(const GetSerial& /*command*/) const {
    Bytes serial;
    for (unsigned shift = 32; shift > 0; shift -= 8) {
        serial.push_back(static_cast<std::uint8_t>(token_.serial >> (shift - 8)));
    }
    return serial;
}

ResponseApdu Extensions::run(const GetMetadata& command) {
    switch (command.reference) {
    case static_cast<std::uint8_t>(ReferenceData::passcode):
        return passcode_metadata();
    case static_cast<std::uint8_t>(ReferenceData::unblocking_code):
        return unblocking_code_metadata();
    case management_key:
        return management_key_metadata();
    default:
        return key_metadata(command.reference);
    }
}

Bytes Extensions::code_metadata(ObjectId code, std::string_view factory_code, std::uint8_t limit,
                                std::uint8_t left) const {
    const std::optional<Bytes> held = state_.store.read(code);
    const bool from_factory = held && equal_in_constant_time(*held, padded_code(factory_code));
    Bytes data;
    add(data, Metadata::algorithm, {no_algorithm});
    add(data, Metadata::is_factory_value, {static_cast<std::uint8_t>(from_factory ? 1 : 0)});
    add(data, Metadata::tries, {limit, left});
    return data;
}

ResponseApdu Extensions::passcode_metadata() const {
    return code_metadata(passcode_object, factory_passcode,
                         retry_limits(state_.store, state_.config).passcode,
                         tries_left(state_.store, passcode_tries));
}

ResponseApdu Extensions::unblocking_code_metadata() const {
    return code_metadata(unblocking_code_object, factory_unblocking_code,
                         retry_limits(state_.store, state_.config).unblocking_code,
                         tries_left(state_.store, unblocking_code_tries));
}

ResponseApdu Extensions::management_key_metadata() const {
    const std::optional<Algorithm> algorithm = state_.management_key.algorithm();
    if (!algorithm) {
        return sw::referenced_data_not_found;
    }
    const bool touch = state_.store.contains(management_key_touch_object);
    const bool from_factory = has_factory_management_key(state_.store, token_);
    Bytes data;
    add(data, Metadata::algorithm, {static_cast<std::uint8_t>(*algorithm)});
    add(data, Metadata::policies, {no_passcode_policy, touch ? touch_always : touch_never});
    add(data, Metadata::is_factory_value, {static_cast<std::uint8_t>(from_factory ? 1 : 0)});
    return data;
}

ResponseApdu Extensions::key_metadata(KeyReference reference) {
    if (!holds_key(reference)) {
        return sw::referenced_data_not_found;
    }
    const Decoded<const UsableKey*> found = state_.keys.find(reference);
    if (!found) {
        return found.error();
    }
    const UsableKey& usable = **found;
    Bytes data;
    add(data, Metadata::algorithm, {static_cast<std::uint8_t>(usable.key.algorithm())});
    add(data, Metadata::policies, {static_cast<std::uint8_t>(usable.policy), touch_never});
    add(data, Metadata::origin, {static_cast<std::uint8_t>(usable.origin)});
    add(data, Metadata::public_key, usable.key.public_key_template());
    return data;
}

// Nobody has to prove anything for it: it says what the card is. A key that came from outside is not vouched
// for.
ResponseApdu Extensions::run(const Attest& command) {
    if (!holds_key(command.key)) {
        return sw::incorrect_data;
    }
    const Decoded<const UsableKey*> key = state_.keys.find(command.key);
    if (!key) {
        return key.error();
    }
    if ((*key)->origin != KeyOrigin::generated) {
        return sw::incorrect_data;
    }
    const std::optional<Bytes> container = written_object(state_.store, attestation_certificate_tag);
    const std::optional<Bytes> certificate = container ? certificate_in(*container) : std::nullopt;
    if (!certificate || !holds_key(attestation_key)) {
        return sw::referenced_data_not_found;
    }
    const Decoded<const UsableKey*> attestor = state_.keys.find(attestation_key);
    if (!attestor) {
        return attestor.error();
    }
    take_time_to_use(state_.environment, (*attestor)->key.algorithm());
    Result<Bytes> attested =
        attest(state_.environment, token_, {(*attestor)->key, *certificate}, command.key, **key);
    if (!attested) {
        return sw::referenced_data_not_found; // what stands there is no certificate
    }
    return std::move(*attested);
}

ResponseApdu Extensions::run(const ImportKey& command) {
    if (!state_.management_key.authenticated()) {
        return sw::security_status_not_satisfied;
    }
    if (!command.parameters) {
        return command.parameters.error();
    }
    CryptoContext& context = state_.environment.crypto;
    const auto* const parts = std::get_if<RsaParts>(&command.parameters->key);
    const Result<PrivateKey> key =
        parts != nullptr
            ? key_from_parts(context, command.algorithm, *parts)
            : key_from_scalar(context, command.algorithm, std::get<Bytes>(command.parameters->key));
    if (!key) {
        return sw::incorrect_data;
    }
    const CommitResult result = state_.keys.import(command.key, *key, command.parameters->passcode_policy);
    return result == CommitResult::committed ? sw::success : sw::not_enough_memory;
}

// The application's own passcode has to be verified, too: else an administrator could bring a known passcode
// back behind the holder's back.
ResponseApdu Extensions::run(const SetPinRetries& command) {
    if (!state_.management_key.authenticated() || !state_.passcode.query(ReferenceData::passcode).ok()) {
        return sw::security_status_not_satisfied;
    }
    if (!command.limits) {
        return command.limits.error();
    }
    return set_retry_limits(state_, *command.limits);
}

ResponseApdu Extensions::run(const SetManagementKey& command) {
    if (!state_.management_key.authenticated()) {
        return sw::security_status_not_satisfied;
    }
    if (!command.parameters) {
        return command.parameters.error();
    }
    Transaction transaction = state_.store.begin();
    transaction.put(management_key_object,
                    management_key_content(command.parameters->algorithm, command.parameters->key));
    if (command.asks_for_touch) {
        transaction.put(management_key_touch_object, {});
    } else {
        transaction.erase(management_key_touch_object);
    }
    return transaction.commit() == CommitResult::committed ? sw::success : sw::not_enough_memory;
}

ResponseApdu Extensions::run(const ResetPiv& /*command*/) {
    if (tries_left(state_.store, passcode_tries) != 0 ||
        tries_left(state_.store, unblocking_code_tries) != 0) {
        return sw::conditions_of_use_not_satisfied;
    }
    return reset(state_);
}

// The certificate stays where it is: hosts move it themselves.
ResponseApdu Extensions::run(const MoveKey& command) {
    if (!state_.management_key.authenticated()) {
        return sw::security_status_not_satisfied;
    }
    if (!holds_key(command.from)) {
        return sw::referenced_data_not_found;
    }
    if (holds_key(command.to)) {
        return sw::incorrect_data;
    }
    return state_.keys.move(command.from, command.to);
}

ResponseApdu Extensions::run(const DeleteKey& command) {
    if (!state_.management_key.authenticated()) {
        return sw::security_status_not_satisfied;
    }
    if (!holds_key(command.key)) {
        return sw::referenced_data_not_found;
    }
    const CommitResult result = state_.keys.erase(command.key);
    return result == CommitResult::committed ? sw::success : sw::not_enough_memory;
}

} // namespace

ResponseApdu refuse_over_long(const State& state, const apdu::CommandApdu& command, StatusWord refusal) {
    const Decoded<Command> decoded = decode(state.config, command);
    return decoded ? refusal : decoded.error();
}

ResponseApdu process(State& state, const apdu::CommandApdu& command) {
    const Decoded<Command> decoded = decode(state.config, command);
    if (!decoded) {
        return decoded.error();
    }
    Extensions extensions(state);
    return std::visit([&extensions](const auto& meaning) { return extensions.run(meaning); }, *decoded);
}

} // namespace cardrig::emulator::piv::yubico
