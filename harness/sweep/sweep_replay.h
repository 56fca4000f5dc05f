// `cardrig sweep --replay`: one place of a sweep once more, with all that there is to see of it.
#pragma once

#include "harness/sweep/sweep_pool.h"
#include "harness/sweep/sweep_report.h"

#include <optional>
#include <string>

namespace cardrig::harness {

struct SweepReplay {
    SweepReport report; ///< of that one place
    std::string
        text;       ///< for people: what was broken, the client's last words, the trace with the place marked
    int signal = 0; ///< that ended it before anything was known; else 0
};

/// `folder` gets the images, the trace and the output. `subject` as in SweepRunOptions. Throws RequestError
/// where the undisturbed run fails, or the place cannot be; HostError where there is no worker.
[[nodiscard]] SweepReplay replay(SweepPool& pool, const SweepSubject& subject, const SweepPlace& place,
                                 const std::string& folder);

} // namespace cardrig::harness
