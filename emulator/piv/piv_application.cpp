#include "emulator/piv/piv_application.h"

#include "apdu/piv_application_id.h"
#include "emulator/piv/commands.h"
#include "emulator/piv/data_objects.h"
#include "emulator/piv/state.h"

#include <algorithm>
#include <array>

namespace cardrig::emulator::piv {

namespace {

namespace sw = apdu::sw;

// SP 800-73-4 part 2, 3.1.1, table 3, and table 4: what the application is and which algorithms it has.
Bytes property_template(const std::vector<Algorithm>& algorithms) {
    const ByteView identifier = application_identifier();
    Bytes value;
    value.reserve(64);
    apdu::append_tlv(value, 0x4F, identifier.subspan(apdu::piv_registered_id_size));
    apdu::append_tlv(value, 0x79, apdu::make_tlv(0x4F, identifier.first(apdu::piv_registered_id_size)));
    Bytes mechanisms;
    mechanisms.reserve(32);
    for (const Algorithm algorithm : algorithms) {
        const std::array mechanism{static_cast<std::uint8_t>(algorithm)};
        apdu::append_tlv(mechanisms, 0x80, mechanism);
    }
    static constexpr std::array<std::uint8_t, 1> no_object_identifier{0x00};
    apdu::append_tlv(mechanisms, 0x06, no_object_identifier);
    apdu::append_tlv(value, 0xAC, mechanisms);
    return apdu::make_tlv(0x61, value);
}

class PivApplication final : public Application {
public:
    PivApplication(ObjectStore& store, const PivConfig& config, Environment environment)
        : state_(store, config, environment) {}

    [[nodiscard]] bool claims(ByteView aid) const override;
    [[nodiscard]] std::optional<ChainPolicy> chain_policy(std::uint8_t ins) const override {
        return piv::chain_policy(ins);
    }
    [[nodiscard]] ResponseApdu select(const CommandApdu& command) override;
    [[nodiscard]] ResponseApdu process(const CommandApdu& command) override;
    void other_command() override;
    void deselect() override;

private:
    [[nodiscard]] ResponseApdu run(const GetData& command) const;
    [[nodiscard]] ResponseApdu run(const QueryPasscode& command) const;
    [[nodiscard]] ResponseApdu run(const ForgetPasscode& command);
    [[nodiscard]] ResponseApdu run(const VerifyPasscode& command);
    [[nodiscard]] ResponseApdu run(const ChangeReferenceData& command);
    [[nodiscard]] ResponseApdu run(const ResetRetryCounter& command);
    [[nodiscard]] ResponseApdu run(const GeneralAuthenticate& command);
    [[nodiscard]] ResponseApdu run(const PutData& command);
    [[nodiscard]] ResponseApdu run(const GenerateKeyPair& command);

    [[nodiscard]] ResponseApdu authenticate_host(const GeneralAuthenticate& command);
    [[nodiscard]] ResponseApdu answer_host(const GeneralAuthenticate& command);
    [[nodiscard]] ResponseApdu use_key_pair(const GeneralAuthenticate& command);
    [[nodiscard]] bool may_use(PasscodePolicy policy) const;

    State state_;
};

bool PivApplication::claims(ByteView aid) const {
    return apdu::names_piv_application(aid);
}

ResponseApdu PivApplication::select(const CommandApdu& command) {
    other_command();
    if (command.p2() != 0x00) {
        return sw::incorrect_p1_p2;
    }
    // SP 800-73-4 part 2, 3.1.1: selecting the application again leaves every security status as it is.
    std::vector<Algorithm> algorithms = state_.config.algorithms;
    if (const std::optional<Algorithm> management = state_.management_key.algorithm()) {
        algorithms.push_back(*management);
    }
    return property_template(algorithms);
}

void PivApplication::other_command() {
    state_.passcode.next_command();
    state_.management_key.next_command();
}

// SP 800-73-4 part 2, 3.1.1: another application makes all that is this application's own unverified.
void PivApplication::deselect() {
    state_.passcode.forget();
    state_.management_key.forget();
}

ResponseApdu PivApplication::process(const CommandApdu& command) {
    other_command();
    const Decoded<Command> decoded = decode(command);
    if (!decoded) {
        return decoded.error();
    }
    return std::visit([this](const auto& meaning) { return run(meaning); }, *decoded);
}

// SP 800-73-4 part 2, 3.1.2. The read rule comes before the object's existence: some hosts tell from it
// whether the passcode is verified.
ResponseApdu PivApplication::run(const GetData& command) const {
    const std::optional<ReadRule> rule = read_rule(command.tag);
    if (!rule) {
        return sw::file_or_application_not_found;
    }
    if (*rule == ReadRule::passcode && !state_.passcode.verified()) {
        return sw::security_status_not_satisfied;
    }
    std::optional<Bytes> object = read_data_object(state_.store, command.tag);
    if (!object) {
        return sw::file_or_application_not_found;
    }
    return std::move(*object);
}

ResponseApdu PivApplication::run(const QueryPasscode& /*command*/) const {
    return state_.passcode.query();
}

// SP 800-73-4 part 2, 3.2.1: P1 FF.
ResponseApdu PivApplication::run(const ForgetPasscode& /*command*/) {
    state_.passcode.forget();
    return sw::success;
}

ResponseApdu PivApplication::run(const VerifyPasscode& command) {
    return state_.passcode.verify(command.passcode);
}

ResponseApdu PivApplication::run(const ChangeReferenceData& command) {
    return state_.passcode.change(command.reference, command.current, command.replacement);
}

ResponseApdu PivApplication::run(const ResetRetryCounter& command) {
    return state_.passcode.unblock(command.unblocking_code, command.passcode);
}

// SP 800-73-4 part 2, 3.2.4.
ResponseApdu PivApplication::run(const GeneralAuthenticate& command) {
    return command.key == management_key ? authenticate_host(command) : use_key_pair(command);
}

/// Who asks for a witness or a challenge has not tried to prove anything yet.
bool only_asks(const Decoded<AuthenticationTemplate>& data) {
    return data &&
           (std::holds_alternative<RequestWitness>(*data) || std::holds_alternative<RequestChallenge>(*data));
}

// A failed authentication ends an earlier one, in whatever way it fails: with another algorithm and with a
// malformed template, too.
ResponseApdu PivApplication::authenticate_host(const GeneralAuthenticate& command) {
    ResponseApdu answer = answer_host(command);
    if (!answer.status.ok() && !only_asks(command.data)) {
        state_.management_key.forget();
    }
    return answer;
}

ResponseApdu PivApplication::answer_host(const GeneralAuthenticate& command) {
    if (!command.algorithm) {
        return command.algorithm.error();
    }
    if (state_.management_key.algorithm() != *command.algorithm) {
        return sw::incorrect_p1_p2;
    }
    if (!command.data) {
        return command.data.error();
    }
    return state_.management_key.authenticate(*command.data);
}

bool PivApplication::may_use(PasscodePolicy policy) const {
    switch (policy) {
    case PasscodePolicy::never:
        return true;
    case PasscodePolicy::once:
        return state_.passcode.verified();
    case PasscodePolicy::always:
        return state_.passcode.verified_for_single_use();
    }
    return false;
}

/// SP 800-73-4 part 2, appendix A.4: signing, and decipherment with RSA.
ResponseApdu sign_or_decipher(const PrivateKey& key, const UseKey& request) {
    const Result<Bytes> result =
        is_rsa(key.algorithm()) ? key.rsa_private_operation(request.input) : key.ecdsa_sign(request.input);
    if (!result) {
        return sw::incorrect_data;
    }
    return authentication_template(0x82, *result);
}

/// SP 800-73-4 part 2, appendix A.5; part 1, table 4b gives this use to key management keys alone.
ResponseApdu agree(KeyReference reference, const PrivateKey& key, const AgreeOnSecret& request) {
    const bool for_signatures =
        reference == authentication_key || reference == signature_key || reference == card_authentication_key;
    if (for_signatures || !is_elliptic(key.algorithm())) {
        return sw::incorrect_data;
    }
    const Result<Bytes> secret = key.ecdh(request.point);
    if (!secret) {
        return sw::incorrect_data;
    }
    return authentication_template(0x82, *secret);
}

ResponseApdu PivApplication::use_key_pair(const GeneralAuthenticate& command) {
    const Decoded<const UsableKey*> found = state_.keys.find(command.key);
    if (!found) {
        return found.error();
    }
    const UsableKey& usable = **found;
    if (!may_use(usable.policy)) {
        return sw::security_status_not_satisfied;
    }
    if (usable.policy == PasscodePolicy::always) {
        state_.passcode.use_up(); // also where the operation fails
    }
    if (!command.data) {
        return command.data.error();
    }
    if (usable.key.algorithm() != *command.algorithm) {
        return sw::incorrect_data;
    }
    if (const auto* const use = std::get_if<UseKey>(&*command.data)) {
        return sign_or_decipher(usable.key, *use);
    }
    if (const auto* const agreement = std::get_if<AgreeOnSecret>(&*command.data)) {
        return agree(command.key, usable.key, *agreement);
    }
    return sw::incorrect_data; // authentication of the host is the management key's
}

// SP 800-73-4 part 2, 3.3.1: content of length zero takes the object away.
ResponseApdu PivApplication::run(const PutData& command) {
    if (!state_.management_key.authenticated()) {
        return sw::security_status_not_satisfied;
    }
    if (!command.content) {
        return command.content.error();
    }
    const PutData::Content& content = *command.content;
    if (!read_rule(content.tag)) {
        return sw::function_not_supported;
    }
    Transaction transaction = state_.store.begin();
    if (content.value.empty()) {
        transaction.erase(data_object(content.tag));
    } else {
        transaction.put(data_object(content.tag), content.value);
    }
    return transaction.commit() == CommitResult::committed ? sw::success : sw::not_enough_memory;
}

// SP 800-73-4 part 2, 3.3.2. The certificate of the slot is left alone.
ResponseApdu PivApplication::run(const GenerateKeyPair& command) {
    if (!state_.management_key.authenticated()) {
        return sw::security_status_not_satisfied;
    }
    if (!command.parameters) {
        return command.parameters.error();
    }
    if (std::ranges::find(state_.config.algorithms, command.parameters->algorithm) ==
        state_.config.algorithms.end()) {
        return sw::incorrect_data;
    }
    const std::optional<PrivateKey> key = state_.keys.generate(command.key, *command.parameters);
    if (!key) {
        return sw::not_enough_memory;
    }
    return apdu::make_tlv(0x7F49, key->public_key_template());
}

} // namespace

ByteView application_identifier() {
    return apdu::piv_application_id;
}

std::unique_ptr<Application> make_application(ObjectStore& store, const PivConfig& config,
                                              Environment environment) {
    return std::make_unique<PivApplication>(store, config, environment);
}

} // namespace cardrig::emulator::piv
