// What a card's store holds, told apart by digests: what states are merged by, and what I5 is checked on.
#pragma once

#include "emulator/object_store.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cardrig::harness {

struct StoreContents {
    std::vector<std::pair<emulator::ObjectId, std::uint64_t>> objects; ///< by number: a digest of the content
    std::array<std::uint8_t, 16> counters{};

    [[nodiscard]] static StoreContents of(const emulator::ObjectStore& store);
    [[nodiscard]] std::uint64_t digest() const;
    [[nodiscard]] bool contains(emulator::ObjectId id) const;
    friend bool operator==(const StoreContents&, const StoreContents&) = default;
};

/// All that each object has been at some time, absent included: I5.
class CommittedValues {
public:
    /// The contents between two commands.
    void add(const StoreContents& contents);
    /// The first object that is none of that, in words; none: there is none. One that says of itself that it
    /// is unfinished counts as absent, and may be anything.
    [[nodiscard]] std::optional<std::string> torn(const StoreContents& contents) const;

private:
    struct Object {
        std::set<std::uint64_t> values;
        std::size_t seen = 0; ///< so many times it was there
    };
    std::map<emulator::ObjectId, Object> objects_;
    std::size_t added_ = 0;
};

/// "the certificate of 9A", "the key of 9C", "the passcode", "object 5FC102"
[[nodiscard]] std::string object_name(emulator::ObjectId id);

} // namespace cardrig::harness
