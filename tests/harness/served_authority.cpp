#include "tests/harness/served_authority.h"

#include "emulator/openssl_support.h"
#include "harness/authority/est.h"

#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>

namespace cardrig::tests {

namespace {

using namespace std::chrono_literals;
namespace openssl = emulator::openssl;

constexpr auto limit = 20s;

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

harness::MadeCard make_holder(harness::Authority& authority) {
    harness::MakeOptions options;
    options.now = now();
    options.issuer = &authority;
    return harness::make_card("piv-staff", options);
}

} // namespace

ServedAuthority::ServedAuthority()
    : authority({7, {}, now}), card(make_holder(authority)),
      server(std::make_unique<harness::AuthorityServer>(authority, faults, trace,
                                                        harness::AuthorityServer::Options())) {
    authority.enrol(card, "holder");
}

std::unique_ptr<httplib::SSLClient> ServedAuthority::client_without_token() const {
    auto client = std::make_unique<httplib::SSLClient>("127.0.0.1", server->port());
    const std::string pem = authority.root_pem();
    const openssl::MemoryBio memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const openssl::Certificate root(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
    const auto store = X509_STORE_new();
    X509_STORE_add_cert(store, root.get());
    client->set_ca_cert_store(store); // which it frees
    client->enable_server_certificate_verification(true);
    client->set_read_timeout(limit);
    client->set_connection_timeout(limit);
    return client;
}

std::unique_ptr<httplib::SSLClient> ServedAuthority::client() const {
    auto client = client_without_token();
    client->set_default_headers({{"Authorization", "Bearer " + server->token()}});
    return client;
}

std::vector<harness::TraceEvent> ServedAuthority::requests() const {
    std::vector<harness::TraceEvent> events = trace.events();
    std::erase_if(events, [](const harness::TraceEvent& event) { return event.kind != "authority"; });
    return events;
}

void ServedAuthority::plan(const std::vector<std::pair<std::string, std::string>>& places_and_effects) {
    std::vector<harness::Fault> planned;
    for (const auto& [place, effect] : places_and_effects) {
        planned.push_back({harness::Place::parse(place).value(), harness::Effect::parse(effect).value()});
    }
    faults.plan(std::move(planned));
}

httplib::Result post(httplib::SSLClient& client, const std::string& path) {
    return client.Post(path.c_str(), "{}", "application/json");
}

NewRequest::NewRequest() {
    const openssl::Key key(EVP_EC_gen("P-256"));
    const openssl::Owned<X509_REQ, X509_REQ_free> request(X509_REQ_new());
    X509_NAME* const name = X509_REQ_get_subject_name(request.get());
    const auto add = [name](const char* field, const char* value) {
        openssl::require(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                                    reinterpret_cast<const unsigned char*>(value), -1, -1,
                                                    0) == 1,
                         field);
    };
    add("CN", "Test Holder");
    add("UID", "700000000001");
    openssl::require(X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
                         X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0,
                     "a request");
    base64 = harness::base64_lines(openssl::to_der(i2d_X509_REQ, request.get(), "a request"));
    public_key = openssl::to_der(i2d_PUBKEY, key.get(), "a public key");
}

httplib::Result enroll(httplib::SSLClient& client, const NewRequest& request) {
    return client.Post("/.well-known/est/simpleenroll", request.base64, "application/pkcs10");
}

emulator::Bytes certificate_in(const std::string& body) {
    const emulator::Bytes der = harness::from_base64_lines(body).value();
    const unsigned char* at = der.data();
    const openssl::Owned<PKCS7, PKCS7_free> message(d2i_PKCS7(nullptr, &at, static_cast<long>(der.size())));
    if (message == nullptr || sk_X509_num(message->d.sign->cert) != 1) {
        throw std::runtime_error("no message with one certificate");
    }
    return openssl::to_der(i2d_X509, sk_X509_value(message->d.sign->cert, 0), "a certificate");
}

} // namespace cardrig::tests
