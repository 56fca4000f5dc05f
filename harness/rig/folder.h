// The rig's private folder.
#pragma once

#include <string>

namespace cardrig::harness {

/// Where this process's rig has its folder, always the same: libpcsclite remembers the socket's path for a
/// process's whole life. Under TMPDIR, or under /tmp where that is too long for a socket's path (107
/// characters), hidden from the daemon (/run), or nothing that its configuration can name.
[[nodiscard]] std::string rig_folder();

/// Makes it (0700). Throws HostError.
void make_rig_folder(const std::string& path);

/// Removes a folder with all that is in it, also where folders were made unreadable. Quiet about failures.
void remove_folder(const std::string& path);

} // namespace cardrig::harness
