#include "harness/fault.h"
#include "harness/fault_plan.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
namespace apdu = cardrig::apdu;

namespace {

std::string message(const char* text) {
    const auto effect = Effect::parse(text);
    BOOST_TEST_REQUIRE(!effect.has_value());
    return effect.error().message;
}

Fault make_fault(const char* place, const char* effect) {
    return {Place::parse(place).value(), Effect::parse(effect).value()};
}

apdu::DecodedCommand block(std::uint32_t number, bool last) {
    apdu::DecodedCommand command;
    command.name = "put-data";
    command.object = "signature-certificate";
    command.block = number;
    command.last_block = last;
    return command;
}

} // namespace

BOOST_AUTO_TEST_SUITE(fault)

BOOST_AUTO_TEST_CASE(effects_read_as_they_are_written) {
    for (const char* text : {"cut-power", "cut-power erase-block", "cut-power prefix one", "remove",
                             "answer 6A80", "answer 63C2", "answer 9000"}) {
        BOOST_TEST(Effect::parse(text).value().text() == text);
    }
    BOOST_TEST(Effect::parse("answer 6a80").value().status.value() == 0x6A80);
    for (const Tearing& tearing : all_tearings()) {
        const Effect effect{Verb::cut_power, tearing, apdu::sw::no_precise_diagnosis};
        BOOST_CHECK(Effect::parse(effect.text()).value().tearing == tearing);
    }
}

BOOST_AUTO_TEST_CASE(each_verb_has_one_word) {
    for (const Verb verb : {Verb::cut_power, Verb::remove, Verb::answer}) {
        BOOST_CHECK(verb_from_word(word(verb)) == verb);
    }
    BOOST_CHECK(!verb_from_word("cut"));
}

BOOST_AUTO_TEST_CASE(a_wrong_effect_is_named) {
    BOOST_TEST(message("cut-pwer").find("'cut-power'") != std::string::npos);
    BOOST_TEST(message("cut-power prefix hlf").find("hlf") != std::string::npos);
    BOOST_TEST(message("remove now").find("'now'") != std::string::npos);
    BOOST_TEST(message("answer").find("four hexadecimal digits") != std::string::npos);
    BOOST_TEST(message("answer 6A8").find("'6A8'") != std::string::npos);
    BOOST_TEST(message("answer 1234").find("'1234'") != std::string::npos);
    BOOST_TEST(message("answer 6000").find("'6000'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(place_and_effect_must_go_together) {
    BOOST_TEST(make_fault("write #1", "cut-power erase-block").check().has_value());
    BOOST_TEST(make_fault("write #1", "remove").check().has_value());
    BOOST_TEST(make_fault("verify before", "cut-power").check().has_value());
    BOOST_TEST(make_fault("verify after", "answer 6983").check().has_value());
    BOOST_TEST(!make_fault("write #1", "answer 6A80").check().has_value());
    BOOST_TEST(!make_fault("put-data write #1", "answer 6A80").check().has_value());
    BOOST_TEST(!make_fault("verify before", "cut-power erase-block").check().has_value());
}

BOOST_AUTO_TEST_CASE(a_chain_is_one_occurrence) {
    FaultPlan plan;
    plan.plan({make_fault("put-data signature-certificate #2 before", "remove"),
               make_fault("put-data signature-certificate #1 after", "remove")});
    plan.begin(block(1, false));
    BOOST_TEST(!plan.before().has_value());
    BOOST_TEST(!plan.after().has_value());
    plan.begin(block(2, true));
    BOOST_TEST(!plan.before().has_value());
    BOOST_TEST(plan.after().has_value());
    plan.begin(block(1, false));
    BOOST_TEST(plan.before().has_value());
    BOOST_TEST(plan.pending().empty());
    BOOST_TEST(!plan.before().has_value());
}

BOOST_AUTO_TEST_CASE(a_block_is_picked_by_its_number) {
    FaultPlan plan;
    plan.plan(
        {make_fault("put-data block 2 before", "remove"), make_fault("put-data block 1 after", "remove")});
    plan.begin(block(1, false));
    BOOST_TEST(!plan.before().has_value());
    BOOST_TEST(plan.after().has_value());
    plan.begin(block(2, false));
    BOOST_TEST(plan.before().has_value());
}

BOOST_AUTO_TEST_CASE(writes_are_counted_over_all_blocks_of_the_occurrence_alone) {
    FaultPlan plan;
    plan.plan({make_fault("put-data #2 write #2", "cut-power"), make_fault("write #9", "cut-power")});
    plan.begin(block(1, true));
    BOOST_TEST(!plan.write(1).has_value());
    BOOST_TEST(!plan.write(2).has_value());
    plan.end();
    BOOST_TEST(!plan.write(3).has_value());
    plan.begin(block(1, false));
    BOOST_TEST(!plan.write(4).has_value());
    plan.begin(block(2, true));
    BOOST_TEST(plan.write(5).has_value());
    BOOST_TEST(!plan.write(6).has_value());
    plan.end();
    BOOST_TEST(plan.write(9).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
