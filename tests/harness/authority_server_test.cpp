#include "tests/harness/served_authority.h"

#include "harness/authority/authority_service.h"
#include "harness/authority/est.h"
#include "harness/errors.h"

#include <future>
#include <stdexcept>
#include <string>

#include <boost/test/unit_test.hpp>

#include <nlohmann/json.hpp>

using namespace cardrig::harness;
using cardrig::tests::certificate_in;
using cardrig::tests::enroll;
using cardrig::tests::NewRequest;
using cardrig::tests::post;
using cardrig::tests::ServedAuthority;
namespace apdu = cardrig::apdu;

namespace {

constexpr const char* token = "0123456789";
constexpr int port = 4433;

HttpCall call_for(const std::string& method, const std::string& path) {
    HttpCall call;
    call.method = method;
    call.path = path;
    call.host = "127.0.0.1:4433";
    call.authorization = std::string("Bearer ") + token;
    return call;
}

/// A service without a server.
struct Asked {
    Asked() { service.set_port(port); }
    /// Code of the refusal; empty: none.
    [[nodiscard]] std::string refusal(const HttpCall& call) const {
        const AuthorityTask task = service.read(call);
        return task.refused ? task.refused->code : std::string();
    }
    ServedAuthority served;
    AuthorityService service{served.authority, token};
};

} // namespace

BOOST_AUTO_TEST_SUITE(authority_server)

BOOST_AUTO_TEST_CASE(base64_comes_back) {
    for (std::size_t size : {0U, 1U, 2U, 3U, 47U, 48U, 49U, 300U}) {
        apdu::Bytes bytes;
        for (std::size_t i = 0; i < size; ++i) {
            bytes.push_back(static_cast<std::uint8_t>(i * 37));
        }
        const std::string lines = base64_lines(bytes);
        BOOST_TEST((from_base64_lines(lines).value() == bytes), size);
        std::size_t longest = 0;
        for (std::size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
            longest = std::max(longest, lines.find('\n', at) - at);
        }
        BOOST_TEST(longest <= 64U);
    }
    for (const char* wrong : {"A", "AA", "AAA", "A===", "=AAA", "AA=A", "AAAA=", "AA==AAAA", "AA*A",
                              "\xC3\xA4"
                              "AA"}) {
        BOOST_TEST(!from_base64_lines(wrong), wrong);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_certificate_goes_into_no_message) {
    BOOST_CHECK_THROW(certificates_only({apdu::Bytes{1, 2, 3}}), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(every_request_has_its_name) {
    const Asked asked;
    const std::vector<std::tuple<std::string, std::string, std::string>> known{
        {"POST", "/api/login/challenge", "login-challenge"},
        {"POST", "/api/login", "login"},
        {"POST", "/api/logout", "logout"},
        {"GET", "/api/devices", "directory"},
        {"POST", "/api/renewals", "renewal"},
        {"POST", "/api/renewals/17/certificates", "certificate"},
        {"POST", "/api/renewals/17/done", "renewal-done"},
        {"POST", "/api/management-key", "management-key"},
        {"POST", "/api/unlock", "unlock"},
        {"POST", "/api/unlock/done", "unlock-done"},
        {"GET", "/api/revocations", "revocations"},
        {"GET", "/.well-known/est/cacerts", "est-cacerts"},
        {"GET", "/.well-known/est/csrattrs", "est-csrattrs"},
        {"POST", "/.well-known/est/simpleenroll", "est-enroll"},
        {"POST", "/.well-known/est/simplereenroll", "est-reenroll"}};
    std::vector<std::string> names;
    for (const auto& [method, path, name] : known) {
        BOOST_TEST(asked.service.read(call_for(method, path)).request == name);
        names.push_back(name);
    }
    BOOST_TEST(names == authority_requests(), boost::test_tools::per_element());
    for (const char* path :
         {"/", "/api", "/api/login/", "/api/renewals/", "/api/renewals/17", "/api/renewals//done",
          "/api/renewals/17/done/", "/api/renewals/1/7/done", "/.well-known/est/serverkeygen"}) {
        BOOST_TEST(asked.service.read(call_for("POST", path)).request == "unknown", path);
        BOOST_TEST(asked.refusal(call_for("POST", path)) == "no-such-request", path);
    }
}

BOOST_AUTO_TEST_CASE(who_may_ask) {
    const Asked asked;
    HttpCall call = call_for("GET", "/api/revocations");
    BOOST_TEST(asked.refusal(call).empty());
    for (const char* host :
         {"", "127.0.0.1", "localhost", "example.org:4433", "127.0.0.1:44330", "[::1]:4433"}) {
        call.host = host;
        BOOST_TEST(asked.refusal(call) == "host", host);
    }
    call.host = "localhost:4433";
    BOOST_TEST(asked.refusal(call).empty());
    for (const char* authorization :
         {"", "Bearer", "Bearer ", "Bearer 012345678", "Bearer 01234567899", "0123456789", "Basic 0123456789",
          "Digest 0123456789", "Bearer  0123456789"}) {
        call.authorization = authorization;
        BOOST_TEST(asked.refusal(call) == "token", authorization);
    }
    call.authorization = "bearer 0123456789"; // RFC 9110, 11.1
    BOOST_TEST(asked.refusal(call).empty());
}

BOOST_AUTO_TEST_CASE(the_key_of_a_certificate_is_its_object) {
    const Asked asked;
    HttpCall call = call_for("POST", "/api/renewals/17/certificates");
    call.body = R"({"key": "9C"})";
    const AuthorityTask task = asked.service.read(call);
    BOOST_TEST(task.object == "9C");
    BOOST_TEST(task.renewal == "17");
    // What somebody makes up does not get into the trace.
    call.body = R"({"key": "secret"})";
    BOOST_TEST(!asked.service.record(asked.service.read(call), 400, {}).contains("object"));
    BOOST_TEST(!asked.service.record(asked.service.read(call), 400, {}).contains("renewal"));
}

BOOST_AUTO_TEST_CASE(an_issued_certificate_is_recorded_with_its_card_where_that_is_known) {
    ServedAuthority served;
    const NewRequest request;
    const auto answer = enroll(*served.client(), request);
    BOOST_TEST_REQUIRE(answer->status == 200);
    BOOST_TEST((certificate_in(answer->body) == served.authority.issued().back().certificate));
    const auto code = served.authority.unlock_code(apdu::to_hex(served.card.guid));
    const nlohmann::json body{{"device", apdu::to_hex(served.card.guid)}, {"code", code}};
    const auto unlocked = served.client()->Post("/api/unlock", body.dump(), "application/json");
    BOOST_TEST_REQUIRE(unlocked->status == 200);
    const auto requests = served.requests();
    BOOST_REQUIRE(requests.size() == 2);
    BOOST_TEST(requests[0].fields.at("request") == "est-enroll");
    BOOST_TEST(requests[1].fields.at("request") == "unlock");
    BOOST_TEST(requests[1].fields.at("card") == "holder");
    for (const TraceEvent& event : served.trace.events()) {
        const std::string line = event.fields.dump();
        BOOST_TEST(line.find(code) == std::string::npos);
        BOOST_TEST(line.find(served.card.unblocking_code) == std::string::npos);
        BOOST_TEST(line.find(served.server->token()) == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(many_ask_at_once) {
    const ServedAuthority served;
    std::vector<std::future<int>> answers;
    for (int i = 0; i < 40; ++i) {
        answers.push_back(std::async(std::launch::async, [&served] {
            const auto answer = post(*served.client(), "/api/login/challenge");
            return answer ? answer->status : 0;
        }));
    }
    for (auto& answer : answers) {
        BOOST_TEST(answer.get() == 200);
    }
    BOOST_TEST(served.requests().size() == 40U);
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_refused) {
    ServedAuthority served;
    AuthorityServer::Options options;
    options.port = served.server->port();
    BOOST_CHECK_THROW(AuthorityServer(served.authority, served.faults, served.trace, options), HostError);
}

BOOST_AUTO_TEST_SUITE_END()
