// Names in braces in a text: {reader}. {{ and }} stand for braces.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace cardrig::harness {

/// Replaces {name} where `lookup` has a text for the name; all else stays as it is, also {{ and }}.
[[nodiscard]] std::string
fill_known(std::string_view text,
           const std::function<std::optional<std::string>(const std::string&)>& lookup);

[[nodiscard]] bool holds_placeholder(std::string_view text, std::string_view name);

} // namespace cardrig::harness
