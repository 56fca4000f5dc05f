// The application's passcode, the code that unblocks it, and the card's global passcode, with their retry
// counters (SP 800-73-4 part 2, 2.4.3 and 3.2).
//
// What a power cut may do. A counter is lowered, and the memory synced, before anything is compared: cutting
// the power on a wrong try costs the try all the same. A counter is raised only after the right code was
// shown. A new value is one transaction, so that exactly one of the old and the new one works at any time.
#pragma once

#include "apdu/status_word.h"
#include "emulator/card_config.h"
#include "emulator/global_status.h"
#include "emulator/object_store.h"
#include "emulator/piv/commands.h"

#include <cstdint>

namespace cardrig::emulator::piv {

class Passcode {
public:
    /// `global`: what the card keeps of its own passcode.
    Passcode(ObjectStore& store, const PivConfig& config, GlobalStatus& global)
        : store_(store), config_(config), global_(global) {}

    /// Another command has come in: what holds until the next command alone, is over.
    void next_command();
    /// Another application was selected: the card alone keeps its status.
    void deselect();

    [[nodiscard]] StatusWord query(ReferenceData which) const;
    /// Of the unblocking code: the application's passcode, which it could have changed.
    void forget(ReferenceData which);
    [[nodiscard]] StatusWord verify(ReferenceData which, const ReferenceBlock& passcode);
    [[nodiscard]] StatusWord change(ReferenceData reference, const ReferenceBlock& current,
                                    const ReferenceBlock& replacement);
    [[nodiscard]] StatusWord unblock(const ReferenceBlock& unblocking_code, const ReferenceBlock& passcode);

    /// The security status that opens what asks for the passcode once: that of either passcode.
    [[nodiscard]] bool verified() const { return verified_ || global_verified(); }
    /// Whether a key that asks for the passcode each time may be used now.
    [[nodiscard]] bool verified_for_single_use() const;
    /// Such a key was used.
    void use_up();

private:
    struct Reference {
        ObjectId value;
        CounterId tries;
        const PasscodeRules& rules;
        std::uint8_t limit; ///< of the tries
    };
    enum class Outcome : std::uint8_t { right, wrong, blocked };
    struct Attempt {
        Outcome outcome = Outcome::blocked;
        std::uint8_t tries_before = 0;
    };

    /// What VERIFY with a passcode is good for beyond its status.
    struct Shown {
        bool unused = false;      ///< no key that asks each time was used since
        bool now = false;         ///< by this very command
        bool just_before = false; ///< by the command before this one
    };

    [[nodiscard]] Reference reference(ReferenceData which) const;
    [[nodiscard]] Attempt attempt(const Reference& which, const ReferenceBlock& shown);
    /// The status word of an attempt that failed; the passcode does not count as verified any more.
    [[nodiscard]] StatusWord refuse(ReferenceData which, const Attempt& attempt);
    [[nodiscard]] CommitResult replace(ObjectId value, const ReferenceBlock& replacement);

    [[nodiscard]] bool global_verified() const {
        return config_.global_passcode.has_value() && global_.passcode_verified;
    }
    [[nodiscard]] bool& verified(ReferenceData which);
    [[nodiscard]] Shown& shown(ReferenceData which);
    [[nodiscard]] bool good_for_single_use(const Shown& shown) const;

    ObjectStore& store_;
    const PivConfig& config_;
    GlobalStatus& global_;
    bool verified_ = false;
    Shown own_shown_;
    Shown global_shown_;
};

/// Whether a new passcode keeps the rules: characters, length, FF up to eight bytes.
[[nodiscard]] bool keeps_rules(const PasscodeRules& rules, const ReferenceBlock& passcode);

} // namespace cardrig::emulator::piv
