// The reference client: renews the certificates of PIV cards, through PC/SC and a registration authority.
#include "scenarios/clients/reference/failure.h"
#include "scenarios/clients/reference/options.h"
#include "scenarios/clients/reference/tasks.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

using namespace cardrig::client;

int run(const Options& options) {
    const Person person(options.yes);
    try {
        Desk desk{options, person, {}};
        return static_cast<int>(run_task(desk));
    } catch (const Failure& failure) {
        person.say(failure.what());
        return static_cast<int>(failure.status());
    } catch (const std::exception& error) {
        person.say(cannot_complete(error.what()).what());
        return static_cast<int>(ExitStatus::step_failed);
    }
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN); // a connection that is closed is told by the call that writes to it
    const ReadOptions read = read_options(argc, argv);
    if (!read.options) {
        return read.exit_status;
    }
    const int status = run(*read.options);
    std::fflush(stdout);
    // Not by way of destructors: a call into the daemon that never came back may still hold what they want.
    std::_Exit(status);
}
