#include "tests/harness/served_authority.h"

#include "emulator/openssl_support.h"
#include "harness/errors.h"

#include <future>
#include <string>

#include <boost/test/unit_test.hpp>

#include <nlohmann/json.hpp>

using namespace cardrig::harness;
using namespace std::chrono_literals;
using cardrig::tests::certificate_in;
using cardrig::tests::enroll;
using cardrig::tests::NewRequest;
using cardrig::tests::post;
using cardrig::tests::ServedAuthority;
namespace openssl = cardrig::emulator::openssl;

namespace {

constexpr const char* challenge = "/api/login/challenge";
constexpr const char* unlock = "/api/unlock";
constexpr auto limit = 20s;

std::string code_of(const httplib::Result& answer) {
    return nlohmann::json::parse(answer->body).at("error");
}

openssl::Certificate read_certificate(const cardrig::emulator::Bytes& der) {
    const unsigned char* at = der.data();
    return openssl::Certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

cardrig::emulator::Bytes public_key_of(const cardrig::emulator::Bytes& certificate) {
    return openssl::to_der(i2d_PUBKEY, X509_get0_pubkey(read_certificate(certificate).get()), "a public key");
}

std::string name_of(const cardrig::emulator::Bytes& certificate) {
    std::string name(200, '\0');
    const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(read_certificate(certificate).get()),
                                                 NID_commonName, name.data(), static_cast<int>(name.size()));
    return name.substr(0, static_cast<std::size_t>(length));
}

/// What was issued last.
IssueRecord last_issued(const ServedAuthority& served) {
    return served.authority.issued().back();
}

} // namespace

BOOST_AUTO_TEST_SUITE(authority_faults)

BOOST_AUTO_TEST_CASE(each_happens_once_at_the_request_that_is_meant) {
    ServedAuthority served;
    served.plan({{"authority login-challenge #2", "refuse"}, {"authority any #4", "fail 503"}});
    const auto client = served.client();
    BOOST_TEST(post(*client, challenge)->status == 200);
    const auto refused = post(*client, challenge);
    BOOST_TEST(refused->status == 403);
    BOOST_TEST(code_of(refused) == "refused");
    BOOST_TEST(post(*client, challenge)->status == 200);
    const auto failed = post(*client, unlock);
    BOOST_TEST(failed->status == 503);
    BOOST_TEST(failed->get_header_value("Content-Type").find("json") == std::string::npos);
    BOOST_TEST(post(*client, challenge)->status == 200);
    BOOST_TEST(served.faults.forget().empty());
}

BOOST_AUTO_TEST_CASE(a_request_without_the_token_is_none_that_counts) {
    ServedAuthority served;
    served.plan({{"authority login-challenge", "refuse"}});
    BOOST_TEST(post(*served.client_without_token(), challenge)->status == 401);
    BOOST_TEST(post(*served.client(), challenge)->status == 403);
}

BOOST_AUTO_TEST_CASE(what_has_not_happened_is_told) {
    ServedAuthority served;
    served.plan({{"authority login-challenge", "wait"}, {"authority unlock-done after", "drop"}});
    BOOST_TEST(post(*served.client(), challenge)->status == 200);
    const auto left = served.faults.forget();
    BOOST_REQUIRE(left.size() == 1);
    BOOST_TEST(left.front().place.text() == "authority unlock-done after");
    BOOST_TEST(left.front().id >= AuthorityFaults::first_id);
    BOOST_TEST(served.faults.forget().empty());
}

BOOST_AUTO_TEST_CASE(the_administrators_key_cannot_be_had) {
    ServedAuthority served;
    served.plan({{"authority management-key", "refuse"}});
    const auto answer = post(*served.client(), "/api/management-key");
    BOOST_TEST(answer->status == 503);
    BOOST_TEST(code_of(answer) == "administrator-key");
}

BOOST_AUTO_TEST_CASE(dropped_before_nothing_is_done_and_after_it_is_done_and_lost) {
    ServedAuthority served;
    const auto client = served.client();
    const NewRequest request;
    const std::size_t issued = served.authority.issued().size();
    served.plan({{"authority est-enroll before", "drop"}});
    BOOST_TEST(!enroll(*client, request));
    BOOST_TEST(served.authority.issued().size() == issued);
    served.plan({{"authority est-enroll after", "drop"}});
    BOOST_TEST(!enroll(*client, request));
    BOOST_TEST(served.authority.issued().size() == issued + 1);
    BOOST_TEST(!last_issued(served).delivered);
    BOOST_TEST(enroll(*client, request)->status == 200);
    BOOST_TEST(last_issued(served).delivered);
    const auto requests = served.requests();
    BOOST_REQUIRE(requests.size() == 3);
    BOOST_TEST(requests[0].fields.at("status") == 0);
    BOOST_TEST(requests[1].fields.at("status") == 0);
    BOOST_TEST(requests[2].fields.at("status") == 200);
}

BOOST_AUTO_TEST_CASE(later_is_said_once) {
    ServedAuthority served;
    served.plan({{"authority est-enroll", "later 2 s"}});
    const auto client = served.client();
    const NewRequest request;
    const std::size_t issued = served.authority.issued().size();
    const auto answer = enroll(*client, request);
    BOOST_TEST(answer->status == 202);
    BOOST_TEST(answer->get_header_value("Retry-After") == "2");
    BOOST_TEST(served.authority.issued().size() == issued);
    BOOST_TEST(enroll(*client, request)->status == 200);
}

BOOST_AUTO_TEST_CASE(a_truncated_answer_promises_all_of_it) {
    ServedAuthority served;
    served.plan({{"authority login-challenge after", "truncate 5 bytes"}});
    const auto client = served.client();
    std::string length;
    std::string got;
    const auto answer = client->Get("/.well-known/est/cacerts");
    BOOST_TEST(answer->status == 200);
    httplib::Request request;
    request.method = "POST";
    request.path = challenge;
    request.body = "{}";
    request.set_header("Authorization", "Bearer " + served.server->token());
    request.set_header("Content-Length", "2");
    request.response_handler = [&](const httplib::Response& response) {
        length = response.get_header_value("Content-Length");
        return true;
    };
    request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
        got.append(data, size);
        return true;
    };
    BOOST_TEST(!client->send(request));
    BOOST_TEST(std::to_string(got.size() + 5) == length);
    BOOST_TEST(got.starts_with("{\"challenge\""));
}

BOOST_AUTO_TEST_CASE(a_delay_is_waited_for) {
    ServedAuthority served;
    served.plan({{"authority login-challenge before", "delay 150 ms"},
                 {"authority login-challenge after", "delay 150 ms"}});
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(post(*served.client(), challenge)->status == 200);
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= 300ms));
}

BOOST_AUTO_TEST_CASE(what_hangs_ends_when_its_client_goes) {
    ServedAuthority served;
    served.plan({{"authority login-challenge", "hang"}, {"authority login-challenge", "fail 500"}});
    const auto client = served.client();
    client->set_read_timeout(0, 200'000);
    BOOST_TEST(!post(*client, challenge));
    client->stop();
    // The one that comes after it at the same place has happened, too: the hang is over, and nobody asked for
    // that.
    const auto until = std::chrono::steady_clock::now() + limit;
    const auto faults_traced = [&] {
        std::size_t count = 0;
        for (const TraceEvent& event : served.trace.events()) {
            count += event.kind == "fault" ? 1 : 0;
        }
        return count;
    };
    while (faults_traced() < 2 && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
    BOOST_TEST(faults_traced() == 2);
}

BOOST_AUTO_TEST_CASE(what_hangs_ends_with_the_run_and_the_next_request_is_served) {
    ServedAuthority served;
    served.plan({{"authority login-challenge", "hang"}});
    auto hanging =
        std::async(std::launch::async, [&] { return static_cast<bool>(post(*served.client(), challenge)); });
    const auto until = std::chrono::steady_clock::now() + limit;
    while (served.trace.events().empty() && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
    BOOST_TEST(served.faults.forget().empty());
    BOOST_TEST((hanging.wait_for(limit) == std::future_status::ready));
    BOOST_TEST(!hanging.get());
    BOOST_TEST(post(*served.client(), challenge)->status == 200);
}

BOOST_AUTO_TEST_CASE(what_hangs_does_not_keep_the_server_from_ending) {
    ServedAuthority served;
    served.plan(
        {{"authority login-challenge", "hang"}, {"authority login-challenge #2", "delay 60 minutes"}});
    const auto ask = [&] { return static_cast<bool>(post(*served.client(), challenge)); };
    auto first = std::async(std::launch::async, ask);
    auto second = std::async(std::launch::async, ask);
    const auto until = std::chrono::steady_clock::now() + limit;
    while (served.trace.events().size() < 2 && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
    served.server.reset();
    BOOST_TEST(!first.get());
    BOOST_TEST(!second.get());
}

BOOST_AUTO_TEST_CASE(certificates_are_wrong_as_planned) {
    ServedAuthority served;
    const auto client = served.client();
    const auto issue = [&](const std::string& effect) {
        served.plan({{"authority est-enroll", effect}});
        const NewRequest request;
        const auto answer = enroll(*client, request);
        BOOST_TEST_REQUIRE(answer->status == 200);
        BOOST_TEST(served.faults.forget().empty());
        return std::pair(certificate_in(answer->body), request.public_key);
    };
    const auto right = issue("wait");
    BOOST_TEST((public_key_of(right.first) == right.second));
    BOOST_TEST(name_of(right.first) == "Test Holder");
    const auto wrong_key = issue("wrong-key");
    BOOST_TEST((public_key_of(wrong_key.first) != wrong_key.second));
    const auto wrong_holder = issue("wrong-holder");
    BOOST_TEST((public_key_of(wrong_holder.first) == wrong_holder.second));
    BOOST_TEST(name_of(wrong_holder.first) != "Test Holder");
    const auto past = issue("past-dates");
    BOOST_TEST(X509_cmp_current_time(X509_get0_notAfter(read_certificate(past.first).get())) < 0);
    const auto large = issue("too-large");
    BOOST_TEST(large.first.size() > right.first.size() + 1000);
}

BOOST_AUTO_TEST_CASE(a_move_without_a_hand_is_told_and_the_request_is_answered) {
    ServedAuthority served;
    served.plan({{"authority login-challenge after", "remove"}});
    BOOST_TEST(post(*served.client(), challenge)->status == 200);
    const auto failures = served.faults.failures();
    BOOST_REQUIRE(failures.size() == 1);
    BOOST_TEST(failures.front().find("'remove' at authority login-challenge after") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_place_of_the_authority_is_refused) {
    ServedAuthority served;
    BOOST_CHECK_THROW(served.plan({{"verify passcode before", "remove"}}), RequestError);
    BOOST_CHECK_THROW(served.plan({{"authority login after", "wrong-key"}}), RequestError);
    BOOST_CHECK_THROW(served.plan({{"authority login", "answer 6A80"}}), RequestError);
}

BOOST_AUTO_TEST_SUITE_END()
