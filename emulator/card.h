// The card: applications behind one interface that takes command APDUs and gives response APDUs.
//
// A Card object is the volatile half of a card: it lives from power-on to power-off. What persists is in the
// `Nvm` it is made over. A cut of power is the end of the object.
#pragma once

#include "apdu/command_apdu.h"
#include "apdu/response_apdu.h"
#include "emulator/application.h"
#include "emulator/card_config.h"
#include "emulator/command_chain.h"
#include "emulator/environment.h"
#include "emulator/global_status.h"
#include "emulator/nvm.h"
#include "emulator/object_store.h"
#include "emulator/pace.h"

#include <memory>
#include <vector>

namespace cardrig::emulator {

class Card final {
public:
    /// Its applications refer to its parts.
    Card(const Card&) = delete;
    Card& operator=(const Card&) = delete;
    ~Card() = default;

    /// Power-on: recovers the memory and selects the default application. Fails where the memory is no
    /// card's; a rig shows such a card as mute. `nvm` and the environment's parts outlive the card.
    [[nodiscard]] static Result<std::unique_ptr<Card>> power_on(Nvm& nvm, const CardConfig& config,
                                                                Environment environment);

    [[nodiscard]] ByteView atr() const { return config_.atr; }
    /// Warm reset: all volatile state as after power-on (SP 800-73-4 part 2, 3; ISO/IEC 7816-3, 6.2.3).
    void reset();
    /// One command APDU and its answer, both as on the wire. Never fails for what the host sends: what is
    /// malformed is answered 6700.
    [[nodiscard]] Bytes transmit(ByteView command);
    /// The same into a buffer that is used again and again: what it held is gone, what it has room for stays.
    void transmit(ByteView command, Bytes& response);

    [[nodiscard]] const ObjectStore& store() const { return *store_; }

private:
    Card(Nvm& nvm, const CardConfig& config, Environment environment);

    [[nodiscard]] ResponseApdu exchange(ByteView command);
    [[nodiscard]] ResponseApdu answer(ByteView bytes);
    void drop_chain();
    [[nodiscard]] ResponseApdu take_block(const CommandApdu& block, BlockPosition position);
    [[nodiscard]] ResponseApdu select(const CommandApdu& command);
    [[nodiscard]] Application* find_application(ByteView aid) const;
    [[nodiscard]] ResponseApdu get_response(const CommandApdu& command);
    /// As much of an answer as the command can take; the rest waits for GET RESPONSE.
    [[nodiscard]] ResponseApdu split(ResponseApdu whole, const CommandApdu& command);

    CardConfig config_;
    Pace pace_;
    PacedNvm nvm_;
    PacedKeys keys_;
    Environment environment_;
    std::unique_ptr<ObjectStore> store_;
    std::vector<std::unique_ptr<Application>> applications_;
    Application* selected_ = nullptr;
    CommandChain chain_;
    GlobalStatus global_;
    Bytes pending_; ///< what GET RESPONSE has yet to bring
};

} // namespace cardrig::emulator
