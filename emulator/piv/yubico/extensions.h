// Runs the commands that one family of key tokens has beyond the standard: where PivConfig::yubico asks for
// them.
#pragma once

#include "apdu/response_apdu.h"
#include "emulator/piv/state.h"
#include "emulator/piv/yubico/commands.h"

namespace cardrig::emulator::piv::yubico {

/// One whole command of an instruction that has_command() knows.
[[nodiscard]] ResponseApdu process(State& state, const apdu::CommandApdu& command);

/// One with more data than chain_policy() allows: `refusal`, if no parameter is wrong.
[[nodiscard]] ResponseApdu refuse_over_long(const State& state, const apdu::CommandApdu& command,
                                            StatusWord refusal);

} // namespace cardrig::emulator::piv::yubico
