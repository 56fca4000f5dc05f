#include "scenarios/clients/reference/authority_link.h"

#include "apdu/printable.h"
#include "scenarios/clients/reference/failure.h"
#include "scenarios/clients/reference/timed_call.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

namespace cardrig::client {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds connecting{5};
constexpr std::size_t longest_answer = 1'048'576;
constexpr int visits = 6; ///< at most, where one is asked to come back
constexpr std::chrono::seconds longest_pause{30};

/// Everything that a request touches which may outlast whoever waits for it.
struct Talk {
    explicit Talk(std::shared_ptr<httplib::SSLClient> with) : client(std::move(with)) {}
    std::shared_ptr<httplib::SSLClient> client;
    httplib::Request request;
    std::string content;
    httplib::Result result{nullptr, httplib::Error::Unknown};
};

Failure no_answer(const std::string& why) {
    return {ExitStatus::refused, "Error: the service does not answer" + (why.empty() ? "" : ": " + why)};
}

std::string text_in(const json& body, const char* key) {
    const auto found = body.is_object() ? body.find(key) : body.end();
    return body.is_object() && found != body.end() && found->is_string() ? found->get<std::string>() : "";
}

/// What a refusal means for the person.
Failure refusal(int status, const json& body) {
    const std::string code = text_in(body, "error");
    const std::string message = apdu::printable(text_in(body, "message"));
    if (code.empty()) {
        return no_answer(fmt::format("HTTP status {}", status));
    }
    if (code == "session") {
        return logged_out("", ExitStatus::refused);
    }
    if (code == "expired") {
        return has_expired();
    }
    if (code == "not-due") {
        return not_yet_due();
    }
    if (code == "administrator-key") {
        return {ExitStatus::refused, "Error: the administrator's PIN could not be had from the service"};
    }
    if (code == "wrong-code") {
        return {ExitStatus::refused, "Error: the code is wrong"};
    }
    if (code == "late-code") {
        return {ExitStatus::refused, "Error: the code is out of date"};
    }
    if (code == "role") {
        return {ExitStatus::refused, "Error: the role is missing" + (message.empty() ? "" : ": " + message)};
    }
    return {ExitStatus::refused, "Error: the service refused: " + (message.empty() ? code : message), code};
}

/// 202, and 503 `later`: how long to stay away.
std::optional<std::chrono::seconds> come_back(int status, const json& body) {
    if (status != 202 && !(status == 503 && text_in(body, "error") == "later")) {
        return std::nullopt;
    }
    const auto found = body.find("retry-after");
    const auto asked = found != body.end() && found->is_number() ? found->get<std::int64_t>() : 1;
    return std::clamp(std::chrono::seconds(asked), std::chrono::seconds(1), longest_pause);
}

} // namespace

AuthorityLink::AuthorityLink(AuthorityAddress address) : address_(std::move(address)) {
    constexpr std::string_view scheme = "https://";
    std::string_view rest = address_.url;
    const auto wrong = [&] {
        return Failure(ExitStatus::wrong_words,
                       fmt::format("Error: '{}' is no address such as https://127.0.0.1:8443",
                                   apdu::printable(address_.url)));
    };
    if (!rest.starts_with(scheme)) {
        throw wrong();
    }
    rest.remove_prefix(scheme.size());
    if (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    const std::size_t colon = rest.rfind(':');
    port_ = 443;
    if (colon != std::string_view::npos) {
        const std::string_view digits = rest.substr(colon + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port_);
        if (error != std::errc{} || end != digits.data() + digits.size() || port_ < 1 || port_ > 65'535) {
            throw wrong();
        }
    }
    host_ = rest.substr(0, colon);
    if (host_.empty() || host_.find('/') != std::string::npos) {
        throw wrong();
    }
}

std::shared_ptr<httplib::SSLClient> AuthorityLink::make_client() const {
    auto client = std::make_shared<httplib::SSLClient>(host_, port_);
    client->set_ca_cert_path(address_.trust.c_str());
    client->enable_server_certificate_verification(true); // its chain, and that it is this host's
    client->set_connection_timeout(connecting);
    client->set_read_timeout(address_.patience);
    client->set_write_timeout(address_.patience);
    client->set_follow_location(false);
    client->set_tcp_nodelay(true); // the library writes a request's head and its body apart
    client->set_keep_alive(false);
    return client;
}

AuthorityLink::Reply AuthorityLink::ask(const std::string& method, const std::string& path,
                                        const std::string& body) const {
    if (!client_) {
        client_ = make_client();
    }
    const auto talk = std::make_shared<Talk>(client_);
    httplib::Request& request = talk->request;
    request.method = method;
    request.path = path;
    request.set_header("Authorization", "Bearer " + address_.token);
    request.set_header("Accept", "application/json");
    if (!session_.empty()) {
        request.set_header("Session", session_);
    }
    if (method == "POST") {
        request.set_header("Content-Type", "application/json");
        request.body = body;
    }
    request.content_receiver = [&content = talk->content](const char* data, std::size_t size, std::uint64_t,
                                                          std::uint64_t) {
        content.append(data, size);
        return content.size() <= longest_answer;
    };
    // The library's limits are for each piece of an answer, of which there may be many.
    if (!run_within(connecting + address_.patience,
                    [talk] { talk->result = talk->client->send(talk->request); })) {
        client_->stop();
        client_.reset();
        return {};
    }
    const httplib::Result& result = talk->result;
    if (!result) {
        switch (result.error()) {
        case httplib::Error::Connection:
        case httplib::Error::ConnectionTimeout:
            throw no_answer("it cannot be reached");
        case httplib::Error::SSLLoadingCerts:
            throw no_answer("the file with trusted certificates cannot be read");
        case httplib::Error::SSLServerVerification:
            throw no_answer("its certificate is not trusted");
        default:
            return {};
        }
    }
    json parsed = json::parse(talk->content, nullptr, false);
    const bool whole = parsed.is_object();
    // A refusal need not be JSON; a grant must.
    return {result->status < 400 && !whole, result->status, whole ? std::move(parsed) : json::object()};
}

json AuthorityLink::granted(const std::string& method, const std::string& path,
                            const std::string& body) const {
    bool asked_again = false;
    for (int visit = 0; visit < visits; ++visit) {
        Reply reply = ask(method, path, body);
        if (reply.lost) {
            if (asked_again) {
                throw no_answer("");
            }
            asked_again = true;
            continue;
        }
        if (const auto pause = come_back(reply.status, reply.body)) {
            if (!pause_ || visit + 1 == visits) {
                break;
            }
            pause_(*pause);
            continue;
        }
        if (reply.status != 200) {
            throw refusal(reply.status, reply.body);
        }
        return std::move(reply.body);
    }
    throw no_answer("it asks to come back later, again and again");
}

json AuthorityLink::post(const std::string& path, const json& body) const {
    return granted("POST", path, body.dump());
}

json AuthorityLink::get(const std::string& path, const std::map<std::string, std::string>& query) const {
    httplib::Params params;
    params.insert(query.begin(), query.end());
    return granted("GET", httplib::append_query_params(path, params), "");
}

} // namespace cardrig::client
