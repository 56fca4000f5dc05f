// A card for tests of the rig: the shipped profile, and changes straight in its memory.
#pragma once

#include "emulator/object_store.h"
#include "harness/profile.h"

#include <functional>
#include <string_view>

namespace cardrig::test {

/// The profile piv-staff, made once for all tests.
[[nodiscard]] const harness::MadeCard& staff_card();
/// The same with other values, by the profile's own keys.
[[nodiscard]] harness::MadeCard staff_card_with(const harness::ProfileOverrides& overrides);
/// The image after a change in its object store.
[[nodiscard]] emulator::CardImage changed(const emulator::CardImage& image,
                                          const std::function<void(emulator::ObjectStore&)>& change);
/// A passcode as it lies in memory: eight bytes, padded with FF.
[[nodiscard]] apdu::Bytes padded(std::string_view code);
/// Bytes of hexadecimal text; throws on anything else.
[[nodiscard]] apdu::Bytes hex(std::string_view text);
[[nodiscard]] std::chrono::sys_seconds now();

/// A private folder that is gone when it goes out of scope.
class TemporaryFolder {
public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

private:
    std::string path_;
};

} // namespace cardrig::test
