// The table of what clients see is read as it must be: nothing in it can be wrong without being seen.
#include "tests/harness/reader_table.h"

#include <stdexcept>
#include <string>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

using namespace cardrig::test;

namespace {

/// A table in which each cell holds its line's and its column's number, but for one.
std::string made(const std::string& cell = "`0` or `4 5`[1]") {
    std::string text = "### rig\n\n| |";
    for (const Call call : calls()) {
        text += fmt::format(" {} |", name_of(call));
    }
    text += " on hardware |\n|---|\n";
    for (std::size_t i = 0; i < situations().size(); ++i) {
        text += fmt::format("| {} |", name_of(situations()[i]));
        for (std::size_t j = 0; j < calls().size(); ++j) {
            text += i == 1 && j == 2 ? fmt::format(" {} |", cell) : fmt::format(" {} {} |", i, j);
        }
        text += " anything |\n";
    }
    return text;
}

using Words = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(reader_table)

BOOST_AUTO_TEST_CASE(a_cell_is_found_by_its_line_and_column) {
    const ReaderTable table = ReaderTable::parse(made(), "rig");
    BOOST_TEST(table.expected(Situation::removed_during_apdu, Call::running_transmit) == Words{"0 0"},
               boost::test_tools::per_element());
    BOOST_TEST(table.expected(Situation::daemon_gone, Call::disconnect) == Words{"11 8"},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_cell_may_hold_one_or_the_other_and_marks) {
    const ReaderTable table = ReaderTable::parse(made(), "rig");
    const Words expected{"0", "4 5"};
    BOOST_TEST(table.expected(Situation::removed, Call::status) == expected,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_table_that_lacks_something_is_refused) {
    const std::string whole = made();
    BOOST_CHECK_THROW(ReaderTable::parse(whole, "vpcd"), std::runtime_error);
    for (const std::string part : {"| swapped |", " Status |", "| 3 4 |", "| anything |"}) {
        std::string text = whole;
        text.erase(text.find(part), part.size());
        BOOST_CHECK_THROW(ReaderTable::parse(text, "rig"), std::runtime_error);
    }
    const std::size_t last = whole.rfind("| daemon gone");
    BOOST_CHECK_THROW(ReaderTable::parse(whole.substr(0, last), "rig"), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
