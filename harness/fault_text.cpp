// The notation of effects, read and written.
#include "harness/card_name.h"
#include "harness/fault.h"
#include "harness/fault_verbs.h"
#include "harness/notation_words.h"
#include "harness/reader_kind.h"
#include "harness/yaml.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using apdu::failure;
using apdu::Result;

/// Far more than an answer has: 65,536 bytes and the status word.
constexpr std::uint32_t most_truncated = 65'538;
constexpr std::size_t most_added = 4096;
constexpr std::uint32_t bits_end = 1U << 19U;

struct Unit {
    std::string_view word;
    std::uint64_t size;
};
/// From the smallest; an effect is written in the largest that fits.
constexpr auto time_units = std::to_array<Unit>(
    {{"us", 1}, {"ms", 1000}, {"s", 1'000'000}, {"minute", 60'000'000}, {"minutes", 60'000'000}});
constexpr auto size_units = std::to_array<Unit>({{"byte", 1}, {"bytes", 1}, {"KiB", 1024}});

/// One form for one number: no sign, no zeros before it.
std::optional<std::uint32_t> number(std::string_view digits) {
    std::uint32_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || stop != end || (digits.size() > 1 && digits.front() == '0')) {
        return std::nullopt;
    }
    return value;
}

std::vector<std::string> tearing_words() {
    std::vector<std::string> words;
    for (const Tearing& tearing : all_tearings()) {
        const std::string text = tearing.text();
        words.push_back(text.substr(0, text.find(' ')));
    }
    return words;
}

std::string_view example(Argument argument) {
    switch (argument) {
    case Argument::none:
        break;
    case Argument::tearing:
        return " [prefix half]";
    case Argument::status:
        return " 6A80";
    case Argument::bytes:
        return " 3 bytes";
    case Argument::data:
        return " 00FF";
    case Argument::bit:
        return " bit 17";
    case Argument::time:
        return " 500 ms";
    case Argument::room:
        return " leaving 100 bytes";
    case Argument::http_status:
        return " 503";
    }
    return "";
}

/// How it is written, by example.
std::string form(const VerbRow& row) {
    return fmt::format("'{}{}{}{}'", row.word, example(row.argument), row.takes_card ? " [card NAME]" : "",
                       row.takes_reader ? " [reader N]" : "");
}

/// Reads an effect word by word.
class EffectReader {
public:
    explicit EffectReader(std::string_view text) : words_(notation_words(text)) {}

    Result<Effect> read() {
        const std::string_view first = words_.empty() ? std::string_view() : words_.front();
        const auto verb = verb_from_word(first);
        if (!verb) {
            return unknown_verb(first);
        }
        ++at_;
        row_ = &row_of(*verb);
        effect_.verb = *verb;
        auto done = read_argument();
        if (done && peek() == "card") {
            done = read_card();
        }
        if (done && peek() == "reader") {
            done = read_reader();
        }
        if (done && peek()) {
            done = left_over();
        }
        if (!done) {
            return tl::make_unexpected(done.error());
        }
        return effect_;
    }

private:
    [[nodiscard]] std::optional<std::string_view> peek() const {
        return at_ < words_.size() ? std::optional(words_[at_]) : std::nullopt;
    }

    [[nodiscard]] bool at_end_of_argument() const {
        return !peek() || peek() == "card" || peek() == "reader";
    }

    static Result<Effect> unknown_verb(std::string_view word) {
        std::vector<std::string> words;
        words.reserve(verb_rows.size());
        for (const VerbRow& row : verb_rows) {
            words.emplace_back(row.word);
        }
        std::string nearest = nearest_word(word, words);
        const auto longer = std::ranges::find_if(
            words, [&](const std::string& known) { return known.starts_with(fmt::format("{}-", word)); });
        if (nearest.empty() && longer != words.end()) {
            nearest = fmt::format("did you mean '{}'?", *longer);
        }
        const std::string known = fmt::format("one of {}", fmt::join(words, ", "));
        if (word.empty()) {
            return failure(fmt::format("an empty effect: {}", known));
        }
        return failure(fmt::format("'{}' is no effect: {}", word, nearest.empty() ? known : nearest));
    }

    Result<void> read_argument() {
        switch (row_->argument) {
        case Argument::none:
            return {};
        case Argument::tearing:
            return read_tearing();
        case Argument::status:
            return read_status();
        case Argument::bytes:
            return read_bytes();
        case Argument::data:
            return read_data();
        case Argument::bit:
            return read_bit();
        case Argument::time:
            return read_time();
        case Argument::room:
            return read_room();
        case Argument::http_status:
            return read_http_status();
        }
        return {};
    }

    Result<void> read_tearing() {
        if (at_end_of_argument()) {
            return {};
        }
        std::vector<std::string> known = tearing_words();
        if (std::ranges::find(known, *peek()) == known.end()) {
            return left_over();
        }
        std::string text(words_[at_++]);
        while (!at_end_of_argument()) {
            text += fmt::format(" {}", words_[at_++]);
        }
        const auto tearing = Tearing::parse(text);
        if (!tearing) {
            return tl::make_unexpected(tearing.error());
        }
        effect_.tearing = *tearing;
        return {};
    }

    Result<void> read_status() {
        const std::string_view word = take();
        const auto bytes = apdu::from_hex(word);
        if (!bytes || bytes->size() != 2 || word.size() != 4) {
            return failure(fmt::format("'answer' wants a status word of four hexadecimal digits, as in "
                                       "'answer 6A80', not '{}'",
                                       word));
        }
        effect_.status = apdu::StatusWord{(*bytes)[0], (*bytes)[1]};
        // ISO/IEC 7816-3, 10.3.3: SW1 is 6X or 9X, and 60 is a procedure byte.
        const std::uint8_t sw1 = effect_.status.sw1();
        if ((sw1 >> 4U != 0x6 && sw1 >> 4U != 0x9) || sw1 == 0x60) {
            return failure(
                fmt::format("'{}' is no status word: the first byte is 61 to 6F or 90 to 9F", word));
        }
        return {};
    }

    Result<void> read_bytes() {
        const auto count = read_quantity(std::span(size_units).first(2));
        if (!count) {
            return tl::make_unexpected(count.error());
        }
        if (*count < 1 || *count > most_truncated) {
            return failure(
                fmt::format("'{}' bytes: an answer is truncated by 1 to {} bytes", *count, most_truncated));
        }
        effect_.count = static_cast<std::uint32_t>(*count);
        return {};
    }

    Result<void> read_data() {
        const std::string_view word = take();
        auto bytes = apdu::from_hex(word);
        if (!bytes || bytes->empty() || bytes->size() > most_added || word.size() != 2 * bytes->size()) {
            return failure(fmt::format("'extend' wants 1 to {} bytes in hexadecimal, as in 'extend 00FF', "
                                       "not '{}'",
                                       most_added, word.substr(0, 40)));
        }
        effect_.bytes = std::move(*bytes);
        return {};
    }

    Result<void> read_bit() {
        if (const std::string_view word = take(); word != "bit") {
            return failure(
                fmt::format("'flip' wants 'bit' and its number, as in 'flip bit 17', not '{}'", word));
        }
        const std::string_view word = take();
        const auto bit = number(word);
        if (!bit || *bit >= bits_end) {
            return failure(fmt::format("'{}' is no number of a bit: 0 to {}, from the highest of the "
                                       "answer's first byte",
                                       word, bits_end - 1));
        }
        effect_.count = *bit;
        return {};
    }

    Result<void> read_time() {
        const auto time = read_quantity(time_units);
        if (!time) {
            return tl::make_unexpected(time.error());
        }
        if (*time == 0 || *time > static_cast<std::uint64_t>(longest_delay.count())) {
            return failure(
                fmt::format("'{} {}': a delay is 1 us to 60 minutes", words_[at_ - 2], words_[at_ - 1]));
        }
        effect_.time = std::chrono::microseconds(static_cast<std::int64_t>(*time));
        return {};
    }

    Result<void> read_room() {
        if (const std::string_view word = take(); word != "leaving") {
            return failure(fmt::format("'fill-memory' wants 'leaving' and how much is to stay free, as in "
                                       "'fill-memory leaving 100 bytes', not '{}'",
                                       word));
        }
        const auto room = read_quantity(size_units);
        if (!room) {
            return tl::make_unexpected(room.error());
        }
        if (*room > UINT32_MAX) {
            return failure(
                fmt::format("'{} {}' is too much: 4 GiB or more", words_[at_ - 2], words_[at_ - 1]));
        }
        effect_.count = static_cast<std::uint32_t>(*room);
        return {};
    }

    Result<void> read_http_status() {
        const std::string_view word = take();
        const auto status = number(word);
        // RFC 9110, 15.5 and 15.6: what tells a client of an error.
        if (!status || *status < 400 || *status > 599) {
            return failure(
                fmt::format("'fail' wants an HTTP status, 400 to 599, as in 'fail 503', not '{}'", word));
        }
        effect_.count = *status;
        return {};
    }

    /// A number and a unit, in the smallest unit.
    Result<std::uint64_t> read_quantity(std::span<const Unit> units) {
        const std::string_view digits = take();
        const auto count = number(digits);
        if (!count) {
            return failure(fmt::format("'{}' after '{}' is no whole number with a unit: {}", digits,
                                       row_->word, form(*row_)));
        }
        const std::string_view word = take();
        if (word.empty()) {
            return failure(fmt::format("'{}' after '{}' has no unit: {}", digits, row_->word, form(*row_)));
        }
        std::vector<std::string> known;
        for (const Unit& unit : units) {
            if (unit.word == word) {
                return *count * unit.size;
            }
            known.emplace_back(unit.word);
        }
        return failure(fmt::format("unit {}", unknown_word(word, known)));
    }

    Result<void> read_card() {
        if (!row_->takes_card) {
            return failure(fmt::format("'card' after '{}', which takes none: {}; a fault's card is named "
                                       "behind its place",
                                       row_->word, form(*row_)));
        }
        ++at_;
        auto name = card_name(take());
        if (!name) {
            return tl::make_unexpected(name.error());
        }
        effect_.card = std::move(*name);
        return {};
    }

    Result<void> read_reader() {
        if (!row_->takes_reader) {
            return failure(fmt::format("'reader' after '{}', which takes none: {}", row_->word, form(*row_)));
        }
        ++at_;
        const std::string_view word = take();
        const auto reader = number(word);
        if (!reader || *reader < 1 || *reader > most_rig_readers) {
            return failure(fmt::format("'{}' is no number of a reader: 1 to {}, as in 'reader 2'", word,
                                       most_rig_readers));
        }
        effect_.reader = *reader;
        return {};
    }

    /// A word that belongs nowhere.
    [[nodiscard]] Result<void> left_over() const {
        std::vector<std::string> words;
        if (row_->argument == Argument::tearing) {
            words = tearing_words();
        }
        if (row_->takes_card) {
            words.emplace_back("card");
        }
        if (row_->takes_reader) {
            words.emplace_back("reader");
        }
        if (std::ranges::find(words, *peek()) != words.end()) {
            return failure(fmt::format("'{}' is not at its place in '{}': it is written {}", *peek(),
                                       fmt::join(words_, " "), form(*row_)));
        }
        const std::string nearest = nearest_word(*peek(), words);
        return failure(fmt::format("'{}' is not understood in '{}': {}", *peek(), fmt::join(words_, " "),
                                   nearest.empty() ? "it is written " + form(*row_) : nearest));
    }

    /// The next word, or an empty one behind the last.
    std::string_view take() { return at_ < words_.size() ? words_[at_++] : std::string_view(); }

    std::vector<std::string_view> words_;
    std::size_t at_ = 0;
    const VerbRow* row_ = nullptr;
    Effect effect_;
};

std::string quantity_text(std::uint64_t count, std::span<const Unit> units) {
    const Unit* best = units.data();
    for (const Unit& unit : units) {
        // The plural stands behind the singular.
        const bool singular = unit.word == "byte" || unit.word == "minute";
        const bool plural = unit.word == "bytes" || unit.word == "minutes";
        const bool fits = count % unit.size == 0 && (count != 0 || unit.size == 1);
        if (fits && !(singular && count != unit.size) && !(plural && count == unit.size)) {
            best = &unit;
        }
    }
    return fmt::format("{} {}", count / best->size, best->word);
}

std::string argument_text(const Effect& effect) {
    switch (row_of(effect.verb).argument) {
    case Argument::none:
        return "";
    case Argument::tearing:
        return effect.tearing ? fmt::format(" {}", effect.tearing->text()) : "";
    case Argument::status:
        return fmt::format(" {}", apdu::to_string(effect.status));
    case Argument::bytes:
        return fmt::format(" {}", quantity_text(effect.count, std::span(size_units).first(2)));
    case Argument::data:
        return fmt::format(" {}", apdu::to_hex(effect.bytes));
    case Argument::bit:
        return fmt::format(" bit {}", effect.count);
    case Argument::time:
        return fmt::format(" {}", quantity_text(static_cast<std::uint64_t>(effect.time.count()), time_units));
    case Argument::room:
        return fmt::format(" leaving {}", quantity_text(effect.count, size_units));
    case Argument::http_status:
        return fmt::format(" {}", effect.count);
    }
    return "";
}

} // namespace

Result<Effect> Effect::parse(std::string_view text) {
    return EffectReader(text).read();
}

std::string Effect::text() const {
    const VerbRow& row = row_of(verb);
    std::string text = std::string(row.word) + argument_text(*this);
    if (row.takes_card && !card.empty()) {
        text += " card " + card;
    }
    if (row.takes_reader && reader) {
        text += fmt::format(" reader {}", *reader);
    }
    return text;
}

} // namespace cardrig::harness
