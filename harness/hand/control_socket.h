// The place of a control socket in the file system.
#pragma once

#include "harness/rig/unique_fd.h"

#include <chrono>
#include <string>

#include <sys/types.h>

namespace cardrig::harness {

/// A socket that listens, mode 0600; removed with this object, if it is still the same one.
class ControlSocket final {
public:
    /// A dead socket of this user's at `path` is replaced. Throws RequestError where something else is there,
    /// or the path is too long for a socket; HostError where it cannot be made.
    explicit ControlSocket(std::string path);
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;
    ~ControlSocket();

    [[nodiscard]] const std::string& path() const { return path_; } ///< absolute
    /// Does not block.
    [[nodiscard]] int descriptor() const { return socket_.get(); }

private:
    std::string path_;
    UniqueFd socket_;
    dev_t device_ = 0;
    ino_t number_ = 0;
};

/// Whoever asks: a connection to the socket at `path`. HostError where no rig is there, nor comes within
/// `limit`.
[[nodiscard]] UniqueFd connect_to_control(const std::string& path,
                                          std::chrono::milliseconds limit = std::chrono::milliseconds(0));

} // namespace cardrig::harness
