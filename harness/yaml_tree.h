// The tree behind harness/yaml.h: what a YAML file says, with the place and the quoting of every value, both
// of which yaml-cpp's own tree forgets.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

struct YamlPlace {
    std::shared_ptr<const std::string> source; ///< a file's name, or what else messages call it
    std::size_t line = 0;                      ///< from 1; 0 where the source has no lines
    std::size_t column = 0;                    ///< from 1, in bytes

    [[nodiscard]] std::string text() const;
    /// Throws RequestError: "place: message".
    [[noreturn]] void refuse(const std::string& message) const;
};

struct YamlEntry;

struct YamlNode {
    enum class Kind { nothing, scalar, sequence, mapping };
    enum class Quoting { plain, quoted, either };

    Kind kind = Kind::nothing;
    YamlPlace place;
    std::string text;
    Quoting quoting = Quoting::plain;
    std::vector<std::shared_ptr<YamlNode>> items;
    std::vector<YamlEntry> entries; ///< in order; no key twice

    [[nodiscard]] const YamlEntry* find(std::string_view key) const;
};

struct YamlEntry {
    std::string key;
    YamlPlace place;
    std::shared_ptr<YamlNode> value;
};

/// Refuses what is no UTF-8, holds a NUL byte, or has more than 1 MiB; throws RequestError.
void refuse_bad_bytes(std::string_view text, const std::shared_ptr<const std::string>& source);

/// Reads one document; throws RequestError.
[[nodiscard]] std::shared_ptr<YamlNode> parse_yaml_tree(std::string_view text,
                                                        const std::shared_ptr<const std::string>& source);

} // namespace cardrig::harness
