// Renewals: who may begin one and when, vouchers, idempotent certificates, what goes wrong with an issue, and
// EST.
#include "harness/authority/authority.h"

#include "emulator/x509_reading.h"
#include "harness/base64.h"
#include "tests/harness/authority_stage.h"

#include <boost/test/unit_test.hpp>

namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;
using cardrig::test::AuthorityStage;
using cardrig::test::code_of;
using cardrig::test::decoded;
using cardrig::test::HeldCard;
using emulator::Algorithm;
using harness::Misissue;
using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::days;

namespace {

/// A card whose renewal has begun.
struct Begun {
    explicit Begun(const harness::ProfileOverrides& overrides = {}, harness::AuthorityRules rules = {})
        : stage(5, rules), card(stage.enrolled("card", overrides)), session(stage.session(card)),
          renewal(begin().value()["renewal"]) {}

    harness::Granted<json> begin() { return stage.authority.renewal(session, {{"device", card.guid}}); }
    harness::Granted<json> ask(const std::string& key, const emulator::PrivateKey& fresh,
                               Misissue misissue = Misissue::none) {
        return ask(stage.certificate_body(card, key, fresh), misissue);
    }
    harness::Granted<json> ask(const json& body, Misissue misissue = Misissue::none) {
        return stage.authority.certificate(session, renewal, body, misissue);
    }
    void renew(const std::string& key) { stage.renew(card, session, renewal, key); }
    harness::Granted<json> done() { return stage.authority.renewal_done(session, renewal); }
    json device() { return stage.authority.login(stage.login_body(card)).value()["device"]; }

    AuthorityStage stage;
    HeldCard card;
    std::string session;
    std::string renewal;
};

emulator::CertificateFacts facts_of(AuthorityStage& stage, ByteView der) {
    return emulator::read_certificate(stage.context, der).value();
}

std::string code_when_due_in(days left) {
    AuthorityStage stage;
    const HeldCard card =
        stage.enrolled("card", {{"certificates.9A.expires", std::to_string(left.count()) + " days"},
                                {"certificates.9C.expires", "600 days"}});
    return code_of(stage.authority.renewal(stage.session(card, "staff", "9C"), {{"device", card.guid}}));
}

} // namespace

BOOST_AUTO_TEST_SUITE(authority_renewal)

BOOST_AUTO_TEST_CASE(pair_is_renewed_and_due_no_more) {
    Begun begun;
    const auto opened = begun.begin();
    BOOST_TEST((*opened)["keys"][0]["key"] == "9A");
    BOOST_TEST((*opened)["keys"][0]["algorithm"] == "p-256");
    BOOST_TEST((*opened)["keys"][0]["issued"] == false);
    BOOST_TEST((*opened)["keys"][1]["key"] == "9C");
    BOOST_TEST((*opened)["holder"]["number"] == "700000000001");
    begun.renew("9A");
    begun.renew("9C"); // vouched for by the new 9A
    BOOST_TEST(code_of(begun.done()) == "granted");
    BOOST_TEST(code_of(begun.done()) == "granted"); // told again
    BOOST_TEST(begun.device()["due"] == false);
    BOOST_TEST(code_of(begun.begin()) == "not-due");
    const auto now = begun.stage.clock;
    for (const std::string key : {"9A", "9C"}) {
        const auto facts = facts_of(begun.stage, begun.card.certificates.at(key));
        BOOST_CHECK(facts.not_before <= now && now - facts.not_before <= 1min);
        BOOST_CHECK(facts.not_after == now + days(730));
        BOOST_TEST(facts.subject == "UID=700000000001,CN=Test Holder");
        BOOST_TEST(emulator::signature_proves(begun.card.keys.at(key), begun.card.certificates.at(key)));
    }
}

BOOST_AUTO_TEST_CASE(window_begins_to_the_second) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled(
        "card", {{"certificates.9A.expires", "91 days"}, {"certificates.9C.expires", "91 days"}});
    const auto code = [&] {
        return code_of(stage.authority.renewal(stage.session(card), {{"device", card.guid}}));
    };
    stage.clock += days(1) - 1s;
    BOOST_TEST(code() == "not-due");
    stage.clock += 1s;
    BOOST_TEST(code() == "granted");
}

BOOST_AUTO_TEST_CASE(one_of_the_pair_makes_it_due_and_9a_alone_expires_it) {
    BOOST_TEST(code_when_due_in(days(30)) == "granted");
    BOOST_TEST(code_when_due_in(days(600)) == "not-due");
    BOOST_TEST(code_when_due_in(days(-1)) == "expired");
    AuthorityStage stage;
    const HeldCard card = stage.enrolled(
        "card", {{"certificates.9A.expires", "600 days"}, {"certificates.9C.expires", "-1 days"}});
    BOOST_TEST(code_of(stage.authority.renewal(stage.session(card), {{"device", card.guid}})) == "granted");
}

BOOST_AUTO_TEST_CASE(whoever_begins_again_gets_the_same_renewal_with_what_it_has) {
    Begun begun;
    begun.renew("9A");
    begun.stage.authority.end_sessions();
    begun.session = begun.stage.session(begun.card, "staff", "9C");
    const auto again = begun.begin();
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST((*again)["renewal"] == begun.renewal);
    BOOST_TEST((*again)["keys"][0]["issued"] == true);
    BOOST_CHECK(decoded((*again)["keys"][0]["certificate"]) == begun.card.certificates.at("9A"));
    BOOST_CHECK(decoded((*again)["keys"][0]["chain"][0]) == begun.stage.authority.ca_certificates()[0]);
    BOOST_CHECK(decoded((*again)["keys"][0]["chain"][1]) == begun.stage.authority.ca_certificates()[1]);
    BOOST_TEST(!(*again)["keys"][1].contains("chain"));
    BOOST_TEST((*again)["keys"][1]["issued"] == false);
    BOOST_TEST(!(*again)["keys"][1].contains("certificate"));
    BOOST_TEST(code_of(begun.done()) == "incomplete");
}

BOOST_AUTO_TEST_CASE(same_key_gets_the_same_certificate_and_another_key_another) {
    Begun begun;
    const emulator::PrivateKey fresh = begun.stage.fresh_key();
    const auto before = begun.stage.authority.issued().size();
    const auto first = begun.ask("9A", fresh);
    begun.stage.authority.note_lost_answer(decoded((*first)["certificate"]));
    BOOST_TEST(!begun.stage.authority.issued().back().delivered);
    const auto second = begun.ask("9A", fresh);
    BOOST_TEST((*first)["certificate"] == (*second)["certificate"]);
    BOOST_TEST(begun.stage.authority.issued().back().delivered);
    BOOST_TEST(begun.stage.authority.issued().size() == before + 1);
    const auto third = begun.ask("9A", begun.stage.fresh_key());
    BOOST_TEST((*first)["certificate"] != (*third)["certificate"]);
    const harness::IssueRecord record = begun.stage.authority.issued().back();
    BOOST_TEST(record.renewal == begun.renewal);
    BOOST_TEST(record.guid == begun.card.guid);
    BOOST_TEST(record.key == "9A");
    BOOST_TEST(!record.on_making);
    BOOST_CHECK(record.at == begun.stage.clock);
    BOOST_TEST(begun.stage.authority.issued().front().on_making);
    BOOST_TEST(begun.stage.authority.issued().front().guid == begun.card.guid);
    const auto authorities = begun.stage.authority.ca_certificates();
    BOOST_CHECK(decoded((*first)["chain"][0]) == authorities[0]);
    BOOST_CHECK(decoded((*first)["chain"][1]) == authorities[1]);
}

BOOST_AUTO_TEST_CASE(voucher_is_the_other_keys_of_the_same_device) {
    Begun begun;
    const emulator::PrivateKey fresh = begun.stage.fresh_key();
    const json good = begun.stage.certificate_body(begun.card, "9A", fresh);
    const Bytes request = decoded(good["request"]);
    const auto with = [&](const HeldCard& card, const std::string& certificate, const std::string& key) {
        json body = good;
        body["voucher"] = {
            {"certificate", harness::to_base64(card.certificates.at(certificate))},
            {"signature", harness::to_base64(AuthorityStage::sign(card.keys.at(key), request))}};
        return code_of(begun.ask(body));
    };
    BOOST_TEST(with(begun.card, "9A", "9A") == "voucher");
    BOOST_TEST(with(begun.card, "9C", "9A") == "voucher");
    const HeldCard second = begun.stage.enrolled("second");
    BOOST_TEST(with(second, "9C", "9C") == "voucher");
    AuthorityStage elsewhere(6);
    BOOST_TEST(with(elsewhere.make("card"), "9C", "9C") == "voucher");
    json body = good;
    body["voucher"]["certificate"] = "AAAA";
    BOOST_TEST(code_of(begun.ask(body)) == "voucher");
    body["voucher"] = "x";
    BOOST_TEST(code_of(begun.ask(body)) == "malformed");
    body.erase("voucher");
    BOOST_TEST(begun.ask(body).error().message == "field 'voucher': missing");
    BOOST_TEST(with(begun.card, "9C", "9C") == "granted");
}

BOOST_AUTO_TEST_CASE(voucher_is_in_date) {
    Begun begun({{"certificates.9A.expires", "40 days"}, {"certificates.9C.expires", "10 days"}});
    begun.stage.clock += days(11);
    begun.session = begun.stage.session(begun.card);
    BOOST_TEST(code_of(begun.ask("9A", begun.stage.fresh_key())) == "voucher");
    BOOST_TEST(code_of(begun.ask("9C", begun.stage.fresh_key())) == "granted");
}

BOOST_AUTO_TEST_CASE(pair_expires_after_its_last_second) {
    Begun begun({{"certificates.9A.expires", "30 days"}, {"certificates.9C.expires", "40 days"}});
    begun.stage.clock += days(30);
    begun.session = begun.stage.session(begun.card, "staff", "9C");
    BOOST_TEST(begun.device()["state"] == "active");
    begun.stage.clock += 1s;
    BOOST_TEST(code_of(begun.begin()) == "expired");
    // The voucher is good, but it does not show that 9A is renewed already.
    BOOST_TEST(code_of(begun.ask("9A", begun.stage.fresh_key())) == "expired");
}

BOOST_AUTO_TEST_CASE(what_was_begun_in_the_last_minute_is_finished_within_a_day) {
    Begun begun;
    begun.stage.clock += days(30) - 1min;
    begun.session = begun.stage.session(begun.card);
    BOOST_TEST(begun.begin().value()["renewal"] == begun.renewal); // this is what counts
    begun.stage.clock += 2min;
    BOOST_TEST(begun.device()["state"] == "active");
    begun.stage.clock += days(1) - 2min;
    begun.session = begun.stage.session(begun.card, "staff", "9C"); // 9A has a new key by now
    BOOST_TEST(begun.begin().value()["renewal"] == begun.renewal);
    begun.renew("9A"); // both of the old pair have ended
    begun.stage.clock += days(1);
    begun.session = begun.stage.session(begun.card);
    begun.renew("9C");
    BOOST_TEST(code_of(begun.done()) == "granted");
    BOOST_TEST(begun.device()["due"] == false);
}

BOOST_AUTO_TEST_CASE(what_was_begun_in_the_last_minute_is_expired_after_a_day) {
    Begun begun;
    begun.stage.clock += days(30) - 1min;
    begun.session = begun.stage.session(begun.card);
    BOOST_TEST(code_of(begun.begin()) == "granted");
    begun.stage.clock += days(1);
    begun.session = begun.stage.session(begun.card);
    const json late = begun.stage.certificate_body(begun.card, "9A", begun.stage.fresh_key());
    begun.stage.clock += 1s;
    BOOST_TEST(code_of(begun.stage.authority.login(begun.stage.login_body(begun.card, "9C"))) == "expired");
    BOOST_TEST(code_of(begun.begin()) == "expired");
    BOOST_TEST(code_of(begun.ask(late)) == "voucher");
}

BOOST_AUTO_TEST_CASE(renewal_that_nobody_ended_is_closed_a_day_later_when_both_are_in_use) {
    Begun begun;
    begun.renew("9A");
    begun.renew("9C");
    begun.session = begun.stage.session(begun.card, "staff", "9C");
    BOOST_TEST(begun.begin().value()["renewal"] == begun.renewal);
    begun.stage.clock += days(1) + 1s;
    begun.session = begun.stage.session(begun.card);
    BOOST_TEST(code_of(begun.begin()) == "not-due");
    BOOST_TEST(code_of(begun.ask("9A", begun.stage.fresh_key())) == "unknown-renewal");
    BOOST_TEST(code_of(begun.done()) == "granted");
}

BOOST_AUTO_TEST_CASE(renewal_stays_open_while_one_of_the_two_was_never_in_use) {
    Begun begun;
    begun.renew("9A");
    begun.renew("9C"); // as it may be: issued, and never written
    begun.stage.clock += days(20);
    begun.session = begun.stage.session(begun.card);
    BOOST_TEST(begun.begin().value()["renewal"] == begun.renewal);
    BOOST_TEST(code_of(begun.ask("9C", begun.stage.fresh_key())) == "granted");
}

BOOST_AUTO_TEST_CASE(renewal_is_of_a_new_key) {
    Begun begun;
    const emulator::PrivateKey old = begun.card.keys.at("9A");
    BOOST_TEST(code_of(begun.ask("9A", old)) == "request");
    BOOST_TEST(code_of(begun.ask("9C", old)) == "request");
    begun.renew("9A");
    BOOST_TEST(code_of(begun.ask("9C", begun.card.keys.at("9A"))) == "request");
    const HeldCard other = begun.stage.enrolled("other");
    BOOST_TEST(code_of(begun.ask("9C", other.keys.at("9C"))) == "request");
    begun.renew("9C");
    (void)begun.done();
    begun.stage.clock += days(700);
    begun.session = begun.stage.session(begun.card);
    begun.renewal = begun.begin().value()["renewal"];
    BOOST_TEST(code_of(begun.ask("9A", begun.card.keys.at("9A"))) == "request");
    BOOST_TEST(code_of(begun.ask("9A", begun.stage.fresh_key())) == "granted");
}

BOOST_AUTO_TEST_CASE(requests_that_are_not_right_are_refused) {
    Begun begun;
    const harness::Holder holder = begun.card.made.holder;
    const auto code = [&](const Bytes& request) {
        json body = begun.stage.certificate_body(begun.card, "9A", begun.stage.fresh_key());
        body["request"] = harness::to_base64(request);
        return code_of(begun.ask(body));
    };
    const emulator::PrivateKey fresh = begun.stage.fresh_key();
    BOOST_TEST(code(begun.stage.request(fresh, {"Somebody Else", holder.number})) == "request");
    BOOST_TEST(code(begun.stage.request(fresh, {holder.name, "700000000002"})) == "request");
    BOOST_TEST(code(begun.stage.request(begun.stage.fresh_key(Algorithm::p384), holder)) == "request");
    Bytes damaged = begun.stage.request(fresh, holder);
    damaged.back() ^= 0x01U;
    BOOST_TEST(code(damaged) == "request");
    Bytes longer = begun.stage.request(fresh, holder);
    longer.push_back(0);
    BOOST_TEST(code(longer) == "request");
    BOOST_TEST(code({0x30, 0x00}) == "request");
    BOOST_TEST(code(begun.stage.request(fresh, holder)) == "voucher"); // which is for another request
    json body = begun.stage.certificate_body(begun.card, "9A", fresh);
    body["key"] = "9D";
    BOOST_TEST(code_of(begun.ask(body)) == "malformed");
}

BOOST_AUTO_TEST_CASE(renewal_belongs_to_its_device) {
    Begun begun;
    const HeldCard other = begun.stage.enrolled("other");
    const std::string session = begun.stage.session(other);
    const emulator::PrivateKey fresh = begun.stage.fresh_key();
    const json body = begun.stage.certificate_body(begun.card, "9A", fresh);
    BOOST_TEST(code_of(begun.stage.authority.renewal(session, {{"device", begun.card.guid}})) == "role");
    BOOST_TEST(code_of(begun.stage.authority.certificate(session, begun.renewal, body)) == "role");
    BOOST_TEST(code_of(begun.stage.authority.renewal_done(session, begun.renewal)) == "role");
    BOOST_TEST(code_of(begun.stage.authority.certificate(begun.session, "renewal-9", body)) ==
               "unknown-renewal");
    BOOST_TEST(code_of(begun.stage.authority.certificate("nobody", begun.renewal, body)) == "session");
    begun.renew("9A");
    begun.renew("9C");
    (void)begun.done();
    BOOST_TEST(code_of(begun.ask("9A", fresh)) == "unknown-renewal");
}

BOOST_AUTO_TEST_CASE(agent_renews_others_and_not_himself) {
    AuthorityStage stage;
    const HeldCard agent = stage.enrolled(
        "agent", {{"holder.name", "Anna Agent"}, {"holder.number", "700000000002"}}, {"staff", "agent"});
    HeldCard holder = stage.enrolled("holder");
    const std::string session = stage.session(agent, "agent");
    const auto begun = stage.authority.renewal(session, {{"device", holder.guid}});
    BOOST_REQUIRE(begun.has_value());
    stage.renew(holder, session, (*begun)["renewal"], "9A");
    // The holder may go on by himself.
    const std::string own = stage.session(holder, "staff", "9C");
    BOOST_TEST(stage.authority.renewal(own, {{"device", holder.guid}}).value()["renewal"] ==
               (*begun)["renewal"]);
    BOOST_TEST(code_of(stage.authority.renewal(session, {{"device", agent.guid}})) == "role");
    BOOST_TEST(code_of(stage.authority.renewal(stage.session(agent), {{"device", agent.guid}})) == "granted");
    BOOST_TEST(code_of(stage.authority.renewal(session, {{"device", std::string(32, '0')}})) ==
               "unknown-device");
    stage.authority.revoke(holder.guid);
    BOOST_TEST(code_of(stage.authority.renewal(session, {{"device", holder.guid}})) == "revoked");
}

BOOST_AUTO_TEST_CASE(half_renewed_pair_is_finished_after_the_old_one_has_ended) {
    Begun begun;
    begun.renew("9A");
    begun.stage.clock += days(31); // the old pair has ended
    begun.session = begun.stage.session(begun.card);
    BOOST_TEST(begun.begin().value()["renewal"] == begun.renewal);
    begun.renew("9C");
    BOOST_TEST(code_of(begun.done()) == "granted");
    BOOST_TEST(begun.device()["due"] == false);
}

BOOST_AUTO_TEST_CASE(renewal_that_nobody_ended_is_not_begun_again_two_years_later) {
    Begun begun;
    begun.renew("9A");
    begun.renew("9C");
    BOOST_TEST(begun.device()["certificates"][0]["not-after"] ==
               "2032-04-30T12:00:00Z"); // shown by the login
    begun.stage.clock += days(700);
    begun.session = begun.stage.session(begun.card);
    const auto again = begun.begin();
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST((*again)["renewal"] != begun.renewal);
    BOOST_TEST((*again)["keys"][0]["issued"] == false);
}

BOOST_AUTO_TEST_CASE(short_lifetimes_leave_a_renewal_open) {
    Begun begun({}, {days(90), days(30), 15min});
    begun.renew("9A");
    BOOST_TEST(begun.begin().value()["renewal"] == begun.renewal);
}

BOOST_AUTO_TEST_CASE(misissued_certificates_are_wrong_in_one_way_each) {
    Begun begun;
    const emulator::PrivateKey fresh = begun.stage.fresh_key();
    const auto issued = [&](Misissue misissue) {
        return decoded(begun.ask("9A", fresh, misissue).value()["certificate"]);
    };
    const Bytes wrong_key = issued(Misissue::wrong_key);
    BOOST_TEST(!emulator::signature_proves(fresh, wrong_key));
    BOOST_TEST(facts_of(begun.stage, wrong_key).subject == "UID=700000000001,CN=Test Holder");
    const Bytes wrong_holder = issued(Misissue::wrong_holder);
    BOOST_TEST(emulator::signature_proves(fresh, wrong_holder));
    BOOST_TEST(facts_of(begun.stage, wrong_holder).subject == "UID=999999999999,CN=Somebody Else");
    const Bytes past = issued(Misissue::past_dates);
    BOOST_CHECK(facts_of(begun.stage, past).not_after < begun.stage.clock);
    BOOST_TEST(emulator::signature_proves(fresh, past));
    const Bytes large = issued(Misissue::too_large);
    BOOST_TEST(large.size() > 20'000U);
    BOOST_TEST(emulator::signature_proves(fresh, large));
    // Neither is given again, nor counts as this renewal's certificate.
    BOOST_TEST(begun.begin().value()["keys"][0]["issued"] == false);
    const Bytes good = issued(Misissue::none);
    BOOST_TEST(good.size() < 2000U);
    BOOST_TEST(emulator::signature_proves(fresh, good));
    BOOST_TEST(begun.stage.authority.issued().size() == 2U + 5U);
    // Also for a key that has its certificate.
    BOOST_TEST(!emulator::signature_proves(fresh, issued(Misissue::wrong_key)));
    BOOST_CHECK(issued(Misissue::none) == good);
}

BOOST_AUTO_TEST_CASE(misissued_certificates_are_good_for_no_login) {
    Begun begun;
    const auto code = [&](Misissue misissue) {
        HeldCard careless = begun.card;
        const emulator::PrivateKey fresh = begun.stage.fresh_key();
        careless.keys.insert_or_assign("9A", fresh);
        careless.certificates["9A"] = decoded(begun.ask("9A", fresh, misissue).value()["certificate"]);
        return code_of(begun.stage.authority.login(begun.stage.login_body(careless)));
    };
    BOOST_TEST(code(Misissue::wrong_key) == "signature");
    BOOST_TEST(code(Misissue::wrong_holder) == "unknown-holder");
    BOOST_TEST(code(Misissue::past_dates) == "expired");
    BOOST_TEST(code(Misissue::none) == "granted");
}

BOOST_AUTO_TEST_CASE(login_shows_what_is_on_the_card) {
    Begun begun;
    const HeldCard old = begun.card;
    begun.renew("9A");
    begun.renew("9C");
    (void)begun.done(); // said a client that has written nothing
    const auto login = begun.stage.authority.login(begun.stage.login_body(old));
    BOOST_TEST(login.value()["device"]["due"] == true);
}

BOOST_AUTO_TEST_CASE(est_enrolls_holders_who_are_known) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const emulator::PrivateKey fresh = stage.fresh_key();
    const auto signing = stage.authority.simple_enroll(
        stage.request(fresh, card.made.holder, "digitalSignature,nonRepudiation"));
    BOOST_REQUIRE(signing.has_value());
    BOOST_TEST(emulator::signature_proves(fresh, *signing));
    BOOST_TEST(stage.authority.issued().back().key == "");
    BOOST_TEST(stage.authority.issued().back().guid == "");
    BOOST_TEST(stage.authority.issued().back().renewal == "");
    BOOST_TEST(!stage.authority.issued().back().on_making);
    BOOST_TEST(code_of(stage.authority.simple_enroll(stage.request(fresh, card.made.holder))) == "granted");
    BOOST_TEST(stage.authority.issued().back().key == "");
    BOOST_TEST(code_of(stage.authority.simple_enroll(
                   stage.request(fresh, {"Test Holder", "700000000009"}))) == "unknown-holder");
    BOOST_TEST(code_of(stage.authority.simple_enroll(
                   stage.request(fresh, {"Another Name", "700000000001"}))) == "request");
    BOOST_TEST(code_of(stage.authority.simple_enroll(
                   stage.request(stage.fresh_key(Algorithm::rsa1024), card.made.holder))) == "request");
    BOOST_TEST(code_of(stage.authority.simple_enroll(Bytes{1, 2, 3})) == "request");
    const auto wrong =
        stage.authority.simple_enroll(stage.request(fresh, card.made.holder), Misissue::wrong_key);
    BOOST_TEST(!emulator::signature_proves(fresh, wrong.value()));
}

BOOST_AUTO_TEST_CASE(what_est_enrolled_services_no_card) {
    Begun begun;
    AuthorityStage& stage = begun.stage;
    const harness::Holder holder = begun.card.made.holder;
    for (const std::string key : {"9A", "9C"}) {
        HeldCard software = begun.card;
        const emulator::PrivateKey fresh = stage.fresh_key();
        software.keys.insert_or_assign(key, fresh);
        software.certificates[key] =
            stage.authority
                .simple_enroll(stage.request(
                    fresh, holder, key == "9A" ? "digitalSignature" : "digitalSignature,nonRepudiation"))
                .value();
        BOOST_TEST(code_of(stage.authority.login(stage.login_body(software, key))) == "unknown-device");
        const std::string other = key == "9A" ? "9C" : "9A";
        BOOST_TEST(code_of(begun.ask(stage.certificate_body(software, other, stage.fresh_key()))) ==
                   "voucher");
        const auto again = stage.authority.simple_reenroll(software.certificates.at(key),
                                                           stage.request(stage.fresh_key(), holder));
        BOOST_TEST(code_of(again) == "granted");
        BOOST_TEST(stage.authority.issued().back().guid == "");
        BOOST_TEST(code_of(stage.authority.simple_reenroll(
                       software.certificates.at(key),
                       stage.request(stage.fresh_key(), {"Somebody Else", "700000000002"}))) == "request");
    }
}

BOOST_AUTO_TEST_CASE(est_enrolls_for_holders_with_a_device_that_is_good) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const auto code = [&] {
        return code_of(stage.authority.simple_enroll(stage.request(stage.fresh_key(), card.made.holder)));
    };
    const auto enrolled =
        stage.authority.simple_enroll(stage.request(stage.fresh_key(), card.made.holder)).value();
    stage.clock += days(31);
    BOOST_TEST(code() == "expired");
    BOOST_TEST(code_of(stage.authority.simple_reenroll(
                   enrolled, stage.request(stage.fresh_key(), card.made.holder))) == "expired");
    stage.authority.revoke(card.guid);
    BOOST_TEST(code() == "revoked");
    (void)stage.enrolled("new card");
    BOOST_TEST(code() == "granted");
}

BOOST_AUTO_TEST_CASE(est_reenrolls_by_a_certificate_that_is_good) {
    AuthorityStage stage;
    HeldCard card = stage.enrolled("card");
    const emulator::PrivateKey fresh = stage.fresh_key();
    const Bytes request = stage.request(fresh, card.made.holder);
    const auto code = [&](const Bytes& certificate, const Bytes& der) {
        return code_of(stage.authority.simple_reenroll(certificate, der));
    };
    const auto renewed = stage.authority.simple_reenroll(card.certificates.at("9A"), request);
    BOOST_REQUIRE(renewed.has_value());
    BOOST_TEST(stage.authority.issued().back().key == "9A");
    BOOST_TEST(stage.authority.issued().back().guid == card.guid);
    HeldCard updated = card;
    updated.keys.insert_or_assign("9A", fresh);
    updated.certificates["9A"] = *renewed;
    BOOST_TEST(code_of(stage.authority.login(stage.login_body(updated))) == "granted");
    BOOST_TEST(code(card.certificates.at("9A"), stage.request(fresh, {"Test Holder", "700000000002"})) ==
               "request");
    AuthorityStage elsewhere(6);
    BOOST_TEST(code(elsewhere.make("card").certificates.at("9A"), request) == "untrusted");
    BOOST_TEST(code(Bytes{0x30, 0x00}, request) == "malformed");
    const HeldCard old = stage.enrolled("old", {{"certificates.9A.expires", "-1 days"}});
    BOOST_TEST(code(old.certificates.at("9A"), request) == "expired");
    stage.authority.revoke(card.guid);
    BOOST_TEST(code(card.certificates.at("9A"), request) == "revoked");
}

BOOST_AUTO_TEST_CASE(est_attributes_ask_for_a_key_usage) {
    AuthorityStage stage;
    // RFC 7030, 4.5.2: SEQUENCE { SEQUENCE { extensionRequest, SET { keyUsage } }, two signature algorithms }
    BOOST_TEST(cardrig::apdu::to_hex(stage.authority.csr_attributes()) ==
               "3029301206092A864886F70D01090E31050603551D0F06092A864886F70D01010B06082A8648CE3D040302");
}

BOOST_AUTO_TEST_SUITE_END()
