#include "harness/fault.h"
#include "harness/fault_verbs.h"

#include <boost/test/unit_test.hpp>

#include <set>
#include <utility>
#include <vector>

using namespace cardrig::harness;
namespace apdu = cardrig::apdu;

namespace {

std::string message(const char* text) {
    const auto effect = Effect::parse(text);
    BOOST_TEST_REQUIRE(!effect.has_value());
    return effect.error().message;
}

Fault make_fault(const char* place, const char* effect) {
    return {Place::parse(place).value(), Effect::parse(effect).value(), 0};
}

} // namespace

BOOST_AUTO_TEST_SUITE(fault)

BOOST_AUTO_TEST_CASE(effects_read_as_they_are_written) {
    for (const char* text : {"insert",
                             "insert card agent",
                             "insert reader 2",
                             "insert card agent reader 16",
                             "remove",
                             "remove reader 2",
                             "remove lost-writes reader 1",
                             "swap",
                             "swap card 2",
                             "swap weak-bits 7 card a-b_c",
                             "reset",
                             "reset erase-block",
                             "reset reader 3",
                             "cut-power",
                             "cut-power erase-block",
                             "cut-power prefix one",
                             "cut-power prefix none reader 2",
                             "unplug",
                             "unplug erased-page reader 2",
                             "plug",
                             "plug reader 2",
                             "answer 6A80",
                             "answer 63C2",
                             "answer 9000",
                             "answer 6982 reader 2",
                             "truncate 1 byte",
                             "truncate 3 bytes",
                             "truncate 65538 bytes reader 2",
                             "extend 00FF",
                             "extend 00 reader 2",
                             "flip bit 0",
                             "flip bit 524287",
                             "flip bit 17 reader 2",
                             "delay 1 us",
                             "delay 500 ms",
                             "delay 1 s",
                             "delay 61 s",
                             "delay 1 minute",
                             "delay 60 minutes reader 2",
                             "fill-memory leaving 0 bytes",
                             "fill-memory leaving 1 byte",
                             "fill-memory leaving 100 bytes",
                             "fill-memory leaving 4 KiB reader 2",
                             "kill-client",
                             "wait"}) {
        const auto effect = Effect::parse(text);
        BOOST_TEST_REQUIRE(effect.has_value(), text);
        BOOST_TEST(effect->text() == text);
    }
    for (const Tearing& tearing : all_tearings()) {
        Effect effect;
        effect.tearing = tearing;
        BOOST_CHECK(Effect::parse(effect.text()).value() == effect);
    }
}

BOOST_AUTO_TEST_CASE(one_effect_has_one_text) {
    const std::vector<std::pair<const char*, const char*>> forms{
        {"  answer\t6a80 ", "answer 6A80"},
        {"cut-power prefix", "cut-power prefix half"},
        {"truncate 1 bytes", "truncate 1 byte"},
        {"delay 1000 ms", "delay 1 s"},
        {"delay 1 minutes", "delay 1 minute"},
        {"delay 120 s", "delay 2 minutes"},
        {"delay 1500 us", "delay 1500 us"},
        {"fill-memory leaving 2048 bytes", "fill-memory leaving 2 KiB"},
        {"fill-memory leaving 0 KiB", "fill-memory leaving 0 bytes"},
        {"extend 00fF", "extend 00FF"},
    };
    for (const auto& [written, shortest] : forms) {
        BOOST_TEST(Effect::parse(written).value().text() == shortest);
    }
}

BOOST_AUTO_TEST_CASE(every_part_of_an_effect_is_read) {
    const Effect swap = Effect::parse("swap prefix one card agent reader 2").value();
    BOOST_CHECK(swap.verb == Verb::swap);
    BOOST_CHECK(swap.tearing.value().prefix == Prefix::one);
    BOOST_TEST(swap.card == "agent");
    BOOST_TEST(swap.reader.value() == 2U);
    BOOST_TEST(!Effect::parse("swap").value().reader.has_value());
    BOOST_TEST(Effect::parse("answer 6a80").value().status.value() == 0x6A80);
    BOOST_TEST(Effect::parse("truncate 3 bytes").value().count == 3U);
    BOOST_TEST(Effect::parse("flip bit 17").value().count == 17U);
    BOOST_TEST(Effect::parse("fill-memory leaving 2 KiB").value().count == 2048U);
    BOOST_CHECK((Effect::parse("extend 00FF").value().bytes == apdu::Bytes{0x00, 0xFF}));
    BOOST_CHECK(Effect::parse("delay 2 minutes").value().time == std::chrono::minutes(2));
    BOOST_CHECK(Effect::parse("delay 90 us").value().time == std::chrono::microseconds(90));
}

BOOST_AUTO_TEST_CASE(each_verb_has_one_row_and_one_word) {
    std::set<Verb> verbs;
    std::set<std::string_view> words;
    for (const VerbRow& row : verb_rows) {
        BOOST_TEST(verbs.insert(row.verb).second);
        BOOST_TEST(words.insert(row.word).second);
        BOOST_CHECK(verb_from_word(word(row.verb)) == row.verb);
        BOOST_TEST(moves(row.verb) == (row.target == Target::reader || row.target == Target::client));
        BOOST_TEST(interrupts(row.verb) == row.interrupts);
    }
    BOOST_TEST(verbs.size() == static_cast<std::size_t>(Verb::wait) + 1);
    BOOST_CHECK(!verb_from_word("cut"));
    BOOST_TEST(!interrupts(Verb::reset));
    BOOST_TEST(!moves(Verb::cut_power));
    BOOST_TEST(moves(Verb::kill_client));
}

BOOST_AUTO_TEST_CASE(a_wrong_effect_is_named_with_the_nearest_right_one) {
    const std::vector<std::pair<const char*, const char*>> wrong{
        {"", "cut-power"},
        {"cut-pwer", "'cut-power'"},
        {"cut-power prefix hlf", "hlf"},
        {"cut-power prefx", "'prefix'"},
        {"remove now", "'now'"},
        {"remove raeder 2", "'reader'"},
        {"remove card agent", "'card'"},
        {"insert agent", "'insert [card NAME] [reader N]'"},
        {"insert card", "name is wanted"},
        {"insert card reader 2", "'reader' is no card's name"},
        {"insert card remove", "'remove' is no card's name"},
        {"insert card a.b", "'a.b'"},
        {"insert card abcdefghijklmnopqrstuvwxyz0123456", "at most 32"},
        {"insert reader 2 card agent", "'card'"},
        {"insert reader", "number of a reader"},
        {"insert reader 0", "'0'"},
        {"insert reader 17", "1 to 16"},
        {"insert reader 02", "'02'"},
        {"kill-client reader 1", "'reader'"},
        {"wait 5 s", "'5'"},
        {"answer", "four hexadecimal digits"},
        {"answer 6A8", "'6A8'"},
        {"answer 1234", "'1234'"},
        {"answer 6000", "'6000'"},
        {"answer 6A80 6A82", "'6A82'"},
        {"truncate", "'truncate 3 bytes [reader N]'"},
        {"truncate 3", "unit"},
        {"truncate 0 bytes", "1 to"},
        {"truncate 65539 bytes", "65538"},
        {"truncate 3 KiB", "'KiB'"},
        {"truncate -1 bytes", "'-1'"},
        {"extend", "hexadecimal"},
        {"extend 0", "'0'"},
        {"flip 17", "'bit'"},
        {"flip bit", "number of a bit"},
        {"flip bit 524288", "524287"},
        {"delay 500", "unit"},
        {"delay 500 mss", "'ms'"},
        {"delay 0 ms", "1 us"},
        {"delay 61 minutes", "60 minutes"},
        {"delay 1 hour", "'hour'"},
        {"fill-memory", "'leaving'"},
        {"fill-memory leaving 99999999 KiB", "4 GiB"},
        {"fill-memory leaving 1 MiB", "'MiB'"},
    };
    for (const auto& [text, named] : wrong) {
        BOOST_TEST_CONTEXT(text << ": " << message(text)) {
            BOOST_TEST(message(text).find(named) != std::string::npos, named);
        }
    }
}

BOOST_AUTO_TEST_CASE(place_and_effect_must_go_together) {
    const std::vector<std::pair<const char*, const char*>> right{
        {"write #1", "cut-power erase-block"},
        {"write #1", "remove"},
        {"verify write #1", "swap prefix one card agent"},
        {"verify write #1", "reset erase-block"},
        {"verify write #1", "unplug lost-writes"},
        {"verify write #1", "delay 5 ms"},
        {"write #1", "insert reader 2"},
        {"write #1", "kill-client"},
        {"write #1", "wait"},
        {"verify before", "cut-power reader 2"},
        {"verify before", "answer 6983"},
        {"verify before", "delay 5 ms"},
        {"verify before", "fill-memory leaving 100 bytes"},
        {"verify after", "answer 6983"},
        {"verify after", "truncate 1 byte"},
        {"verify after", "flip bit 1"},
        {"any #3 after card 2", "extend 00"},
    };
    for (const auto& [place, effect] : right) {
        BOOST_TEST(make_fault(place, effect).check().has_value(), effect << " at " << place);
    }
    struct Wrong {
        const char* place;
        const char* effect;
        const char* instead;
    };
    for (const Wrong& wrong : std::vector<Wrong>{
             {"write #1", "answer 6A80", "'before' or 'after' instead of 'write #1'"},
             {"put-data write #2", "answer 6A80", "instead of 'write #2'"},
             {"put-data write #2", "truncate 1 byte", "'after' instead of 'write #2'"},
             {"put-data before", "truncate 1 byte", "'after'"},
             {"put-data before", "extend 00", "'after'"},
             {"put-data before", "flip bit 3", "'after'"},
             {"put-data write #1", "fill-memory leaving 1 byte", "'before'"},
             {"verify before", "cut-power erase-block", "'write #m'"},
             {"verify after", "reset erase-block", "'write #m'"},
             {"verify before", "remove prefix half", "'write #m'"}, // also where it is the default
             {"verify after", "answer 6A80 reader 2", "'card NAME'"},
             {"verify after", "reset reader 2", "'card NAME'"},
             {"verify after", "fill-memory leaving 1 byte reader 2", "'card NAME'"},
         }) {
        const auto fits = make_fault(wrong.place, wrong.effect).check();
        BOOST_TEST_REQUIRE(!fits.has_value(), wrong.effect << " at " << wrong.place);
        BOOST_TEST(fits.error().message.find(wrong.instead) != std::string::npos, fits.error().message);
    }
    BOOST_TEST(!Fault{}.check().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
