// Text in columns, for the reports of a sweep.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cardrig::harness {

/// The words of the text in lines of at most `width` columns (a longer word has a line for itself), the first
/// behind `head`, the others indented by as many blanks; each ends with a newline. Control characters are
/// made visible.
[[nodiscard]] std::string wrapped(std::string_view head, std::string_view text, std::size_t width);

/// "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "1 place", "1,234 places"; `many` where it is not one with an s.
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view one, std::string_view many = {});

/// "0.4 s", "75 s", "2 min 10 s", "1 h 3 min"
[[nodiscard]] std::string duration_text(double seconds);

/// SGR parameters of ECMA-48, as in "1;31"; the text as it is where no colour is wanted or there is no text.
[[nodiscard]] std::string coloured(std::string_view text, std::string_view parameters, bool colour);
/// Whether this stream is a terminal whose user has not refused colour (NO_COLOR is set and not empty,
/// no-color.org).
[[nodiscard]] bool colour_wanted(int descriptor);

} // namespace cardrig::harness
