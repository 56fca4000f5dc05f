#include "emulator/piv/general_authenticate.h"

#include "emulator/pace.h"

namespace cardrig::emulator::piv {

namespace {

namespace sw = apdu::sw;

/// Who asks for a witness or a challenge has not tried to prove anything yet.
bool only_asks(const Decoded<AuthenticationTemplate>& data) {
    return data &&
           (std::holds_alternative<RequestWitness>(*data) || std::holds_alternative<RequestChallenge>(*data));
}

ResponseApdu answer_host(State& state, const GeneralAuthenticate& command) {
    ManagementKey& key = state.management_key;
    if (!command.algorithm) {
        return command.algorithm.error();
    }
    if (*command.algorithm && *command.algorithm != key.algorithm()) {
        return sw::incorrect_p1_p2;
    }
    if (!command.data) {
        return command.data.error();
    }
    // A challenge is a random number: the key comes into play with what it is answered.
    if (key.algorithm() && !std::holds_alternative<RequestChallenge>(*command.data)) {
        take_time_to_use(state.environment, *key.algorithm());
    }
    return key.authenticate(*command.data);
}

// A failed authentication ends an earlier one, in whatever way it fails: with another algorithm and with a
// malformed template, too.
ResponseApdu authenticate_host(State& state, const GeneralAuthenticate& command) {
    ResponseApdu answer = answer_host(state, command);
    if (!answer.status.ok() && !only_asks(command.data)) {
        state.management_key.forget();
    }
    return answer;
}

bool may_use(const Passcode& passcode, PasscodePolicy policy) {
    switch (policy) {
    case PasscodePolicy::never:
        return true;
    case PasscodePolicy::once:
        return passcode.verified();
    case PasscodePolicy::always:
        return passcode.verified_for_single_use();
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

ResponseApdu use_key_pair(State& state, const GeneralAuthenticate& command) {
    const Decoded<const UsableKey*> found = state.keys.find(command.key);
    if (!found) {
        return found.error();
    }
    const UsableKey& usable = **found;
    if (!may_use(state.passcode, usable.policy)) {
        return sw::security_status_not_satisfied;
    }
    if (usable.policy == PasscodePolicy::always) {
        state.passcode.use_up(); // also where the operation fails
    }
    if (!command.data) {
        return command.data.error();
    }
    if (usable.key.algorithm() != *command.algorithm) {
        return sw::incorrect_data;
    }
    take_time_to_use(state.environment, usable.key.algorithm());
    if (const auto* const use = std::get_if<UseKey>(&*command.data)) {
        return sign_or_decipher(usable.key, *use);
    }
    if (const auto* const agreement = std::get_if<AgreeOnSecret>(&*command.data)) {
        return agree(command.key, usable.key, *agreement);
    }
    return sw::incorrect_data; // authentication of the host is the management key's
}

} // namespace

ResponseApdu general_authenticate(State& state, const GeneralAuthenticate& command) {
    return command.key == management_key ? authenticate_host(state, command) : use_key_pair(state, command);
}

} // namespace cardrig::emulator::piv
