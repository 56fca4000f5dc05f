// What the authority does, one request at a time: it refuses by throwing Refused. Authority puts a lock
// around it, and makes answers of refusals.
#pragma once

#include "harness/authority/authority.h"
#include "harness/authority/authority_certificates.h"
#include "harness/authority/authority_directory.h"
#include "harness/authority/authority_fields.h"
#include "harness/authority/authority_renewals.h"
#include "harness/authority/authority_secrets.h"
#include "harness/authority/authority_sessions.h"
#include "harness/authority/authority_unlocks.h"

#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

class AuthorityCore final {
public:
    explicit AuthorityCore(AuthorityOptions options);

    [[nodiscard]] emulator::CryptoContext& context() { return context_; }
    [[nodiscard]] CertificateBook& book() { return book_; }
    [[nodiscard]] const CertificateBook& book() const { return book_; }
    [[nodiscard]] const CardSecrets& secrets() const { return secrets_; }
    [[nodiscard]] const Directory& directory() const { return directory_; }
    [[nodiscard]] Sessions& sessions() { return sessions_; }
    [[nodiscard]] std::chrono::sys_seconds now() const { return options_.now(); }

    /// All that requests change.
    struct Kept {
        std::chrono::sys_seconds at;
        CertificateBook::Kept book;
        Directory directory;
        Sessions::Kept sessions;
        Unlocks::Kept unlocks;
        Renewals renewals;
    };
    [[nodiscard]] Kept kept() const;
    /// What ends after a while has as much time left as it had then.
    void restore(const Kept& kept);

    // authority_core.cpp
    [[nodiscard]] std::string unblocking_code(emulator::ByteView guid) const;
    void enrol(const MadeCard& card, const std::string& label, const std::vector<std::string>& roles);
    void revoke(std::string_view guid);
    [[nodiscard]] std::string unlock_code(std::string_view guid, std::chrono::seconds age);
    [[nodiscard]] emulator::Bytes revocations();

    // authority_access.cpp
    [[nodiscard]] nlohmann::json login_challenge();
    [[nodiscard]] nlohmann::json login(const Fields& body);
    [[nodiscard]] nlohmann::json logout(std::string_view session);
    [[nodiscard]] nlohmann::json directory_answer(std::string_view session, const Fields& query);
    [[nodiscard]] nlohmann::json management_key_answer(std::string_view session, const Fields& body);
    [[nodiscard]] nlohmann::json unlock(const Fields& body);
    [[nodiscard]] nlohmann::json unlock_done(const Fields& body);

    // authority_renewal.cpp
    [[nodiscard]] nlohmann::json renewal(std::string_view session, const Fields& body);
    [[nodiscard]] nlohmann::json certificate(std::string_view session, std::string_view id,
                                             const Fields& body, Misissue misissue);
    [[nodiscard]] nlohmann::json renewal_done(std::string_view session, std::string_view id);

    // authority_enrolment.cpp
    [[nodiscard]] static emulator::Bytes request_attributes();
    [[nodiscard]] emulator::Bytes simple_enroll(emulator::ByteView request, Misissue misissue);
    [[nodiscard]] emulator::Bytes simple_reenroll(emulator::ByteView client_certificate,
                                                  emulator::ByteView request, Misissue misissue);

private:
    // Each refuses where there is none.
    [[nodiscard]] Session session_of(std::string_view id);
    [[nodiscard]] Device& device_of(std::string_view guid);
    /// That the session may service that device, which is not revoked.
    [[nodiscard]] Device& served(const Session& session, std::string_view guid);
    void refuse_expired(const Device& device) const;

    /// Past its end, and nothing that was begun before that is to be finished with it.
    [[nodiscard]] bool over(const emulator::CertificateFacts& facts, const Device* device) const;
    /// A certificate of ours, in date, not revoked. Refuses by `untrusted`, `not-yet-valid`, `expired`,
    /// `revoked`.
    [[nodiscard]] ReadCertificate trusted(emulator::ByteView certificate);
    /// The device that it was issued for. Refuses by `unknown-holder` and `unknown-device`.
    [[nodiscard]] Device& owner_of(const ReadCertificate& certificate);
    /// A card has shown that it has the key of that certificate: so it is on the card.
    void confirm(Device& device, const std::string& key, const Issued& issued);

    [[nodiscard]] std::vector<std::string> found_holders(const Fields& query); ///< their numbers
    [[nodiscard]] nlohmann::json renewal_json(const Renewal& renewal, const Device& device) const;
    [[nodiscard]] bool outlived(const Renewal& renewal) const;
    /// Whether both certificates are in use, and the time to finish has passed: nobody said that it is done.
    [[nodiscard]] bool finished(const Renewal& renewal) const;
    /// The device's renewal; one that is over is closed, and none.
    Renewal* open_renewal(Device& device);
    static void close(Renewal& renewal, Device& device);
    /// Refuses a key that has a certificate already, for something else than this.
    void refuse_known_key(const Renewal& renewal, const RenewalKey& key,
                          const CertificationRequest& request) const;
    [[nodiscard]] std::vector<const Issued*> issued_in(const Renewal& renewal, std::string_view key) const;
    [[nodiscard]] const Issued* last_good(const Renewal& renewal, std::string_view key) const;
    [[nodiscard]] Renewal& renewal_of(const Session& session, std::string_view id);
    /// Refuses by `request` where it is not right, or for somebody else.
    [[nodiscard]] CertificationRequest checked_request(emulator::ByteView der, const Holder& holder);
    static void refuse_small(const CertificationRequest& request);
    /// Refuses where no device of the holder is any good.
    void refuse_without_device(std::string_view number) const;
    /// EST's: for a holder and no device.
    [[nodiscard]] emulator::Bytes enrolled(const std::string& number, emulator::ByteView der,
                                           Misissue misissue);
    void check_voucher(Device& device, std::string_view key, emulator::ByteView request,
                       const Fields& voucher);
    [[nodiscard]] const Issued& certified(const Renewal& renewal, const Device& device, const RenewalKey& key,
                                          const CertificationRequest& request, Misissue misissue);
    [[nodiscard]] nlohmann::json certificate_json(const Issued& issued) const;

    AuthorityOptions options_;
    emulator::CryptoContext context_;
    CardSecrets secrets_;
    CertificateBook book_;
    Directory directory_;
    Sessions sessions_;
    Unlocks unlocks_;
    Renewals renewals_;
};

} // namespace cardrig::harness
