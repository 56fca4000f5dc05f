// The scenario language: the authority, what it knows and what its record must hold.
#include "harness/scenario_parts.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Bounds of counts: no run has so many.
constexpr std::int64_t most_certificates = 1000;

std::vector<std::string> card_names(const Scenario& scenario) {
    std::vector<std::string> names;
    std::ranges::transform(scenario.cards, std::back_inserter(names), &ScenarioCard::name);
    return names;
}

std::chrono::seconds read_positive(const YamlValue& value, const char* key) {
    const std::chrono::seconds time = value.duration();
    if (time <= std::chrono::seconds(0)) {
        value.refuse(fmt::format("'{}' is more than nothing", key));
    }
    return time;
}

void read_roles(const YamlValue& value, const Scenario& scenario, ScenarioAuthorityPlan& plan) {
    YamlMapping mapping = value.mapping();
    for (const std::string& name : card_names(scenario)) {
        if (const auto roles = mapping.take(name)) {
            plan.roles[name] = read_words(*roles, {"staff", "agent"});
        }
    }
    mapping.finish();
}

/// A card that the authority does not know has no roles there, and nothing of it can be revoked.
void check_unknown(const YamlValue& value, const ScenarioAuthorityPlan& plan) {
    for (const YamlValue& one : one_or_more(value)) {
        const std::string name = one.text();
        if (plan.roles.contains(name)) {
            one.refuse(
                fmt::format("'{}' has 'roles' above, and is in no directory here: one of the two", name));
        }
        if (std::ranges::find(plan.revoked, name) != plan.revoked.end()) {
            one.refuse(
                fmt::format("'{}' is 'revoked' above, and is in no directory here: one of the two", name));
        }
    }
}

} // namespace

ScenarioAuthorityPlan read_authority_plan(const YamlValue& value, const Scenario& scenario) {
    ScenarioAuthorityPlan plan;
    YamlMapping mapping = value.mapping();
    if (const auto roles = mapping.take("roles")) {
        read_roles(*roles, scenario, plan);
    }
    if (const auto revoked = mapping.take("revoked")) {
        plan.revoked = read_words(*revoked, card_names(scenario));
    }
    if (const auto unknown = mapping.take("unknown")) {
        plan.unknown = read_words(*unknown, card_names(scenario));
        check_unknown(*unknown, plan);
    }
    if (const auto age = mapping.take("unlock-code-age")) {
        plan.unlock_code_age = age->duration();
        if (plan.unlock_code_age < std::chrono::seconds(0)) {
            age->refuse("'unlock-code-age' is not negative");
        }
    }
    if (const auto window = mapping.take("window")) {
        plan.rules.window = read_positive(*window, "window");
    }
    if (const auto lifetime = mapping.take("lifetime")) {
        plan.rules.lifetime = read_positive(*lifetime, "lifetime");
    }
    mapping.finish();
    return plan;
}

AuthorityExpectation read_authority_expectation(const YamlValue& value) {
    AuthorityExpectation expect;
    YamlMapping mapping = value.mapping();
    if (const auto issued = mapping.take("issued")) {
        expect.issued = static_cast<std::uint32_t>(issued->integer(0, most_certificates));
    }
    if (const auto unused = mapping.take("unused")) {
        expect.unused = static_cast<std::uint32_t>(unused->integer(0, most_certificates));
        if (expect.issued && *expect.unused > *expect.issued) {
            unused->refuse(fmt::format("{} unused of {} issued", *expect.unused, *expect.issued));
        }
    }
    mapping.finish();
    check_says_something(mapping);
    return expect;
}

} // namespace cardrig::harness
