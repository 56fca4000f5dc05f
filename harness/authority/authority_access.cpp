// Login, the directory, and what a card's own secrets are needed for.
#include "harness/authority/authority_core.h"
#include "harness/authority/authority_refusal.h"
#include "harness/base64.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::Bytes;
using emulator::ByteView;

} // namespace

bool AuthorityCore::over(const emulator::CertificateFacts& facts, const Device* device) const {
    if (now() <= facts.not_after) {
        return false;
    }
    return device == nullptr || !device->finishing(now()) || facts.not_after < *device->begun;
}

ReadCertificate AuthorityCore::trusted(ByteView certificate) {
    auto read = read_presented(context_, certificate);
    if (!read) {
        refuse_malformed("field 'certificate': no X.509 certificate");
    }
    if (!book_.issuing().has_issued(read->x509.get())) {
        refuse("untrusted", "the certificate was not issued by this authority");
    }
    if (now() < read->facts.not_before) {
        refuse("not-yet-valid", "the certificate is not valid yet");
    }
    const Issued* const issued = book_.find(certificate);
    const Device* const device = issued == nullptr ? nullptr : directory_.find(issued->record.guid);
    if (over(read->facts, device)) {
        refuse("expired", "the certificate has expired: contact the registration authority");
    }
    if (device != nullptr && device->revoked) {
        refuse("revoked", "the certificate is revoked");
    }
    return std::move(*read);
}

Device& AuthorityCore::owner_of(const ReadCertificate& certificate) {
    if (!directory_.knows_holder(attribute_of(X509_get_subject_name(certificate.x509.get()), NID_userId))) {
        refuse("unknown-holder", "the certificate's holder is not known");
    }
    const Issued* const issued = book_.find(certificate.der);
    Device* const device =
        issued == nullptr || !issued->belongs() ? nullptr : directory_.find(issued->record.guid);
    if (device == nullptr) {
        refuse("unknown-device", "the certificate is not one of a device that is known");
    }
    return *device;
}

Session AuthorityCore::session_of(std::string_view id) {
    const Session* const session = sessions_.find(id, now());
    if (session == nullptr) {
        throw Refused{{401, "session", "you have been logged out"}};
    }
    if (device_of(session->guid).revoked) {
        refuse("revoked", "the card that logged in is revoked");
    }
    return *session;
}

nlohmann::json AuthorityCore::login_challenge() {
    return {{"challenge", to_base64(sessions_.new_challenge(now()))}};
}

nlohmann::json AuthorityCore::login(const Fields& body) {
    const Bytes challenge = body.bytes("challenge");
    const Bytes presented = body.bytes("certificate");
    const Bytes signature = body.bytes("signature");
    const std::string role = body.text_or("role", "staff");
    if (!sessions_.redeem(challenge, now())) {
        refuse("challenge", "this challenge was not given out, is out of date, or was used already");
    }
    const ReadCertificate certificate = trusted(presented);
    if (!signature_verifies(context_, certificate, challenge, signature)) {
        refuse("signature", "the challenge is not signed by the certificate's key");
    }
    Device& device = owner_of(certificate);
    const Issued& issued = *book_.find(presented);
    if (issued.record.key != authentication_key && issued.record.key != signature_key) {
        refuse("untrusted", "only the certificates of 9A and 9C are good for a login");
    }
    confirm(device, issued.record.key, issued);
    (void)open_renewal(device);
    if (!directory_.has_role(device.holder.number, role)) {
        refuse("role", "the holder does not have this role");
    }
    const std::string id = sessions_.begin({device.guid, device.holder.number, role, {}}, now());
    return {{"session", id},
            {"holder", directory_.holder_json(device.holder.number)},
            {"role", role},
            {"device", directory_.device_json(device, now())}};
}

nlohmann::json AuthorityCore::logout(std::string_view session) {
    (void)session_of(session);
    sessions_.end(session);
    return nlohmann::json::object();
}

std::vector<std::string> AuthorityCore::found_holders(const Fields& query) {
    if (query.has("guid")) {
        return {device_of(query.guid("guid")).holder.number};
    }
    if (query.has("number")) {
        const std::string number = query.text("number");
        return directory_.knows_holder(number) ? std::vector{number} : std::vector<std::string>();
    }
    if (query.has("name")) {
        return directory_.numbers_by_name(query.text("name"));
    }
    refuse_malformed("one of 'guid', 'name' and 'number' is needed");
}

nlohmann::json AuthorityCore::directory_answer(std::string_view session_id, const Fields& query) {
    const Session session = session_of(session_id);
    std::vector<std::string> numbers;
    try {
        numbers = found_holders(query);
    } catch (const Refused& refused) {
        // Whom the authority does not know is nothing that everybody may ask.
        if (session.of_agent() || refused.refusal.status != 403) {
            throw;
        }
    }
    if (!session.of_agent()) {
        std::erase_if(numbers, [&](const std::string& number) { return number != session.number; });
        if (numbers.empty()) {
            refuse("role", "only an agent may look at other holders");
        }
    }
    if (numbers.empty()) {
        refuse("unknown-holder", "no such holder is known");
    }
    nlohmann::json holders = nlohmann::json::array();
    for (const std::string& number : numbers) {
        nlohmann::json holder = directory_.holder_json(number);
        holder["devices"] = nlohmann::json::array();
        for (const Device* const device : directory_.devices_of(number)) {
            holder["devices"].push_back(directory_.device_json(*device, now()));
        }
        holders.push_back(std::move(holder));
    }
    return {{"holders", std::move(holders)}};
}

Device& AuthorityCore::served(const Session& session, std::string_view guid) {
    if (!session.of_agent() && session.guid != guid) {
        refuse("role", "only an agent may service another device than the one that logged in");
    }
    Device& device = device_of(guid);
    if (session.of_agent() && device.holder.number == session.number) {
        refuse("role", "an agent does not service his own cards: he logs in as their holder for that");
    }
    if (device.revoked) {
        refuse("revoked", "the device is revoked");
    }
    return device;
}

void AuthorityCore::refuse_expired(const Device& device) const {
    if (Directory::expired(device, now())) {
        refuse("expired", "the certificate has expired: contact the registration authority");
    }
}

nlohmann::json AuthorityCore::management_key_answer(std::string_view session_id, const Fields& body) {
    const Session session = session_of(session_id);
    const Device& device = served(session, body.guid("device"));
    refuse_expired(device);
    if (renewals_.open_for(device.guid) == nullptr) {
        refuse("not-due", "no renewal of this device has begun");
    }
    const auto algorithm = emulator::algorithm_from_profile_word(body.text("algorithm"));
    if (!algorithm || !is_symmetric(*algorithm)) {
        refuse_malformed("field 'algorithm': none of 3des, aes-128, aes-192 and aes-256");
    }
    const Bytes challenge = body.bytes("challenge");
    if (challenge.size() != block_size(*algorithm)) {
        refuse_malformed(fmt::format("field 'challenge': {} bytes, but a block has {}", challenge.size(),
                                     block_size(*algorithm)));
    }
    Bytes key = secrets_.management_key(device.guid_bytes(), *algorithm);
    const Bytes response = emulator::encrypt_block(context_, *algorithm, key, challenge);
    OPENSSL_cleanse(key.data(), key.size());
    return {{"response", to_base64(response)}};
}

nlohmann::json AuthorityCore::unlock(const Fields& body) {
    const std::string guid = body.guid("device");
    const std::string code = body.text("code");
    const Device& device = device_of(guid);
    if (device.revoked) {
        refuse("revoked", "the device is revoked");
    }
    refuse_expired(device);
    const Unlocks::Grant grant = unlocks_.grant(guid, code, now());
    return {{"unblocking-code", secrets_.unblocking_code(device.guid_bytes(), grant.generation)},
            {"next-unblocking-code", secrets_.unblocking_code(device.guid_bytes(), grant.generation + 1)},
            {"earlier", grant.earlier}};
}

nlohmann::json AuthorityCore::unlock_done(const Fields& body) {
    const std::string guid = body.guid("device");
    const std::string code = body.text("code");
    unlocks_.done(device_of(guid).guid, code);
    return nlohmann::json::object();
}

} // namespace cardrig::harness
