#include "harness/sweep/sweep_outcome.h"

#include "harness/errors.h"
#include "harness/sweep/json_fields.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// From the worst for the user to the best.
constexpr auto outcome_words = std::to_array<std::pair<Outcome, std::string_view>>({
    {Outcome::failed, "failed"},
    {Outcome::violation, "violation"},
    {Outcome::diverged, "diverged"},
    {Outcome::open, "open"},
    {Outcome::window, "window"},
    {Outcome::clean, "clean"},
});

using OutcomeWord = std::pair<Outcome, std::string_view>;

} // namespace

std::string_view word(Outcome outcome) {
    const auto* const found = std::ranges::find(outcome_words, outcome, &OutcomeWord::first);
    return found == outcome_words.end() ? std::string_view() : found->second;
}

std::optional<Outcome> outcome_from_word(std::string_view text) {
    const auto* const found = std::ranges::find(outcome_words, text, &OutcomeWord::second);
    return found == outcome_words.end() ? std::nullopt : std::optional(found->first);
}

Outcome worse(Outcome one, Outcome other) {
    const auto* const first = std::ranges::find(outcome_words, one, &OutcomeWord::first);
    const auto* const second = std::ranges::find(outcome_words, other, &OutcomeWord::first);
    return first <= second ? one : other;
}

nlohmann::json BrokenPromise::to_json() const {
    nlohmann::json json = {
        {"invariant", invariant}, {"card", card}, {"how", how}, {"mended", mended}, {"run", run}};
    if (!state.empty()) {
        json["state"] = state;
    }
    return json;
}

BrokenPromise BrokenPromise::from_json(const nlohmann::json& json) {
    const JsonFields fields(json, "broken");
    return {.invariant = fields.text("invariant"),
            .card = fields.text("card"),
            .how = fields.text("how"),
            .mended = fields.truth("mended"),
            .run = fields.number<std::uint32_t>("run"),
            .state = json.contains("state") ? fields.text("state") : std::string()};
}

nlohmann::json PlaceOutcome::to_json() const {
    nlohmann::json promises = nlohmann::json::array();
    for (const BrokenPromise& promise : broken) {
        promises.push_back(promise.to_json());
    }
    return {{"place", place.text()},
            {"outcome", word(outcome)},
            {"broken", std::move(promises)},
            {"position", position},
            {"client_phase", client_phase},
            {"card_state", card_state},
            {"runs", runs},
            {"state", state},
            {"message", message},
            {"seconds", seconds}};
}

PlaceOutcome PlaceOutcome::from_json(const nlohmann::json& json) {
    const JsonFields fields(json, "place's outcome");
    PlaceOutcome result;
    result.place = fields.place("place");
    const std::string outcome = fields.text("outcome");
    const auto known = outcome_from_word(outcome);
    if (!known) {
        fields.refuse("outcome", fmt::format("'{}' is no outcome", outcome));
    }
    result.outcome = *known;
    for (const nlohmann::json& promise : fields.list("broken")) {
        result.broken.push_back(BrokenPromise::from_json(promise));
    }
    result.position = fields.number<std::uint32_t>("position");
    result.client_phase = fields.text("client_phase");
    result.card_state = fields.text("card_state");
    result.runs = fields.number<std::uint32_t>("runs");
    result.state = fields.text("state");
    result.message = fields.text("message");
    result.seconds = fields.seconds("seconds");
    return result;
}

} // namespace cardrig::harness
