#include "harness/authority/authority_directory.h"

#include "harness/base64.h"
#include "harness/utc_text.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace cardrig::harness {

namespace {

using std::chrono::sys_seconds;

std::string in_small_letters(std::string_view text) {
    std::string small(text);
    std::ranges::transform(small, small.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return small;
}

const char* state_word(const Device& device, sys_seconds now) {
    if (device.revoked) {
        return "revoked";
    }
    return Directory::expired(device, now) ? "expired" : "active";
}

nlohmann::json certificate_json(const std::string& key, const PairCertificate& certificate) {
    return {{"key", key},
            {"serial", certificate.facts.serial},
            {"not-before", utc_rfc3339(certificate.facts.not_before)},
            {"not-after", utc_rfc3339(certificate.facts.not_after)},
            {"certificate", to_base64(certificate.der)}};
}

/// Of two cards, the one that was made later; what it was renewed with since makes it no newer card.
auto age(const Device& device) {
    return std::make_tuple(device.first.facts.not_before, device.first.facts.not_after, device.entered);
}

} // namespace

emulator::Bytes Device::guid_bytes() const {
    return apdu::from_hex(guid).value();
}

void Directory::enter(Device device, const std::vector<std::string>& roles) {
    Entry& holder = holders_.try_emplace(device.holder.number, Entry{device.holder.name, {}}).first->second;
    for (const std::string& role : roles) {
        if (std::ranges::find(holder.roles, role) == holder.roles.end()) {
            holder.roles.push_back(role);
        }
    }
    device.entered = devices_.size();
    std::string guid = device.guid;
    devices_.insert_or_assign(std::move(guid), std::move(device));
}

Device* Directory::find(std::string_view guid) {
    const auto found = devices_.find(guid);
    return found == devices_.end() ? nullptr : &found->second;
}

std::vector<const Device*> Directory::devices() const {
    std::vector<const Device*> all;
    for (const auto& [guid, device] : devices_) {
        all.push_back(&device);
    }
    std::ranges::stable_sort(all, {}, [](const Device* device) { return device->entered; });
    return all;
}

std::vector<const Device*> Directory::devices_of(std::string_view number) const {
    std::vector<const Device*> all = devices();
    std::erase_if(all, [&](const Device* device) { return device->holder.number != number; });
    return all;
}

bool Directory::knows_holder(std::string_view number) const {
    return holders_.contains(number);
}

std::string Directory::name_of(std::string_view number) const {
    const auto found = holders_.find(number);
    return found == holders_.end() ? std::string() : found->second.name;
}

bool Directory::has_role(std::string_view number, std::string_view role) const {
    const auto found = holders_.find(number);
    return found != holders_.end() &&
           std::ranges::find(found->second.roles, role) != found->second.roles.end();
}

std::vector<std::string> Directory::numbers_by_name(std::string_view part) const {
    const std::string wanted = in_small_letters(part);
    std::vector<std::string> numbers;
    for (const auto& [number, holder] : holders_) {
        if (in_small_letters(holder.name).find(wanted) != std::string::npos) {
            numbers.push_back(number);
        }
    }
    return numbers;
}

bool Directory::expired(const Device& device, sys_seconds now) {
    return ended(device, now) && !device.finishing(now);
}

bool Directory::ended(const Device& device, sys_seconds now) {
    const auto found = device.pair.find(authentication_key);
    return found != device.pair.end() && found->second.facts.not_after < now;
}

bool Directory::due(const Device& device, sys_seconds now) const {
    return !expired(device, now) && std::ranges::any_of(device.pair, [&](const auto& each) {
        return each.second.facts.not_after - window_ <= now;
    });
}

const Device* Directory::newest_of(std::string_view number, sys_seconds now) const {
    const Device* newest = nullptr;
    for (const Device* device : devices_of(number)) {
        if (!device->revoked && !expired(*device, now) &&
            (newest == nullptr || age(*newest) < age(*device))) {
            newest = device;
        }
    }
    return newest;
}

nlohmann::json Directory::holder_json(std::string_view number) const {
    const Entry& holder = holders_.find(number)->second;
    return {{"name", holder.name}, {"number", number}, {"roles", holder.roles}};
}

nlohmann::json Directory::device_json(const Device& device, sys_seconds now) const {
    nlohmann::json json{{"guid", device.guid},
                        {"label", device.label},
                        {"state", state_word(device, now)},
                        {"newest", newest_of(device.holder.number, now) == &device},
                        {"due", !device.revoked && due(device, now)},
                        {"certificates", nlohmann::json::array()}};
    for (const auto& [key, certificate] : device.pair) {
        json["certificates"].push_back(certificate_json(key, certificate));
    }
    if (!device.pair.empty()) {
        const auto first = std::ranges::min_element(
            device.pair, {}, [](const auto& each) { return each.second.facts.not_after; });
        json["not-after"] = utc_rfc3339(first->second.facts.not_after);
    }
    return json;
}

} // namespace cardrig::harness
