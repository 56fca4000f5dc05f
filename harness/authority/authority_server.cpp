#include "harness/authority/authority_server.h"

#include "emulator/openssl_support.h"
#include "harness/authority/authority_service.h"
#include "harness/errors.h"
#include "harness/rig/quiet_thread.h"
#include "harness/rig/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <httplib.h>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace openssl = emulator::openssl;
using openssl::require;

constexpr std::size_t workers = 16;
constexpr std::size_t token_bytes = 32;
constexpr std::chrono::seconds stalled_limit{10}; ///< for a client that says nothing
constexpr const char* loopback = "127.0.0.1";

/// Reads from the text itself, which outlives it.
openssl::MemoryBio memory_of(const std::string& text) {
    openssl::MemoryBio memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    require(memory != nullptr, "memory");
    return memory;
}

std::vector<openssl::Certificate> read_chain(const std::string& pem) {
    const auto memory = memory_of(pem);
    std::vector<openssl::Certificate> chain;
    while (X509* const certificate = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)) {
        chain.emplace_back(certificate);
    }
    ERR_clear_error(); // the end of the text is one
    require(!chain.empty(), "the server's certificate");
    return chain;
}

/// The sockets of clients, so that none of them keeps a thread at the end. Copies of the descriptors: the
/// server closes its own, and a number that was closed may be somebody else's by then.
class Connections final {
public:
    void add(int descriptor) {
        UniqueFd copy(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
        const std::scoped_lock lock(mutex_);
        if (ending_) {
            shutdown(descriptor, SHUT_RDWR);
            return;
        }
        std::erase_if(open_, [](const UniqueFd& socket) { return is_closed(socket.get()); });
        if (copy) {
            open_.push_back(std::move(copy));
        }
    }
    void end() {
        const std::scoped_lock lock(mutex_);
        ending_ = true;
        for (const UniqueFd& socket : open_) {
            shutdown(socket.get(), SHUT_RDWR);
        }
        open_.clear();
    }

private:
    /// In both directions, as the server does before it closes its own descriptor.
    static bool is_closed(int socket) {
        pollfd watched{socket, 0, 0};
        return poll(&watched, 1, 0) > 0 && (watched.revents & (POLLHUP | POLLERR)) != 0;
    }

    std::mutex mutex_;
    bool ending_ = false;
    std::vector<UniqueFd> open_;
};

/// OpenSSL's callback: a connection begins.
void note_connection(const SSL* ssl, int where, int /*value*/) {
    if ((where & SSL_CB_HANDSHAKE_START) != 0) {
        static_cast<Connections*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->add(SSL_get_fd(ssl));
    }
}

void set_up(SSL_CTX& context, Authority& authority, Connections& connections) {
    const auto chain = read_chain(authority.server_chain_pem());
    const std::string key_text = authority.server_key_pem();
    const auto memory = memory_of(key_text);
    const openssl::Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
    require(SSL_CTX_use_certificate(&context, chain.front().get()) == 1 && key != nullptr &&
                SSL_CTX_use_PrivateKey(&context, key.get()) == 1,
            "the server's key");
    for (std::size_t i = 1; i < chain.size(); ++i) {
        require(SSL_CTX_add1_chain_cert(&context, chain[i].get()) == 1, "the server's chain");
    }
    require(SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1, "TLS 1.2");
    // Nothing is resumed: each connection shows its certificate anew.
    SSL_CTX_set_options(&context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
    require(SSL_CTX_set_num_tickets(&context, 0) == 1, "TLS without tickets");
    // The client proves that it has the key; whether the certificate is any good, the authority judges.
    SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    const auto issuers = read_chain(authority.certificate_pem());
    require(SSL_CTX_add_client_CA(&context, issuers.front().get()) == 1, "the issuer that is asked for");
    SSL_CTX_set_app_data(&context, &connections);
    SSL_CTX_set_info_callback(&context, note_connection);
}

emulator::Bytes client_certificate(const SSL* ssl) {
    const openssl::Certificate certificate(SSL_get1_peer_certificate(ssl));
    return certificate ? openssl::to_der(i2d_X509, certificate.get(), "a client's certificate")
                       : emulator::Bytes();
}

HttpCall call_of(const httplib::Request& request) {
    HttpCall call;
    call.method = request.method;
    call.path = request.path;
    for (const auto& [name, value] : request.params) {
        call.query.emplace(name, value);
    }
    call.authorization = request.get_header_value("Authorization");
    call.host =
        request.get_header_value_count("Host") == 1 ? request.get_header_value("Host") : std::string();
    call.session = request.get_header_value("Session");
    call.type = request.get_header_value("Content-Type");
    call.client_certificate = client_certificate(request.ssl);
    return call;
}

/// What is longer than it may be is read to its end and thrown away: whoever still writes hears no answer.
void read_body(const httplib::ContentReader& content, HttpCall& call) {
    call.whole = content([&](const char* data, std::size_t size) {
        call.too_large = call.too_large || call.body.size() + size > longest_body;
        if (call.too_large) {
            call.body.clear();
        } else {
            call.body.append(data, size);
        }
        return true;
    });
}

/// What the library says of a body that it did not take.
bool is_too_large(const httplib::Response& response) {
    constexpr int payload_too_large = 413;
    return response.status == payload_too_large;
}

/// The connection ends here; what is written to it from now on gets lost.
void close_connection(const httplib::Request& request) {
    shutdown(SSL_get_fd(request.ssl), SHUT_RDWR);
}

void write_reply(const HttpReply& reply, std::optional<std::uint32_t> missing, httplib::Response& response) {
    response.status = reply.status;
    response.set_header("Cache-Control", "no-store");
    for (const auto& [name, value] : reply.headers) {
        response.set_header(name, value);
    }
    if (!missing || reply.body.empty()) {
        if (!reply.body.empty()) {
            response.set_content(reply.body, reply.type);
        }
        return;
    }
    // Content-Length says what it would have been.
    const std::size_t there = reply.body.size() - std::min<std::size_t>(*missing, reply.body.size());
    response.set_content_provider(
        reply.body.size(), reply.type,
        [body = reply.body.substr(0, there)](std::size_t offset, std::size_t, auto& sink) {
            if (offset < body.size()) {
                sink.write(body.data() + offset, body.size() - offset);
            }
            return false;
        });
}

HttpReply bare(int status) {
    HttpReply reply;
    reply.status = status;
    reply.type = "text/plain; charset=utf-8";
    reply.body = fmt::format("{}\n", status);
    return reply;
}

} // namespace

std::string draw_token() {
    std::array<unsigned char, token_bytes> bytes{};
    require(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "a token");
    return apdu::to_hex(bytes);
}

struct AuthorityServer::Parts {
    Parts(Authority& whose, AuthorityFaults& planned, Trace& events, Options given)
        : authority(whose), faults(planned), trace(events), options(std::move(given)),
          token(options.token.empty() ? draw_token() : options.token), service(whose, token) {}

    void configure();
    void listen();
    void answer(const httplib::Request& request, HttpCall call, httplib::Response& response);
    [[nodiscard]] std::optional<HttpReply> instead(const AuthorityTask& task, const Misbehaviour& made) const;
    void lose(const HttpReply& reply);
    void note_request(const AuthorityTask& task, int status, const HttpReply& reply);
    void note(const std::exception_ptr& error);

    Authority& authority;
    AuthorityFaults& faults;
    Trace& trace;
    Options options;
    std::string token;
    AuthorityService service;
    Connections connections;
    int port = 0;
    std::unique_ptr<httplib::SSLServer> server;
    std::thread thread;
};

/// Another answer than the authority's own.
std::optional<HttpReply> AuthorityServer::Parts::instead(const AuthorityTask& task,
                                                         const Misbehaviour& made) const {
    constexpr int not_to_be_had = 503;
    if (made.status != 0) {
        return bare(made.status);
    }
    if (made.refused && task.request == "management-key") {
        return AuthorityService::refuse(task, {not_to_be_had, "administrator-key",
                                               "the administrator's key cannot be had at the moment"});
    }
    if (made.refused) {
        return AuthorityService::refuse(task, {403, "refused", "the authority refuses this request"});
    }
    if (made.later) {
        return AuthorityService::later(task, *made.later);
    }
    return std::nullopt;
}

/// Who was issued a certificate will not hear of it.
void AuthorityServer::Parts::lose(const HttpReply& reply) {
    if (!reply.certificate.empty()) {
        authority.note_lost_answer(reply.certificate);
    }
}

/// It is over; `status` 0: without an answer.
void AuthorityServer::Parts::note_request(const AuthorityTask& task, int status, const HttpReply& reply) {
    trace.add("authority", -1, service.record(task, status, reply));
    if (options.on_request) {
        options.on_request();
    }
}

void AuthorityServer::Parts::answer(const httplib::Request& request, HttpCall call,
                                    httplib::Response& response) {
    const AuthorityTask task = service.read(call);
    if (task.refused) {
        note_request(task, task.refused->status, *task.refused);
        write_reply(*task.refused, std::nullopt, response);
        return;
    }
    AuthorityFaults::Visit visit(faults, task.request, task.object, SSL_get_fd(request.ssl));
    const Misbehaviour first = visit.before();
    if (first.log_out) {
        authority.end_sessions();
    }
    const auto close = [&](const HttpReply& reply) {
        note_request(task, 0, reply);
        close_connection(request);
    };
    if (first.closed) {
        close({});
        return;
    }
    if (const auto other = instead(task, first)) {
        note_request(task, other->status, *other);
        write_reply(*other, std::nullopt, response);
        return;
    }
    const HttpReply reply = service.perform(task, first.misissue);
    const Misbehaviour second = visit.after();
    if (second.log_out) {
        authority.end_sessions();
    }
    if (second.closed) {
        lose(reply);
        close(reply);
        return;
    }
    const auto other = instead(task, second);
    const HttpReply& given = other ? *other : reply;
    const auto missing = second.truncated;
    if (other || missing) {
        lose(reply);
    }
    note_request(task, given.status, given);
    write_reply(given, missing, response);
}

void AuthorityServer::Parts::note(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        trace.add("note", -1, {{"text", fmt::format("the authority failed: {}", exception.what())}});
    }
}

void AuthorityServer::Parts::configure() {
    server = std::make_unique<httplib::SSLServer>([this](SSL_CTX& context) {
        set_up(context, authority, connections);
        return true;
    });
    // Two processes never share a port, as the library's own default would let them.
    server->set_socket_options([](auto socket) {
        const int yes = 1;
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server->set_tcp_nodelay(true);
    server->set_keep_alive_max_count(1);
    server->set_read_timeout(stalled_limit);
    server->set_write_timeout(stalled_limit);
    server->set_payload_max_length(longest_body);
    const auto without_body = [this](const httplib::Request& request, httplib::Response& response) {
        answer(request, call_of(request), response);
    };
    server->Get(".*", without_body);
    server->Post(".*", [this](const httplib::Request& request, httplib::Response& response,
                              const httplib::ContentReader& content) {
        HttpCall call = call_of(request);
        if (request.is_multipart_form_data()) {
            call.whole = false; // nothing here is in parts
        } else {
            read_body(content, call);
            call.too_large = call.too_large || is_too_large(response);
        }
        answer(request, std::move(call), response);
    });
    // Nothing of what went wrong inside is told to a client.
    server->set_exception_handler(
        [this](const httplib::Request&, httplib::Response& response, const std::exception_ptr& error) {
            constexpr int internal = 500;
            note(error);
            write_reply(bare(internal), std::nullopt, response);
        });
}

/// Returns when connections are taken.
void AuthorityServer::Parts::listen() {
    const bool any = options.port == 0;
    port = any ? server->bind_to_any_port(loopback) : options.port;
    if (port <= 0 || (!any && !server->bind_to_port(loopback, port))) {
        throw HostError(
            any ? std::string("the authority cannot listen on 127.0.0.1")
                : fmt::format("the authority cannot listen on 127.0.0.1:{}: {}", port, std::strerror(errno)));
    }
    service.set_port(port);
    std::promise<void> running;
    std::future<void> runs = running.get_future();
    server->new_task_queue = [&running] {
        running.set_value();
        return new httplib::ThreadPool(workers); // the library's way: it deletes it
    };
    thread = start_without_signals([this] { server->listen_after_bind(); });
    runs.wait();
}

AuthorityServer::AuthorityServer(Authority& authority, AuthorityFaults& faults, Trace& trace, Options options)
    : parts_(std::make_unique<Parts>(authority, faults, trace, std::move(options))) {
    parts_->configure();
    parts_->listen();
}

AuthorityServer::~AuthorityServer() {
    parts_->server->stop();
    static_cast<void>(parts_->faults.forget());
    parts_->connections.end();
    parts_->thread.join();
}

int AuthorityServer::port() const {
    return parts_->port;
}

std::string AuthorityServer::url() const {
    return fmt::format("https://{}:{}", loopback, parts_->port);
}

const std::string& AuthorityServer::token() const {
    return parts_->token;
}

} // namespace cardrig::harness
