// What the authority can be asked for, as values.
#pragma once

#include "scenarios/clients/reference/authority_link.h"
#include "scenarios/clients/reference/certificate.h"
#include "scenarios/clients/reference/piv.h"
#include "scenarios/clients/reference/secret.h"

#include <optional>
#include <string>
#include <vector>

namespace cardrig::client {

struct DeviceCertificate {
    std::string key; ///< "9A"
    std::chrono::sys_seconds not_after;
    apdu::Bytes certificate;
};

/// A card, as the authority has it on record.
struct Device {
    std::string guid;
    std::string label;
    std::string state;
    bool newest = false;
    bool due = false;
    std::vector<DeviceCertificate> certificates;
};

struct HolderRecord {
    Holder holder;
    std::vector<std::string> roles;
    std::vector<Device> devices;
};

struct Login {
    Holder holder;
    std::string role;
    std::optional<Device> device;
};

struct RenewalKey {
    Slot slot = Slot::authentication;
    std::uint8_t algorithm = 0;
    std::optional<apdu::Bytes> issued; ///< in this renewal already
    std::vector<apdu::Bytes> chain;    ///< of that
};

struct Renewal {
    std::string id;
    std::vector<RenewalKey> keys;
};

struct Issued {
    apdu::Bytes certificate;
    std::vector<apdu::Bytes> chain;
};

struct Unlocking {
    Secret code;
    Secret next;          ///< what it is to be changed to
    bool earlier = false; ///< it may have been changed already
};

/// Throws Failure: what is refused, not answered, or answered without sense.
class Authority final {
public:
    explicit Authority(AuthorityAddress address) : link_(std::move(address)) {}
    void set_pause(Pause pause) { link_.set_pause(std::move(pause)); }

    [[nodiscard]] apdu::Bytes login_challenge() const;
    [[nodiscard]] Login login(apdu::ByteView challenge, const Certificate& certificate,
                              apdu::ByteView signature, const std::string& role);
    void logout();
    /// `by`: "name", "number" or "guid".
    [[nodiscard]] std::vector<HolderRecord> directory(const std::string& by, const std::string& value) const;
    [[nodiscard]] Renewal begin_renewal(const std::string& guid) const;
    /// `voucher`: the certificate of the other key, and its signature over the request.
    [[nodiscard]] Issued certify(const Renewal& renewal, Slot slot, apdu::ByteView request,
                                 const Certificate& voucher, apdu::ByteView signature) const;
    void renewal_done(const Renewal& renewal) const;
    [[nodiscard]] apdu::Bytes management_answer(const std::string& guid,
                                                const ManagementChallenge& challenge) const;
    [[nodiscard]] Unlocking unlock(const std::string& guid, const Secret& code) const;
    void unlock_done(const std::string& guid, const Secret& code) const;

private:
    AuthorityLink link_;
};

} // namespace cardrig::client
