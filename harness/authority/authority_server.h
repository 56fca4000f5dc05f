// The authority over HTTPS, on loopback alone.
#pragma once

#include "harness/authority/authority.h"
#include "harness/authority/authority_faults.h"
#include "harness/trace.h"

#include <functional>
#include <memory>
#include <string>

namespace cardrig::harness {

/// Serves from its construction to its end, on threads of its own: whoever forks does so before.
///
/// Each connection carries one request, so that none is broken off by a time-out between two of them. Bodies
/// are at most 64 KiB. TLS client certificates are asked for and not demanded; who they are trusted by is the
/// authority's to say, which alone knows what time it is.
class AuthorityServer final {
public:
    struct Options {
        int port = 0;      ///< 0: a free one
        std::string token; ///< empty: drawn
        /// Told of each request when it is over and in the trace, before its answer leaves; on its thread.
        std::function<void()> on_request;
    };

    /// All outlive it. Throws HostError where it cannot listen, naming the port.
    AuthorityServer(Authority& authority, AuthorityFaults& faults, Trace& trace, Options options);
    AuthorityServer(const AuthorityServer&) = delete;
    AuthorityServer& operator=(const AuthorityServer&) = delete;
    /// Ends every request: those that hang or are delayed are forgotten, connections that are open are
    /// closed.
    ~AuthorityServer();

    [[nodiscard]] int port() const;
    [[nodiscard]] std::string url() const; ///< https://127.0.0.1:PORT
    [[nodiscard]] const std::string& token() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// 32 bytes at random, in hex.
[[nodiscard]] std::string draw_token();

} // namespace cardrig::harness
