#include "harness/sweep/text_layout.h"

#include "apdu/printable.h"
#include "harness/notation_words.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

std::string wrapped(std::string_view head, std::string_view text, std::size_t width) {
    const std::string clean = apdu::printable(text);
    std::string result;
    std::string line(head);
    bool empty = true;
    for (const std::string_view word : notation_words(clean)) {
        if (!empty && line.size() + 1 + word.size() > width) {
            result += line + "\n";
            line.assign(head.size(), ' ');
            empty = true;
        }
        if (!empty) {
            line += ' ';
        }
        line += word;
        empty = false;
    }
    return result + line + "\n";
}

std::string grouped(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3; at -= 3) {
        digits.insert(at - 3, 1, ',');
    }
    return digits;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
    if (number == 1) {
        return fmt::format("1 {}", one);
    }
    return many.empty() ? fmt::format("{} {}s", grouped(number), one)
                        : fmt::format("{} {}", grouped(number), many);
}

std::string duration_text(double seconds) {
    if (seconds < 9.95) {
        return fmt::format("{:.1f} s", seconds);
    }
    const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
    if (whole < 100) {
        return fmt::format("{} s", whole);
    }
    const std::uint64_t minutes = whole / 60;
    return minutes < 100 ? fmt::format("{} min {} s", minutes, whole % 60)
                         : fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

std::string coloured(std::string_view text, std::string_view parameters, bool colour) {
    return colour && !text.empty() && !parameters.empty() ? fmt::format("\x1B[{}m{}\x1B[0m", parameters, text)
                                                          : std::string(text);
}

bool colour_wanted(int descriptor) {
    const char* const refused = std::getenv("NO_COLOR");
    return ::isatty(descriptor) == 1 && (refused == nullptr || *refused == '\0');
}

} // namespace cardrig::harness
