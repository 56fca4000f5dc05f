// The PC/SC software of this host: which daemon and which vpcd driver the rig will use.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace cardrig::harness {

struct PcscHost {
    std::string daemon;                   ///< absolute path of pcscd
    std::string driver;                   ///< absolute path of vpcd's library
    std::vector<std::string> usb_bundles; ///< folders of drivers that would look for real readers
    bool knows_disable_polkit = false;
};

/// Looks for pcscd at CARDRIG_PCSCD, else on PATH and in the usual folders for daemons; for the driver at
/// CARDRIG_VPCD, else where that daemon's drivers are. Throws HostError with the package that is missing.
/// `keep_waiting` is called now and then while that pcscd is asked about itself, and throws to stop it.
[[nodiscard]] PcscHost find_pcsc_host(const std::function<void()>& keep_waiting);

} // namespace cardrig::harness
