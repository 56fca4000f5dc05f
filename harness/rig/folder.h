// The rig's private folder.
#pragma once

#include <string>

namespace cardrig::harness {

/// Makes a folder (0700) for this process, always the same one: libpcsclite remembers the socket's path for a
/// process's whole life. Under TMPDIR, or under /tmp where that is too long for a socket's path (107
/// characters), hidden from the daemon (/run), or nothing that its configuration can name. Throws HostError.
[[nodiscard]] std::string make_rig_folder();

/// Removes a folder with all that is in it, also where folders were made unreadable. Quiet about failures.
void remove_folder(const std::string& path);

} // namespace cardrig::harness
