// The scenario language: cards, and the readers that they are in.
#include "harness/card_name.h"
#include "harness/reader_kind.h"
#include "harness/scenario_parts.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr const char* no_card = "empty";
/// pcscd's MAX_READERNAME of 128 with the terminating zero and the numbers that it adds.
constexpr std::size_t longest_reader_name = 121;

ScenarioCard read_card(const YamlValue& value, std::string name) {
    ScenarioCard card;
    card.name = std::move(name);
    card.place = value.place();
    YamlMapping mapping = value.mapping();
    const YamlValue profile = mapping.require("profile");
    card.profile = written(profile);
    card.profile_place = profile.place();
    if (const auto set = mapping.take("set")) {
        YamlMapping changes = set->mapping();
        for (const std::string& key : changes.keys()) {
            const YamlValue change = changes.require(key);
            card.set[key] = change.text();
            card.set_places[key] = change.place();
        }
    }
    mapping.finish();
    return card;
}

void read_cards(const YamlValue& value, Scenario& scenario) {
    YamlMapping mapping = value.mapping();
    for (const std::string& name : mapping.keys()) {
        if (const auto good = card_name(name); !good) {
            mapping.refuse_key(name, good.error().message);
        }
        if (name == no_card) {
            mapping.refuse_key(name, "'empty' is what is said of a reader without a card");
        }
        scenario.cards.push_back(read_card(mapping.require(name), name));
    }
    if (scenario.cards.empty()) {
        value.refuse("'cards' names no card");
    }
}

/// Which card is in a reader; none for `empty`.
std::optional<std::size_t> read_occupant(const YamlValue& value, const Scenario& scenario) {
    std::vector<std::string> words{no_card};
    std::ranges::transform(scenario.cards, std::back_inserter(words), &ScenarioCard::name);
    const std::string word = value.word(words);
    if (word == no_card) {
        return std::nullopt;
    }
    const auto found = std::ranges::find(scenario.cards, word, &ScenarioCard::name);
    const auto index = static_cast<std::size_t>(found - scenario.cards.begin());
    const auto same = std::ranges::find(scenario.readers, std::optional(index), &ScenarioReader::card);
    if (same != scenario.readers.end()) {
        value.refuse(fmt::format("'{}' is in reader {} already", word, same - scenario.readers.begin() + 1));
    }
    return index;
}

ScenarioReader read_reader(const YamlValue& value, const Scenario& scenario) {
    if (!value.is_mapping()) {
        return {"", read_occupant(value, scenario)};
    }
    ScenarioReader reader;
    YamlMapping mapping = value.mapping();
    if (const auto name = mapping.take("name")) {
        reader.name = written(*name);
        if (reader.name.size() > longest_reader_name) {
            name->refuse(fmt::format("a reader's name has at most {} bytes", longest_reader_name));
        }
        if (std::ranges::any_of(reader.name, [](char c) { return c == '"' || (c >= 0 && c < ' '); })) {
            name->refuse("a reader's name holds no quotation marks and no control characters");
        }
    }
    reader.card = read_occupant(mapping.require("card"), scenario);
    mapping.finish();
    return reader;
}

void read_readers(const YamlValue& value, Scenario& scenario) {
    if (!value.is_sequence()) {
        value.refuse("'readers' is a list: for each reader the card that is in it, or 'empty'");
    }
    for (const YamlValue& reader : value.sequence()) {
        if (scenario.readers.size() == most_rig_readers) {
            reader.refuse(fmt::format("one reader too many: PC/SC has {} at most", most_rig_readers));
        }
        scenario.readers.push_back(read_reader(reader, scenario));
    }
    if (scenario.readers.empty()) {
        value.refuse("'readers' is empty: without it there is one, with the first card in it");
    }
}

} // namespace

std::vector<YamlValue> one_or_more(const YamlValue& value) {
    if (!value.is_sequence()) {
        return {value};
    }
    auto values = value.sequence();
    if (values.empty()) {
        value.refuse("an empty list says nothing: leave it out, or say something");
    }
    return values;
}

void check_says_something(const YamlMapping& mapping) {
    if (mapping.keys().empty()) {
        mapping.refuse("this says nothing: leave it out, or say something");
    }
}

std::string written(const YamlValue& value) {
    std::string text = value.text();
    if (text.empty()) {
        value.refuse("this must not be empty");
    }
    return text;
}

void read_cards_and_readers(YamlMapping& mapping, Scenario& scenario) {
    const auto card = mapping.take("card");
    const auto cards = mapping.take("cards");
    if (card && cards) {
        mapping.refuse_key("cards", "'card' is one card and 'cards' are several: one of the two");
    }
    if (cards) {
        read_cards(*cards, scenario);
    } else {
        scenario.cards.push_back(read_card(card ? *card : mapping.require("card"), "card"));
    }
    if (const auto readers = mapping.take("readers")) {
        read_readers(*readers, scenario);
        scenario.readers_place = readers->place();
    } else {
        scenario.readers_place = scenario.file;
        scenario.readers.push_back({"", 0});
    }
}

} // namespace cardrig::harness
