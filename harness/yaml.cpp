#include "harness/yaml.h"

#include "apdu/printable.h"
#include "harness/errors.h"
#include "harness/yaml_tree.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using Kind = YamlNode::Kind;
using Quoting = YamlNode::Quoting;

/// How many letters have to be put in, taken out, changed, or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
            }
        }
    }
    return rows[a.size()][b.size()];
}

const char* kind_name(const YamlNode& node) {
    switch (node.kind) {
    case Kind::nothing:
        return "nothing";
    case Kind::scalar:
        return "a single value";
    case Kind::sequence:
        return "a list";
    case Kind::mapping:
        return "a mapping";
    }
    return "nothing";
}

const YamlNode& scalar(const YamlNode& node) {
    if (node.kind == Kind::mapping && node.entries.size() == 1 &&
        node.entries.front().value->kind == Kind::nothing) {
        node.place.refuse(fmt::format("without quotes YAML reads a mapping here: write \"{{{}}}\"",
                                      node.entries.front().key));
    }
    if (node.kind != Kind::scalar) {
        node.place.refuse(fmt::format("a single value is wanted here, not {}", kind_name(node)));
    }
    return node;
}

/// Whole numbers without leading zeros, sign allowed; none for anything else and for what 64 bits do not
/// hold.
std::optional<std::int64_t> to_integer(std::string_view text) {
    const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
    if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) {
        return std::nullopt;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

struct Unit {
    std::string_view one;
    std::string_view many;
    std::int64_t seconds;
};

constexpr std::int64_t hour = 3600;
constexpr std::int64_t day = 24 * hour;
constexpr auto units = std::to_array<Unit>({{"second", "seconds", 1},
                                            {"minute", "minutes", 60},
                                            {"hour", "hours", hour},
                                            {"day", "days", day},
                                            {"week", "weeks", 7 * day},
                                            {"year", "years", 365 * day}});
constexpr std::int64_t longest_duration = 200 * (365 * day);

std::int64_t unit_seconds(const YamlNode& node, std::string_view word) {
    std::vector<std::string> known;
    for (const Unit& unit : units) {
        if (word == unit.one || word == unit.many) {
            return unit.seconds;
        }
        known.emplace_back(unit.many);
    }
    node.place.refuse(fmt::format("unit of time {}", unknown_word(word, known)));
}

/// The tree of a mapping in which one value is replaced or added; what is shared with others is copied first.
std::shared_ptr<YamlNode> replaced(const YamlNode& node, std::string_view path, const YamlPlace& place,
                                   const std::shared_ptr<YamlNode>& value) {
    if (node.kind != Kind::mapping) {
        place.refuse(fmt::format("'{}' leads into {}, which has no keys", path, kind_name(node)));
    }
    auto copy = std::make_shared<YamlNode>(node);
    const std::size_t dot = path.find('.');
    const std::string key(path.substr(0, dot));
    auto entry = std::find_if(copy->entries.begin(), copy->entries.end(),
                              [&](const YamlEntry& candidate) { return candidate.key == key; });
    if (entry == copy->entries.end()) {
        auto empty = std::make_shared<YamlNode>();
        empty->kind = Kind::mapping;
        empty->place = place;
        entry = copy->entries.insert(entry, {key, place, empty});
    }
    entry->value =
        dot == std::string_view::npos ? value : replaced(*entry->value, path.substr(dot + 1), place, value);
    return copy;
}

std::shared_ptr<YamlNode> override_value(const std::string& text, const YamlPlace& place) {
    refuse_bad_bytes(text, place.source);
    if (text.starts_with('[') || text.starts_with('{')) {
        return parse_yaml_tree(text, place.source);
    }
    auto node = std::make_shared<YamlNode>();
    node->kind = Kind::scalar;
    node->place = place;
    node->text = text;
    node->quoting = Quoting::either;
    return node;
}

} // namespace

struct YamlMapping::State {
    std::shared_ptr<const YamlNode> node;
    std::vector<std::string> asked;
};

std::optional<YamlValue> YamlMapping::take(std::string_view key) {
    if (std::find(state_->asked.begin(), state_->asked.end(), key) == state_->asked.end()) {
        state_->asked.emplace_back(key);
    }
    const YamlEntry* entry = state_->node->find(key);
    return entry == nullptr ? std::nullopt : std::optional<YamlValue>(YamlValue(entry->value));
}

YamlValue YamlMapping::require(std::string_view key) {
    if (auto value = take(key)) {
        return *value;
    }
    refuse(fmt::format("the key '{}' is missing", key));
}

std::vector<std::string> YamlMapping::keys() const {
    std::vector<std::string> keys;
    for (const YamlEntry& entry : state_->node->entries) {
        keys.push_back(entry.key);
    }
    return keys;
}

void YamlMapping::finish() const {
    for (const YamlEntry& entry : state_->node->entries) {
        if (std::find(state_->asked.begin(), state_->asked.end(), entry.key) == state_->asked.end()) {
            entry.place.refuse(fmt::format("key {}", unknown_word(entry.key, state_->asked)));
        }
    }
}

void YamlMapping::refuse(const std::string& message) const {
    state_->node->place.refuse(message);
}

void YamlMapping::refuse_key(std::string_view key, const std::string& message) const {
    const YamlEntry* entry = state_->node->find(key);
    (entry == nullptr ? state_->node->place : entry->place).refuse(message);
}

YamlValue YamlValue::parse(std::string_view text, const std::string& file) {
    return YamlValue(parse_yaml_tree(text, std::make_shared<const std::string>(apdu::printable(file))));
}

YamlValue YamlValue::with(const std::map<std::string, std::string>& changes) const {
    std::shared_ptr<const YamlNode> root = node_;
    for (const auto& [path, text] : changes) {
        const YamlPlace place{std::make_shared<const std::string>(fmt::format("override {}", path)), 0, 0};
        if (path.empty() || path.starts_with('.') || path.ends_with('.') ||
            path.find("..") != std::string::npos) {
            place.refuse("a dotted key is wanted, such as passcode.tries");
        }
        root = replaced(*root, path, place, override_value(text, place));
    }
    return YamlValue(root);
}

bool YamlValue::is_mapping() const {
    return node_->kind == Kind::mapping;
}

bool YamlValue::is_sequence() const {
    return node_->kind == Kind::sequence;
}

bool YamlValue::is_scalar() const {
    return node_->kind == Kind::scalar;
}

YamlMapping YamlValue::mapping() const {
    if (!is_mapping()) {
        refuse(fmt::format("a mapping (key: value) is wanted here, not {}", kind_name(*node_)));
    }
    return YamlMapping(std::make_shared<YamlMapping::State>(YamlMapping::State{node_, {}}));
}

std::vector<YamlValue> YamlValue::sequence() const {
    if (!is_sequence()) {
        refuse(fmt::format("a list is wanted here, not {}", kind_name(*node_)));
    }
    std::vector<YamlValue> values;
    for (const auto& item : node_->items) {
        values.push_back(YamlValue(item));
    }
    return values;
}

std::string YamlValue::text() const {
    return scalar(*node_).text;
}

std::string YamlValue::quoted() const {
    if (scalar(*node_).quoting == Quoting::plain) {
        refuse("this value must stand in quotes: without them it may be read as a number");
    }
    return node_->text;
}

std::int64_t YamlValue::integer(std::int64_t min, std::int64_t max) const {
    const std::string& written = scalar(*node_).text;
    const auto number = to_integer(written);
    if (node_->quoting == Quoting::quoted || !number) {
        refuse(fmt::format("'{}' is not a whole number without quotes and leading zeros", written));
    }
    if (*number < min || *number > max) {
        refuse(fmt::format("{} is out of range: {} to {}", written, min, max));
    }
    return *number;
}

bool YamlValue::boolean() const {
    const std::string& written = scalar(*node_).text;
    if (node_->quoting == Quoting::quoted || (written != "true" && written != "false")) {
        refuse(fmt::format("'{}' is neither true nor false", written));
    }
    return written == "true";
}

std::chrono::seconds YamlValue::duration() const {
    const std::string& written = scalar(*node_).text;
    const std::size_t blank = written.find(' ');
    const auto number = to_integer(std::string_view(written).substr(0, blank));
    if (blank == std::string::npos || !number) {
        refuse(fmt::format("'{}' is no duration such as '30 days' or '-2 hours'", written));
    }
    const std::int64_t unit = unit_seconds(*node_, std::string_view(written).substr(blank + 1));
    if (*number > longest_duration / unit || *number < -longest_duration / unit) {
        refuse(fmt::format("'{}' is more than 200 years", written));
    }
    return std::chrono::seconds(*number * unit);
}

std::string YamlValue::word(const std::vector<std::string>& words) const {
    const std::string& written = scalar(*node_).text;
    if (std::find(words.begin(), words.end(), written) == words.end()) {
        refuse(unknown_word(written, words));
    }
    return written;
}

void YamlValue::refuse(const std::string& message) const {
    node_->place.refuse(message);
}

std::string YamlValue::place() const {
    return node_->place.text();
}

std::string nearest_word(std::string_view word, const std::vector<std::string>& words) {
    // Long words are cut: no known word is that long, and the table grows with the product of the lengths.
    const std::string_view bounded = word.substr(0, 64);
    const std::size_t far = (bounded.size() + 2) / 3 + 1;
    std::size_t best = far;
    const std::string* nearest = nullptr;
    for (const std::string& candidate : words) {
        const std::size_t distance = edit_distance(bounded, candidate);
        if (distance < best && distance < candidate.size()) {
            best = distance;
            nearest = &candidate;
        }
    }
    return nearest == nullptr ? std::string() : fmt::format("did you mean '{}'?", *nearest);
}

std::string unknown_word(std::string_view word, const std::vector<std::string>& words) {
    const std::string hint = nearest_word(word, words);
    if (!hint.empty()) {
        return fmt::format("'{}' is unknown; {}", word, hint);
    }
    return fmt::format("'{}' is unknown; known here: {}", word, fmt::join(words, ", "));
}

} // namespace cardrig::harness
