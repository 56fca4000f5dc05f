// Authentication with the management key 9B (SP 800-73-4 part 2, 3.2.4 and appendix A.1): whoever has it may
// write. Its state is volatile, and what the card hands out is good for the very next command only.
#pragma once

#include "apdu/response_apdu.h"
#include "emulator/environment.h"
#include "emulator/object_store.h"
#include "emulator/piv/commands.h"

#include <optional>

namespace cardrig::emulator::piv {

using apdu::ResponseApdu;

class ManagementKey {
public:
    ManagementKey(ObjectStore& store, Environment environment) : store_(store), environment_(environment) {}

    /// Another command has come in: a challenge or witness that it does not answer is void.
    void next_command();
    /// Ends the authentication: what a failed one has to do to an earlier one.
    void forget();
    [[nodiscard]] bool authenticated() const { return authenticated_; }
    /// The type of the key; none on a card that has none.
    [[nodiscard]] std::optional<Algorithm> algorithm() const;
    /// Refusing leaves an earlier authentication as it was.
    [[nodiscard]] ResponseApdu authenticate(const AuthenticationTemplate& data);

private:
    enum class Kind : std::uint8_t { challenge, witness };
    struct Exchange {
        Kind kind = Kind::challenge;
        Bytes expected; ///< what the host has to send
    };
    struct Key {
        Algorithm algorithm = Algorithm::triple_des;
        Bytes bytes;
    };

    [[nodiscard]] std::optional<Key> key() const;
    [[nodiscard]] Bytes random_block(const Key& key);
    [[nodiscard]] Bytes encrypt(const Key& key, ByteView block);
    [[nodiscard]] StatusWord check(Kind kind, ByteView answer);

    [[nodiscard]] ResponseApdu run(const Key& key, const RequestWitness& data);
    [[nodiscard]] ResponseApdu run(const Key& key, const RequestChallenge& data);
    [[nodiscard]] ResponseApdu run(const Key& key, const AnswerChallenge& data);
    [[nodiscard]] ResponseApdu run(const Key& key, const AnswerWitness& data);
    [[nodiscard]] ResponseApdu run(const Key& key, const UseKey& data);
    [[nodiscard]] ResponseApdu run(const Key& key, const AgreeOnSecret& data);

    ObjectStore& store_;
    Environment environment_;
    bool authenticated_ = false;
    std::optional<Exchange> handed_out_; ///< by this very command
    std::optional<Exchange> awaited_;    ///< handed out by the command before this one
};

/// 7C holding one element.
[[nodiscard]] Bytes authentication_template(apdu::Tag element, ByteView value);

} // namespace cardrig::emulator::piv
