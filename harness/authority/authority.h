// The test registration authority, in process: who its holders are, what cards they have, what it certifies
// for whom and when it refuses. README.md in this folder has its rules, and how it is reached over HTTPS.
#pragma once

#include "harness/profile.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

namespace cardrig::harness {

/// Why the authority says no.
struct Refusal {
    int status = 403;    ///< HTTP's
    std::string code;    ///< for machines: "not-due", "expired", "wrong-code"; README.md lists them
    std::string message; ///< one sentence for people
};
template <class T>
using Granted = tl::expected<T, Refusal>;

struct AuthorityRules {
    std::chrono::seconds window = std::chrono::days(90);    ///< before the end; in it renewal is due
    std::chrono::seconds lifetime = std::chrono::days(730); ///< of what it certifies
    std::chrono::seconds unlock_code_valid = std::chrono::minutes(15);
};

struct AuthorityOptions {
    /// With one, what it draws is reproducible as long as requests come in one order.
    std::optional<std::uint64_t> seed;
    AuthorityRules rules;
    std::function<std::chrono::sys_seconds()> now; ///< its clock
};

/// What goes wrong with one certificate that it issues.
enum class Misissue : std::uint8_t { none, wrong_key, wrong_holder, past_dates, too_large };

struct DeviceRecord {
    std::string guid;  ///< upper-case hex
    std::string label; ///< what the rig calls the card
    std::string number;
    bool revoked = false;
};

/// One certificate of its record.
struct IssueRecord {
    std::string renewal;         ///< id; empty for what was issued when the card was made, and by EST
    std::string guid;            ///< of the device; empty for what was enrolled by EST
    std::string key;             ///< "9A", "9C"; empty for what was enrolled by EST
    emulator::Bytes certificate; ///< DER
    std::chrono::sys_seconds at;
    bool delivered = true;  ///< false: the answer with it was lost
    bool on_making = false; ///< issued when a card was made, before anything ran
};

/// All that an authority knows at some moment, but its keys and rules, which do not change. Opaque; copies
/// share.
class AuthorityState {
public:
    AuthorityState() = default;

private:
    friend class Authority;
    struct Kept;
    std::shared_ptr<const Kept> kept_;
};

/// Thread-safe. Root and issuing CA are made at once; the root's certificate is name-constrained to
/// `localhost` and 127.0.0.1 and to no mail or DNS name elsewhere, so that nobody who trusts it by accident
/// is harmed.
class Authority final : public CardIssuer {
public:
    explicit Authority(AuthorityOptions options);
    ~Authority() override;

    // As the issuer of cards, before anything runs.
    [[nodiscard]] emulator::Bytes certify(const CertificateOrder& order) override;
    [[nodiscard]] emulator::Bytes management_key(emulator::ByteView guid,
                                                 emulator::Algorithm algorithm) override;
    [[nodiscard]] std::string unblocking_code(emulator::ByteView guid) override;
    [[nodiscard]] std::string certificate_pem() const override; ///< of the issuing CA
    [[nodiscard]] std::string key_pem() const override;
    [[nodiscard]] std::string root_pem() const;
    /// For the HTTPS server: a certificate for localhost and 127.0.0.1 with its chain, and its key; PEM.
    [[nodiscard]] std::string server_chain_pem();
    [[nodiscard]] std::string server_key_pem();

    /// A card that it knows from now on: its holder is entered where nobody has that number, and the
    /// certificates that are on it count as confirmed. `roles`: "staff", "agent"; those of a holder with
    /// several cards add up.
    void enrol(const MadeCard& card, const std::string& label,
               const std::vector<std::string>& roles = {"staff"});
    /// All certificates of that device are on the revocation list.
    void revoke(std::string_view guid);
    /// Sent to the holder, as it were: eight digits, valid from `age` ago for
    /// AuthorityRules::unlock_code_valid.
    [[nodiscard]] std::string unlock_code(std::string_view guid, std::chrono::seconds age = {});

    /// The revocation list, DER, signed by the issuing CA.
    [[nodiscard]] emulator::Bytes revocations();
    [[nodiscard]] std::vector<IssueRecord> issued() const;
    [[nodiscard]] std::vector<DeviceRecord> devices() const;

    /// As it is now, between two requests.
    [[nodiscard]] AuthorityState state() const;
    /// Back to what it was then. Sessions and unlock codes come back with it, and have as much time left as
    /// they had; random numbers are drawn on from where they are. Throws std::invalid_argument for a state
    /// that is empty or another authority's.
    void restore(const AuthorityState& state);

    // --- what clients ask for: README.md has each request's fields. `body` is the request's JSON object,
    // `session` what stood in its header of that name; an answer is a JSON object. Malformed fields are
    // Refusals with 400.

    [[nodiscard]] Granted<nlohmann::json> login_challenge();
    [[nodiscard]] Granted<nlohmann::json> login(const nlohmann::json& body);
    [[nodiscard]] Granted<nlohmann::json> logout(std::string_view session);
    /// Ends every session: "you have been logged out".
    void end_sessions();
    /// `query`: {"name": ...}, {"number": ...} or {"guid": ...}.
    [[nodiscard]] Granted<nlohmann::json> directory(std::string_view session, const nlohmann::json& query);
    [[nodiscard]] Granted<nlohmann::json> renewal(std::string_view session, const nlohmann::json& body);
    [[nodiscard]] Granted<nlohmann::json> certificate(std::string_view session, std::string_view renewal,
                                                      const nlohmann::json& body,
                                                      Misissue misissue = Misissue::none);
    [[nodiscard]] Granted<nlohmann::json> renewal_done(std::string_view session, std::string_view renewal);
    [[nodiscard]] Granted<nlohmann::json> management_key_answer(std::string_view session,
                                                                const nlohmann::json& body);
    [[nodiscard]] Granted<nlohmann::json> unlock(const nlohmann::json& body);
    [[nodiscard]] Granted<nlohmann::json> unlock_done(const nlohmann::json& body);

    // --- EST (RFC 7030): DER in, DER out; the server does the encoding.

    /// Issuing CA, then root.
    [[nodiscard]] std::vector<emulator::Bytes> ca_certificates() const;
    [[nodiscard]] emulator::Bytes csr_attributes() const;
    /// The PKCS#10 request names a holder that it knows (CN and UID).
    [[nodiscard]] Granted<emulator::Bytes> simple_enroll(emulator::ByteView request,
                                                         Misissue misissue = Misissue::none);
    /// By a TLS client certificate of ours that is in date and not revoked: the request's subject is its own
    /// (4.2.2).
    [[nodiscard]] Granted<emulator::Bytes> simple_reenroll(emulator::ByteView client_certificate,
                                                           emulator::ByteView request,
                                                           Misissue misissue = Misissue::none);

    /// Told of the certificate last issued: its answer did not get to the client.
    void note_lost_answer(emulator::ByteView certificate);

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
