#include "harness/hand/output_plan.h"

#include "harness/errors.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;

namespace {

struct Fixture {
    OutputPlan plan;
    std::uint64_t last = 0;

    void add(const std::string& place) {
        plan.add({Place::parse(place).value(), Effect::parse("remove").value(), ++last});
    }
    /// The ids of what is due.
    std::vector<std::uint64_t> hear(std::string_view text) {
        std::vector<std::uint64_t> ids;
        for (const Fault& fault : plan.hear(text)) {
            ids.push_back(fault.id);
        }
        return ids;
    }
};

using Ids = std::vector<std::uint64_t>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(output_plan, Fixture)

BOOST_AUTO_TEST_CASE(a_line_is_due_once_however_it_is_cut) {
    add("output \"9A Writing\"");
    BOOST_TEST(hear("9A Pending\n9A Wri") == Ids{});
    BOOST_TEST(hear("ting") == Ids{1});
    BOOST_TEST(hear("\n9A Writing\n") == Ids{});
}

BOOST_AUTO_TEST_CASE(lines_are_counted_not_matches) {
    add("output \"Writing\" #2");
    BOOST_TEST(hear("Writing Writing") == Ids{});
    BOOST_TEST(hear(" Writing\n") == Ids{});
    BOOST_TEST(hear("Writing\n") == Ids{1});
}

BOOST_AUTO_TEST_CASE(a_question_without_a_lines_end_is_a_line) {
    add("output \"Passcode: $\"");
    BOOST_TEST(hear("Welcome\nPasscode: ") == Ids{1});
}

BOOST_AUTO_TEST_CASE(several_are_due_in_the_order_in_which_they_were_planned) {
    add("output \"b\"");
    add("output \"a\"");
    add("output \"ab\"");
    BOOST_TEST(hear("ab\n") == (Ids{1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(lines_end_with_a_carriage_return_too) {
    add("output \"^20 %\"");
    BOOST_TEST(hear("10 %\r20 %\r") == Ids{1});
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_is_not_due) {
    add("output \"a\"");
    add("output \"b\"");
    plan.remove(1);
    BOOST_TEST(hear("a\n") == Ids{});
    BOOST_TEST(plan.forget().size() == 1U);
    BOOST_TEST(hear("b\n") == Ids{});
}

BOOST_AUTO_TEST_CASE(the_next_clients_first_line_begins_anew) {
    BOOST_TEST(hear("Passcode: ") == Ids{});
    BOOST_TEST(plan.forget().empty());
    add("output \"^Welcome\"");
    BOOST_TEST(hear("Welcome\n") == Ids{1});
}

BOOST_AUTO_TEST_CASE(an_expression_that_is_none_is_refused) {
    BOOST_CHECK_THROW(add("output \"a(\""), RequestError);
}

BOOST_AUTO_TEST_SUITE_END()
