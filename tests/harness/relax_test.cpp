#include "harness/relax.h"

#include "harness/errors.h"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>
#include <vector>

using namespace cardrig::harness;

namespace {

/// What vpcd makes of a verb: the words that the notices hold, or nothing.
struct Row {
    Verb verb;
    Verb done;               ///< in its place, now
    const char* now;         ///< a word of the notice, or empty
    const char* at_a_place;  ///< the same at a place
    std::uint32_t count = 0; ///< for truncate
};

const std::vector<Row>& rows() {
    static const std::vector<Row> all{
        {Verb::insert, Verb::insert, "", "later"},
        {Verb::remove, Verb::remove, "", "empty answer"},
        {Verb::swap, Verb::swap, "", "empty answer"},
        {Verb::reset, Verb::reset, "", ""},
        {Verb::cut_power, Verb::remove, "without power", "without power"},
        {Verb::cut_power, Verb::remove, "out of the reader", "empty answer"},
        {Verb::unplug, Verb::unplug, "pulled out", "pulled out"},
        {Verb::plug, Verb::plug, "comes back", "comes back"},
        {Verb::answer, Verb::answer, "", ""},
        {Verb::truncate, Verb::truncate, "", "", 1},
        {Verb::truncate, Verb::truncate, "the card leaves", "the card leaves", 2},
        {Verb::extend, Verb::extend, "", ""},
        {Verb::flip, Verb::flip, "", ""},
        {Verb::delay, Verb::delay, "", ""},
        {Verb::fill_memory, Verb::fill_memory, "", ""},
        {Verb::kill_client, Verb::kill_client, "", ""},
        {Verb::wait, Verb::wait, "", ""},
    };
    return all;
}

Effect effect_of(const Row& row) {
    Effect effect;
    effect.verb = row.verb;
    effect.count = row.count;
    effect.card = "agent";
    effect.reader = 2;
    return effect;
}

void check_notice(const std::string& notice, const std::string& word) {
    BOOST_TEST(notice.empty() == word.empty(), notice);
    BOOST_TEST(notice.find(word) != std::string::npos, notice);
}

std::string refusal(const std::vector<std::string>& names, ReaderKind kind) {
    try {
        check_readers(names, kind);
    } catch (const RequestError& error) {
        return error.what();
    }
    return "";
}

} // namespace

BOOST_AUTO_TEST_SUITE(relax)

BOOST_AUTO_TEST_CASE(every_verb_has_a_row) {
    std::set<Verb> seen;
    for (const Row& row : rows()) {
        seen.insert(row.verb);
    }
    for (unsigned verb = 0; verb <= static_cast<unsigned>(Verb::wait); ++verb) {
        const bool of_authority =
            target(static_cast<Verb>(verb)) == Target::authority; // no reader shows those
        BOOST_TEST((of_authority || seen.contains(static_cast<Verb>(verb))), verb);
    }
}

BOOST_AUTO_TEST_CASE(vpcd_does_what_it_can_and_says_so) {
    for (const Row& row : rows()) {
        BOOST_TEST_CONTEXT("verb " << static_cast<int>(row.verb) << ", " << row.count) {
            const Effect asked = effect_of(row);
            const Relaxed now = cardrig::harness::relax(asked, ReaderKind::vpcd);
            BOOST_CHECK(now.effect.verb == row.done);
            BOOST_TEST(now.effect.card == asked.card);
            BOOST_TEST(now.effect.reader.value() == 2U);
            check_notice(now.notice, row.now);
            const Relaxed placed = cardrig::harness::relax(Fault{{}, asked}, ReaderKind::vpcd);
            BOOST_CHECK(placed.effect.verb == row.verb);
            check_notice(placed.notice, row.at_a_place);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_card_that_resets_itself_at_a_memory_write_leaves_vpcd) {
    Effect reset;
    reset.verb = Verb::reset;
    check_notice(
        cardrig::harness::relax(Fault{*Place::parse("put-data write #3"), reset}, ReaderKind::vpcd).notice,
        "the card is out");
    check_notice(
        cardrig::harness::relax(Fault{*Place::parse("put-data after"), reset}, ReaderKind::vpcd).notice, "");
}

BOOST_AUTO_TEST_CASE(the_rigs_own_reader_does_all_as_asked) {
    for (const Row& row : rows()) {
        const Relaxed now = cardrig::harness::relax(effect_of(row), ReaderKind::rig);
        BOOST_CHECK(now.effect.verb == row.verb);
        BOOST_TEST(now.notice == "");
        BOOST_TEST(cardrig::harness::relax(Fault{{}, effect_of(row)}, ReaderKind::rig).notice == "");
    }
}

BOOST_AUTO_TEST_CASE(readers_that_cannot_be_had_are_refused) {
    BOOST_TEST(refusal({"", ""}, ReaderKind::vpcd) == "");
    BOOST_TEST(refusal(std::vector<std::string>(16), ReaderKind::rig) == "");
    BOOST_TEST(refusal({"Gemalto"}, ReaderKind::rig) == "");
    BOOST_TEST(refusal({"", "", ""}, ReaderKind::vpcd).find("vpcd has 2") != std::string::npos);
    BOOST_TEST(refusal(std::vector<std::string>(17), ReaderKind::rig).find("16 at most") !=
               std::string::npos);
    BOOST_TEST(refusal({"", "Gemalto"}, ReaderKind::vpcd).find("'Gemalto'") != std::string::npos);
    BOOST_TEST(refusal({}, ReaderKind::rig) != "");
}

BOOST_AUTO_TEST_SUITE_END()
