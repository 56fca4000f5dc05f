// The words of the sweep's options.
#include "harness/errors.h"
#include "harness/shell_word.h"
#include "harness/sweep/progress_line.h"
#include "harness/sweep/sweep_words.h"

#include <functional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;

namespace {

std::string refusal(const std::function<void()>& work) {
    try {
        work();
    } catch (const RequestError& error) {
        return error.what();
    }
    return "nothing was refused";
}

bool contains(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_words)

BOOST_AUTO_TEST_CASE(a_budget_is_a_number_and_a_unit) {
    BOOST_TEST(budget_from_words("90s").count() == 90);
    BOOST_TEST(budget_from_words("90 seconds").count() == 90);
    BOOST_TEST(budget_from_words("10 minutes").count() == 600);
    BOOST_TEST(budget_from_words("2h").count() == 7200);
    for (const char* const wrong : {"", "10", "ten minutes", "10 weeks", "-5 s", "5 s 3", "4294967296 s"}) {
        BOOST_TEST(contains(refusal([&] { static_cast<void>(budget_from_words(wrong)); }), "--budget"),
                   wrong);
    }
    BOOST_TEST(contains(refusal([] { static_cast<void>(budget_from_words("0 s")); }), "above 0"));
    BOOST_TEST(
        contains(refusal([] { static_cast<void>(budget_from_words("4000000000 h")); }), "at most 30 days"));
}

BOOST_AUTO_TEST_CASE(phases_are_parted_by_commas) {
    BOOST_TEST((phases_from_words("live, memory") == std::set{SweepPhase::memory, SweepPhase::live}));
    BOOST_TEST(
        contains(refusal([] { static_cast<void>(phases_from_words("memori")); }), "did you mean 'memory'?"));
    BOOST_TEST(contains(refusal([] { static_cast<void>(phases_from_words("live,")); }), "an empty word"));
}

BOOST_AUTO_TEST_CASE(a_model_that_is_none_is_refused_with_the_nearest) {
    BOOST_TEST((models_from_words("prefix half,  cut-power   after") ==
                std::vector<std::string>{"prefix half", "cut-power after"}));
    BOOST_TEST(
        contains(refusal([] { static_cast<void>(models_from_words("prefx")); }), "did you mean 'prefix'?"));
    BOOST_TEST(contains(refusal([] { static_cast<void>(models_from_words("cut-powers")); }),
                        "did you mean 'cut-power'?"));
    BOOST_TEST(contains(refusal([] { static_cast<void>(models_from_words("answer 6A80")); }), "--models"));
}

BOOST_AUTO_TEST_CASE(words_for_a_shell_are_quoted_where_they_must_be) {
    BOOST_TEST(shell_words({"cardrig", "sweep", "a b.yaml", "it's", ""}) ==
               "cardrig sweep 'a b.yaml' 'it'\\''s' ''");
}

BOOST_AUTO_TEST_CASE(progress_fits_into_its_columns) {
    SweepProgress progress;
    progress.doing = "live";
    progress.done = 312;
    progress.planned = 1028;
    progress.findings = 1;
    progress.took = std::chrono::seconds(72);
    progress.left = std::chrono::seconds(3760);
    BOOST_TEST(progress_text(progress, 100) ==
               "live: 312 of 1028 places, 1 violation, 1:12, about 1:02:40 left");
    BOOST_TEST(progress_text(progress, 10) == "live: 312 ");
}

BOOST_AUTO_TEST_SUITE_END()
