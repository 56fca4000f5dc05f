// How the rig reports that it cannot go on; the command line turns each into its exit status.
#pragma once

#include <stdexcept>
#include <string>

namespace cardrig::harness {

/// The request was wrong: exit status 2. The message says where (file:line:column where there is one), names
/// the offending word, and says what to do.
class RequestError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// This host cannot do it: exit status 3. The message says what is missing and, for a package, its name.
class HostError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Exit statuses of the commands.
enum class ExitStatus : int {
    all_held = 0,
    something_did_not = 1,
    wrong_request = 2,
    host_cannot = 3,
    incomplete = 4,
    rig_trouble = 125,      ///< exec only, as env does: the rig itself failed
    cannot_execute = 126,   ///< exec only: the command was found and could not be run
    command_not_found = 127 ///< exec only
};

} // namespace cardrig::harness
