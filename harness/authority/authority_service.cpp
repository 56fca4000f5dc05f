#include "harness/authority/authority_service.h"

#include "harness/authority/est.h"

#include <algorithm>
#include <array>

#include <openssl/crypto.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using nlohmann::json;

constexpr int not_authorised = 401;
constexpr int no_such_thing = 404;
constexpr int wrong_method = 405;
constexpr int body_too_large = 413;
constexpr int wrong_type = 415;
constexpr int misdirected = 421;
constexpr int malformed = 400;
constexpr int accepted = 202;
constexpr int no_content = 204;

constexpr std::string_view json_type = "application/json";
constexpr std::string_view text_type = "text/plain; charset=utf-8";
constexpr std::string_view renewals = "/api/renewals/";

struct Route {
    std::string_view method;
    std::string_view path; ///< all of it
    std::string_view request;
};
constexpr auto routes = std::to_array<Route>({
    {"POST", "/api/login/challenge", "login-challenge"},
    {"POST", "/api/login", "login"},
    {"POST", "/api/logout", "logout"},
    {"GET", "/api/devices", "directory"},
    {"POST", "/api/renewals", "renewal"},
    {"POST", "/api/management-key", "management-key"},
    {"POST", "/api/unlock", "unlock"},
    {"POST", "/api/unlock/done", "unlock-done"},
    {"GET", "/api/revocations", "revocations"},
    {"GET", "/.well-known/est/cacerts", "est-cacerts"},
    {"GET", "/.well-known/est/csrattrs", "est-csrattrs"},
    {"POST", "/.well-known/est/simpleenroll", "est-enroll"},
    {"POST", "/.well-known/est/simplereenroll", "est-reenroll"},
});
/// Behind a renewal's id.
constexpr auto of_renewals = std::to_array<Route>({
    {"POST", "/certificates", "certificate"},
    {"POST", "/done", "renewal-done"},
});

/// Which request has that path; its method may be another.
const Route* route_of(std::string_view path, std::string& renewal) {
    const auto* const whole = std::ranges::find(routes, path, &Route::path);
    if (whole != routes.end()) {
        return whole;
    }
    if (!path.starts_with(renewals)) {
        return nullptr;
    }
    const std::string_view rest = path.substr(renewals.size());
    const std::size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos) {
        return nullptr;
    }
    const auto* const part = std::ranges::find(of_renewals, rest.substr(slash), &Route::path);
    if (part == of_renewals.end()) {
        return nullptr;
    }
    renewal = rest.substr(0, slash);
    return part;
}

std::string to_text(const json& value) {
    // What somebody sent, and is repeated to them, need not be UTF-8.
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Upper or lower case, as HTTP's words may be (RFC 9110, 11.1).
bool same_word(std::string_view word, std::string_view lower) {
    return std::ranges::equal(word, lower, [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
}

/// A media type without its parameters.
std::string_view plain_type(std::string_view type) {
    const std::string_view name = type.substr(0, type.find(';'));
    return name.substr(0, name.find_last_not_of(' ') + 1);
}

std::optional<Refusal> read_json(const std::string& body, json& into) {
    if (body.empty()) {
        return std::nullopt; // as good as {}
    }
    into = json::parse(body, nullptr, false);
    if (into.is_discarded()) {
        into = json::object();
        return Refusal{malformed, "malformed", "the body is no JSON"};
    }
    if (!into.is_object()) {
        into = json::object();
        return Refusal{malformed, "malformed", "the body is no JSON object"};
    }
    return std::nullopt;
}

std::optional<Refusal> read_pkcs10(const HttpCall& call, emulator::Bytes& into) {
    if (!same_word(plain_type(call.type), "application/pkcs10")) {
        return Refusal{wrong_type, "malformed", "the Content-Type is not application/pkcs10"};
    }
    auto der = from_base64_lines(call.body);
    if (!der) {
        return Refusal{malformed, "malformed", "the body is " + der.error().message};
    }
    if (der->empty()) {
        return Refusal{malformed, "malformed", "the body is empty"};
    }
    into = std::move(*der);
    return std::nullopt;
}

HttpReply est_reply(std::string_view type, const emulator::Bytes& der) {
    HttpReply reply;
    reply.type = type;
    reply.body = base64_lines(der);
    reply.headers["Content-Transfer-Encoding"] = "base64";
    return reply;
}

emulator::Bytes certificate_in(const json& answer) {
    const auto text = answer.find("certificate");
    if (text == answer.end() || !text->is_string()) {
        return {};
    }
    return from_base64_lines(text->get_ref<const std::string&>()).value_or(emulator::Bytes());
}

std::string text_in(const json& object, const char* key) {
    const auto value = object.find(key);
    return value != object.end() && value->is_string() ? value->get<std::string>() : std::string();
}

} // namespace

AuthorityService::AuthorityService(Authority& authority, std::string token)
    : authority_(authority), token_(std::move(token)) {}

void AuthorityService::set_port(int port) {
    port_ = port;
}

// --- what is asked for -------------------------------------------------------------------------------------

/// `Bearer TOKEN`, or with `basic` also HTTP's Basic with the token as the password of anybody.
bool AuthorityService::token_right(std::string_view authorization, bool basic) const {
    const std::size_t blank = authorization.find(' ');
    if (blank == std::string_view::npos) {
        return false;
    }
    const std::string_view scheme = authorization.substr(0, blank);
    std::string given(authorization.substr(blank + 1));
    if (basic && same_word(scheme, "basic")) {
        const auto pair = from_base64_lines(given);
        if (!pair) {
            return false;
        }
        const std::string text(pair->begin(), pair->end());
        const std::size_t colon = text.find(':');
        if (colon == std::string::npos) {
            return false;
        }
        given = text.substr(colon + 1);
    } else if (!same_word(scheme, "bearer")) {
        return false;
    }
    // How far it is right cannot be told from how long this takes; its length is no secret.
    return given.size() == token_.size() && CRYPTO_memcmp(given.data(), token_.data(), token_.size()) == 0;
}

/// Whether whoever asks may ask for that at all. Pages of a browser's that reach for loopback under another
/// name have no business here, hence Host.
std::optional<Refusal> AuthorityService::check_access(const HttpCall& call, const AuthorityTask& task) const {
    const bool right_host = port_ != 0 && (call.host == fmt::format("127.0.0.1:{}", port_) ||
                                           call.host == fmt::format("localhost:{}", port_));
    if (!right_host) {
        return Refusal{
            misdirected, "host",
            fmt::format("this is 127.0.0.1:{0} or localhost:{0}, and the Host asked for is another", port_)};
    }
    // EST gives these to anybody (RFC 7030, 4.1.2 and 4.5.1), and re-enrolment is by TLS (3.3.2).
    const bool open =
        task.request == "est-cacerts" || task.request == "est-csrattrs" || task.request == "est-reenroll";
    if (call.authorization.empty() && open) {
        return std::nullopt;
    }
    if (!token_right(call.authorization, task.est)) {
        return Refusal{not_authorised, "token", "the token of this authority is missing, or it is another"};
    }
    return std::nullopt;
}

AuthorityTask AuthorityService::read(const HttpCall& call) const {
    AuthorityTask task;
    task.session = call.session;
    task.client_certificate = call.client_certificate;
    task.est = call.path.starts_with("/.well-known/est/");
    const Route* const route = route_of(call.path, task.renewal);
    if (route != nullptr) {
        task.request = route->request;
    }
    const auto refused = [&](const std::optional<Refusal>& refusal) {
        if (refusal) {
            task.refused = refuse(task, *refusal);
        }
        return refusal.has_value();
    };
    if (refused(check_access(call, task))) {
        return task;
    }
    if (route == nullptr) {
        refused(Refusal{no_such_thing, "no-such-request", "there is nothing at this path"});
        return task;
    }
    if (call.method != route->method) {
        refused(Refusal{wrong_method, "no-such-request", fmt::format("this wants {}", route->method)});
        task.refused->headers["Allow"] = route->method;
        return task;
    }
    if (call.too_large) {
        refused(Refusal{body_too_large, "malformed",
                        fmt::format("the body has more than {} bytes", longest_body)});
        return task;
    }
    if (!call.whole) {
        refused(Refusal{malformed, "malformed", "the body broke off, or is in parts"});
        return task;
    }
    if (task.est) {
        if (route->method == "POST" && !refused(read_pkcs10(call, task.pkcs10)) &&
            task.request == "est-reenroll" && task.client_certificate.empty()) {
            refused(Refusal{403, "untrusted", "re-enrolment is by a TLS client certificate"});
        }
        return task;
    }
    if (route->method == "GET") {
        task.body = call.query;
    } else if (!refused(read_json(call.body, task.body)) && task.request == "certificate") {
        task.object = text_in(task.body, "key");
    }
    return task;
}

// --- what is answered --------------------------------------------------------------------------------------

Granted<json> AuthorityService::answer_json(const AuthorityTask& task, Misissue misissue) {
    const std::string& request = task.request;
    if (request == "login-challenge") {
        return authority_.login_challenge();
    }
    if (request == "login") {
        return authority_.login(task.body);
    }
    if (request == "logout") {
        return authority_.logout(task.session);
    }
    if (request == "directory") {
        return authority_.directory(task.session, task.body);
    }
    if (request == "renewal") {
        return authority_.renewal(task.session, task.body);
    }
    if (request == "certificate") {
        return authority_.certificate(task.session, task.renewal, task.body, misissue);
    }
    if (request == "renewal-done") {
        return authority_.renewal_done(task.session, task.renewal);
    }
    if (request == "management-key") {
        return authority_.management_key_answer(task.session, task.body);
    }
    if (request == "unlock") {
        return authority_.unlock(task.body);
    }
    if (request == "unlock-done") {
        return authority_.unlock_done(task.body);
    }
    const emulator::Bytes list = authority_.revocations();
    std::string text = base64_lines(list);
    std::erase(text, '\n');
    return json{{"list", text}};
}

HttpReply AuthorityService::answer_est(const AuthorityTask& task, Misissue misissue) {
    if (task.request == "est-cacerts") {
        return est_reply("application/pkcs7-mime", certificates_only(authority_.ca_certificates()));
    }
    if (task.request == "est-csrattrs") {
        const emulator::Bytes attributes = authority_.csr_attributes();
        if (attributes.empty()) {
            HttpReply none;
            none.status = no_content;
            return none;
        }
        return est_reply("application/csrattrs", attributes);
    }
    const auto issued = task.request == "est-enroll"
                            ? authority_.simple_enroll(task.pkcs10, misissue)
                            : authority_.simple_reenroll(task.client_certificate, task.pkcs10, misissue);
    if (!issued) {
        return refuse(task, issued.error());
    }
    HttpReply reply =
        est_reply("application/pkcs7-mime; smime-type=certs-only", certificates_only({*issued}));
    reply.certificate = *issued;
    return reply;
}

HttpReply AuthorityService::perform(const AuthorityTask& task, Misissue misissue) {
    if (task.refused) {
        return *task.refused;
    }
    if (task.est) {
        return answer_est(task, misissue);
    }
    const auto answer = answer_json(task, misissue);
    if (!answer) {
        return refuse(task, answer.error());
    }
    remember(task, *answer);
    HttpReply reply;
    reply.type = json_type;
    reply.body = to_text(*answer) + "\n";
    if (task.request == "certificate") {
        reply.certificate = certificate_in(*answer);
    }
    return reply;
}

HttpReply AuthorityService::refuse(const AuthorityTask& task, const Refusal& refusal) {
    HttpReply reply;
    reply.status = refusal.status;
    reply.code = refusal.code;
    if (task.est) {
        reply.type = text_type;
        reply.body = refusal.message + "\n";
    } else {
        reply.type = json_type;
        reply.body = to_text({{"error", refusal.code}, {"message", refusal.message}}) + "\n";
    }
    if (refusal.status == not_authorised && refusal.code == "token") {
        reply.headers["WWW-Authenticate"] = task.est ? "Basic realm=\"cardrig\"" : "Bearer realm=\"cardrig\"";
    }
    return reply;
}

HttpReply AuthorityService::later(const AuthorityTask& task, std::chrono::seconds time) {
    HttpReply reply;
    reply.status = accepted;
    reply.headers["Retry-After"] = std::to_string(time.count());
    if (task.est) {
        reply.type = text_type;
        reply.body = "come back later\n";
    } else {
        reply.type = json_type;
        reply.body = to_text({{"retry-after", time.count()}}) + "\n";
    }
    return reply;
}

// --- what the trace says -----------------------------------------------------------------------------------

/// Whose session and whose renewal it is, for requests that do not say it themselves.
void AuthorityService::remember(const AuthorityTask& task, const json& answer) {
    const std::scoped_lock lock(mutex_);
    if (task.request == "login" && answer.contains("device") && answer["device"].is_object()) {
        devices_[text_in(answer, "session")] = text_in(answer["device"], "guid");
    } else if (task.request == "renewal") {
        devices_[text_in(answer, "renewal")] = text_in(task.body, "device");
    }
}

/// The card's name; empty where nobody knows whose it is.
std::string AuthorityService::card_of(const AuthorityTask& task, const HttpReply& reply) const {
    std::string guid = text_in(task.body, "device");
    if (guid.empty() && !reply.certificate.empty()) {
        const auto issued = authority_.issued();
        const auto found = std::ranges::find(issued, reply.certificate, &IssueRecord::certificate);
        guid = found == issued.end() ? std::string() : found->guid;
    }
    const auto remembered = [&](const std::string& id) {
        const std::scoped_lock lock(mutex_);
        const auto found = id.empty() ? devices_.end() : devices_.find(id);
        return found == devices_.end() ? std::string() : found->second;
    };
    if (guid.empty()) {
        guid = remembered(task.renewal);
    }
    if (guid.empty() && task.request == "login" && reply.status < malformed) {
        const json answer = json::parse(reply.body, nullptr, false);
        guid = answer.is_object() ? remembered(text_in(answer, "session")) : std::string();
    }
    if (guid.empty()) {
        guid = remembered(task.session);
    }
    const auto devices = authority_.devices();
    const auto device = std::ranges::find(devices, guid, &DeviceRecord::guid);
    return guid.empty() || device == devices.end() ? std::string() : device->label;
}

json AuthorityService::record(const AuthorityTask& task, int status, const HttpReply& reply) const {
    json fields{{"request", task.request}, {"status", status}};
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) {
            fields[key] = value;
        }
    };
    // A word that somebody made up is nothing that a place could mean.
    add("object", task.object == "9A" || task.object == "9C" ? task.object : std::string());
    add("code", reply.code);
    add("card", card_of(task, reply));
    std::string renewal = task.renewal;
    if (task.request == "renewal" && status != 0 && status < malformed) {
        const json answer = json::parse(reply.body, nullptr, false);
        renewal = answer.is_object() ? text_in(answer, "renewal") : std::string();
    }
    const bool known = [&] {
        const std::scoped_lock lock(mutex_);
        return devices_.contains(renewal);
    }();
    add("renewal", known ? renewal : std::string());
    return fields;
}

} // namespace cardrig::harness
