#include "harness/errors.h"
#include "harness/sweep/sweep_outcome.h"

#include <boost/test/unit_test.hpp>

#include <array>

using namespace cardrig::harness;

namespace {

PlaceOutcome window() {
    PlaceOutcome outcome;
    outcome.place =
        SweepPlace::parse("live: put-data authentication-certificate block 2 after: remove").value();
    outcome.outcome = Outcome::window;
    outcome.broken = {{"I4", "agent", "the certificate of 9A has no private key on the card", true, 1},
                      {"I3", "", "the two are not of one renewal", true, 2}};
    outcome.position = 57;
    outcome.client_phase = "writing the certificate of 9A";
    outcome.card_state = "9A new key, old certificate; 9C as before";
    outcome.runs = 2;
    outcome.state = "s12";
    outcome.message = "no message";
    outcome.seconds = 0.25;
    return outcome;
}

/// What is said of such JSON.
std::string refusal(const nlohmann::json& json) {
    try {
        static_cast<void>(PlaceOutcome::from_json(json));
    } catch (const RequestError& error) {
        return error.what();
    }
    return "none";
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_outcome)

BOOST_AUTO_TEST_CASE(outcomes_have_words_and_an_order) {
    constexpr std::array from_worst{Outcome::failed, Outcome::violation, Outcome::diverged,
                                    Outcome::open,   Outcome::window,    Outcome::clean};
    for (std::size_t i = 0; i < from_worst.size(); ++i) {
        BOOST_CHECK(outcome_from_word(word(from_worst[i])) == from_worst[i]);
        for (std::size_t k = i; k < from_worst.size(); ++k) {
            BOOST_CHECK(worse(from_worst[i], from_worst[k]) == from_worst[i]);
            BOOST_CHECK(worse(from_worst[k], from_worst[i]) == from_worst[i]);
        }
    }
    BOOST_CHECK(!outcome_from_word("fine"));
}

BOOST_AUTO_TEST_CASE(an_outcome_comes_back_from_json_as_it_was) {
    const std::string text = window().to_json().dump();
    BOOST_CHECK(PlaceOutcome::from_json(nlohmann::json::parse(text)) == window());
}

BOOST_AUTO_TEST_CASE(a_refusal_names_the_key) {
    const nlohmann::json whole = window().to_json();
    for (const auto& [key, value] : whole.items()) {
        nlohmann::json without = window().to_json();
        without.erase(key);
        BOOST_TEST(refusal(without) == "place's outcome: '" + key + "': is missing");
        nlohmann::json other = window().to_json();
        other[key] = nullptr;
        BOOST_TEST(refusal(other).find("'" + key + "'") != std::string::npos);
    }
    nlohmann::json json = window().to_json();
    json["outcome"] = "fine";
    BOOST_TEST(refusal(json).find("'fine' is no outcome") != std::string::npos);
    json = window().to_json();
    json["place"] = "live: nothing";
    BOOST_TEST(refusal(json).find("'place': 'nothing' has no effect") != std::string::npos);
    json = window().to_json();
    json["broken"][0]["run"] = -1;
    BOOST_TEST(refusal(json).find("broken: 'run'") != std::string::npos);
    json = window().to_json();
    json["position"] = 4294967296;
    BOOST_TEST(refusal(json).find("'position': a whole number from 0 to 4294967295") != std::string::npos);
    json["seconds"] = -1;
    BOOST_TEST(refusal(nlohmann::json::array()).find("an object is wanted, not array") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
