#include "harness/authority/authority_core.h"

#include "emulator/inspection.h"
#include "harness/authority/authority_refusal.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::Bytes;
using emulator::ByteView;

/// A stream of its own: the cards of a run draw from the same seed.
std::optional<std::uint64_t> own_seed(std::optional<std::uint64_t> seed) {
    if (!seed) {
        return std::nullopt;
    }
    const std::string text = fmt::format("cardrig test authority\n{}", *seed);
    const Bytes digest = emulator::sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    std::uint64_t own = 0;
    for (std::size_t i = 0; i < sizeof own; ++i) {
        own = own << 8U | digest[i];
    }
    return own;
}

PairCertificate pair_certificate(const Issued& issued) {
    return {issued.record.certificate, issued.facts};
}

} // namespace

AuthorityCore::AuthorityCore(AuthorityOptions options)
    : options_(std::move(options)), context_(own_seed(options_.seed)), secrets_(context_), book_(context_),
      directory_(options_.rules.window), sessions_(context_),
      unlocks_(context_, options_.rules.unlock_code_valid) {}

AuthorityCore::Kept AuthorityCore::kept() const {
    return {now(), book_.kept(), directory_, sessions_.kept(), unlocks_.kept(), renewals_};
}

void AuthorityCore::restore(const Kept& kept) {
    const std::chrono::seconds since = now() - kept.at;
    book_.restore(kept.book);
    directory_ = kept.directory;
    sessions_.restore(kept.sessions, since);
    unlocks_.restore(kept.unlocks, since);
    renewals_ = kept.renewals;
}

std::string AuthorityCore::unblocking_code(ByteView guid) const {
    return secrets_.unblocking_code(guid, unlocks_.generation(apdu::to_hex(guid)));
}

void AuthorityCore::enrol(const MadeCard& card, const std::string& label,
                          const std::vector<std::string>& roles) {
    const auto state = emulator::inspect(card.image);
    if (!state) {
        throw std::runtime_error(
            fmt::format("the card '{}' cannot be read: {}", label, state.error().message));
    }
    Device device;
    device.guid = apdu::to_hex(card.guid);
    device.label = label;
    device.holder = card.holder;
    for (const emulator::SlotState& slot : state->slots) {
        const Issued* issued = slot.certificate ? book_.find(slot.certificate->der) : nullptr;
        if (issued == nullptr) {
            continue;
        }
        const std::string key = fmt::format("{:02X}", slot.reference);
        book_.assign(slot.certificate->der, device.guid, key);
        if (key == authentication_key || key == signature_key) {
            device.pair[key] = pair_certificate(*issued);
        }
    }
    if (const auto found = device.pair.find(authentication_key); found != device.pair.end()) {
        device.first = found->second;
    }
    directory_.enter(std::move(device), roles);
}

void AuthorityCore::confirm(Device& device, const std::string& key, const Issued& issued) {
    if (key == authentication_key || key == signature_key) {
        device.pair[key] = pair_certificate(issued);
    }
    Renewal* const renewal = renewals_.find(issued.record.renewal);
    if (renewal != nullptr && issued.misissue == Misissue::none) {
        renewal->shown.insert(key);
    }
}

Device& AuthorityCore::device_of(std::string_view guid) {
    Device* const device = directory_.find(guid);
    if (device == nullptr) {
        refuse("unknown-device", "no device with this GUID is known");
    }
    return *device;
}

void AuthorityCore::revoke(std::string_view guid) {
    Device& device = device_of(guid);
    device.revoked_since = device.revoked ? device.revoked_since : now();
    device.revoked = true;
}

std::string AuthorityCore::unlock_code(std::string_view guid, std::chrono::seconds age) {
    return unlocks_.new_code(device_of(guid).guid, now() - age);
}

Bytes AuthorityCore::revocations() {
    std::vector<Revocation> revoked;
    for (const Issued& issued : book_.all()) {
        if (const Device* const device = directory_.find(issued.record.guid); device && device->revoked) {
            revoked.push_back({issued.record.certificate, device->revoked_since});
        }
    }
    return book_.revocation_list(revoked, now());
}

} // namespace cardrig::harness
