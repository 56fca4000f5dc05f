#include "emulator/protection.h"

#include <algorithm>
#include <stdexcept>

namespace cardrig::emulator {

std::string_view protection_word(Protection protection) {
    switch (protection) {
    case Protection::none:
        return "none";
    case Protection::journal:
        return "journal";
    case Protection::shadow:
        return "shadow";
    }
    throw std::invalid_argument("no such protection");
}

std::optional<Protection> protection_from_word(std::string_view word) {
    const auto* const found = std::ranges::find(all_protections, word, protection_word);
    return found == all_protections.end() ? std::nullopt : std::optional{*found};
}

} // namespace cardrig::emulator
