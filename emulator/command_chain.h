// Command chaining (ISO/IEC 7816-4, 5.3.3): one command whose data come in several blocks.
#pragma once

#include "apdu/command_apdu.h"
#include "apdu/status_word.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include <tl/expected.hpp>

namespace cardrig::emulator {

/// How an application takes the data of one of its commands.
struct ChainPolicy {
    /// The most bytes, in one piece or put together; up to 65,535.
    std::size_t limit = 0;
    /// The answer to more than that.
    apdu::StatusWord too_long;
    /// The answer to a command that is not the next block, while a chain is under way; where there is none,
    /// that command is served. The chain is void either way.
    std::optional<apdu::StatusWord> to_foreign_command;
    /// The blocks of a chain are handed on as they come, instead of being put together.
    bool streamed = false;
};

/// Where a block stands in its chain of at least two.
enum class BlockPosition : std::uint8_t { first, middle, last };

/// Puts blocks together.
class CommandChain final {
public:
    struct Step {
        /// A chain under way came to nothing by this.
        bool broken_off = false;
        /// The command as a whole, with the last block's class and Le; or the answer to the block: success
        /// where more have to follow.
        tl::expected<apdu::CommandApdu, apdu::StatusWord> command;
        /// `command` is this block of a streamed chain; none where it is a whole command.
        std::optional<BlockPosition> block;
        /// The data are more than the policy takes: the status word that refuses them. `command` has none of
        /// them, then.
        std::optional<apdu::StatusWord> over_long;
    };

    /// `policy`: for this command's instruction; none where its data come in one piece only. A block of such
    /// a command, and what has another class byte than 00 and 10, is handed on as it is, for the application
    /// to refuse.
    [[nodiscard]] Step take(apdu::CommandApdu command, const std::optional<ChainPolicy>& policy);
    /// Forgets a chain under way; whether there was one.
    bool drop();

private:
    struct Blocks {
        apdu::CommandApdu first;
        ChainPolicy policy;
        std::size_t size = 0; ///< bytes of data so far
        apdu::Bytes data;     ///< none where they are streamed
    };
    [[nodiscard]] BlockPosition advance(const apdu::CommandApdu& block, const ChainPolicy& policy);
    [[nodiscard]] apdu::CommandApdu whole(apdu::CommandApdu last);

    std::optional<Blocks> blocks_;
};

} // namespace cardrig::emulator
