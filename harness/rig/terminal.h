// A pseudo-terminal for a client that wants to ask somebody.
#pragma once

#include "harness/rig/unique_fd.h"

#include <string>

namespace cardrig::harness {

struct Terminal {
    UniqueFd person;  ///< where what the client prints is read, and lines are typed; never waits
    UniqueFd client;  ///< its standard streams
    std::string path; ///< of the client's end
};

/// With 24 lines of 80 columns, as a terminal is at a login, but that what is typed is not echoed, only its
/// line's end: a passcode does not get into the client's output, also where the client does not switch the
/// echo off itself. Throws HostError.
[[nodiscard]] Terminal open_terminal();

} // namespace cardrig::harness
