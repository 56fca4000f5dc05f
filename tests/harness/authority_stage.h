// An authority with a clock that tests move, and cards that it issued, whose keys are at hand.
#pragma once

#include "emulator/crypto.h"
#include "harness/authority/authority.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::test {

/// A card and what is on it, by key: "9A", "9C".
struct HeldCard {
    harness::MadeCard made;
    std::string guid; ///< hex
    std::map<std::string, emulator::PrivateKey> keys;
    std::map<std::string, apdu::Bytes> certificates;
};

class AuthorityStage {
public:
    explicit AuthorityStage(std::optional<std::uint64_t> seed = 5, harness::AuthorityRules rules = {});

    /// Elliptic keys, both certificates with thirty days to go. `overrides` are the profile's.
    [[nodiscard]] HeldCard make(const std::string& identity, const harness::ProfileOverrides& overrides = {});
    /// The same, and the authority knows it.
    [[nodiscard]] HeldCard enrolled(const std::string& identity,
                                    const harness::ProfileOverrides& overrides = {},
                                    const std::vector<std::string>& roles = {"staff"});

    [[nodiscard]] emulator::PrivateKey fresh_key(emulator::Algorithm algorithm = emulator::Algorithm::p256);
    [[nodiscard]] static apdu::Bytes sign(const emulator::PrivateKey& key, apdu::ByteView bytes);
    /// PKCS #10; `usage` as OpenSSL's configuration writes it, empty for none.
    [[nodiscard]] apdu::Bytes request(const emulator::PrivateKey& key, const harness::Holder& holder,
                                      const std::string& usage = {});

    /// The body of a login.
    [[nodiscard]] nlohmann::json login_body(const HeldCard& card, const std::string& key = "9A");
    /// Of a login that is good.
    [[nodiscard]] std::string session(const HeldCard& card, const std::string& role = "staff",
                                      const std::string& key = "9A");
    /// The body of a certificate's request, vouched for by the card's other key.
    [[nodiscard]] nlohmann::json certificate_body(const HeldCard& card, const std::string& key,
                                                  const emulator::PrivateKey& fresh);
    /// A whole certificate: asked for, and put on the card.
    void renew(HeldCard& card, const std::string& session, const std::string& renewal,
               const std::string& key);

    std::chrono::sys_seconds clock;
    emulator::CryptoContext context;
    harness::Authority authority;
};

/// The code of a refusal; "granted" where there is none.
template <class T>
[[nodiscard]] std::string code_of(const harness::Granted<T>& granted) {
    return granted ? "granted" : granted.error().code;
}
[[nodiscard]] apdu::Bytes decoded(const nlohmann::json& base64);

} // namespace cardrig::test
