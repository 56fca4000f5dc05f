// What the power-cut tests of the PIV card have in common, and memories that break a precaution of any
// protection.
#pragma once

#include "emulator/store/layout.h"
#include "tests/emulator/piv_cut_bench.h"
#include "tests/emulator/yubico_cut_bench.h"

#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::tests {

inline bool mentions(const std::vector<std::string>& violations, std::string_view promise) {
    return std::ranges::any_of(
        violations, [promise](const std::string& each) { return each.find(promise) != std::string::npos; });
}

/// Which promises ("I5") cuts of one kind broke, of a card whose recoveries are not cut.
inline std::set<std::string> broken_by(std::string_view tearing, const std::vector<std::string>& violations) {
    std::set<std::string> broken;
    for (const std::string& violation : violations) {
        const std::size_t colon = violation.find(": ");
        if (violation.substr(0, colon).ends_with(fmt::format(" {}", tearing))) {
            broken.insert(violation.substr(colon + 2, 2));
        }
    }
    return broken;
}

/// A card that does not come up says why, and for no other reason than that it would be no card.
inline void check_mute_cards_say_why(const std::vector<std::string>& violations) {
    for (const std::string& violation : violations) {
        BOOST_TEST((violation.find(": I1 mute") == std::string::npos ||
                    violation.ends_with("its directory is erased") ||
                    violation.ends_with("the counters are not there")),
                   violation);
    }
}

/// Whether an operation shows a code (`spent`, for any way of it) or none.
inline bool shows(const Operation& operation, Shown shown) {
    const bool any = operation.passcode != Shown::nothing || operation.unblocking_code != Shown::nothing ||
                     operation.global_passcode != Shown::nothing;
    return any == (shown != Shown::nothing);
}

/// Cuts these operations, and their recoveries.
template <class Bench, class Operations>
void check_none_breaks_a_promise(Bench& bench, Operations&& operations) {
    for (const auto& operation : operations) {
        const std::uint64_t before = bench.cuts();
        for (const std::string& violation : bench.sweep(operation)) {
            BOOST_ERROR(violation);
        }
        BOOST_TEST(bench.cuts() > before, operation.name << " writes nothing");
    }
    BOOST_TEST(bench.cuts_of_recoveries() > 0U);
    BOOST_TEST_MESSAGE(bench.cuts() << " cuts, " << bench.cuts_of_recoveries() << " of recoveries");
}

/// Those of the standard, of that kind.
inline void check_operations(emulator::Protection protection, Shown shown) {
    PivCutBench bench(protection);
    std::vector<Operation> wanted;
    std::ranges::copy_if(all_operations(), std::back_inserter(wanted),
                         [shown](const Operation& each) { return shows(each, shown); });
    check_none_breaks_a_promise(bench, wanted);
}

/// Those of key tokens.
inline void check_token_operations(emulator::Protection protection) {
    TokenCutBench bench(protection);
    check_none_breaks_a_promise(bench, token_operations());
}

inline emulator::store::Layout layout_of(const emulator::Nvm& nvm, emulator::Protection protection) {
    return emulator::store::Layout::of(nvm.geometry(), protection).value();
}

/// Loses every write into certain regions.
class LosingNvm final : public emulator::Nvm {
public:
    LosingNvm(emulator::Nvm& memory, std::vector<emulator::store::Region> regions)
        : memory_(memory), regions_(std::move(regions)) {}

    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { memory_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override {
        if (std::ranges::none_of(regions_,
                                 [offset](const auto& region) { return region.contains(offset); })) {
            memory_.write(offset, bytes);
        }
    }
    void sync() override { memory_.sync(); }

private:
    emulator::Nvm& memory_;
    std::vector<emulator::store::Region> regions_;
};

/// Keeps writes into certain regions to itself, where they are gone with the power.
class DelayingNvm final : public emulator::Nvm {
public:
    DelayingNvm(emulator::Nvm& memory, std::vector<emulator::store::Region> regions)
        : memory_(memory), regions_(std::move(regions)) {}

    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
        memory_.read(offset, out);
        for (const auto& [at, byte] : delayed_) {
            if (at >= offset && at - offset < out.size()) {
                out[at - offset] = byte;
            }
        }
    }
    void write(std::uint32_t offset, ByteView bytes) override {
        if (std::ranges::none_of(regions_,
                                 [offset](const auto& region) { return region.contains(offset); })) {
            memory_.write(offset, bytes);
            return;
        }
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            delayed_[offset + static_cast<std::uint32_t>(i)] = bytes[i];
        }
    }
    void sync() override { memory_.sync(); }

private:
    emulator::Nvm& memory_;
    std::vector<emulator::store::Region> regions_;
    std::map<std::uint32_t, std::uint8_t> delayed_;
};

} // namespace cardrig::tests
