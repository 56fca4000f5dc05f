#include "harness/fault_plan.h"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace cardrig::harness;
namespace apdu = cardrig::apdu;

namespace {

Fault make_fault(const char* place, const char* effect) {
    return {Place::parse(place).value(), Effect::parse(effect).value(), 0};
}

std::string effects(const std::vector<Fault>& faults) {
    std::string text;
    for (const Fault& fault : faults) {
        text += (text.empty() ? "" : ", ") + fault.effect.text();
    }
    return text;
}

apdu::DecodedCommand command(const char* name) {
    apdu::DecodedCommand command;
    command.name = name;
    return command;
}

apdu::DecodedCommand block(std::uint32_t number, bool last) {
    apdu::DecodedCommand block = command("put-data");
    block.object = "signature-certificate";
    block.block = number;
    block.last_block = last;
    return block;
}

} // namespace

BOOST_AUTO_TEST_SUITE(fault_plan)

BOOST_AUTO_TEST_CASE(a_chain_is_one_occurrence) {
    FaultPlan plan;
    plan.plan({make_fault("put-data signature-certificate #2 before", "remove"),
               make_fault("put-data signature-certificate #1 after", "remove")});
    plan.begin(block(1, false));
    BOOST_TEST(plan.before().empty());
    BOOST_TEST(plan.after().empty());
    plan.begin(block(2, true));
    BOOST_TEST(plan.before().empty());
    BOOST_TEST(!plan.after().empty());
    plan.begin(block(1, false));
    BOOST_TEST(!plan.before().empty());
    BOOST_TEST(plan.pending().empty());
    BOOST_TEST(plan.before().empty());
}

BOOST_AUTO_TEST_CASE(a_block_is_picked_by_its_number) {
    FaultPlan plan;
    plan.plan(
        {make_fault("put-data block 2 before", "remove"), make_fault("put-data block 1 after", "remove")});
    plan.begin(block(1, false));
    BOOST_TEST(plan.before().empty());
    BOOST_TEST(!plan.after().empty());
    plan.begin(block(2, false));
    BOOST_TEST(!plan.before().empty());
}

BOOST_AUTO_TEST_CASE(writes_are_counted_over_all_blocks_of_the_occurrence_alone) {
    FaultPlan plan;
    plan.plan({make_fault("put-data #2 write #2", "cut-power"), make_fault("write #9", "cut-power")});
    plan.begin(block(1, true));
    BOOST_TEST(plan.write(1).empty());
    BOOST_TEST(plan.write(2).empty());
    plan.end();
    BOOST_TEST(plan.write(3).empty());
    plan.begin(block(1, false));
    BOOST_TEST(plan.write(4).empty());
    plan.begin(block(2, true));
    BOOST_TEST(!plan.write(5).empty());
    BOOST_TEST(plan.write(6).empty());
    plan.end();
    BOOST_TEST(!plan.write(9).empty());
}

BOOST_AUTO_TEST_CASE(several_at_one_place_are_due_together_in_the_order_of_the_plan) {
    FaultPlan plan;
    plan.plan({make_fault("put-data before", "delay 1 ms"), make_fault("any before", "reset"),
               make_fault("put-data after", "remove")});
    plan.add(make_fault("put-data #1 before", "wait"));
    plan.add(make_fault("put-data write #1", "delay 2 ms"));
    plan.add(make_fault("write #4", "cut-power"));
    plan.begin(block(1, true));
    BOOST_TEST(effects(plan.before()) == "delay 1 ms, reset, wait");
    BOOST_TEST(effects(plan.write(4)) == "delay 2 ms, cut-power");
    BOOST_TEST(effects(plan.after()) == "remove");
    BOOST_TEST(plan.pending().empty());
}

BOOST_AUTO_TEST_CASE(what_is_added_counts_commands_from_the_next_one) {
    FaultPlan plan;
    plan.begin(block(1, false));
    plan.add(make_fault("put-data after", "remove"));
    plan.add(make_fault("any #2 after", "wait"));
    BOOST_TEST(plan.after().empty());
    plan.begin(block(2, true));
    BOOST_TEST(plan.after().empty());
    plan.begin(block(1, true));
    BOOST_TEST(effects(plan.after()) == "remove");
    plan.begin(command("verify"));
    BOOST_TEST(effects(plan.after()) == "wait");
}

BOOST_AUTO_TEST_CASE(any_counts_every_command_and_a_chain_once) {
    FaultPlan plan;
    plan.plan({make_fault("any #3 before", "wait")});
    plan.begin(command("select"));
    BOOST_TEST(plan.before().empty());
    plan.begin(block(1, false));
    BOOST_TEST(plan.before().empty());
    plan.begin(block(2, true));
    BOOST_TEST(plan.before().empty());
    plan.begin(command("ins-F5"));
    BOOST_TEST(!plan.before().empty());
}

BOOST_AUTO_TEST_CASE(what_was_forgotten_never_happens) {
    FaultPlan plan;
    plan.add(make_fault("verify before", "remove"));
    plan.add(make_fault("put-data before", "remove"));
    plan.begin(command("verify"));
    BOOST_TEST(!plan.before().empty());
    const auto forgotten = plan.forget();
    BOOST_TEST_REQUIRE(forgotten.size() == 1U);
    BOOST_TEST(forgotten[0].place.text() == "put-data before");
    BOOST_TEST(plan.pending().empty());
    plan.begin(block(1, true));
    BOOST_TEST(plan.before().empty());
}

BOOST_AUTO_TEST_SUITE_END()
