#include "harness/braces.h"

namespace cardrig::harness {

std::string fill_known(std::string_view text,
                       const std::function<std::optional<std::string>(const std::string&)>& lookup) {
    std::string filled;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text.substr(at, 2) == "{{") {
            filled += "{{";
            ++at;
            continue;
        }
        const std::size_t end = text[at] == '{' ? text.find('}', at) : std::string_view::npos;
        const auto value = end == std::string_view::npos
                               ? std::nullopt
                               : lookup(std::string(text.substr(at + 1, end - at - 1)));
        if (value) {
            filled += *value;
            at = end;
        } else {
            filled += text[at];
        }
    }
    return filled;
}

bool holds_placeholder(std::string_view text, std::string_view name) {
    bool found = false;
    static_cast<void>(fill_known(text, [&](const std::string& one) -> std::optional<std::string> {
        found = found || one == name;
        return std::nullopt;
    }));
    return found;
}

} // namespace cardrig::harness
