// Unlock codes, and how far each card's unblocking code has got: what releases it is to be followed by a
// change.
#pragma once

#include "emulator/crypto.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace cardrig::harness {

class Unlocks final {
public:
    /// The context outlives this.
    Unlocks(emulator::CryptoContext& context, std::chrono::seconds valid)
        : context_(context), valid_(valid) {}

    /// Eight digits; the one before it is good no more.
    [[nodiscard]] std::string new_code(std::string_view guid, std::chrono::sys_seconds since);

    struct Grant {
        std::uint32_t generation = 0; ///< of the unblocking code that the card should have
        bool earlier = false;         ///< a grant before this one may have got as far as the change
    };
    /// Refuses by `wrong-code` and `late-code`; wrong attempts are counted.
    [[nodiscard]] Grant grant(std::string_view guid, std::string_view code, std::chrono::sys_seconds now);
    /// The change that a grant with this code was for is done; again, it is done already.
    void done(std::string_view guid, std::string_view code);
    [[nodiscard]] std::uint32_t generation(std::string_view guid) const;

    struct Code {
        std::string digits;
        std::chrono::sys_seconds until;
        unsigned wrong = 0;
        bool granted = false;
        bool done = false;
    };
    struct Card {
        Code code;
        std::uint32_t generation = 0;
        bool change_open = false; ///< granted, and not heard of since
    };
    using Kept = std::map<std::string, Card, std::less<>>; ///< by GUID
    [[nodiscard]] const Kept& kept() const { return cards_; }
    /// Codes are good for so much longer.
    void restore(Kept kept, std::chrono::seconds longer);

private:
    /// Refuses where that is not the card's code.
    [[nodiscard]] Card& with_code(std::string_view guid, std::string_view code);

    emulator::CryptoContext& context_;
    std::chrono::seconds valid_;
    Kept cards_;
};

} // namespace cardrig::harness
