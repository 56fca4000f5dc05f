#include "harness/sweep/client_phase.h"
#include "harness/trace_file.h"

#include <boost/test/unit_test.hpp>

#include <utility>

namespace harness = cardrig::harness;
namespace emulator = cardrig::emulator;
using harness::TraceEvent;

namespace {

/// "general-authenticate 9A (sign)", "authority certificate 9A"
TraceEvent event(std::string text) {
    TraceEvent event;
    if (text.starts_with("authority ")) {
        event.kind = "authority";
        text = text.substr(10);
        const std::size_t blank = text.find(' ');
        event.fields["request"] = text.substr(0, blank);
        event.fields["object"] = blank == std::string::npos ? "" : text.substr(blank + 1);
        return event;
    }
    event.kind = "apdu";
    const std::size_t detail = text.find(" (");
    event.fields["text"] = text.substr(0, detail);
    if (detail != std::string::npos) {
        event.fields["detail"] = text.substr(detail + 2, text.size() - detail - 3);
    }
    return event;
}

std::vector<std::string> phases(const std::vector<std::string>& texts) {
    std::vector<TraceEvent> events;
    for (const std::string& text : texts) {
        events.push_back(event(text));
    }
    return harness::client_phases(events);
}

/// Each phase once, with the number of the event that it begins with.
using Course = std::vector<std::pair<std::uint64_t, std::string>>;
Course course(const std::string& conversation) {
    const auto events =
        harness::read_trace(CARDRIG_SOURCE_DIR "/tests/data/conversations/" + conversation + ".jsonl");
    Course course;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const std::string phase = harness::client_phase(events, i);
        if (course.empty() || course.back().second != phase) {
            course.emplace_back(events[i].number, phase);
        }
    }
    return course;
}

void check(const Course& is, const Course& wanted) {
    BOOST_TEST(is.size() == wanted.size());
    for (std::size_t i = 0; i < std::min(is.size(), wanted.size()); ++i) {
        BOOST_TEST(is[i].first == wanted[i].first);
        BOOST_TEST(is[i].second == wanted[i].second);
    }
}

emulator::SlotState slot(emulator::piv::KeyReference reference, const std::string& key,
                         const std::string& certificate, bool matches) {
    emulator::SlotState slot;
    slot.reference = reference;
    if (!key.empty()) {
        slot.key = emulator::Algorithm::rsa2048;
        slot.stored_key_sha256 = key;
    }
    if (!certificate.empty()) {
        slot.certificate.emplace();
        slot.certificate->matches_key = matches;
        slot.stored_certificate_sha256 = certificate;
    }
    return slot;
}

emulator::CardState card(std::vector<emulator::SlotState> slots) {
    emulator::CardState state;
    state.passcode = {3, 3};
    state.unblocking_code = {3, 3};
    state.slots = std::move(slots);
    return state;
}

std::string phase_of(std::vector<emulator::SlotState> slots) {
    const auto start = card({slot(0x9A, "k1", "c1", true), slot(0x9C, "k2", "c2", true)});
    return harness::card_phase(start, card(std::move(slots)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(client_phase)

BOOST_AUTO_TEST_CASE(the_reference_client_is_understood) {
    check(course("reference-client"), {{3, "looking at the card"},
                                       {12, "asking for the passcode"},
                                       {22, "logging in"},
                                       {32, "asking for the passcode"},
                                       {43, "asking for a renewal"},
                                       {56, "generating the key of 9A"},
                                       {101, "asking for the certificate of 9A"},
                                       {113, "writing the certificate of 9A"},
                                       {135, "checking the certificate of 9A"},
                                       {143, "generating the key of 9C"},
                                       {193, "asking for the certificate of 9C"},
                                       {205, "writing the certificate of 9C"},
                                       {226, "checking the certificate of 9C"},
                                       {237, "finishing"}});
}

BOOST_AUTO_TEST_CASE(a_client_that_logs_in_to_the_card_before_each_signature_is_understood) {
    check(course("python-client"), {{3, "looking at the card"},
                                    {12, "asking for the passcode"},
                                    {24, "logging in"},
                                    {46, "asking for the passcode"},
                                    {59, "asking for a renewal"},
                                    {77, "generating the key of 9A"},
                                    {113, "asking for the certificate of 9A"},
                                    {129, "writing the certificate of 9A"},
                                    {154, "checking the certificate of 9A"},
                                    {168, "generating the key of 9C"},
                                    {221, "asking for the certificate of 9C"},
                                    {237, "writing the certificate of 9C"},
                                    {261, "checking the certificate of 9C"},
                                    {274, "finishing"}});
}

BOOST_AUTO_TEST_CASE(a_tool_that_asks_nobody_for_certificates_is_understood) {
    check(course("yubico-piv-tool"), {{3, "looking at the card"},
                                      {22, "asking for the passcode"},
                                      {32, "generating the key of 9A"},
                                      {80, "writing the certificate of 9A"},
                                      {107, "checking the certificate of 9A"},
                                      {128, "generating the key of 9C"},
                                      {175, "writing the certificate of 9C"},
                                      {210, "checking the certificate of 9C"}});
}

BOOST_AUTO_TEST_CASE(what_comes_next_tells_what_a_command_belongs_to) {
    const auto told = phases({"put-data authentication-certificate block 1", "get-data chuid",
                              "put-data authentication-certificate block 2", "get-response"});
    BOOST_TEST(told[1] == "writing the certificate of 9A");
    BOOST_TEST(told[3] == "writing the certificate of 9A");
    BOOST_TEST(told[4] == "finishing");
}

BOOST_AUTO_TEST_CASE(a_pair_made_in_a_retired_slot_and_moved_is_understood) {
    const auto told =
        phases({"get-data authentication-certificate", "verify passcode", "authority renewal",
                "general-authenticate 9B (authenticate-challenge)", "generate-key-pair 82",
                "general-authenticate 82 (sign)", "authority certificate 9A",
                "put-data retired-certificate-1 block 1", "get-data retired-certificate-1",
                "general-authenticate 82 (sign)", "move-key 9A (to 83)", "move-key 82 (to 9A)",
                "put-data authentication-certificate", "get-data authentication-certificate", "delete-key 83",
                "put-data retired-certificate-1 (delete)", "authority renewal-done"});
    const std::vector<std::string> wanted{"looking at the card",
                                          "asking for the passcode",
                                          "asking for a renewal",
                                          "generating the key of 82",
                                          "generating the key of 82",
                                          "asking for the certificate of 9A",
                                          "asking for the certificate of 9A",
                                          "writing the certificate of 82",
                                          "checking the certificate of 82",
                                          "checking the certificate of 82",
                                          "moving keys",
                                          "moving keys",
                                          "writing the certificate of 9A",
                                          "checking the certificate of 9A",
                                          "tidying up",
                                          "tidying up",
                                          "finishing",
                                          "finishing"};
    BOOST_TEST(told == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_signature_without_a_service_is_for_the_key_that_was_made_last) {
    const auto told = phases({"verify passcode", "generate-key-pair 9C", "general-authenticate 9C (sign)",
                              "put-data signature-certificate", "general-authenticate 9C (sign)"});
    BOOST_TEST(told[2] == "asking for the certificate of 9C");
    BOOST_TEST(told[4] == "checking the certificate of 9C");
}

BOOST_AUTO_TEST_CASE(other_tasks_have_words_too) {
    BOOST_TEST(phases({"select piv", "reset-retry-counter passcode"})[0] == "unblocking the passcode");
    BOOST_TEST(phases({"change-reference-data passcode"})[0] == "changing the passcode");
    BOOST_TEST(phases({"import-key 9D"})[0] == "importing the key of 9D");
    BOOST_TEST(phases({"authority directory"})[0] == "looking up the holder");
    BOOST_TEST(phases({"put-data authentication-certificate (delete)"})[0] ==
               "removing the certificate of 9A");
    BOOST_TEST(phases({"general-authenticate 9E (sign)"})[0] == "using the key of 9E");
}

BOOST_AUTO_TEST_CASE(a_trace_of_anything_has_a_phase_at_every_index) {
    BOOST_TEST(phases({}).size() == 1U);
    BOOST_TEST(harness::client_phase({}, 7) == "finishing");
    for (const char* text : {"get-response", "select piv", "malformed", "ins-F8", ""}) {
        for (const std::string& phase : phases({text, text})) {
            BOOST_TEST(!phase.empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_card_is_told_by_what_of_its_pair_is_new) {
    const auto old_9c = slot(0x9C, "k2", "c2", true);
    BOOST_TEST(phase_of({slot(0x9A, "k1", "c1", true), old_9c}) == "as before");
    BOOST_TEST(phase_of({slot(0x9A, "k3", "c1", false), old_9c}) ==
               "9A new key, old certificate; 9C as before");
    BOOST_TEST(phase_of({slot(0x9A, "k3", "c3", true), old_9c}) == "9A renewed; 9C as before");
    BOOST_TEST(phase_of({slot(0x9A, "k3", "c3", false), old_9c}) ==
               "9A new key, new certificate of another key; 9C as before");
    BOOST_TEST(phase_of({slot(0x9A, "k3", "", false), old_9c}) == "9A new key, no certificate; 9C as before");
    BOOST_TEST(phase_of({slot(0x9A, "", "c1", false), old_9c}) == "9A no key, old certificate; 9C as before");
    BOOST_TEST(phase_of({old_9c}) == "9A empty; 9C as before");
    auto torn = slot(0x9A, "k1", "", false);
    torn.stored_certificate_sha256 = "x";
    torn.certificate_damage = "it was not written to its end";
    BOOST_TEST(phase_of({torn, old_9c}) == "9A old key, damaged certificate; 9C as before");
}

BOOST_AUTO_TEST_CASE(other_slots_and_codes_are_told_where_they_changed) {
    const auto a = slot(0x9A, "k1", "c1", true);
    const auto c = slot(0x9C, "k2", "c2", true);
    BOOST_TEST(phase_of({slot(0x82, "k3", "", false), a, c}) == "as before; 82 new key, no certificate");
    BOOST_TEST(phase_of({slot(0x82, "k3", "c3", true), a, c}) == "as before; 82 new pair");
    const auto start = card({a, c});
    auto now = start;
    now.passcode.left = 0;
    BOOST_TEST(harness::card_phase(start, now) == "as before; passcode blocked");
    now.management_key_damage = "too short";
    BOOST_TEST(harness::card_phase(start, now) == "as before; passcode blocked; management key damaged");
}

BOOST_AUTO_TEST_CASE(a_memory_that_is_no_cards_cannot_be_read) {
    emulator::CardImage nothing;
    nothing.memory.assign(nothing.config.geometry.size(), 0xFF);
    BOOST_TEST(harness::card_phase(nothing, nothing) == "cannot be read");
}

BOOST_AUTO_TEST_SUITE_END()
