// The world around a card, as the card's faults turn to it: readers, other cards, the client.
#pragma once

#include "harness/fault.h"

namespace cardrig::harness {

class RiggedCard;

/// A card does not know which reader it is in, nor who uses it; whoever moves cards does (Hand is one).
class World {
public:
    World() = default;
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    virtual ~World() = default;

    /// A command for `card` has arrived, and nothing has happened to it yet. Called on the thread on which it
    /// will run, which has none of the card's locks: cards may be moved, and faults planned, which then count
    /// this command. What runs a command of a card may not be waited for.
    ///
    /// False where whoever sent it is gone: then nothing of it reaches the card, nor its faults or the trace.
    [[nodiscard]] virtual bool arrives(RiggedCard& /*card*/) { return true; }

    /// A fault at one of `card`'s places is due. What moves (moves()) is done here, by the readers'
    /// functions, which never wait; likewise `cut-power` that names a reader, where `card` is in another one
    /// (ReaderCard::lose_power() of what is in there). All other faults the card does by itself, and they
    /// never come here.
    ///
    /// Returns whether it befell `card` itself: it is what was taken out, its reader is what was unplugged,
    /// it is in the reader that `cut-power` names. Its command then has no answer, and at a memory write that
    /// write is torn. False where it befell something else or nothing; the command then goes on.
    ///
    /// Called on the thread on which `card` runs its command, or starts. Meanwhile another thread may hold
    /// whatever it likes but wait for this card's transmit(), power_on(), power_off(), reset(),
    /// fill_memory(), image() or mute(), none of which may be called here for another card either (that one
    /// may just be coming here for this one). The rest of RiggedCard waits for nobody.
    [[nodiscard]] virtual bool happen(RiggedCard& card, const Fault& fault) = 0;
};

} // namespace cardrig::harness
