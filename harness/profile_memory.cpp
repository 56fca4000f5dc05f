#include "harness/profile_parts.h"

#include "emulator/card_config_rules.h"
#include "harness/quantity.h"

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// As many blocks as have exactly this capacity.
std::uint32_t blocks_for(const YamlValue& capacity, const emulator::NvmGeometry& geometry) {
    const std::uint32_t bytes = read_size(capacity);
    const std::uint32_t block = geometry.block_size();
    if (block == 0 || bytes % block != 0) {
        capacity.refuse(fmt::format("'{}' is no whole number of blocks of {} bytes", capacity.text(), block));
    }
    return bytes / block;
}

} // namespace

void read_memory(const YamlValue& value, emulator::CardConfig& config) {
    YamlMapping mapping = value.mapping();
    const auto number = [&](std::string_view key, std::uint32_t& out) {
        const auto item = mapping.take(key);
        if (item) {
            out = static_cast<std::uint32_t>(item->integer(1, 4096));
        }
        return item.has_value();
    };
    number("page", config.geometry.page_size);
    number("pages-per-block", config.geometry.pages_per_block);
    const bool has_blocks = number("blocks", config.geometry.blocks);
    if (const auto capacity = mapping.take("capacity")) {
        if (has_blocks) {
            capacity->refuse("a memory has either 'blocks' or a 'capacity', not both");
        }
        config.geometry.blocks = blocks_for(*capacity, config.geometry);
    }
    if (const auto protection = mapping.take("protection")) {
        const std::string word = protection->word({"none", "journal", "shadow"});
        config.protection = emulator::protection_from_word(word).value();
    }
    mapping.finish();
    if (const auto fault = emulator::geometry_fault(config.geometry)) {
        value.refuse(*fault);
    }
}

} // namespace cardrig::harness
