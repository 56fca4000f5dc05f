#include "tests/emulator/piv_table.h"

#include "tests/emulator/yubico_card.h"

#include <boost/test/unit_test.hpp>

namespace cardrig::tests {

namespace {

void prepare(PivCard& card, Before before) {
    switch (before) {
    case Before::nothing:
        break;
    case Before::passcode_verified:
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        break;
    case Before::blocked:
        BOOST_REQUIRE_EQUAL(card.verify("000000"), 0x63C2);
        BOOST_REQUIRE_EQUAL(card.verify("000000"), 0x63C1);
        BOOST_REQUIRE_EQUAL(card.verify("000000"), 0x63C0);
        break;
    case Before::both_blocked:
        block_codes(card);
        break;
    case Before::administrator_and_passcode:
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        break;
    case Before::administrator:
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        break;
    }
}

} // namespace

Table::Table(const Setup& setup) : setup_(setup) {
    using emulator::Algorithm;
    setup_.keys = {{0x9A, Algorithm::p256}, {0x9C, Algorithm::p256}, {0x9D, Algorithm::p256}};
}

void Table::check(std::initializer_list<Line> lines) const {
    for (const Line& line : lines) {
        PivCard card(setup_);
        prepare(card, line.before);
        BOOST_TEST_CONTEXT(line.command) {
            BOOST_TEST(card.status(line.command) == line.status);
        }
    }
}

} // namespace cardrig::tests
