// Unlock codes, unblocking codes that change, and answers to cards' challenges.
#include "harness/authority/authority.h"

#include "emulator/crypto.h"
#include "harness/base64.h"
#include "tests/harness/authority_stage.h"

#include <boost/test/unit_test.hpp>

namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
using cardrig::apdu::Bytes;
using cardrig::test::AuthorityStage;
using cardrig::test::code_of;
using cardrig::test::decoded;
using cardrig::test::HeldCard;
using emulator::Algorithm;
using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::days;

namespace {

struct Locked {
    Locked() : card(stage.enrolled("card")), code(stage.authority.unlock_code(card.guid)) {}

    harness::Granted<json> unlock(const std::string& with) {
        return stage.authority.unlock({{"device", card.guid}, {"code", with}});
    }
    harness::Granted<json> done(const std::string& with) {
        return stage.authority.unlock_done({{"device", card.guid}, {"code", with}});
    }
    [[nodiscard]] std::string wrong() const { return code == "00000000" ? "00000001" : "00000000"; }

    AuthorityStage stage;
    HeldCard card;
    std::string code;
};

} // namespace

BOOST_AUTO_TEST_SUITE(authority_unlock)

BOOST_AUTO_TEST_CASE(right_code_releases_the_cards_unblocking_code_and_the_next) {
    Locked locked;
    BOOST_TEST(locked.code.size() == 8U);
    const auto answer = locked.unlock(locked.code);
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST((*answer)["unblocking-code"] == locked.card.made.unblocking_code);
    BOOST_TEST((*answer)["next-unblocking-code"] != locked.card.made.unblocking_code);
    BOOST_TEST((*answer)["earlier"] == false);
    BOOST_TEST(code_of(locked.done(locked.code)) == "granted");
    BOOST_TEST(locked.stage.authority.unblocking_code(locked.card.made.guid) ==
               (*answer)["next-unblocking-code"].get<std::string>());
    BOOST_TEST(code_of(locked.done(locked.code)) == "granted"); // told again, and changes nothing
    BOOST_TEST(locked.stage.authority.unblocking_code(locked.card.made.guid) ==
               (*answer)["next-unblocking-code"].get<std::string>());
    BOOST_TEST(code_of(locked.unlock(locked.code)) == "late-code");
}

BOOST_AUTO_TEST_CASE(unlock_that_was_cut_off_is_told_of) {
    Locked locked;
    const auto first = locked.unlock(locked.code);
    const auto again = locked.unlock(locked.code);
    BOOST_TEST((*again)["earlier"] == true);
    BOOST_TEST((*again)["unblocking-code"] == (*first)["unblocking-code"]);
    const std::string fresh = locked.stage.authority.unlock_code(locked.card.guid);
    BOOST_TEST(code_of(locked.unlock(locked.code)) == "wrong-code"); // the new one has taken its place
    BOOST_TEST(code_of(locked.done(fresh)) == "wrong-code");         // nothing was unlocked with it yet
    const auto later = locked.unlock(fresh);
    BOOST_TEST((*later)["earlier"] == true);
    BOOST_TEST((*later)["next-unblocking-code"] == (*first)["next-unblocking-code"]);
    BOOST_TEST(code_of(locked.done(fresh)) == "granted");
    const auto next = locked.unlock(locked.stage.authority.unlock_code(locked.card.guid));
    BOOST_TEST((*next)["earlier"] == false);
    BOOST_TEST((*next)["unblocking-code"] == (*first)["next-unblocking-code"]);
}

BOOST_AUTO_TEST_CASE(code_lasts_fifteen_minutes) {
    Locked locked;
    locked.stage.clock += 15min;
    BOOST_TEST(code_of(locked.unlock(locked.code)) == "granted");
    locked.stage.clock += 1s;
    BOOST_TEST(code_of(locked.unlock(locked.code)) == "late-code");
    BOOST_TEST(code_of(locked.done(locked.code)) == "granted"); // the card's work may take longer
    const std::string old = locked.stage.authority.unlock_code(locked.card.guid, 20min);
    BOOST_TEST(code_of(locked.unlock(old)) == "late-code");
    BOOST_TEST(code_of(locked.unlock(locked.wrong())) == "wrong-code");
}

BOOST_AUTO_TEST_CASE(three_wrong_attempts_end_a_code) {
    Locked locked;
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(code_of(locked.unlock(locked.wrong())) == "wrong-code");
    }
    BOOST_TEST(code_of(locked.unlock(locked.code)) == "wrong-code");
    BOOST_TEST(code_of(locked.unlock(locked.stage.authority.unlock_code(locked.card.guid))) == "granted");
}

BOOST_AUTO_TEST_CASE(two_wrong_attempts_leave_it_good) {
    Locked locked;
    (void)locked.unlock(locked.wrong());
    (void)locked.done(locked.wrong());
    BOOST_TEST(code_of(locked.unlock(locked.code)) == "granted");
}

BOOST_AUTO_TEST_CASE(who_may_not_be_unlocked) {
    Locked locked;
    const HeldCard other = locked.stage.enrolled("other");
    const auto code = [&](const std::string& guid, const std::string& with) {
        return code_of(locked.stage.authority.unlock({{"device", guid}, {"code", with}}));
    };
    BOOST_TEST(code(other.guid, locked.code) == "wrong-code"); // was sent to somebody else
    BOOST_TEST(code(std::string(32, 'A'), locked.code) == "unknown-device");
    BOOST_TEST(code("AB", locked.code) == "malformed");
    BOOST_TEST(code_of(locked.stage.authority.unlock({{"device", other.guid}, {"code", 12345678}})) ==
               "malformed");
    BOOST_CHECK_THROW((void)locked.stage.authority.unlock_code(std::string(32, 'A')), std::invalid_argument);
    locked.stage.clock += days(31);
    BOOST_TEST(code(locked.card.guid, locked.stage.authority.unlock_code(locked.card.guid)) == "expired");
    locked.stage.authority.revoke(locked.card.guid);
    BOOST_TEST(code(locked.card.guid, locked.stage.authority.unlock_code(locked.card.guid)) == "revoked");
}

BOOST_AUTO_TEST_CASE(cards_challenge_is_answered_and_the_key_stays) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const std::string session = stage.session(card);
    BOOST_TEST(code_of(stage.authority.renewal(session, {{"device", card.guid}})) == "granted");
    const Bytes challenge{1, 2, 3, 4, 5, 6, 7, 8};
    const auto answer = stage.authority.management_key_answer(
        session,
        {{"device", card.guid}, {"algorithm", "3des"}, {"challenge", harness::to_base64(challenge)}});
    BOOST_REQUIRE(answer.has_value());
    const Bytes key = cardrig::apdu::from_hex(card.made.management_key).value();
    BOOST_CHECK(emulator::decrypt_block(stage.context, Algorithm::triple_des, key,
                                        decoded((*answer)["response"])) == challenge);
    BOOST_TEST(answer->size() == 1U);
}

BOOST_AUTO_TEST_CASE(cards_challenge_is_answered_to_those_who_may_service_it) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const HeldCard agent = stage.enrolled(
        "agent", {{"holder.name", "Anna Agent"}, {"holder.number", "700000000002"}}, {"staff", "agent"});
    const auto code = [&](const std::string& session, const std::string& guid, const std::string& algorithm,
                          std::size_t size) {
        return code_of(stage.authority.management_key_answer(
            session,
            {{"device", guid}, {"algorithm", algorithm}, {"challenge", harness::to_base64(Bytes(size))}}));
    };
    const std::string own = stage.session(card);
    BOOST_TEST(code(own, card.guid, "aes-256", 16) == "not-due"); // no renewal has begun
    const std::string id = stage.authority.renewal(own, {{"device", card.guid}}).value()["renewal"];
    BOOST_TEST(code(own, card.guid, "aes-256", 16) == "granted");
    BOOST_TEST(code(own, card.guid, "aes-256", 8) == "malformed");
    BOOST_TEST(code(own, card.guid, "rsa-2048", 8) == "malformed");
    BOOST_TEST(code(own, card.guid, "rot13", 8) == "malformed");
    BOOST_TEST(code(own, agent.guid, "3des", 8) == "role");
    BOOST_TEST(code("nobody", card.guid, "3des", 8) == "session");
    const std::string by_agent = stage.session(agent, "agent");
    BOOST_TEST(code(by_agent, card.guid, "3des", 8) == "granted");
    BOOST_TEST(code(by_agent, agent.guid, "3des", 8) == "role");
    HeldCard renewed = card;
    stage.renew(renewed, own, id, "9A");
    stage.renew(renewed, own, id, "9C");
    BOOST_TEST(code(own, card.guid, "3des", 8) == "granted");
    (void)stage.authority.renewal_done(own, id);
    BOOST_TEST(code(own, card.guid, "3des", 8) == "not-due");
    stage.authority.revoke(card.guid);
    BOOST_TEST(code(by_agent, card.guid, "3des", 8) == "revoked");
}

BOOST_AUTO_TEST_CASE(expired_card_is_not_written) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card", {{"certificates.9A.expires", "-1 days"}});
    const auto answer = stage.authority.management_key_answer(
        stage.session(card, "staff", "9C"),
        {{"device", card.guid}, {"algorithm", "3des"}, {"challenge", harness::to_base64(Bytes(8))}});
    BOOST_TEST(code_of(answer) == "expired");
}

BOOST_AUTO_TEST_SUITE_END()
