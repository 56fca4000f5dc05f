// Files as the rig reads and writes them.
#pragma once

#include "apdu/bytes.h"

#include <string>
#include <string_view>

namespace cardrig::harness {

/// Throws RequestError with the path and the system's reason; refuses more than 256 MiB.
[[nodiscard]] apdu::Bytes read_file(const std::string& path);
/// Writes a temporary file beside it (mode 0600), syncs, and renames: the old one stays whole until the new
/// one is. A symbolic link stays one; devices and pipes are written to as they are. Throws RequestError with
/// the path and the system's reason.
void write_file(const std::string& path, apdu::ByteView bytes);
void write_file(const std::string& path, std::string_view text);
/// Whether writing the one would change the other: the same regular file, or the same place for one that does
/// not exist yet. Devices are never the same.
[[nodiscard]] bool same_file(const std::string& path, const std::string& other);
/// False with errno set where the system would not take it all.
[[nodiscard]] bool write_all(int descriptor, apdu::ByteView bytes);

} // namespace cardrig::harness
