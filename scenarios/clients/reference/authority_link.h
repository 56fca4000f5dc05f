// JSON over HTTPS to the authority: one request and its answer.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace httplib {
class SSLClient;
}

namespace cardrig::client {

struct AuthorityAddress {
    std::string url;   ///< https://HOST:PORT
    std::string trust; ///< PEM file: the server's certificate must lead to what is in it
    std::string token;
    std::chrono::seconds patience{10}; ///< for an answer
};

/// Waits, as long as the authority asked for; returns early, by throwing, where there is no sense in waiting.
using Pause = std::function<void(std::chrono::seconds)>;

class AuthorityLink final {
public:
    /// Throws Failure for a URL that is none.
    explicit AuthorityLink(AuthorityAddress address);

    /// The answer of a request that was granted. Where an answer is lost it asks once more: everything that
    /// can be asked may be asked twice. Where it is to come back later it does, a few times. Throws Failure
    /// with the authority's reason, or where it does not answer.
    [[nodiscard]] nlohmann::json post(const std::string& path, const nlohmann::json& body) const;
    [[nodiscard]] nlohmann::json get(const std::string& path,
                                     const std::map<std::string, std::string>& query) const;

    void set_session(std::string session) { session_ = std::move(session); }
    void set_pause(Pause pause) { pause_ = std::move(pause); }

private:
    struct Reply {
        bool lost = true; ///< the way is there, and no whole answer came
        int status = 0;
        nlohmann::json body;
    };
    [[nodiscard]] std::shared_ptr<httplib::SSLClient> make_client() const;
    [[nodiscard]] Reply ask(const std::string& method, const std::string& path,
                            const std::string& body) const;
    [[nodiscard]] nlohmann::json granted(const std::string& method, const std::string& path,
                                         const std::string& body) const;

    AuthorityAddress address_;
    std::string host_;
    int port_ = 0;
    std::string session_;
    Pause pause_;
    /// What each connection begins with takes its time: made once. A request that nobody waits for any more
    /// keeps it.
    mutable std::shared_ptr<httplib::SSLClient> client_;
};

} // namespace cardrig::client
