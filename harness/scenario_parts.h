// The parts of a scenario file, each read by itself. Every refusal is a RequestError with file:line:column.
#pragma once

#include "harness/scenario.h"
#include "harness/yaml.h"

#include <string>
#include <vector>

namespace cardrig::harness {

/// One value, or each of a list.
[[nodiscard]] std::vector<YamlValue> one_or_more(const YamlValue& value);
/// A scalar that is not empty.
[[nodiscard]] std::string written(const YamlValue& value);

/// `card` or `cards`, and `readers`: what the other parts name.
void read_cards_and_readers(YamlMapping& mapping, Scenario& scenario);

/// `fault`, one or a list: each a place, and what is done there, in order. Names are the scenario's.
[[nodiscard]] std::vector<Fault> read_faults(const YamlValue& value, const Scenario& scenario);
/// An act that moves something: `swap card agent`.
[[nodiscard]] Effect read_act(const YamlValue& value, const Scenario& scenario);

[[nodiscard]] Expectation read_expectation(const YamlValue& value, const Scenario& scenario);

} // namespace cardrig::harness
