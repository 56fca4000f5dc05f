#include "emulator/piv/piv_application.h"

#include "apdu/piv_application_id.h"
#include "emulator/piv/commands.h"
#include "emulator/piv/data_objects.h"
#include "emulator/piv/general_authenticate.h"
#include "emulator/piv/state.h"
#include "emulator/piv/yubico/extensions.h"

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
    PivApplication(ObjectStore& store, const PivConfig& config, Environment environment, GlobalStatus& global)
        : state_(store, config, environment, global) {}

    [[nodiscard]] bool claims(ByteView aid) const override;
    [[nodiscard]] std::optional<ChainPolicy> chain_policy(std::uint8_t ins) const override;
    [[nodiscard]] ResponseApdu select(const CommandApdu& command) override;
    [[nodiscard]] ResponseApdu process(const CommandApdu& command) override;
    [[nodiscard]] ResponseApdu process_over_long(const CommandApdu& command, StatusWord refusal) override;
    [[nodiscard]] ResponseApdu take_block(const CommandApdu& block, BlockPosition position) override;
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

    State state_;
};

bool PivApplication::claims(ByteView aid) const {
    return apdu::names_piv_application(aid);
}

std::optional<ChainPolicy> PivApplication::chain_policy(std::uint8_t ins) const {
    return yubico::has_command(state_.config, ins) ? yubico::chain_policy(ins)
                                                   : piv::chain_policy(ins, state_.config);
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
    state_.streamed_put.drop();
}

// SP 800-73-4 part 2, 3.1.1: another application makes all that is this application's own unverified.
void PivApplication::deselect() {
    state_.passcode.deselect();
    state_.management_key.forget();
}

ResponseApdu PivApplication::process(const CommandApdu& command) {
    other_command();
    if (yubico::has_command(state_.config, command.ins())) {
        return yubico::process(state_, command);
    }
    const Decoded<Command> decoded = decode(command, state_.config);
    if (!decoded) {
        return decoded.error();
    }
    return std::visit([this](const auto& meaning) { return run(meaning); }, *decoded);
}

// The order of checks is the same for data of any length: so the command runs, and its data are refused where
// others would be read.
ResponseApdu PivApplication::process_over_long(const CommandApdu& command, StatusWord refusal) {
    other_command();
    if (yubico::has_command(state_.config, command.ins())) {
        return yubico::refuse_over_long(state_, command, refusal);
    }
    Decoded<Command> decoded = decode(command, state_.config);
    if (!decoded) {
        return decoded.error();
    }
    refuse_data(*decoded, refusal);
    return std::visit([this](const auto& meaning) { return run(meaning); }, *decoded);
}

// Only PUT DATA is streamed. Its blocks are one command together: what the first one had to show holds for
// all, since another command would have ended the chain.
ResponseApdu PivApplication::take_block(const CommandApdu& block, BlockPosition position) {
    if (position == BlockPosition::first) {
        other_command();
        if (const StatusWord status = check_data_parameters(block); !status.ok()) {
            return status;
        }
        if (!state_.management_key.authenticated()) {
            return sw::security_status_not_satisfied;
        }
    }
    return state_.streamed_put.take(block.data(), position);
}

// SP 800-73-4 part 2, 3.1.2. The read rule comes before the object's existence: some hosts tell from it
// whether the passcode is verified.
ResponseApdu PivApplication::run(const GetData& command) const {
    const std::optional<ReadRule> rule = read_rule(state_.config, command.tag);
    if (!rule) {
        return sw::file_or_application_not_found;
    }
    if (*rule == ReadRule::passcode && !state_.passcode.verified()) {
        return sw::security_status_not_satisfied;
    }
    std::optional<Bytes> object = read_data_object(state_.store, state_.config, command.tag);
    if (!object) {
        return sw::file_or_application_not_found;
    }
    return std::move(*object);
}

ResponseApdu PivApplication::run(const QueryPasscode& command) const {
    return state_.passcode.query(command.reference);
}

// SP 800-73-4 part 2, 3.2.1: P1 FF.
ResponseApdu PivApplication::run(const ForgetPasscode& command) {
    state_.passcode.forget(command.reference);
    return sw::success;
}

ResponseApdu PivApplication::run(const VerifyPasscode& command) {
    return state_.passcode.verify(command.reference, command.passcode);
}

ResponseApdu PivApplication::run(const ChangeReferenceData& command) {
    return state_.passcode.change(command.reference, command.current, command.replacement);
}

ResponseApdu PivApplication::run(const ResetRetryCounter& command) {
    return state_.passcode.unblock(command.unblocking_code, command.passcode);
}

ResponseApdu PivApplication::run(const GeneralAuthenticate& command) {
    return general_authenticate(state_, command);
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
    if (!read_rule(state_.config, content.tag)) {
        return sw::function_not_supported;
    }
    Transaction transaction = state_.store.begin();
    transaction.erase(unfinished_mark(content.tag));
    if (content.value.empty()) {
        transaction.erase(data_object(content.tag));
    } else {
        transaction.put(data_object(content.tag), content.value);
    }
    return transaction.commit() == CommitResult::committed ? sw::success : sw::not_enough_memory;
}

// SP 800-73-4 part 2, 3.3.2. The certificate of the slot is left alone.
ResponseApdu PivApplication::run(const GenerateKeyPair& command) {
    if (command.key == attestation_key && !state_.config.yubico) {
        return sw::incorrect_p1_p2;
    }
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
                                              Environment environment, GlobalStatus& global) {
    return std::make_unique<PivApplication>(store, config, environment, global);
}

} // namespace cardrig::emulator::piv
