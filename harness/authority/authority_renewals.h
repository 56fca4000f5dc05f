// Renewals that were begun: one for each device, until the client says that it is done.
#pragma once

#include "emulator/algorithm.h"

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

struct RenewalKey {
    std::string key; ///< "9A"
    emulator::Algorithm algorithm{};
};

struct Renewal {
    std::string id;
    std::string guid;
    std::vector<RenewalKey> keys;
    std::chrono::sys_seconds begun;
    bool open = true;
    std::set<std::string, std::less<>> shown; ///< keys whose certificate of this renewal was seen in use

    [[nodiscard]] const RenewalKey* find(std::string_view key) const {
        for (const RenewalKey& each : keys) {
            if (each.key == key) {
                return &each;
            }
        }
        return nullptr;
    }
};

class Renewals final {
public:
    Renewal& begin(const std::string& guid, std::vector<RenewalKey> keys, std::chrono::sys_seconds now) {
        std::string id = "renewal-" + std::to_string(renewals_.size() + 1);
        Renewal& renewal = renewals_[id];
        renewal = {id, guid, std::move(keys), now, true, {}};
        return renewal;
    }
    /// Null where there is none.
    [[nodiscard]] Renewal* find(std::string_view id) {
        const auto found = renewals_.find(id);
        return found == renewals_.end() ? nullptr : &found->second;
    }
    [[nodiscard]] Renewal* open_for(std::string_view guid) {
        for (auto& [id, renewal] : renewals_) {
            if (renewal.open && renewal.guid == guid) {
                return &renewal;
            }
        }
        return nullptr;
    }

private:
    std::map<std::string, Renewal, std::less<>> renewals_;
};

} // namespace cardrig::harness
