#include "harness/authority_expectations.h"

#include "apdu/ber_tlv.h"
#include "apdu/command_apdu.h"
#include "emulator/inspection.h"
#include "emulator/piv/piv_memory.h"
#include "tests/harness/test_card.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using cardrig::test::staff_card;

namespace {

IssueRecord issued(apdu::Bytes certificate, const char* key = "9A") {
    IssueRecord record;
    record.renewal = "R1";
    record.key = key;
    record.certificate = std::move(certificate);
    return record;
}

apdu::Bytes on_card(const MadeCard& card) {
    const auto state = emulator::inspect(card.image);
    BOOST_REQUIRE(state.has_value());
    return state->slot(emulator::piv::authentication_key)->certificate->der;
}

/// A certificate sent to a card in two blocks; `status` is how the last is answered.
std::vector<TraceEvent> writing(const apdu::Bytes& certificate, const char* status) {
    apdu::Bytes object = apdu::make_tlv(0x5C, apdu::encode_tag(0x5FC105));
    const apdu::Bytes content = apdu::make_tlv(0x53, apdu::make_tlv(0x70, certificate));
    object.insert(object.end(), content.begin(), content.end());
    const auto half = object.begin() + 10;
    std::vector<TraceEvent> events(2);
    for (TraceEvent& event : events) {
        event.kind = "apdu";
    }
    events[0].fields = {
        {"text", "put-data authentication-certificate block 1"},
        {"command", apdu::to_hex(apdu::CommandApdu(0x10, 0xDB, 0x3F, 0xFF, {object.begin(), half}).encode())},
        {"card-status", "9000"}};
    events[1].fields = {
        {"text", "put-data authentication-certificate block 2"},
        {"command", apdu::to_hex(apdu::CommandApdu(0x00, 0xDB, 0x3F, 0xFF, {half, object.end()}).encode())},
        {"card-status", status}};
    return events;
}

const apdu::Bytes certificate{0x30, 0x03, 0x02, 0x01, 0x05, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16};

} // namespace

BOOST_AUTO_TEST_SUITE(authority_expectations)

BOOST_AUTO_TEST_CASE(what_a_card_began_with_was_not_issued_in_the_scenario) {
    const CertificateLedger ledger({staff_card().image});
    const std::vector<IssueRecord> record{issued(on_card(staff_card())), issued(certificate)};
    BOOST_TEST(ledger.issued(record).size() == 1U);
    AuthorityExpectation expect;
    expect.issued = 1;
    BOOST_TEST(check_authority(expect, ledger, record).empty());
    for (const std::uint32_t wrong : {0U, 2U}) {
        expect.issued = wrong;
        const auto shortfalls = check_authority(expect, ledger, record);
        BOOST_TEST_REQUIRE(shortfalls.size() == 1U);
        BOOST_TEST(shortfalls[0].there == "1: 9A of renewal R1");
    }
}

BOOST_AUTO_TEST_CASE(a_certificate_is_used_once_it_was_on_a_card) {
    const MadeCard other = cardrig::test::staff_card_with({{"certificates.9A.expires", "40 days"}});
    const std::vector<IssueRecord> record{issued(on_card(other))};
    CertificateLedger ledger({staff_card().image});
    AuthorityExpectation expect;
    expect.unused = 0;
    BOOST_TEST_REQUIRE(check_authority(expect, ledger, record).size() == 1U);
    BOOST_TEST(check_authority(expect, ledger, record)[0].there ==
               "1 that were never on a card: 9A of renewal R1");
    expect.unused = 1;
    BOOST_TEST(check_authority(expect, ledger, record).empty());
    expect.unused = 0;
    ledger.see({other.image}, {});
    BOOST_TEST(check_authority(expect, ledger, record).empty());
    ledger.see({staff_card().image}, {}); // it was on one
    BOOST_TEST(check_authority(expect, ledger, record).empty());
}

BOOST_AUTO_TEST_CASE(what_was_written_and_overwritten_in_one_run_was_used) {
    const std::vector<IssueRecord> record{issued(certificate)};
    CertificateLedger refused({staff_card().image});
    refused.see({staff_card().image}, writing(certificate, "6A84"));
    BOOST_TEST(refused.unused(record).size() == 1U);
    CertificateLedger broken_off({staff_card().image});
    broken_off.see({staff_card().image}, {writing(certificate, "9000").front()});
    BOOST_TEST(broken_off.unused(record).size() == 1U);
    CertificateLedger taken({staff_card().image});
    taken.see({staff_card().image}, writing(certificate, "9000"));
    BOOST_TEST(taken.unused(record).empty());
    std::vector<TraceEvent> odd = writing(certificate, "9000");
    odd[1].fields["command"] = "..";
    CertificateLedger redacted({staff_card().image});
    redacted.see({staff_card().image}, odd);
    BOOST_TEST(redacted.unused(record).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
