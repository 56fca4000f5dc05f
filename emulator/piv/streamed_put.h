// PUT DATA whose blocks are written as they come (PutDataMode::streamed), as cards do that have little RAM.
//
// With the block that ends the head (tag and length), what the object held before is gone. Until the last
// block is there and as many bytes as were announced, the object is unfinished, and counts as absent: see
// unfinished_mark(). What comes to nothing (power, another command, a wrong length, no room) leaves it so; it
// can be written anew, and deleted. Each block is one transaction.
#pragma once

#include "apdu/status_word.h"
#include "emulator/card_config.h"
#include "emulator/command_chain.h"
#include "emulator/object_store.h"
#include "emulator/piv/commands.h"

#include <cstdint>
#include <optional>

namespace cardrig::emulator::piv {

class StreamedPut {
public:
    StreamedPut(ObjectStore& store, const PivConfig& config) : store_(store), config_(config) {}

    /// The data of the next block. Anything but 9000 is the end of the chain: 6A80 for a head that is none,
    /// and for more or fewer bytes than it announced; 6A81 for a tag that the card does not have; 6A84 for
    /// what is longer than the card takes, or does not fit.
    [[nodiscard]] StatusWord take(ByteView block, BlockPosition position);
    /// The chain came to nothing.
    void drop();

private:
    struct Target {
        apdu::Tag tag = 0;
        std::uint32_t length = 0;  ///< as announced
        std::uint32_t written = 0; ///< bytes of the value so far
        bool begun = false;        ///< the memory knows of it
    };

    [[nodiscard]] StatusWord advance(ByteView block, bool last);
    [[nodiscard]] StatusWord check(const PutDataHead& head) const;
    [[nodiscard]] StatusWord write(ByteView value, bool last);
    void begin(Transaction& transaction, ByteView value) const;

    ObjectStore& store_;
    const PivConfig& config_;
    Bytes head_; ///< what has come, until the head is whole
    std::optional<Target> target_;
};

} // namespace cardrig::emulator::piv
