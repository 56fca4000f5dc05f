// The parts of a scenario file, each read by itself. Every refusal is a RequestError with file:line:column.
#pragma once

#include "harness/scenario.h"
#include "harness/yaml.h"

#include <map>
#include <string>
#include <vector>

namespace cardrig::harness {

/// One value, or each of a list; refuses an empty list, which says nothing.
[[nodiscard]] std::vector<YamlValue> one_or_more(const YamlValue& value);
/// Refuses a mapping without a key, as in `trace: {}`: it reads as if it said something.
void check_says_something(const YamlMapping& mapping);
/// A scalar that is not empty.
[[nodiscard]] std::string written(const YamlValue& value);

/// `card` or `cards`, and `readers`: what the other parts name.
void read_cards_and_readers(YamlMapping& mapping, Scenario& scenario);

/// `fault`, one or a list: each a place, and what is done there, in order. Names are the scenario's.
[[nodiscard]] std::vector<Fault> read_faults(const YamlValue& value, const Scenario& scenario);
/// An act that moves something: `swap card agent`.
[[nodiscard]] Effect read_act(const YamlValue& value, const Scenario& scenario);

/// Words of a fixed list, one or several, none twice.
[[nodiscard]] std::vector<std::string> read_words(const YamlValue& value,
                                                  const std::vector<std::string>& known);
/// Regular expressions, one or several.
[[nodiscard]] std::string read_pattern(const YamlValue& value);
/// Refuses a name that is none of the scenario's cards; empty is the first.
void check_card_name(const YamlValue& value, const std::string& name, const Scenario& scenario);
/// A scalar whose placeholders are the scenario's.
[[nodiscard]] std::string with_placeholders(const YamlValue& value, const Scenario& scenario);

/// `client`: a command line, or a described one with a task. `earlier`: the run's before this one, or none.
[[nodiscard]] ScenarioClient read_client(const YamlValue& value, const Scenario& scenario,
                                         const ScenarioClient* earlier);
/// `person`: where, and acts; or the list of acts.
[[nodiscard]] ScenarioPerson read_person(const YamlValue& value, const Scenario& scenario);
/// What a person does with cards and readers: `remove`, `insert card other`, `kill-client`.
[[nodiscard]] std::vector<Effect> read_moves(const YamlValue& value, const Scenario& scenario);

/// `authority` of a scenario, and of what is expected.
[[nodiscard]] ScenarioAuthorityPlan read_authority_plan(const YamlValue& value, const Scenario& scenario);
[[nodiscard]] AuthorityExpectation read_authority_expectation(const YamlValue& value);
/// `trace` of what is expected.
[[nodiscard]] TraceExpectation read_trace_expectation(const YamlValue& value, const Scenario& scenario);

/// What is expected of one run. `described`: meanings can be looked for. `converging`: exit is success and
/// every promise holds, whether it is said or not.
[[nodiscard]] Expectation read_expectation(const YamlValue& value, const Scenario& scenario, bool described,
                                           bool converging = false);

/// `matrix`: its rows, each by its variant's name.
struct MatrixRow {
    std::string variant;            ///< "expires=30 days, tries=2"
    std::vector<std::string> names; ///< in order
    std::map<std::string, YamlValue> values;
};
/// Refuses a name that is a placeholder of its own, or is used nowhere in `root`.
[[nodiscard]] std::vector<MatrixRow> read_matrix(const YamlValue& matrix, const YamlValue& root);
/// The title, with what it does not name of the row.
[[nodiscard]] std::string variant_title(const std::string& title, const MatrixRow& row,
                                        const YamlValue& unfilled);

} // namespace cardrig::harness
