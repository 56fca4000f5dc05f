// What clients see of vpcd is what the table says.
#include "tests/harness/reader_table.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::test;

BOOST_AUTO_TEST_SUITE(reader_table_vpcd)

BOOST_AUTO_TEST_CASE(every_call_returns_what_the_table_says) {
    for (const Situation situation : situations()) {
        check_line(cardrig::harness::ReaderKind::vpcd, situation);
    }
}

BOOST_AUTO_TEST_SUITE_END()
