// The PC/SC software of this host: which daemon the rig will use, and where vpcd is.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace cardrig::harness {

struct PcscHost {
    std::string daemon;                   ///< absolute path of pcscd
    std::string drivers;                  ///< the folder of its drivers
    std::vector<std::string> usb_bundles; ///< folders of drivers that would look for real readers
    bool knows_disable_polkit = false;
};

/// The daemon's absolute path: at CARDRIG_PCSCD, else on PATH and in the usual folders for daemons. Throws
/// HostError with the package that is missing.
[[nodiscard]] std::string find_pcscd();

/// The absolute path of vpcd's library: at CARDRIG_VPCD, else in this folder of drivers and the usual ones.
/// Throws HostError with the package that is missing.
[[nodiscard]] std::string find_vpcd(const std::string& drivers = "/usr/lib/pcsc/drivers");

/// Looks for the daemon, and asks it about itself. Throws HostError.
/// `keep_waiting` is called now and then meanwhile, and throws to stop it.
[[nodiscard]] PcscHost find_pcsc_host(const std::function<void()>& keep_waiting);

} // namespace cardrig::harness
