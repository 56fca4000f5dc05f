// The scenario language: `matrix`, which makes several scenarios of one file.
#include "harness/errors.h"
#include "harness/scenario_parts.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t most_rows = 256;
constexpr std::size_t longest_name = 32;
constexpr std::size_t longest_row = 160; ///< a folder is called by it

void check_name(const YamlMapping& mapping, const std::string& name, const YamlValue& root) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    if (name.empty() || name.size() > longest_name || !std::ranges::all_of(name, letter) ||
        name.front() < 'a') {
        mapping.refuse_key(
            name, fmt::format("'{}' is no name for a placeholder: up to {} small letters, digits and '-', "
                              "a letter first",
                              name, longest_name));
    }
    for (const char* const taken : {"reader", "authority", "management-key", "unlock-code"}) {
        if (name.starts_with(taken)) {
            mapping.refuse_key(name,
                               fmt::format("'{{{}}}' could be a placeholder of the rig: begin the name with "
                                           "something else",
                                           name));
        }
    }
    for (const char* const taken : {"scenarios", "folder", "task", "bin"}) {
        if (name == taken) {
            mapping.refuse_key(name,
                               fmt::format("'{{{}}}' is a placeholder of the rig: take another name", name));
        }
    }
    YamlMapping whole = root.mapping();
    const auto keys = whole.keys();
    const bool used = std::ranges::any_of(
        keys, [&](const std::string& key) { return key != "matrix" && whole.require(key).mentions(name); });
    if (!used) {
        mapping.refuse_key(name, fmt::format("'{{{}}}' is in no value of this file", name));
    }
}

YamlValue read_value(const YamlValue& value) {
    const std::string text = written(value);
    if (text.find_first_of("{}\n") != std::string::npos) {
        value.refuse("a value of a matrix is one line without braces");
    }
    return value;
}

MatrixRow make_row(const std::vector<std::pair<std::string, YamlValue>>& values) {
    MatrixRow row;
    std::vector<std::string> cells;
    for (const auto& [name, value] : values) {
        cells.push_back(fmt::format("{}={}", name, value.text()));
        row.names.push_back(name);
        row.values.emplace(name, value);
    }
    row.variant = fmt::format("{}", fmt::join(cells, ", "));
    return row;
}

using Row = std::vector<std::pair<std::string, YamlValue>>;

std::vector<YamlValue> read_axis(const YamlValue& axis, const std::string& name) {
    if (!axis.is_sequence()) {
        axis.refuse(fmt::format("'{}' is a list of values", name));
    }
    std::vector<YamlValue> values;
    std::set<std::string> seen;
    for (const YamlValue& value : axis.sequence()) {
        values.push_back(read_value(value));
        if (!seen.insert(value.text()).second) {
            value.refuse(fmt::format("'{}' is here twice", value.text()));
        }
    }
    if (values.empty()) {
        axis.refuse(fmt::format("'{}' has no values", name));
    }
    return values;
}

void check_count(const YamlValue& matrix, std::size_t rows) {
    if (rows > most_rows) {
        matrix.refuse(fmt::format("this matrix makes more than {} scenarios", most_rows));
    }
}

/// Every combination, the first name's values slowest.
std::vector<Row> combinations(const YamlValue& matrix, const YamlValue& root) {
    std::vector<Row> rows{{}};
    YamlMapping mapping = matrix.mapping();
    for (const std::string& name : mapping.keys()) {
        check_name(mapping, name, root);
        const std::vector<YamlValue> values = read_axis(mapping.require(name), name);
        check_count(matrix, rows.size() * values.size());
        std::vector<Row> longer;
        for (const Row& row : rows) {
            for (const YamlValue& value : values) {
                longer.push_back(row);
                longer.back().emplace_back(name, value);
            }
        }
        rows = std::move(longer);
    }
    return rows;
}

Row read_row(const YamlValue& value, const YamlValue& root, const std::vector<std::string>& names) {
    Row row;
    YamlMapping mapping = value.mapping();
    for (const std::string& name : names) {
        row.emplace_back(name, read_value(mapping.require(name)));
    }
    for (const std::string& name : mapping.keys()) {
        check_name(mapping, name, root);
    }
    mapping.finish();
    return row;
}

/// A list: each entry is a row, and has the names of the first.
std::vector<Row> listed(const YamlValue& matrix, const YamlValue& root) {
    std::vector<Row> rows;
    std::vector<std::string> names;
    std::set<std::string> seen;
    const std::vector<YamlValue> entries = matrix.sequence();
    check_count(matrix, entries.size());
    for (const YamlValue& entry : entries) {
        if (names.empty()) {
            names = entry.mapping().keys();
        }
        rows.push_back(read_row(entry, root, names));
        if (!seen.insert(make_row(rows.back()).variant).second) {
            entry.refuse("this row is here twice");
        }
    }
    return rows;
}

} // namespace

std::vector<MatrixRow> read_matrix(const YamlValue& matrix, const YamlValue& root) {
    if (!matrix.is_mapping() && !matrix.is_sequence()) {
        matrix.refuse("'matrix' is a mapping of names to lists of values, of which every combination is a "
                      "scenario, or a "
                      "list of rows, each a mapping of names to values");
    }
    std::vector<MatrixRow> rows;
    for (const Row& row : matrix.is_mapping() ? combinations(matrix, root) : listed(matrix, root)) {
        if (row.empty()) {
            break;
        }
        rows.push_back(make_row(row));
        if (rows.back().variant.size() > longest_row) {
            row.front().second.refuse(
                fmt::format("names and values of this row have more than {} bytes together: '{}'",
                            longest_row, rows.back().variant));
        }
    }
    if (rows.empty()) {
        matrix.refuse("'matrix' is empty");
    }
    return rows;
}

std::string variant_title(const std::string& title, const MatrixRow& row, const YamlValue& unfilled) {
    std::vector<std::string> missing;
    for (const std::string& name : row.names) {
        if (!unfilled.mentions(name)) {
            missing.push_back(fmt::format("{}={}", name, row.values.at(name).text()));
        }
    }
    return missing.empty() ? title : fmt::format("{} ({})", title, fmt::join(missing, ", "));
}

} // namespace cardrig::harness
