#include "harness/config_text.h"

#include "emulator/card_config_rules.h"
#include "emulator/protection.h"

#include <chrono>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using emulator::CardConfig;
using std::chrono::microseconds;

/// In the largest unit in which it is a whole number.
std::string wait_text(microseconds wait) {
    constexpr std::int64_t millisecond = 1000;
    constexpr std::int64_t second = 1000 * millisecond;
    const std::int64_t count = wait.count();
    if (count % second == 0) {
        return fmt::format("{} s", count / second);
    }
    return count % millisecond == 0 ? fmt::format("{} ms", count / millisecond) : fmt::format("{} us", count);
}

std::string token_text(const CardConfig& config) {
    const auto& token = config.piv.yubico;
    return token
               ? fmt::format("firmware {}, serial number {}", fmt::join(token->firmware, "."), token->serial)
               : std::string("none");
}

void add_timing(std::vector<ConfigFact>& facts, const emulator::Timing& timing) {
    const bool instant = timing == emulator::Timing{};
    facts.push_back({"timing", instant ? "instant" : "takes its time"});
    const auto add = [&facts](std::string what, microseconds wait) {
        if (wait.count() != 0) {
            facts.push_back({std::move(what), wait_text(wait)});
        }
    };
    add("time of a command", timing.command);
    add("time of a byte", timing.byte);
    add("time of a memory write", timing.memory_write);
    for (const auto& [algorithm, wait] : timing.generate) {
        add(fmt::format("time to make {}", emulator::name(algorithm)), wait);
    }
    for (const auto& [algorithm, wait] : timing.use) {
        add(fmt::format("time to use {}", emulator::name(algorithm)), wait);
    }
}

} // namespace

std::vector<ConfigFact> capability_facts(const CardConfig& config) {
    const emulator::PivConfig& piv = config.piv;
    std::vector<ConfigFact> facts{
        {"signature passcode",
         piv.strict_signature_passcode ? "strict: VERIFY directly before" : "one VERIFY each"},
        {"preferred passcode", piv.prefers_global_passcode ? "the global one" : "the application's"},
        {"PUT DATA", piv.put_data == emulator::PutDataMode::streamed ? "streamed" : "buffered"},
        {"largest object", fmt::format("{} bytes", piv.longest_object)},
        {"token extensions", token_text(config)}};
    add_timing(facts, config.timing);
    return facts;
}

std::vector<ConfigFact> config_facts(const CardConfig& config) {
    const emulator::PivConfig& piv = config.piv;
    const emulator::NvmGeometry& memory = config.geometry;
    std::vector<ConfigFact> facts{
        {"passcode rules", rules_text(piv.passcode)},
        {"unblocking code rules", rules_text(piv.unblocking_code)},
        {"global passcode rules", piv.global_passcode ? rules_text(*piv.global_passcode) : "none"},
        {"algorithms", algorithms_text(config)},
        {"memory", fmt::format("{} blocks of {} pages of {} bytes", memory.blocks, memory.pages_per_block,
                               memory.page_size)},
        {"protection", protection_text(config)}};
    for (ConfigFact& fact : capability_facts(config)) {
        facts.push_back(std::move(fact));
    }
    return facts;
}

std::string rules_text(const emulator::PasscodeRules& rules) {
    const std::string_view characters = rules.digits_only ? "digits" : "characters";
    return rules.min_length == rules.max_length
               ? fmt::format("{} {}", rules.min_length, characters)
               : fmt::format("{} to {} {}", rules.min_length, rules.max_length, characters);
}

std::string algorithms_text(const CardConfig& config) {
    std::vector<std::string_view> names;
    for (const emulator::Algorithm algorithm : config.piv.algorithms) {
        names.push_back(emulator::name(algorithm));
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

std::string protocols_text(const CardConfig& config) {
    return fmt::format("T={}", fmt::join(emulator::protocols(config.atr), ", T="));
}

std::string protection_text(const CardConfig& config) {
    return std::string(emulator::protection_word(config.protection));
}

} // namespace cardrig::harness
