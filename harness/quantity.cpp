#include "harness/quantity.h"

#include "emulator/card_config_rules.h"

#include <charconv>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

struct Unit {
    std::string_view word;
    std::uint64_t size;
};

constexpr Unit size_units[] = {{"bytes", 1}, {"KiB", 1U << 10U}, {"MiB", 1U << 20U}};
constexpr Unit wait_units[] = {
    {"us", 1}, {"ms", 1000}, {"s", 1'000'000}, {"minute", 60'000'000}, {"minutes", 60'000'000}};

/// A whole number, a blank and a unit, as a number of the smallest unit. `example` is what the message
/// offers.
std::uint64_t read_quantity(const YamlValue& value, std::span<const Unit> units, std::string_view example) {
    const std::string text = value.text();
    const std::size_t blank = text.find(' ');
    std::uint32_t number = 0;
    const char* const end = text.data() + std::min(blank, text.size());
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const bool padded = end - text.data() > 1 && text.front() == '0';
    if (blank == std::string::npos || error != std::errc{} || stop != end || padded) {
        value.refuse(fmt::format("'{}' is no whole number with a unit, such as {}", text, example));
    }
    const std::string_view word = std::string_view(text).substr(blank + 1);
    std::vector<std::string> known;
    for (const Unit& unit : units) {
        if (unit.word == word) {
            return number * unit.size;
        }
        known.emplace_back(unit.word);
    }
    value.refuse(fmt::format("unit {}", unknown_word(word, known)));
}

} // namespace

std::uint32_t read_size(const YamlValue& value) {
    const std::uint64_t size = read_quantity(value, size_units, "'64 KiB' or '4096 bytes'");
    if (size > UINT32_MAX) {
        value.refuse(fmt::format("'{}' is too much: 4 GiB or more", value.text()));
    }
    return static_cast<std::uint32_t>(size);
}

std::chrono::microseconds read_wait(const YamlValue& value) {
    const std::uint64_t wait = read_quantity(value, wait_units, "'5 ms' or '90 us'");
    if (wait > static_cast<std::uint64_t>(emulator::longest_wait.count())) {
        value.refuse(fmt::format("'{}' is more than ten minutes", value.text()));
    }
    return std::chrono::microseconds(static_cast<std::int64_t>(wait));
}

} // namespace cardrig::harness
