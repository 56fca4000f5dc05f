// Which scenarios are run.
#include "harness/errors.h"
#include "harness/run_selection.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace cardrig::harness;

namespace {

std::vector<Scenario> several(std::size_t count) {
    std::vector<Scenario> scenarios(count);
    for (std::size_t i = 0; i < count; ++i) {
        scenarios[i].file = "f" + std::to_string(i % 3);
        scenarios[i].title = "t" + std::to_string(i);
    }
    return scenarios;
}

Shard parse(const std::string& text, const std::map<std::string, std::string>& variables = {}) {
    return parse_shard(text, [&](const std::string& name) {
        const auto value = variables.find(name);
        return value == variables.end() ? std::nullopt : std::optional(value->second);
    });
}

} // namespace

BOOST_AUTO_TEST_SUITE(run_selection)

BOOST_AUTO_TEST_CASE(each_scenario_is_in_one_shard_whatever_order_they_come_in) {
    std::set<std::string> seen;
    for (std::size_t number = 1; number <= 3; ++number) {
        std::vector<Scenario> reversed = several(10);
        std::ranges::reverse(reversed);
        const auto part = in_shard(several(10), {number, 3});
        const auto same = in_shard(reversed, {number, 3});
        BOOST_TEST_REQUIRE(part.size() == same.size());
        BOOST_TEST(part.size() >= 3U);
        for (std::size_t i = 0; i < part.size(); ++i) {
            BOOST_TEST(part[i].title == same[i].title);
            BOOST_TEST(seen.insert(part[i].title).second);
        }
    }
    BOOST_TEST(seen.size() == 10U);
    BOOST_TEST(in_shard(several(2), {3, 3}).empty());
}

BOOST_AUTO_TEST_CASE(a_shard_is_said_or_is_the_services) {
    BOOST_CHECK((parse("2/5") == Shard{2, 5}));
    BOOST_CHECK((parse("auto", {{"CI_NODE_INDEX", "3"}, {"CI_NODE_TOTAL", "4"}}) == Shard{3, 4}));
    for (const char* const wrong : {"", "2", "0/5", "6/5", "2/0", "-1/5", "2/5x", "x/5", "2//5", "2/99999"}) {
        BOOST_CHECK_THROW(static_cast<void>(parse(wrong)), RequestError);
    }
    BOOST_CHECK_THROW(static_cast<void>(parse("auto", {{"CI_NODE_INDEX", "3"}})), RequestError);
    BOOST_CHECK_THROW(static_cast<void>(parse("auto", {{"CI_NODE_INDEX", "x"}, {"CI_NODE_TOTAL", "4"}})),
                      RequestError);
}

BOOST_AUTO_TEST_SUITE_END()
