// A card in a rig with a world around it that is played, for tests of what befalls the card.
#pragma once

#include "emulator/card_image.h"
#include "harness/rigged_card.h"
#include "tests/harness/test_card.h"

#include <functional>
#include <string>
#include <vector>

namespace cardrig::test {

constexpr const char* read_chuid = "00CB3FFF055C035FC10200";
constexpr const char* right_passcode = "0020008008313233343536FFFF";
constexpr const char* wrong_passcode = "0020008008393939393939FFFF";
constexpr const char* ask_tries = "00200080";
constexpr const char* ask_challenge = "0087039B047C02810000";

/// Does nothing but say what it was asked to do, and whether that befell the card.
class PlayedWorld final : public harness::World {
public:
    bool befalls = false;
    std::function<void(harness::RiggedCard&, const harness::Fault&)> act;
    std::vector<std::string> asked;

    bool happen(harness::RiggedCard& card, const harness::Fault& fault) override;
};

/// Fails the test where the two do not go together.
[[nodiscard]] harness::Fault make_fault(const std::string& place, const std::string& effect,
                                        std::uint64_t id = 0);

/// With power.
struct RiggedCardFixture {
    harness::Trace trace;
    PlayedWorld world; // outlives the card
    harness::RiggedCard card;
    std::vector<std::string> told;

    explicit RiggedCardFixture(const emulator::CardImage& image = staff_card().image);

    void with_world() { card.set_world(&world); }
    harness::Answer send(const char* command) { return card.transmit(hex(command)); }
    /// Status word in hex, or why there is none.
    std::string status(const std::string& command);
    [[nodiscard]] int tries() const;
    [[nodiscard]] std::vector<harness::TraceEvent> of_kind(const std::string& kind) const;
};

/// External authentication with the management key of the card's maker.
void authenticate(RiggedCardFixture& rig);
/// PUT DATA of 5FC120 with so many bytes, chained; the last status word.
std::string put(RiggedCardFixture& rig, std::uint16_t size);

} // namespace cardrig::test
