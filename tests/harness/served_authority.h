// An authority that is served, with one card, for tests; and what a client sends to it.
#pragma once

#include "harness/authority/authority.h"
#include "harness/authority/authority_faults.h"
#include "harness/authority/authority_server.h"
#include "harness/profile.h"
#include "harness/trace.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <httplib.h>

namespace cardrig::tests {

class ServedAuthority {
public:
    ServedAuthority();

    /// A client with the token, that trusts the root alone.
    [[nodiscard]] std::unique_ptr<httplib::SSLClient> client() const;
    [[nodiscard]] std::unique_ptr<httplib::SSLClient> client_without_token() const;
    /// The requests in the trace, in order.
    [[nodiscard]] std::vector<harness::TraceEvent> requests() const;
    void plan(const std::vector<std::pair<std::string, std::string>>& places_and_effects);

    harness::Trace trace;
    harness::Authority authority;
    harness::MadeCard card;
    harness::AuthorityFaults faults{trace};
    std::unique_ptr<harness::AuthorityServer> server;
};

/// POST of an empty object: an answer, or none.
[[nodiscard]] httplib::Result post(httplib::SSLClient& client, const std::string& path);

/// A new P-256 key and its PKCS #10 request, in base64, for the card's holder.
struct NewRequest {
    NewRequest();
    std::string base64;
    emulator::Bytes public_key; ///< DER
};
[[nodiscard]] httplib::Result enroll(httplib::SSLClient& client, const NewRequest& request);
/// The certificate in an answer of EST, DER.
[[nodiscard]] emulator::Bytes certificate_in(const std::string& body);

} // namespace cardrig::tests
