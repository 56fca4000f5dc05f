#include "harness/fault.h"

#include "harness/yaml.h"

#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using apdu::failure;
using apdu::Result;

constexpr auto verbs = std::to_array<std::pair<Verb, std::string_view>>({
    {Verb::cut_power, "cut-power"},
    {Verb::remove, "remove"},
    {Verb::answer, "answer"},
});

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

Result<Effect> parse_cut(std::string_view rest) {
    Effect effect;
    if (!rest.empty()) {
        auto tearing = Tearing::parse(rest);
        if (!tearing) {
            return tl::make_unexpected(tearing.error());
        }
        effect.tearing = *tearing;
    }
    return effect;
}

Result<Effect> parse_answer(std::string_view rest) {
    const auto bytes = apdu::from_hex(rest);
    if (!bytes || bytes->size() != 2) {
        return failure(fmt::format("'answer' wants a status word of four hexadecimal digits, as in 'answer "
                                   "6A80', not '{}'",
                                   rest));
    }
    Effect effect;
    effect.verb = Verb::answer;
    effect.status = apdu::StatusWord{(*bytes)[0], (*bytes)[1]};
    // ISO/IEC 7816-3, 10.3.3: SW1 is 6X or 9X, and 60 is a procedure byte.
    if ((effect.status.sw1() >> 4U != 0x6 && effect.status.sw1() >> 4U != 0x9) ||
        effect.status.sw1() == 0x60) {
        return failure(fmt::format("'{}' is no status word: the first byte is 61 to 6F or 90 to 9F", rest));
    }
    return effect;
}

} // namespace

std::string_view word(Verb verb) {
    for (const auto& [candidate, text] : verbs) {
        if (candidate == verb) {
            return text;
        }
    }
    return {};
}

std::optional<Verb> verb_from_word(std::string_view text) {
    for (const auto& [verb, candidate] : verbs) {
        if (candidate == text) {
            return verb;
        }
    }
    return std::nullopt;
}

Result<Effect> Effect::parse(std::string_view text) {
    const std::string_view whole = trimmed(text);
    const std::string_view first = whole.substr(0, whole.find_first_of(" \t"));
    const std::string_view rest = trimmed(whole.substr(first.size()));
    const auto verb = verb_from_word(first);
    if (!verb) {
        std::vector<std::string> words;
        for (const auto& entry : verbs) {
            words.emplace_back(entry.second);
        }
        const std::string nearest = nearest_word(first, words);
        return failure(fmt::format("'{}' is no effect{}", first,
                                   nearest.empty() ? " (cut-power, remove, answer)" : ": " + nearest));
    }
    switch (*verb) {
    case Verb::cut_power:
        return parse_cut(rest);
    case Verb::answer:
        return parse_answer(rest);
    case Verb::remove:
    default:
        break;
    }
    if (!rest.empty()) {
        return failure(fmt::format("'{}' after 'remove', which takes nothing", rest));
    }
    Effect effect;
    effect.verb = Verb::remove;
    return effect;
}

std::string Effect::text() const {
    switch (verb) {
    case Verb::cut_power:
        return tearing == Tearing{} ? "cut-power" : fmt::format("cut-power {}", tearing.text());
    case Verb::answer:
        return fmt::format("answer {}", apdu::to_string(status));
    default:
        break;
    }
    return std::string(word(verb));
}

Result<void> Fault::check() const {
    if (place.command.empty() && !place.write) {
        return failure("a fault without a place");
    }
    if (place.write && effect.verb == Verb::answer) {
        return failure(
            fmt::format("'{}' at a memory write ('{}'): only a command is answered; say 'before' or "
                        "'after' instead of 'write'",
                        effect.text(), place.text()));
    }
    if (!place.write && effect.verb == Verb::cut_power && effect.tearing != Tearing{}) {
        return failure(
            fmt::format("'{}' at '{}': what a torn write leaves can only be said of a memory write",
                        effect.text(), place.text()));
    }
    return {};
}

} // namespace cardrig::harness
