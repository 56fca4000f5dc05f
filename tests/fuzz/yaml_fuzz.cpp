// Any bytes are YAML as our files hold it or are refused at a place; whatever was read answers every question
// or refuses it at its place.
#include "harness/yaml.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/refusal.h"

#include <algorithm>

namespace harness = cardrig::harness;
using harness::YamlValue;

namespace {

constexpr std::string_view file = "fuzz.yaml";

void ask_scalar(const YamlValue& value) {
    const std::string place = value.place();
    const auto ask = [&](auto question) { fuzz::read_or_refuse(place, question); };
    ask([&] { fuzz::require(value.quoted() == value.text(), "quotes are not part of a text"); });
    ask([&] {
        const std::int64_t number = value.integer(-1000, 1000);
        fuzz::require(number >= -1000 && number <= 1000, "a number is in range");
        fuzz::require(std::to_string(number) == value.text() || value.text() == "-0",
                      "a number is written as it was read");
    });
    ask([&] { fuzz::require(value.boolean() == (value.text() == "true"), "true is true"); });
    ask([&] {
        const auto limit = std::chrono::hours(24) * 365 * 200;
        fuzz::require(value.duration() <= limit && value.duration() >= -limit, "durations are bounded");
    });
    ask([&] { fuzz::require(value.word({"before", "after"}) == value.text(), "a word is what it is"); });
}

void walk(const YamlValue& value, int depth) {
    fuzz::require(depth <= 32, "nesting is bounded");
    fuzz::require(value.is_mapping() + value.is_sequence() + value.is_scalar() <= 1, "a value is one thing");
    fuzz::require(value.place().starts_with(file), "a value has a place");
    if (value.is_sequence()) {
        for (const YamlValue& item : value.sequence()) {
            walk(item, depth + 1);
        }
    } else if (value.is_mapping()) {
        harness::YamlMapping mapping = value.mapping();
        std::vector<std::string> keys = mapping.keys();
        for (const std::string& key : keys) {
            walk(mapping.require(key), depth + 1);
        }
        mapping.finish();
        std::ranges::sort(keys);
        fuzz::require(std::ranges::adjacent_find(keys) == keys.end(), "no key is there twice");
    } else {
        ask_scalar(value);
    }
    fuzz::read_or_refuse(value.place(), [&] { static_cast<void>(value.mapping()); });
    fuzz::read_or_refuse(value.place(), [&] { static_cast<void>(value.sequence()); });
    fuzz::read_or_refuse(value.place(), [&] { static_cast<void>(value.text()); });
}

void check_override(const YamlValue& root, const std::string& text) {
    fuzz::read_or_refuse("override a.b", [&] {
        const YamlValue changed = root.with({{"a.b", text}});
        const YamlValue value = changed.mapping().require("a").mapping().require("b");
        if (value.is_scalar()) {
            fuzz::require(value.text() == text, "an override is there as it was given");
        }
    });
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text({data, size});
    fuzz::read_or_refuse("fuzz.yaml:", [&] {
        const YamlValue root = YamlValue::parse(text, std::string(file));
        walk(root, 0);
        check_override(root, std::string(text.substr(0, text.find('\n'))));
    });
    return 0;
}
