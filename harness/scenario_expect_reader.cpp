// The scenario language: what must hold when a client has ended.
#include "harness/client_description.h"
#include "harness/errors.h"
#include "harness/invariants.h"
#include "harness/patterns.h"
#include "harness/scenario_parts.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr auto slots = std::to_array<std::pair<const char*, emulator::piv::KeyReference>>({
    {"authentication", emulator::piv::authentication_key},
    {"signature", emulator::piv::signature_key},
    {"key-management", emulator::piv::key_management_key},
    {"card-authentication", emulator::piv::card_authentication_key},
});

/// SP 800-73-4 part 2, 2.4.3: what is longer works on no card.
constexpr std::size_t longest_passcode = 8;

constexpr auto exits = std::to_array<std::pair<const char*, ExitExpectation::Kind>>({
    {"success", ExitExpectation::Kind::success},
    {"failure", ExitExpectation::Kind::failure},
    {"killed", ExitExpectation::Kind::killed},
});

ExitExpectation read_exit(const YamlValue& value) {
    ExitExpectation exit;
    const std::string text = value.text();
    for (const auto& [word, kind] : exits) {
        if (text == word) {
            exit.kind = kind;
            return exit;
        }
    }
    if (text.empty() || (text.front() != '-' && (text.front() < '0' || text.front() > '9'))) {
        value.refuse(fmt::format("{}, or a number from 0 to 255",
                                 unknown_word(text, {"success", "failure", "killed"})));
    }
    exit.kind = ExitExpectation::Kind::status;
    exit.status = static_cast<int>(value.integer(0, 255));
    return exit;
}

std::vector<std::string> read_patterns(const YamlValue& value) {
    std::vector<std::string> patterns;
    for (const YamlValue& pattern : one_or_more(value)) {
        patterns.push_back(read_pattern(pattern));
    }
    return patterns;
}

using WordPair = std::pair<const char*, const char*>;

/// Of no card and no run both are true.
constexpr auto certificate_opposites = std::to_array<WordPair>({
    {"renewed", "unchanged"},
    {"renewed", "absent"},
    {"renewed", "damaged"},
    {"damaged", "unchanged"},
    {"damaged", "absent"},
});
constexpr auto key_opposites = std::to_array<WordPair>({
    {"matches", "differs"},
    {"matches", "absent"},
    {"differs", "absent"},
    {"renewed", "absent"},
    {"renewed", "unchanged"},
});

bool has(const std::vector<std::string>& words, const char* word) {
    return std::ranges::find(words, word) != words.end();
}

void check_opposites(const YamlValue& value, const std::vector<std::string>& words,
                     std::span<const WordPair> opposites) {
    for (const auto& [one, other] : opposites) {
        if (has(words, one) && has(words, other)) {
            value.refuse(fmt::format("'{}' and '{}' are never both true: one of the two", one, other));
        }
    }
}

SlotExpectation read_slot(const YamlValue& value, const char* name, emulator::piv::KeyReference reference) {
    SlotExpectation slot{reference, name, {}, {}};
    YamlMapping mapping = value.mapping();
    if (const auto certificate = mapping.take("certificate")) {
        slot.certificate = read_words(*certificate, {"renewed", "unchanged", "absent", "damaged"});
        check_opposites(*certificate, slot.certificate, certificate_opposites);
    }
    if (const auto key = mapping.take("key")) {
        slot.key = read_words(*key, {"matches", "differs", "absent", "renewed", "unchanged"});
        check_opposites(*key, slot.key, key_opposites);
        if (has(slot.certificate, "absent") && (has(slot.key, "matches") || has(slot.key, "differs"))) {
            key->refuse("without a certificate ('absent') a key neither matches it nor differs");
        }
    }
    mapping.finish();
    check_says_something(mapping);
    return slot;
}

std::map<std::string, PromiseState> read_invariants(const YamlValue& value) {
    std::map<std::string, PromiseState> states;
    YamlMapping mapping = value.mapping();
    for (const std::string& id : invariant_ids()) {
        if (const auto state = mapping.take(id)) {
            const std::string word = state->word({"holds", "window", "broken"});
            states[id] = word == "holds"    ? PromiseState::holds
                         : word == "window" ? PromiseState::window
                                            : PromiseState::broken;
        }
    }
    mapping.finish();
    check_says_something(mapping);
    return states;
}

/// `bystander`: any card but the first, which runs are about.
CardExpectation read_card(const YamlValue& value, bool bystander) {
    CardExpectation card;
    card.unchanged = bystander;
    if (value.is_scalar()) {
        card.unchanged = value.word({"unchanged", "any"}) == "unchanged";
        return card;
    }
    YamlMapping mapping = value.mapping();
    for (const auto& [name, reference] : slots) {
        if (const auto slot = mapping.take(name)) {
            card.slots.push_back(read_slot(*slot, name, reference));
        }
    }
    if (const auto tries = mapping.take("passcode-tries")) {
        card.passcode_tries = tries->integer(0, 15);
    }
    if (const auto tries = mapping.take("unblocking-tries")) {
        card.unblocking_tries = tries->integer(0, 15);
    }
    if (const auto passcode = mapping.take("passcode")) {
        card.passcode = passcode->quoted();
        if (card.passcode->empty() || card.passcode->size() > longest_passcode) {
            passcode->refuse(fmt::format("a passcode has 1 to {} characters", longest_passcode));
        }
    }
    if (const auto compare = mapping.take("compare")) {
        card.since_run = compare->word({"start", "run"}) == "run";
    }
    if (const auto invariants = mapping.take("invariants")) {
        card.invariants = read_invariants(*invariants);
    }
    mapping.finish();
    check_says_something(mapping);
    return card;
}

void read_named_cards(const YamlValue& value, const Scenario& scenario, bool first_is_said,
                      Expectation& expect) {
    YamlMapping mapping = value.mapping();
    for (std::size_t i = 0; i < scenario.cards.size(); ++i) {
        const std::string& name = scenario.cards[i].name;
        const auto card = mapping.take(name);
        if (!card) {
            continue;
        }
        if (i == 0 && first_is_said) {
            mapping.refuse_key(
                name,
                fmt::format("'{}' is the first card, of which 'card' or 'invariants' say it already", name));
        }
        expect.cards[i] = read_card(*card, i != 0);
    }
    mapping.finish();
    check_says_something(mapping);
}

/// `says` and `never-says`: a client's meanings.
void read_meanings(YamlMapping& mapping, bool described, Expectation& expect) {
    for (const auto& [key, meanings] :
         {std::pair("says", &expect.says), std::pair("never-says", &expect.never_says)}) {
        const auto value = mapping.take(key);
        if (!value) {
            continue;
        }
        if (!described) {
            mapping.refuse_key(
                key, fmt::format("'{}' is about a client that is known by name; of a command line say "
                                 "'{}', with expressions",
                                 key, std::string(key) == "says" ? "output" : "never"));
        }
        *meanings = read_words(*value, client_meanings());
    }
    for (const std::string& meaning : expect.never_says) {
        if (std::ranges::find(expect.says, meaning) != expect.says.end()) {
            mapping.refuse_key("never-says",
                               fmt::format("'{}' stands under 'says', too: one of the two", meaning));
        }
    }
}

/// Where runs go on until all is well there is nothing else to expect.
void check_converging(const YamlMapping& mapping, const Expectation& expect) {
    if (expect.exit.kind != ExitExpectation::Kind::success &&
        !(expect.exit.kind == ExitExpectation::Kind::status && expect.exit.status == 0)) {
        mapping.refuse_key("exit", "'converge' runs until the exit is success: leave 'exit' out");
    }
    for (const CardExpectation& card : expect.cards) {
        for (const auto& [id, state] : card.invariants) {
            if (state != PromiseState::holds) {
                mapping.refuse(fmt::format("{}: 'converge' runs until every promise holds", id));
            }
        }
    }
}

void read_cards_expected(YamlMapping& mapping, const Scenario& scenario, Expectation& expect) {
    // The right card: what nothing is said of must be left alone, but for the first, which runs are about.
    expect.cards.resize(scenario.cards.size());
    std::for_each(expect.cards.begin() + 1, expect.cards.end(),
                  [](CardExpectation& card) { card.unchanged = true; });
    const auto card = mapping.take("card");
    if (card) {
        expect.cards.front() = read_card(*card, false);
    }
    const auto invariants = mapping.take("invariants");
    if (invariants) {
        if (!expect.cards.front().invariants.empty()) {
            mapping.refuse_key("invariants", "the first card's invariants stand here or under 'card'");
        }
        expect.cards.front().invariants = read_invariants(*invariants);
    }
    if (const auto cards = mapping.take("cards")) {
        read_named_cards(*cards, scenario, card.has_value() || invariants.has_value(), expect);
    }
}

} // namespace

std::string read_pattern(const YamlValue& value) {
    std::string pattern = written(value);
    try {
        static_cast<void>(compile_pattern(pattern));
    } catch (const RequestError& error) {
        value.refuse(error.what());
    }
    return pattern;
}

std::vector<std::string> read_words(const YamlValue& value, const std::vector<std::string>& known) {
    std::vector<std::string> words;
    for (const YamlValue& one : one_or_more(value)) {
        std::string word = one.word(known);
        if (std::ranges::find(words, word) != words.end()) {
            one.refuse(fmt::format("'{}' is here twice", word));
        }
        words.push_back(std::move(word));
    }
    return words;
}

Expectation read_expectation(const YamlValue& value, const Scenario& scenario, bool described,
                             bool converging) {
    Expectation expect;
    YamlMapping mapping = value.mapping();
    if (const auto exit = converging ? mapping.take("exit") : mapping.require("exit")) {
        expect.exit = read_exit(*exit);
    }
    read_meanings(mapping, described, expect);
    if (const auto output = mapping.take("output")) {
        expect.output = read_patterns(*output);
    }
    if (const auto never = mapping.take("never")) {
        expect.never = read_patterns(*never);
    }
    read_cards_expected(mapping, scenario, expect);
    if (const auto trace = mapping.take("trace")) {
        expect.trace = read_trace_expectation(*trace, scenario);
    }
    if (const auto authority = mapping.take("authority")) {
        expect.authority = read_authority_expectation(*authority);
    }
    mapping.finish();
    check_says_something(mapping);
    if (converging) {
        check_converging(mapping, expect);
    }
    return expect;
}

} // namespace cardrig::harness
