#include "harness/place.h"

#include "harness/card_name.h"
#include "harness/notation_words.h"
#include "harness/yaml.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using apdu::failure;
using apdu::Result;

/// What kind of object a command has.
enum class Takes : std::uint8_t { nothing, data_object, key, reference_data, application, anything };

const std::vector<std::pair<std::string, Takes>>& commands() {
    static const std::vector<std::pair<std::string, Takes>> table{
        {"select", Takes::application},
        {"verify", Takes::reference_data},
        {"change-reference-data", Takes::reference_data},
        {"reset-retry-counter", Takes::reference_data},
        {"general-authenticate", Takes::key},
        {"generate-key-pair", Takes::key},
        {"get-data", Takes::data_object},
        {"put-data", Takes::data_object},
        {"get-response", Takes::nothing},
        {"get-version", Takes::nothing},
        {"get-serial", Takes::nothing},
        {"get-metadata", Takes::reference_data},
        {"attest", Takes::key},
        {"import-key", Takes::key},
        {"set-pin-retries", Takes::nothing},
        {"set-management-key", Takes::nothing},
        {"reset-piv", Takes::nothing},
        {"move-key", Takes::key},
        {"delete-key", Takes::key},
        {"malformed", Takes::nothing},
        {"any", Takes::nothing},
    };
    return table;
}

/// The names of all PIV data objects: 5FC101 to 5FC123, discovery object and biometric group template.
std::vector<std::string> object_names() {
    std::vector<std::string> names;
    std::vector<std::uint32_t> tags{0x7E, 0x7F61};
    for (std::uint32_t tag = 0x5FC101; tag <= 0x5FC123; ++tag) {
        tags.push_back(tag);
    }
    for (const std::uint32_t tag : tags) {
        if (const auto name = apdu::piv_object_name(tag)) {
            names.emplace_back(*name);
        }
    }
    return names;
}

std::string upper(std::string_view word) {
    std::string text(word);
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return text;
}

/// The bytes' hex, upper case, if the word is `min` to `max` bytes in hex.
std::optional<std::string> hex_word(std::string_view word, std::size_t min, std::size_t max) {
    const auto bytes = apdu::from_hex(word);
    if (!bytes || bytes->size() < min || bytes->size() > max || word.size() != bytes->size() * 2) {
        return std::nullopt;
    }
    return upper(word);
}

std::string hint(std::string_view word, const std::vector<std::string>& words) {
    const std::string nearest = nearest_word(word, words);
    return nearest.empty() ? nearest : ": " + nearest;
}

template <class Number>
std::optional<Number> count(std::string_view digits) {
    Number number = 0;
    const char* const end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, number);
    if (read.ec != std::errc{} || read.ptr != end || number == 0) {
        return std::nullopt;
    }
    return number;
}

/// Reads a place word by word.
class PlaceReader {
public:
    explicit PlaceReader(std::string_view text) : text_(text), words_(notation_words(text)) {}

    Result<Place> read() {
        if (words_.empty()) {
            return failure("an empty place: say a command, as in 'put-data signature-certificate before', or "
                           "'write #5'");
        }
        Result<void> done;
        if (words_.front() == "authority") {
            done = read_request();
        } else if (words_.front() == "output") {
            done = read_output();
        } else if (words_.front() == "card-time") {
            done = read_card_time();
        } else if (words_.front() == "write") {
            done = read_write();
        } else {
            done = read_command();
        }
        const bool of_a_card = place_.where == Where::card || place_.where == Where::card_time;
        if (done && of_a_card && peek() == "card") {
            done = read_card();
        }
        if (!done) {
            return tl::make_unexpected(done.error());
        }
        if (at_ < words_.size()) {
            return failure(fmt::format("'{}' after the end of the place '{}'", words_[at_], text_));
        }
        return place_;
    }

private:
    [[nodiscard]] std::optional<std::string_view> peek() const {
        return at_ < words_.size() ? std::optional(words_[at_]) : std::nullopt;
    }

    Result<void> read_request() {
        place_.where = Where::authority;
        ++at_;
        const std::string_view word = peek().value_or("");
        std::vector<std::string> known = authority_requests();
        known.emplace_back("any");
        if (std::ranges::find(known, word) == known.end()) {
            return failure(fmt::format("'{}' after 'authority' is no request{}", word, hint(word, known)));
        }
        place_.command = std::string(word);
        ++at_;
        if (place_.command == "certificate" && (peek() == "9A" || peek() == "9C")) {
            place_.object = std::string(*peek());
            ++at_;
        }
        if (peek() == "block" || peek() == "write" || peek() == "card") {
            return failure(
                fmt::format("'{}' in the place '{}': a request to the authority has none", *peek(), text_));
        }
        return read_rest();
    }

    /// The expression stands in double quotes, in which there are no others.
    Result<void> read_output() {
        place_.where = Where::output;
        const std::size_t open = text_.find('"');
        const std::size_t close = open == std::string_view::npos ? open : text_.find('"', open + 1);
        if (close == std::string_view::npos || close == open + 1 || words_[1].front() != '"') {
            return failure(fmt::format(
                "'output' wants an expression in double quotes after it, as in 'output \"Writing\" "
                "#2', not '{}'",
                text_));
        }
        place_.pattern = std::string(text_.substr(open + 1, close - open - 1));
        words_ = notation_words(text_.substr(close + 1));
        at_ = 0;
        return peek() ? read_occurrence() : Result<void>{};
    }

    Result<void> read_card_time() {
        place_.where = Where::card_time;
        ++at_;
        const auto number = peek() ? count<std::uint32_t>(*peek()) : std::nullopt;
        ++at_;
        static const std::vector<std::pair<std::string, std::int64_t>> units{
            {"us", 1}, {"ms", 1000}, {"s", 1'000'000}, {"minutes", 60'000'000}};
        const auto unit = std::ranges::find(units, std::string(peek().value_or("")),
                                            &std::pair<std::string, std::int64_t>::first);
        if (!number || unit == units.end()) {
            return failure(fmt::format(
                "'card-time' wants a time in us, ms, s or minutes, as in 'card-time 5 s', not '{}'", text_));
        }
        ++at_;
        place_.time = std::chrono::microseconds(*number * unit->second);
        return {};
    }

    Result<void> read_occurrence() {
        if (!peek()->starts_with('#')) {
            return {};
        }
        const auto number = count<std::uint32_t>(peek()->substr(1));
        if (!number) {
            return bad_number(*peek());
        }
        place_.occurrence = *number;
        ++at_;
        return {};
    }

    Result<void> read_command() {
        const std::string_view word = words_[at_++];
        const auto known = std::ranges::find(commands(), word,
                                             [](const auto& entry) { return std::string_view(entry.first); });
        Takes takes = Takes::anything;
        if (known != commands().end()) {
            place_.command = known->first;
            takes = known->second;
        } else if (word.starts_with("ins-") && hex_word(word.substr(4), 1, 1)) {
            place_.command = "ins-" + upper(word.substr(4));
        } else {
            std::vector<std::string> names{"write", "ins-XX", "authority", "output", "card-time"};
            for (const auto& entry : commands()) {
                names.push_back(entry.first);
            }
            return failure(fmt::format("'{}' is no command{}", word, hint(word, names)));
        }
        const auto next = peek();
        if (next && !next->starts_with('#') && !is_keyword(*next)) {
            auto object = read_object(*next, takes);
            if (!object) {
                return tl::make_unexpected(object.error());
            }
            place_.object = *object;
            ++at_;
        }
        return read_rest();
    }

    static bool is_keyword(std::string_view word) {
        return word == "block" || word == "write" || word == "before" || word == "after" || word == "card";
    }

    [[nodiscard]] Result<std::string> read_object(std::string_view word, Takes takes) const {
        std::vector<std::string> names{"block", "write", "before", "after", "card"};
        std::string_view wanted;
        switch (takes) {
        case Takes::data_object:
            if (apdu::piv_object_tag(word)) {
                return std::string(word);
            }
            if (auto tag = hex_word(word, 1, 3)) {
                return named_tag(*tag);
            }
            std::ranges::copy(object_names(), std::back_inserter(names));
            wanted = "data object and no tag in hex";
            break;
        case Takes::key:
            if (auto key = hex_word(word, 1, 1)) {
                return *key;
            }
            std::ranges::copy(std::vector<std::string>{"9A", "9B", "9C", "9D", "9E"},
                              std::back_inserter(names));
            wanted = "key reference in hex, such as 9A,";
            break;
        case Takes::reference_data:
            names.insert(names.end(), {"passcode", "unblocking-code", "global-passcode", "passcode-status"});
            if (std::ranges::find(names, word) != names.end()) {
                return std::string(word);
            }
            if (auto reference = hex_word(word, 1, 1)) {
                return *reference;
            }
            wanted = "'passcode', 'unblocking-code', 'global-passcode' or 'passcode-status', and no "
                     "reference in hex";
            break;
        case Takes::application:
            if (word == "piv") {
                return std::string(word);
            }
            if (auto aid = hex_word(word, 5, 16)) {
                return *aid;
            }
            names.emplace_back("piv");
            wanted = "'piv' and no application identifier in hex";
            break;
        case Takes::anything:
        case Takes::nothing:
            wanted = "'#n', 'block', 'write', 'before', 'after' or 'card'";
            break;
        }
        return failure(
            fmt::format("'{}' after '{}' is no {}{}", word, place_.command, wanted, hint(word, names)));
    }

    /// The decoder calls an object by its name where it has one.
    static std::string named_tag(const std::string& hex) {
        std::uint32_t tag = 0;
        std::from_chars(hex.data(), hex.data() + hex.size(), tag, 16);
        const auto name = apdu::piv_object_name(tag);
        return name ? std::string(*name) : hex;
    }

    Result<void> read_rest() {
        if (auto done = peek() ? read_occurrence() : Result<void>{}; !done) {
            return done;
        }
        if (peek() == "block") {
            ++at_;
            const auto number = peek() ? count<std::uint32_t>(*peek()) : std::nullopt;
            if (!number) {
                return failure(fmt::format("'block' wants a number from 1 after it{}",
                                           peek() ? fmt::format(", not '{}'", *peek()) : ""));
            }
            place_.block = *number;
            ++at_;
        }
        if (peek() == "write") {
            return read_write();
        }
        if (peek() == "before" || peek() == "after") {
            place_.moment = *peek() == "before" ? Moment::before : Moment::after;
            ++at_;
        } else if (peek() && peek() != "card") {
            return failure(fmt::format("'{}' is not understood in the place '{}'{}", *peek(), text_,
                                       hint(*peek(), {"block", "write", "before", "after", "card"})));
        }
        return {};
    }

    Result<void> read_write() {
        ++at_;
        const auto number =
            peek() && peek()->starts_with('#') ? count<std::uint64_t>(peek()->substr(1)) : std::nullopt;
        if (!number) {
            return peek() ? bad_number(*peek())
                          : failure("'write' wants the number of a memory write: 'write #5'");
        }
        place_.write = *number;
        ++at_;
        return {};
    }

    Result<void> read_card() {
        ++at_;
        auto name = card_name(peek().value_or(""));
        if (!name) {
            return tl::make_unexpected(name.error());
        }
        place_.card = std::move(*name);
        ++at_;
        return {};
    }

    static Result<void> bad_number(std::string_view word) {
        return failure(fmt::format("'{}' is no number of an occurrence: '#1' is the first", word));
    }

    std::string_view text_;
    std::vector<std::string_view> words_;
    std::size_t at_ = 0;
    Place place_;
};

} // namespace

Result<Place> Place::parse(std::string_view text) {
    return PlaceReader(text).read();
}

const std::vector<std::string>& authority_requests() {
    static const std::vector<std::string> words{
        "login-challenge", "login",        "logout",         "directory",  "renewal",
        "certificate",     "renewal-done", "management-key", "unlock",     "unlock-done",
        "revocations",     "est-cacerts",  "est-csrattrs",   "est-enroll", "est-reenroll"};
    return words;
}

std::string Place::text() const {
    const std::string number = occurrence != 1 ? fmt::format(" #{}", occurrence) : "";
    if (where == Where::output) {
        return fmt::format("output \"{}\"{}", pattern, number);
    }
    if (where == Where::card_time) {
        const bool whole = time.count() % 1000 == 0;
        return fmt::format("card-time {} {}{}", whole ? time.count() / 1000 : time.count(),
                           whole ? "ms" : "us", card.empty() ? "" : " card " + card);
    }
    std::string text = where == Where::authority ? "authority " + command : command;
    if (!object.empty()) {
        text += " " + object;
    }
    text += number;
    if (block) {
        text += fmt::format(" block {}", *block);
    }
    if (write || command.empty()) {
        text += fmt::format("{}write #{}", command.empty() ? "" : " ", write.value_or(1));
    } else {
        text += moment == Moment::before ? " before" : " after";
    }
    if (!card.empty()) {
        text += " card " + card;
    }
    return text;
}

} // namespace cardrig::harness
