// GENERAL AUTHENTICATE (SP 800-73-4 part 2, 3.2.4 and appendix A): authentication of the host with the
// management key, and the use of key pairs.
#pragma once

#include "apdu/response_apdu.h"
#include "emulator/piv/commands.h"
#include "emulator/piv/state.h"

namespace cardrig::emulator::piv {

[[nodiscard]] ResponseApdu general_authenticate(State& state, const GeneralAuthenticate& command);

} // namespace cardrig::emulator::piv
