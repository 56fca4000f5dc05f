// The authority as it was at some moment, and brought back to it.
#include "harness/authority/authority.h"

#include "tests/harness/authority_stage.h"
#include "tests/harness/served_authority.h"

#include <stdexcept>

#include <boost/test/unit_test.hpp>

using cardrig::test::AuthorityStage;
using cardrig::test::code_of;
using cardrig::test::HeldCard;
using namespace std::chrono_literals;
namespace harness = cardrig::harness;

namespace {

std::vector<cardrig::apdu::Bytes> certificates(const harness::Authority& authority) {
    std::vector<cardrig::apdu::Bytes> all;
    for (const harness::IssueRecord& record : authority.issued()) {
        all.push_back(record.certificate);
    }
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(authority_state)

BOOST_AUTO_TEST_CASE(what_a_renewal_changed_is_as_it_was_before_it) {
    AuthorityStage stage;
    HeldCard card = stage.enrolled("card");
    const HeldCard before = card;
    const std::string session = stage.session(card);
    const harness::AuthorityState state = stage.authority.state();
    const auto record = certificates(stage.authority);

    const std::string renewal = stage.authority.renewal(session, {{"device", card.guid}}).value()["renewal"];
    stage.renew(card, session, renewal, "9A");
    stage.renew(card, session, renewal, "9C");
    BOOST_TEST(code_of(stage.authority.renewal_done(session, renewal)) == "granted");
    const harness::AuthorityState renewed = stage.authority.state();
    const auto record_renewed = certificates(stage.authority);
    BOOST_TEST(record_renewed.size() == record.size() + 2);

    stage.authority.restore(state);
    BOOST_TEST((certificates(stage.authority) == record));
    BOOST_TEST(stage.authority.login(stage.login_body(before)).value()["device"]["due"] == true);
    BOOST_TEST(code_of(stage.authority.renewal_done(session, renewal)) != "granted");
    BOOST_TEST(code_of(stage.authority.login(stage.login_body(card))) != "granted"); // never issued
    // And the whole once more, under the same names.
    HeldCard again = before;
    BOOST_TEST(stage.authority.renewal(session, {{"device", card.guid}}).value()["renewal"] == renewal);
    stage.renew(again, session, renewal, "9A");
    BOOST_TEST(certificates(stage.authority).size() == record.size() + 1);

    stage.authority.restore(renewed);
    BOOST_TEST((certificates(stage.authority) == record_renewed));
    BOOST_TEST(stage.authority.login(stage.login_body(card)).value()["device"]["due"] == false);
}

BOOST_AUTO_TEST_CASE(sessions_come_back_with_the_time_that_they_had_left) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const std::string session = stage.session(card);
    const harness::AuthorityState state = stage.authority.state();
    stage.authority.end_sessions();
    BOOST_TEST(code_of(stage.authority.directory(session, {{"guid", card.guid}})) != "granted");
    stage.clock += 3h;
    stage.authority.restore(state);
    BOOST_TEST(code_of(stage.authority.directory(session, {{"guid", card.guid}})) == "granted");
    stage.clock += 1h + 1s;
    BOOST_TEST(code_of(stage.authority.directory(session, {{"guid", card.guid}})) != "granted");
}

BOOST_AUTO_TEST_CASE(an_unlock_code_that_was_used_is_good_again) {
    AuthorityStage stage;
    const HeldCard card = stage.enrolled("card");
    const nlohmann::json body{{"device", card.guid}, {"code", stage.authority.unlock_code(card.guid)}};
    const harness::AuthorityState state = stage.authority.state();
    const auto guid = cardrig::apdu::from_hex(card.guid).value();
    const std::string unblocking = stage.authority.unblocking_code(guid);
    BOOST_TEST(code_of(stage.authority.unlock(body)) == "granted");
    BOOST_TEST(code_of(stage.authority.unlock_done(body)) == "granted");
    BOOST_TEST(stage.authority.unblocking_code(guid) != unblocking);
    stage.clock += 1h;
    stage.authority.restore(state);
    BOOST_TEST(stage.authority.unblocking_code(guid) == unblocking);
    BOOST_TEST(code_of(stage.authority.unlock(body)) == "granted");
    stage.clock += 15min + 1s;
    BOOST_TEST(code_of(stage.authority.unlock(body)) == "late-code");
}

BOOST_AUTO_TEST_CASE(a_state_belongs_to_its_authority) {
    AuthorityStage stage;
    AuthorityStage other;
    BOOST_CHECK_THROW(stage.authority.restore({}), std::invalid_argument);
    BOOST_CHECK_THROW(stage.authority.restore(other.authority.state()), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_server_goes_on_from_the_state) {
    cardrig::tests::ServedAuthority served;
    const harness::AuthorityState state = served.authority.state();
    const auto client = served.client();
    const auto before = certificates(served.authority);
    const auto enrolled = enroll(*client, cardrig::tests::NewRequest());
    BOOST_REQUIRE(enrolled);
    BOOST_TEST(enrolled->status == 200);
    BOOST_TEST(certificates(served.authority).size() == before.size() + 1);
    served.authority.restore(state);
    BOOST_TEST((certificates(served.authority) == before));
    const auto again = enroll(*served.client(), cardrig::tests::NewRequest());
    BOOST_REQUIRE(again);
    BOOST_TEST(again->status == 200);
    BOOST_TEST(certificates(served.authority).size() == before.size() + 1);
}

BOOST_AUTO_TEST_SUITE_END()
