// Whom the authority knows: holders, their devices, and which certificates it knows to be on each of them.
#pragma once

#include "emulator/x509_reading.h"
#include "harness/authority/authority.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// A certificate that is on a card, as far as the authority knows.
struct PairCertificate {
    emulator::Bytes der;
    emulator::CertificateFacts facts;
};

/// The keys whose certificates are renewed together.
inline constexpr std::string_view authentication_key = "9A";
inline constexpr std::string_view signature_key = "9C";

/// How long after its beginning a renewal is still the same piece of work.
inline constexpr std::chrono::seconds time_to_finish = std::chrono::days(1);

struct Device {
    std::string guid; ///< upper-case hex
    std::string label;
    Holder holder;
    bool revoked = false;
    std::chrono::sys_seconds revoked_since;
    std::map<std::string, PairCertificate, std::less<>> pair; ///< by key: "9A", "9C"
    PairCertificate first;                                    ///< what 9A had when the card was made
    std::size_t entered = 0;                                  ///< how many were known before it
    /// When the renewal that is open was last begun while 9A was in date.
    std::optional<std::chrono::sys_seconds> begun;

    [[nodiscard]] emulator::Bytes guid_bytes() const;
    /// What was begun in date may be finished: a card whose new key has no certificate yet has no old one.
    [[nodiscard]] bool finishing(std::chrono::sys_seconds now) const {
        return begun && now <= *begun + time_to_finish;
    }
};

class Directory final {
public:
    explicit Directory(std::chrono::seconds window) : window_(window) {}

    /// Replaces a device with the same GUID.
    void enter(Device device, const std::vector<std::string>& roles);
    [[nodiscard]] Device* find(std::string_view guid);
    [[nodiscard]] std::vector<const Device*> devices() const; ///< in the order in which they were entered
    [[nodiscard]] std::vector<const Device*> devices_of(std::string_view number) const;
    [[nodiscard]] bool knows_holder(std::string_view number) const;
    /// Empty where nobody has that number.
    [[nodiscard]] std::string name_of(std::string_view number) const;
    [[nodiscard]] bool has_role(std::string_view number, std::string_view role) const;
    /// Of whose name this is a part, capital or small.
    [[nodiscard]] std::vector<std::string> numbers_by_name(std::string_view part) const;

    /// The certificate of 9A has ended.
    [[nodiscard]] static bool ended(const Device& device, std::chrono::sys_seconds now);
    /// And no renewal that was begun before that may be finished.
    [[nodiscard]] static bool expired(const Device& device, std::chrono::sys_seconds now);
    /// One of the pair ends within the window, and it is not expired.
    [[nodiscard]] bool due(const Device& device, std::chrono::sys_seconds now) const;

    /// As README.md describes them.
    [[nodiscard]] nlohmann::json holder_json(std::string_view number) const;
    [[nodiscard]] nlohmann::json device_json(const Device& device, std::chrono::sys_seconds now) const;

private:
    struct Entry {
        std::string name;
        std::vector<std::string> roles;
    };
    [[nodiscard]] const Device* newest_of(std::string_view number, std::chrono::sys_seconds now) const;

    std::chrono::seconds window_;
    std::map<std::string, Entry, std::less<>> holders_;
    std::map<std::string, Device, std::less<>> devices_;
};

} // namespace cardrig::harness
