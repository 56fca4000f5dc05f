// The authority's own certificates and secrets, logins and the directory.
#include "harness/authority/authority.h"

#include "emulator/environment.h"
#include "emulator/x509_reading.h"
#include "harness/authority/authority_secrets.h"
#include "harness/base64.h"
#include "tests/harness/authority_stage.h"

#include <atomic>
#include <bit>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
namespace openssl = cardrig::emulator::openssl;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;
using cardrig::test::AuthorityStage;
using cardrig::test::code_of;
using cardrig::test::decoded;
using cardrig::test::HeldCard;
using emulator::Algorithm;
using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::days;

namespace {

using Store = openssl::Owned<X509_STORE, X509_STORE_free>;
using StoreContext = openssl::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;

void free_certificates(STACK_OF(X509) * certificates) {
    sk_X509_pop_free(certificates, X509_free);
}
using Chain = openssl::Owned<STACK_OF(X509), free_certificates>;

openssl::Certificate parse(ByteView der) {
    const unsigned char* at = der.data();
    openssl::Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    BOOST_REQUIRE(certificate != nullptr);
    return certificate;
}

/// Those in PEM text, the first one first.
std::vector<openssl::Certificate> from_pem(const std::string& text) {
    const openssl::MemoryBio in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    std::vector<openssl::Certificate> all;
    while (X509* const each = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) {
        all.emplace_back(each);
    }
    ERR_clear_error();
    return all;
}

/// What OpenSSL's own path validation says, by the root alone, with the issuing CA sent along.
int verify_result(const harness::Authority& authority, X509* leaf, std::chrono::sys_seconds now,
                  int purpose) {
    const std::vector<Bytes> authorities = authority.ca_certificates();
    const openssl::Certificate root = parse(authorities[1]);
    const Chain between(sk_X509_new_null());
    BOOST_REQUIRE(sk_X509_push(between.get(), parse(authorities[0]).release()) > 0);
    const Store store(X509_STORE_new());
    const StoreContext context(X509_STORE_CTX_new());
    BOOST_REQUIRE(X509_STORE_add_cert(store.get(), root.get()) == 1);
    BOOST_REQUIRE(X509_STORE_CTX_init(context.get(), store.get(), leaf, between.get()) == 1);
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, now.time_since_epoch().count());
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_purpose(parameters, purpose);
    (void)X509_verify_cert(context.get());
    ERR_clear_error();
    return X509_STORE_CTX_get_error(context.get());
}

/// A certificate for a TLS server of that name, signed with the issuing CA's key, which is at hand.
openssl::Certificate for_server(const harness::Authority& authority, const std::string& name) {
    const std::string text = authority.key_pem();
    const openssl::MemoryBio in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    const openssl::Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
    openssl::Certificate issuer = parse(authority.ca_certificates()[0]);
    openssl::Certificate leaf(X509_new());
    X509_set_version(leaf.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf.get()), 7);
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer.get()));
    X509_NAME_add_entry_by_NID(X509_get_subject_name(leaf.get()), NID_commonName, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>("server"), -1, -1, 0);
    ASN1_TIME_set_string(X509_getm_notBefore(leaf.get()), "20200101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(leaf.get()), "20400101000000Z");
    X509_set_pubkey(leaf.get(), key.get());
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer.get(), leaf.get(), nullptr, nullptr, 0);
    for (const auto& [nid, value] :
         std::vector<std::pair<int, std::string>>{{NID_subject_alt_name, name},
                                                  {NID_basic_constraints, "critical,CA:FALSE"},
                                                  {NID_subject_key_identifier, "hash"},
                                                  {NID_authority_key_identifier, "keyid:always"}}) {
        const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
        BOOST_REQUIRE(extension != nullptr);
        X509_add_ext(leaf.get(), extension.get(), -1);
    }
    BOOST_REQUIRE(X509_sign(leaf.get(), key.get(), EVP_sha256()) > 0);
    return leaf;
}

std::string in_small_letters(std::string text) {
    for (char& c : text) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return text;
}

long crl_number(const X509_CRL* list) {
    const openssl::Integer number(
        static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, nullptr, nullptr)));
    return number == nullptr ? -1 : ASN1_INTEGER_get(number.get());
}

} // namespace

BOOST_AUTO_TEST_SUITE(authority)

BOOST_AUTO_TEST_CASE(server_and_cards_have_good_paths_to_the_root_at_any_date) {
    AuthorityStage stage;
    const HeldCard card = stage.make("card");
    const auto server = from_pem(stage.authority.server_chain_pem());
    BOOST_REQUIRE(server.size() == 2U);
    for (const auto moment : {stage.clock, stage.clock + days(365 * 36), stage.clock - days(365 * 60)}) {
        BOOST_TEST(verify_result(stage.authority, server[0].get(), moment, X509_PURPOSE_SSL_SERVER) ==
                   X509_V_OK);
    }
    const openssl::Certificate login = parse(card.certificates.at("9A"));
    BOOST_TEST(verify_result(stage.authority, login.get(), stage.clock, X509_PURPOSE_SSL_CLIENT) ==
               X509_V_OK);
    BOOST_TEST(verify_result(stage.authority, login.get(), stage.clock + days(31), X509_PURPOSE_SSL_CLIENT) ==
               X509_V_ERR_CERT_HAS_EXPIRED);
    BOOST_TEST(X509_check_host(server[0].get(), "localhost", 0, 0, nullptr) == 1);
    BOOST_TEST(X509_check_ip_asc(server[0].get(), "127.0.0.1", 0) == 1);
    BOOST_TEST(X509_check_host(server[0].get(), "example.com", 0, 0, nullptr) == 0);
}

BOOST_AUTO_TEST_CASE(whoever_trusts_the_root_trusts_no_other_host) {
    AuthorityStage stage;
    const auto result = [&](const std::string& name) {
        const openssl::Certificate leaf = for_server(stage.authority, name);
        return verify_result(stage.authority, leaf.get(), stage.clock, X509_PURPOSE_SSL_SERVER);
    };
    BOOST_TEST(result("DNS:localhost") == X509_V_OK);
    BOOST_TEST(result("IP:127.0.0.1") == X509_V_OK);
    for (const std::string name : {"DNS:example.com", "IP:127.0.0.2", "IP:192.0.2.1", "IP:2001:db8::1",
                                   "email:somebody@example.com", "URI:https://example.com/"}) {
        BOOST_TEST_INFO(name);
        BOOST_TEST(result(name) == X509_V_ERR_PERMITTED_VIOLATION);
    }
}

BOOST_AUTO_TEST_CASE(keys_that_it_gives_out_belong_to_the_certificates) {
    AuthorityStage stage;
    const auto belongs = [](const std::string& key_text, const std::string& certificate_text) {
        const openssl::MemoryBio in(BIO_new_mem_buf(key_text.data(), static_cast<int>(key_text.size())));
        const openssl::Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
        return X509_check_private_key(from_pem(certificate_text).front().get(), key.get()) == 1;
    };
    BOOST_TEST(belongs(stage.authority.key_pem(), stage.authority.certificate_pem()));
    BOOST_TEST(belongs(stage.authority.server_key_pem(), stage.authority.server_chain_pem()));
    BOOST_TEST(!belongs(stage.authority.key_pem(), stage.authority.root_pem()));
    ERR_clear_error();
    const HeldCard card = stage.make("card");
    BOOST_TEST(card.made.issuer_certificate_pem == stage.authority.certificate_pem());
}

BOOST_AUTO_TEST_CASE(management_keys_follow_the_guid_and_fit_their_algorithm) {
    emulator::CryptoContext context(3);
    const harness::CardSecrets secrets(context);
    const harness::CardSecrets others(context);
    for (std::uint8_t number = 0; number < 100; ++number) {
        const Bytes guid(16, number);
        const Bytes key = secrets.management_key(guid, Algorithm::triple_des);
        BOOST_REQUIRE(key.size() == 24U);
        BOOST_TEST(std::all_of(key.begin(), key.end(), [](std::uint8_t byte) {
            return std::popcount(static_cast<unsigned>(byte)) % 2 == 1;
        }));
        BOOST_CHECK(key == secrets.management_key(guid, Algorithm::triple_des));
        BOOST_CHECK(key != others.management_key(guid, Algorithm::triple_des));
        BOOST_CHECK(key != secrets.management_key(Bytes(16, 200), Algorithm::triple_des));
    }
    BOOST_TEST(secrets.management_key(Bytes(16), Algorithm::aes128).size() == 16U);
    BOOST_TEST(secrets.management_key(Bytes(16), Algorithm::aes192).size() == 24U);
    BOOST_TEST(secrets.management_key(Bytes(16), Algorithm::aes256).size() == 32U);
    BOOST_CHECK_THROW((void)secrets.management_key(Bytes(16), Algorithm::p256), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(unblocking_codes_have_eight_digits_and_change_with_each_generation) {
    emulator::CryptoContext context(3);
    const harness::CardSecrets secrets(context);
    std::string last = "12345678";
    for (std::uint32_t generation = 0; generation < 200; ++generation) {
        const std::string code = secrets.unblocking_code(Bytes(16, 0x11), generation);
        BOOST_TEST(code.size() == 8U);
        BOOST_TEST(code.find_first_not_of("0123456789") == std::string::npos);
        BOOST_TEST(code != "12345678");
        BOOST_TEST(code != last);
        last = code;
    }
}

BOOST_AUTO_TEST_CASE(cards_have_the_secrets_that_the_authority_knows) {
    AuthorityStage stage;
    const HeldCard card = stage.make("card");
    BOOST_TEST(card.made.unblocking_code == stage.authority.unblocking_code(card.made.guid));
    BOOST_TEST(card.made.management_key ==
               cardrig::apdu::to_hex(stage.authority.management_key(card.made.guid, Algorithm::triple_des)));
}

BOOST_AUTO_TEST_CASE(either_certificate_of_the_pair_is_good_for_a_login) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    for (const std::string key : {"9A", "9C"}) {
        const auto answer = stage.authority.login(stage.login_body(card, key));
        BOOST_REQUIRE(answer.has_value());
        BOOST_TEST((*answer)["holder"]["name"] == "Test Holder");
        BOOST_TEST((*answer)["holder"]["number"] == "700000000001");
        BOOST_TEST((*answer)["holder"]["roles"] == json({"staff"}));
        BOOST_TEST((*answer)["role"] == "staff");
        const json& device = (*answer)["device"];
        BOOST_TEST(device["guid"] == card.guid);
        BOOST_TEST(device["label"] == "card");
        BOOST_TEST(device["state"] == "active");
        BOOST_TEST(device["newest"] == true);
        BOOST_TEST(device["due"] == true);
        BOOST_TEST(device["not-after"] == "2030-05-31T12:00:00Z");
        BOOST_TEST(device["certificates"].size() == 2U);
        BOOST_TEST(device["certificates"][1]["key"] == "9C");
        BOOST_CHECK(decoded(device["certificates"][1]["certificate"]) == card.certificates.at("9C"));
    }
}

BOOST_AUTO_TEST_CASE(rsa_cards_log_in_too) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("rsa", {{"certificates.9A.algorithm", "rsa-2048"}});
    BOOST_TEST(code_of(stage.authority.login(stage.login_body(card))) == "granted");
}

BOOST_AUTO_TEST_CASE(challenge_is_good_once_and_for_two_minutes) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const json body = stage.login_body(card);
    BOOST_TEST(code_of(stage.authority.login(body)) == "granted");
    BOOST_TEST(code_of(stage.authority.login(body)) == "challenge");
    const json in_time = stage.login_body(card);
    stage.clock += 2min;
    BOOST_TEST(code_of(stage.authority.login(in_time)) == "granted");
    const json late = stage.login_body(card);
    stage.clock += 2min + 1s;
    BOOST_TEST(code_of(stage.authority.login(late)) == "challenge");
    json foreign = stage.login_body(card);
    const Bytes own(32, 0x55);
    foreign["challenge"] = harness::to_base64(own);
    foreign["signature"] = harness::to_base64(AuthorityStage::sign(card.keys.at("9A"), own));
    BOOST_TEST(code_of(stage.authority.login(foreign)) == "challenge");
}

BOOST_AUTO_TEST_CASE(login_is_refused_for_what_is_wrong_with_the_certificate) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const auto code = [&](const HeldCard& held, const std::string& key = "9A") {
        return code_of(stage.authority.login(stage.login_body(held, key)));
    };
    AuthorityStage elsewhere(6);
    BOOST_TEST(code(elsewhere.make("card")) == "untrusted");
    BOOST_TEST(code(stage.make("stranger", {{"holder.number", "700000000009"}})) == "unknown-holder");
    BOOST_TEST(code(stage.make("second card")) == "unknown-device");
    BOOST_TEST(code(stage.enrolled("young", {{"certificates.9A.issued", "1 days"}})) == "not-yet-valid");
    const HeldCard old = stage.enrolled("old", {{"certificates.9A.expires", "-1 days"}});
    BOOST_TEST(code(old) == "expired");
    BOOST_TEST(code(old, "9C") == "granted"); // whoever still has one may log in, and renews nothing
    HeldCard crossed = card;
    crossed.keys.insert_or_assign("9A", card.keys.at("9C"));
    BOOST_TEST(code(crossed) == "signature");
    stage.authority.revoke(card.guid);
    BOOST_TEST(code(card) == "revoked");
    BOOST_TEST(code(card, "9C") == "revoked");
    json agent = stage.login_body(stage.enrolled("other"));
    agent["role"] = "agent";
    BOOST_TEST(code_of(stage.authority.login(agent)) == "role");
}

BOOST_AUTO_TEST_CASE(certificates_are_good_to_their_last_second) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    stage.clock += days(30);
    BOOST_TEST(code_of(stage.authority.login(stage.login_body(card))) == "granted");
    stage.clock += 1s;
    BOOST_TEST(code_of(stage.authority.login(stage.login_body(card))) == "expired");
}

BOOST_AUTO_TEST_CASE(session_ends_by_logout_by_force_and_by_time) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const json own{{"guid", card.guid}};
    const auto code = [&](const std::string& session) {
        return code_of(stage.authority.directory(session, own));
    };
    const std::string first = stage.session(card);
    BOOST_TEST(code(first) == "granted");
    BOOST_TEST(code_of(stage.authority.logout(first)) == "granted");
    BOOST_TEST(code(first) == "session");
    BOOST_TEST(stage.authority.directory(first, own).error().status == 401);
    const std::string second = stage.session(card);
    stage.authority.end_sessions();
    BOOST_TEST(code(second) == "session");
    const std::string third = stage.session(card);
    stage.clock += 1h + 1s;
    BOOST_TEST(code(third) == "session");
    BOOST_TEST(code("") == "session");
    const std::string fourth = stage.session(card);
    stage.authority.revoke(card.guid);
    BOOST_TEST(code(fourth) == "revoked");
}

BOOST_AUTO_TEST_CASE(only_agents_look_at_others) {
    AuthorityStage stage;
    const HeldCard staff = stage.enrolled("staff");
    const HeldCard agent = stage.enrolled(
        "agent", {{"holder.name", "Anna Agent"}, {"holder.number", "700000000002"}}, {"staff", "agent"});
    const std::string by_staff = stage.session(staff);
    const std::string by_agent = stage.session(agent, "agent");
    const auto code = [&](const std::string& session, const json& query) {
        return code_of(stage.authority.directory(session, query));
    };
    BOOST_TEST(code(by_staff, {{"number", "700000000001"}}) == "granted");
    BOOST_TEST(code(by_staff, {{"name", "test"}}) == "granted");
    BOOST_TEST(code(by_staff, {{"number", "700000000002"}}) == "role");
    BOOST_TEST(code(by_staff, {{"guid", agent.guid}}) == "role");
    BOOST_TEST(code(by_staff, {{"guid", std::string(32, '0')}}) == "role");
    BOOST_TEST(code(by_staff, {{"name", "nobody"}}) == "role");
    BOOST_TEST(code(by_agent, {{"number", "700000000001"}}) == "granted");
    BOOST_TEST(code(by_agent, {{"number", "700000000003"}}) == "unknown-holder");
    BOOST_TEST(code(by_agent, {{"guid", std::string(32, '0')}}) == "unknown-device");
    BOOST_TEST(code(by_agent, {{"guid", "12"}}) == "malformed");
    BOOST_TEST(code(by_agent, {{"guid", in_small_letters(staff.guid)}}) == "granted");
    BOOST_TEST(code(by_agent, json::object()) == "malformed");
    const auto both = stage.authority.directory(by_agent, {{"name", "E"}});
    BOOST_REQUIRE(both.has_value());
    BOOST_TEST((*both)["holders"].size() == 2U);
    const std::string by_agent_as_staff = stage.session(agent, "staff");
    BOOST_TEST(code(by_agent_as_staff, {{"number", "700000000001"}}) == "role");
}

BOOST_AUTO_TEST_CASE(newest_device_in_date_is_told_apart) {
    AuthorityStage stage;
    const HeldCard old = stage.enrolled("old", {{"certificates.9A.issued", "-720 days"}});
    const HeldCard recent = stage.enrolled("new", {{"certificates.9A.issued", "-300 days"}});
    const HeldCard over = stage.enrolled(
        "over", {{"certificates.9A.issued", "-200 days"}, {"certificates.9A.expires", "-1 days"}});
    const auto newest = [&] {
        const auto answer = stage.authority.directory(stage.session(old), {{"number", "700000000001"}});
        std::vector<std::string> found;
        for (const json& device : answer.value()["holders"][0]["devices"]) {
            if (device["newest"] == true) {
                found.push_back(device["label"]);
            }
        }
        return found;
    };
    BOOST_TEST(newest() == std::vector<std::string>{"new"}, boost::test_tools::per_element());
    stage.authority.revoke(recent.guid);
    BOOST_TEST(newest() == std::vector<std::string>{"old"}, boost::test_tools::per_element());
    const auto states = stage.authority.directory(stage.session(old), {{"guid", old.guid}});
    const json& devices = (*states)["holders"][0]["devices"];
    BOOST_TEST(devices[0]["state"] == "active");
    BOOST_TEST(devices[1]["state"] == "revoked");
    BOOST_TEST(devices[1]["due"] == false);
    BOOST_TEST(devices[2]["state"] == "expired");
    BOOST_TEST(devices[2]["due"] == false);
    BOOST_TEST(stage.authority.devices().size() == 3U);
    BOOST_TEST(stage.authority.devices()[1].revoked);
}

BOOST_AUTO_TEST_CASE(roles_of_a_holders_cards_add_up) {
    AuthorityStage stage;
    (void)stage.enrolled("first");
    const HeldCard second = stage.enrolled("second", {}, {"agent"});
    BOOST_TEST(stage.authority.login(stage.login_body(second)).value()["holder"]["roles"] ==
               json({"staff", "agent"}));
}

BOOST_AUTO_TEST_CASE(malformed_fields_are_refused_by_name) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const auto message = [&](const json& body) {
        const auto answer = stage.authority.login(body);
        BOOST_REQUIRE(!answer.has_value());
        BOOST_TEST(answer.error().status == 400);
        BOOST_TEST(answer.error().code == "malformed");
        return answer.error().message;
    };
    BOOST_TEST(message(json::array()) == "the body is no JSON object");
    BOOST_TEST(message(json()) == "the body is no JSON object");
    for (const std::string field : {"challenge", "certificate", "signature"}) {
        json body = stage.login_body(card);
        body.erase(field);
        BOOST_TEST(message(body) == "field '" + field + "': missing");
        for (const json& wrong : {json(7), json(), json::array(), json(""), json("*"), json("AAA")}) {
            body[field] = wrong;
            BOOST_TEST(message(body).starts_with("field '" + field + "': "));
        }
    }
    json body = stage.login_body(card);
    body["certificate"] = "AAAA";
    BOOST_TEST(message(body) == "field 'certificate': no X.509 certificate");
}

BOOST_AUTO_TEST_CASE(same_seed_and_requests_give_the_same_bytes) {
    const auto course = [](std::uint64_t seed) {
        AuthorityStage stage(seed);
        HeldCard card = stage.enrolled("card");
        const std::string session = stage.session(card);
        const std::string id = stage.authority.renewal(session, {{"device", card.guid}}).value()["renewal"];
        stage.renew(card, session, id, "9A");
        return json{session,
                    stage.authority.root_pem(),
                    stage.authority.server_key_pem(),
                    stage.authority.unlock_code(card.guid),
                    card.made.management_key,
                    harness::to_base64(card.certificates.at("9A")),
                    harness::to_base64(stage.authority.revocations())};
    };
    const json first = course(31);
    BOOST_TEST(course(31) == first);
    const json other = course(32);
    for (std::size_t i = 0; i < first.size(); ++i) {
        BOOST_TEST(other[i] != first[i]);
    }
}

BOOST_AUTO_TEST_CASE(revoked_devices_are_on_the_list) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const HeldCard other = stage.enrolled("other");
    stage.authority.revoke(card.guid);
    const Bytes der = stage.authority.revocations();
    const unsigned char* at = der.data();
    const openssl::Owned<X509_CRL, X509_CRL_free> list(
        d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    BOOST_REQUIRE(list != nullptr);
    const openssl::Certificate issuer = parse(stage.authority.ca_certificates()[0]);
    BOOST_TEST(X509_CRL_verify(list.get(), X509_get0_pubkey(issuer.get())) == 1);
    const auto listed = [&](const Bytes& certificate) {
        X509_REVOKED* found = nullptr;
        return X509_CRL_get0_by_cert(list.get(), &found, parse(certificate).get()) == 1;
    };
    BOOST_TEST(listed(card.certificates.at("9A")));
    BOOST_TEST(listed(card.certificates.at("9C")));
    BOOST_TEST(!listed(other.certificates.at("9A")));
    BOOST_TEST(crl_number(list.get()) == 1);
    const Bytes second = stage.authority.revocations();
    at = second.data();
    const openssl::Owned<X509_CRL, X509_CRL_free> next(
        d2i_X509_CRL(nullptr, &at, static_cast<long>(second.size())));
    BOOST_TEST(crl_number(next.get()) == 2);
    BOOST_CHECK_THROW(stage.authority.revoke(std::string(32, 'A')), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(several_threads_may_ask_at_once) {
    AuthorityStage stage(std::nullopt);
    const HeldCard card = stage.enrolled("card");
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    std::vector<json> bodies;
    for (int i = 0; i < 4; ++i) {
        bodies.push_back(stage.login_body(card));
    }
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            const auto answer = stage.authority.login(bodies[static_cast<std::size_t>(i)]);
            for (int turn = 0; answer && turn < 20; ++turn) {
                const std::string session = (*answer)["session"];
                if (stage.authority.directory(session, {{"guid", card.guid}}) &&
                    stage.authority.renewal(session, {{"device", card.guid}}) &&
                    !stage.authority.revocations().empty() && stage.authority.login_challenge()) {
                    ++good;
                }
            }
        });
    }
    for (std::thread& each : threads) {
        each.join();
    }
    BOOST_TEST(good == 80);
}

BOOST_AUTO_TEST_SUITE_END()
