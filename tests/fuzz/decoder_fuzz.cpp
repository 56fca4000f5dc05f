// Any conversation is told somehow, chains are counted, and no passcode passes unmarked.
//
// The input is a row of steps: FF resets, FE and two bytes answer with a status word, any other byte is the
// length of a command that follows.
#include "apdu/decoder.h"
#include "tests/fuzz/property.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace apdu = cardrig::apdu;
using apdu::ByteView;

namespace {

ByteView take(ByteView& bytes, std::size_t count) {
    const ByteView taken = bytes.first(std::min(count, bytes.size()));
    bytes = bytes.subspan(taken.size());
    return taken;
}

bool carries_a_code(const apdu::CommandApdu& command) {
    return command.nc() > 0 && (command.ins() == 0x20 || command.ins() == 0x24 || command.ins() == 0x2C ||
                                command.ins() == 0xFE || command.ins() == 0xFF ||
                                (command.ins() == 0x87 && command.p2() == 0x9B));
}

void check(const apdu::DecodedCommand& decoded, ByteView bytes,
           const std::optional<apdu::DecodedCommand>& before) {
    fuzz::require(!decoded.name.empty() && decoded.text().starts_with(decoded.name), "it has a name");
    fuzz::require(decoded.block >= 1, "blocks count from 1");
    fuzz::require(decoded.block == 1 || (before && !before->last_block && before->block + 1 == decoded.block),
                  "a later block follows the one before it");
    const auto command = apdu::CommandApdu::parse(bytes);
    fuzz::require(command.has_value() == (decoded.name != "malformed"), "malformed is what cannot be parsed");
    if (command) {
        fuzz::require(command->chained() != decoded.last_block, "the class byte tells the last block");
        fuzz::require(!carries_a_code(*command) || decoded.command_secret, "codes and keys are secret");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteView rest(data, size);
    apdu::Decoder decoder;
    std::optional<apdu::DecodedCommand> before;
    while (!rest.empty()) {
        const std::uint8_t step = take(rest, 1)[0];
        if (step == 0xFF) {
            decoder.reset();
            before.reset();
        } else if (step == 0xFE) {
            if (const ByteView status = take(rest, 2); status.size() == 2) {
                decoder.response(apdu::StatusWord(status[0], status[1]));
            }
        } else {
            const ByteView bytes = take(rest, step);
            apdu::DecodedCommand decoded = decoder.command(bytes);
            check(decoded, bytes, before);
            before = std::move(decoded);
        }
    }
    return 0;
}
