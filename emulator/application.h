// What a card application is to the card that holds it.
#pragma once

#include "apdu/command_apdu.h"
#include "apdu/response_apdu.h"
#include "emulator/command_chain.h"

#include <optional>

namespace cardrig::emulator {

using apdu::ByteView;
using apdu::CommandApdu;
using apdu::ResponseApdu;
using apdu::StatusWord;

/// The card puts chains together and takes answers apart as the selected application's policy says.
class Application {
public:
    Application() = default;
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;
    virtual ~Application() = default;

    /// Whether SELECT by this AID means it.
    [[nodiscard]] virtual bool claims(ByteView aid) const = 0;
    /// How commands with this instruction may come as a chain; none where they may not.
    [[nodiscard]] virtual std::optional<ChainPolicy> chain_policy(std::uint8_t ins) const = 0;

    /// SELECT by an AID that it claims, also where it is the current application already.
    [[nodiscard]] virtual ResponseApdu select(const CommandApdu& command) = 0;
    /// One whole command, chained blocks put together, class byte of the last block. Never SELECT of an
    /// application nor GET RESPONSE.
    [[nodiscard]] virtual ResponseApdu process(const CommandApdu& command) = 0;
    /// A command with more data than its policy takes, which come here without them: `refusal` is the answer,
    /// if nothing that comes before data is wrong.
    [[nodiscard]] virtual ResponseApdu process_over_long(const CommandApdu& command, StatusWord refusal) = 0;
    /// One block of a chain whose policy is streamed, as it comes. Anything but 9000 is the end of the chain.
    [[nodiscard]] virtual ResponseApdu take_block(const CommandApdu& block, BlockPosition position) = 0;
    /// The card took a command that does not come to the application as one of its own (malformed, SELECT of
    /// nothing, a chain that was broken off): what holds for the next command alone is over.
    virtual void other_command() = 0;
    /// Another application of this card was selected.
    virtual void deselect() = 0;
};

} // namespace cardrig::emulator
