// The authority's requests as HTTP carries them: which one it is, whether whoever asks may, and what the
// answer looks like. Knows nothing of sockets.
#pragma once

#include "harness/authority/authority.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

/// A request's body has at most so many bytes.
inline constexpr std::size_t longest_body = 64UL << 10U;

/// As it came.
struct HttpCall {
    std::string method;
    std::string path; ///< without what follows `?`
    std::map<std::string, std::string> query;
    std::string authorization;
    std::string host;
    std::string session;
    std::string type; ///< of the body
    std::string body;
    bool too_large = false;             ///< the body was longer than longest_body, and is not here
    bool whole = true;                  ///< the body came to its end
    emulator::Bytes client_certificate; ///< of TLS, DER; empty: none
};

struct HttpReply {
    int status = 200;
    std::string type;
    std::string body;
    std::map<std::string, std::string> headers;
    std::string code;            ///< of a refusal
    emulator::Bytes certificate; ///< what was issued, where something was
};

/// What is asked for.
struct AuthorityTask {
    std::string request = "unknown"; ///< one of authority_requests(), else `unknown`
    std::string object;              ///< the key, of `certificate`
    std::string renewal;             ///< id
    bool est = false;
    nlohmann::json body = nlohmann::json::object();
    emulator::Bytes pkcs10; ///< of EST
    std::string session;
    emulator::Bytes client_certificate;
    std::optional<HttpReply> refused; ///< then nothing more can be done with it
};

/// Thread-safe.
class AuthorityService final {
public:
    /// `authority` outlives it.
    AuthorityService(Authority& authority, std::string token);

    /// A Host header is `127.0.0.1:PORT` or `localhost:PORT`. To be called before any request is read.
    void set_port(int port);
    [[nodiscard]] AuthorityTask read(const HttpCall& call) const;
    [[nodiscard]] HttpReply perform(const AuthorityTask& task, Misissue misissue = Misissue::none);
    /// In the form that the task's answer would have.
    [[nodiscard]] static HttpReply refuse(const AuthorityTask& task, const Refusal& refusal);
    /// It is to come back later.
    [[nodiscard]] static HttpReply later(const AuthorityTask& task, std::chrono::seconds time);
    /// What the trace says of a request and its answer; `status` 0: none was given.
    [[nodiscard]] nlohmann::json record(const AuthorityTask& task, int status, const HttpReply& reply) const;

private:
    [[nodiscard]] std::optional<Refusal> check_access(const HttpCall& call, const AuthorityTask& task) const;
    [[nodiscard]] bool token_right(std::string_view authorization, bool basic) const;
    [[nodiscard]] Granted<nlohmann::json> answer_json(const AuthorityTask& task, Misissue misissue);
    [[nodiscard]] HttpReply answer_est(const AuthorityTask& task, Misissue misissue);
    void remember(const AuthorityTask& task, const nlohmann::json& answer);
    [[nodiscard]] std::string card_of(const AuthorityTask& task, const HttpReply& reply) const;

    Authority& authority_;
    std::string token_;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::map<std::string, std::string> devices_; ///< GUIDs by session and by renewal
};

} // namespace cardrig::harness
