// The passcode and the code that unblocks it, with their retry counters (SP 800-73-4 part 2, 2.4.3 and 3.2).
//
// What a power cut may do. A counter is lowered, and the memory synced, before anything is compared: cutting
// the power on a wrong try costs the try all the same. A counter is raised only after the right code was
// shown. A new value is one transaction, so that exactly one of the old and the new one works at any time.
#pragma once

#include "apdu/status_word.h"
#include "emulator/card_config.h"
#include "emulator/object_store.h"
#include "emulator/piv/commands.h"

#include <cstdint>

namespace cardrig::emulator::piv {

class Passcode {
public:
    Passcode(ObjectStore& store, const PivConfig& config) : store_(store), config_(config) {}

    /// Another command has come in: what holds until the next command alone, is over.
    void next_command();

    [[nodiscard]] StatusWord query() const;
    void forget();
    [[nodiscard]] StatusWord verify(const ReferenceBlock& passcode);
    [[nodiscard]] StatusWord change(ReferenceData reference, const ReferenceBlock& current,
                                    const ReferenceBlock& replacement);
    [[nodiscard]] StatusWord unblock(const ReferenceBlock& unblocking_code, const ReferenceBlock& passcode);

    /// The security status that opens what asks for the passcode once.
    [[nodiscard]] bool verified() const { return verified_; }
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

    [[nodiscard]] Reference reference(ReferenceData which) const;
    [[nodiscard]] Attempt attempt(const Reference& which, const ReferenceBlock& shown);
    /// The status word of an attempt that failed; the passcode does not count as verified any more.
    [[nodiscard]] StatusWord refuse(const Attempt& attempt);
    [[nodiscard]] CommitResult replace(ObjectId value, const ReferenceBlock& replacement);

    ObjectStore& store_;
    const PivConfig& config_;
    bool verified_ = false;
    bool unused_ = false;            ///< no key that asks each time was used since VERIFY
    bool shown_now_ = false;         ///< by this very command
    bool shown_just_before_ = false; ///< by the command before this one
};

/// Whether a new passcode keeps the rules: characters, length, FF up to eight bytes.
[[nodiscard]] bool keeps_rules(const PasscodeRules& rules, const ReferenceBlock& passcode);

} // namespace cardrig::emulator::piv
