#include "scenarios/clients/reference/authority.h"

#include "scenarios/clients/reference/failure.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

#include <openssl/evp.h>

namespace cardrig::client {

namespace {

using apdu::Bytes;
using apdu::ByteView;
using nlohmann::json;

Failure senseless() {
    return {ExitStatus::refused, "Error: the service refused: its answer makes no sense"};
}

std::string to_base64(ByteView bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

Bytes from_base64(const std::string& text) {
    Bytes bytes(text.size() / 4 * 3 + 3);
    const int size = text.size() % 4 != 0
                         ? -1
                         : EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                           static_cast<int>(text.size()));
    if (size < 0) {
        throw senseless();
    }
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

std::chrono::sys_seconds time_from(const std::string& text) {
    std::tm fields{};
    char zone = 0;
    if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%c", &fields.tm_year, &fields.tm_mon,
                    &fields.tm_mday, &fields.tm_hour, &fields.tm_min, &fields.tm_sec, &zone) != 7 ||
        zone != 'Z') {
        throw senseless();
    }
    fields.tm_year -= 1900;
    fields.tm_mon -= 1;
    return std::chrono::sys_seconds(std::chrono::seconds(timegm(&fields)));
}

/// Runs over an answer; a field that is missing or of another kind makes all of it senseless.
template <class Read>
auto reading(Read&& read) {
    try {
        return read();
    } catch (const json::exception&) {
        throw senseless();
    }
}

std::vector<Bytes> chain_from(const json& value) {
    std::vector<Bytes> chain;
    for (const json& item : value) {
        chain.push_back(from_base64(item.get<std::string>()));
    }
    return chain;
}

Slot slot_from(const std::string& key) {
    for (const Slot slot : {Slot::authentication, Slot::signature}) {
        if (key == name_of(slot)) {
            return slot;
        }
    }
    throw senseless();
}

Holder holder_from(const json& value) {
    return {value.at("name").get<std::string>(), value.at("number").get<std::string>()};
}

Device device_from(const json& value) {
    Device device;
    device.guid = value.at("guid").get<std::string>();
    device.label = value.value("label", "");
    device.state = value.at("state").get<std::string>();
    device.newest = value.at("newest").get<bool>();
    device.due = value.at("due").get<bool>();
    for (const json& item : value.at("certificates")) {
        device.certificates.push_back({item.at("key").get<std::string>(),
                                       time_from(item.at("not-after").get<std::string>()),
                                       from_base64(item.at("certificate").get<std::string>())});
    }
    return device;
}

/// SP 800-78-4, table 6-1.
const char* management_algorithm(std::uint8_t algorithm) {
    switch (algorithm) {
    case 0x08:
        return "aes-128";
    case 0x0A:
        return "aes-192";
    case 0x0C:
        return "aes-256";
    default:
        return "3des";
    }
}

} // namespace

Bytes Authority::login_challenge() const {
    const json answer = link_.post("/api/login/challenge", json::object());
    return reading([&] { return from_base64(answer.at("challenge").get<std::string>()); });
}

Login Authority::login(ByteView challenge, const Certificate& certificate, ByteView signature,
                       const std::string& role) {
    json body{{"challenge", to_base64(challenge)},
              {"certificate", to_base64(certificate.der())},
              {"signature", to_base64(signature)}};
    if (!role.empty()) {
        body["role"] = role;
    }
    const json answer = link_.post("/api/login", body);
    return reading([&] {
        link_.set_session(answer.at("session").get<std::string>());
        Login login{holder_from(answer.at("holder")), answer.value("role", ""), std::nullopt};
        if (const auto device = answer.find("device"); device != answer.end() && device->is_object()) {
            login.device = device_from(*device);
        }
        return login;
    });
}

void Authority::logout() {
    try {
        static_cast<void>(link_.post("/api/logout", json::object()));
    } catch (const Failure&) {
        // A session that nobody uses ends by itself.
    }
    link_.set_session("");
}

std::vector<HolderRecord> Authority::directory(const std::string& by, const std::string& value) const {
    const json answer = link_.get("/api/devices", {{by, value}});
    return reading([&] {
        std::vector<HolderRecord> holders;
        for (const json& item : answer.at("holders")) {
            HolderRecord record{holder_from(item), item.value("roles", std::vector<std::string>{}), {}};
            for (const json& device : item.at("devices")) {
                record.devices.push_back(device_from(device));
            }
            holders.push_back(std::move(record));
        }
        return holders;
    });
}

Renewal Authority::begin_renewal(const std::string& guid) const {
    const json answer = link_.post("/api/renewals", json{{"device", guid}});
    return reading([&] {
        Renewal renewal{answer.at("renewal").get<std::string>(), {}};
        for (const json& item : answer.at("keys")) {
            const auto algorithm = algorithm_from_word(item.at("algorithm").get<std::string>());
            if (!algorithm) {
                throw cannot_complete("the service wants a key of a kind that is not known here");
            }
            RenewalKey key{slot_from(item.at("key").get<std::string>()), *algorithm, std::nullopt, {}};
            if (item.value("issued", false)) {
                key.issued = from_base64(item.at("certificate").get<std::string>());
                key.chain = chain_from(item.value("chain", json::array()));
            }
            const bool twice = std::any_of(renewal.keys.begin(), renewal.keys.end(),
                                           [&](const RenewalKey& other) { return other.slot == key.slot; });
            if (twice) {
                throw senseless();
            }
            renewal.keys.push_back(std::move(key));
        }
        if (renewal.keys.empty()) {
            throw senseless();
        }
        return renewal;
    });
}

Issued Authority::certify(const Renewal& renewal, Slot slot, ByteView request, const Certificate& voucher,
                          ByteView signature) const {
    const json body{
        {"key", name_of(slot)},
        {"request", to_base64(request)},
        {"voucher", {{"certificate", to_base64(voucher.der())}, {"signature", to_base64(signature)}}}};
    const json answer = link_.post("/api/renewals/" + renewal.id + "/certificates", body);
    return reading([&] {
        return Issued{from_base64(answer.at("certificate").get<std::string>()),
                      chain_from(answer.at("chain"))};
    });
}

void Authority::renewal_done(const Renewal& renewal) const {
    static_cast<void>(link_.post("/api/renewals/" + renewal.id + "/done", json::object()));
}

Bytes Authority::management_answer(const std::string& guid, const ManagementChallenge& challenge) const {
    const json answer =
        link_.post("/api/management-key", json{{"device", guid},
                                               {"algorithm", management_algorithm(challenge.algorithm)},
                                               {"challenge", to_base64(challenge.challenge)}});
    return reading([&] { return from_base64(answer.at("response").get<std::string>()); });
}

Unlocking Authority::unlock(const std::string& guid, const Secret& code) const {
    const json answer = link_.post("/api/unlock", json{{"device", guid}, {"code", std::string(code.text())}});
    return reading([&] {
        return Unlocking{Secret(answer.at("unblocking-code").get<std::string>()),
                         Secret(answer.at("next-unblocking-code").get<std::string>()),
                         answer.value("earlier", false)};
    });
}

void Authority::unlock_done(const std::string& guid, const Secret& code) const {
    static_cast<void>(
        link_.post("/api/unlock/done", json{{"device", guid}, {"code", std::string(code.text())}}));
}

} // namespace cardrig::client
