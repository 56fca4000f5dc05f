// Strict YAML: what cardrig's own files are read with. On top of yaml-cpp it refuses duplicate keys, anchors,
// aliases, merge keys, tags, further documents, deep nesting and whatever is not UTF-8, and it wants
// passcodes and numbers-that-are-names quoted (0123 reads as 83 otherwise). Numbers are parsed here. Every
// refusal is a RequestError with file:line:column, the offending word, and the nearest right one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

struct YamlNode;
class YamlValue;

/// A mapping whose keys are taken one by one; finish() refuses those that nobody took. Copies share what was
/// taken.
class YamlMapping {
public:
    [[nodiscard]] std::optional<YamlValue> take(std::string_view key);
    /// Refuses the mapping if the key is missing.
    [[nodiscard]] YamlValue require(std::string_view key);
    /// All keys, in order.
    [[nodiscard]] std::vector<std::string> keys() const;
    /// Refuses a key that was not taken, with the nearest of those that take() was asked for.
    void finish() const;
    /// Throws RequestError at this mapping's place.
    [[noreturn]] void refuse(const std::string& message) const;
    /// Throws RequestError at the place of one of its keys, which it has.
    [[noreturn]] void refuse_key(std::string_view key, const std::string& message) const;

private:
    friend class YamlValue;
    struct State;
    explicit YamlMapping(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

class YamlValue {
public:
    /// Throws RequestError. `file` is what messages call it.
    [[nodiscard]] static YamlValue parse(std::string_view text, const std::string& file);

    /// A copy in which values are replaced or added by dotted key ("passcode.tries"). A new value is read as
    /// YAML where it begins with [ or {, and else is a scalar that passes for quoted and unquoted alike.
    /// Errors in it, then and later, name the dotted key in place of a line. Throws RequestError where a key
    /// leads into something that is no mapping.
    [[nodiscard]] YamlValue with(const std::map<std::string, std::string>& changes) const;

    /// A copy in which each {name} of `values` in any scalar (not in keys, not within {{ }}) is replaced by
    /// that scalar's text. A scalar that is nothing but {name} is in quotes where the value is. Places stay.
    [[nodiscard]] YamlValue filled(const std::map<std::string, YamlValue>& values) const;
    /// Whether {name} is in one of its scalars, so that filled() would replace it.
    [[nodiscard]] bool mentions(const std::string& name) const;

    [[nodiscard]] bool is_mapping() const;
    [[nodiscard]] bool is_sequence() const;
    /// False also for a key with nothing behind it, and for null and ~, which no accessor takes.
    [[nodiscard]] bool is_scalar() const;
    [[nodiscard]] YamlMapping mapping() const;             ///< refuses others
    [[nodiscard]] std::vector<YamlValue> sequence() const; ///< refuses others
    [[nodiscard]] std::string text() const;                ///< any scalar, as it is written
    /// A scalar in quotes: passcodes, numbers that are names. The text of one that has none is not repeated
    /// in the message: it may be a secret.
    [[nodiscard]] std::string quoted() const;
    /// Decimal digits, not in quotes, no leading zeros.
    [[nodiscard]] std::int64_t integer(std::int64_t min, std::int64_t max) const;
    [[nodiscard]] bool boolean() const; ///< true or false
    /// "30 days", "-2 hours", "90 minutes", "1 year" (365 days), "2 weeks", "10 seconds"; up to 200 years
    /// either way.
    [[nodiscard]] std::chrono::seconds duration() const;
    /// One of these words, or refuses with the nearest.
    [[nodiscard]] std::string word(const std::vector<std::string>& words) const;
    /// Throws RequestError at this value's place.
    [[noreturn]] void refuse(const std::string& message) const;
    /// "file:line:column"
    [[nodiscard]] std::string place() const;

private:
    friend class YamlMapping;
    explicit YamlValue(std::shared_ptr<const YamlNode> node) : node_(std::move(node)) {}
    std::shared_ptr<const YamlNode> node_;
};

/// "did you mean 'passcode'?" or empty where nothing is near.
[[nodiscard]] std::string nearest_word(std::string_view word, const std::vector<std::string>& words);
/// "'passcod' is unknown; did you mean 'passcode'?", or with all the words where nothing is near.
[[nodiscard]] std::string unknown_word(std::string_view word, const std::vector<std::string>& words);

} // namespace cardrig::harness
