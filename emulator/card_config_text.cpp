#include "emulator/card_config_text.h"

#include "emulator/card_config_rules.h"

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cardrig::emulator {

namespace {

using nlohmann::json;
using std::chrono::microseconds;

std::string_view put_data_word(PutDataMode mode) {
    return mode == PutDataMode::streamed ? "streamed" : "buffered";
}

json rules_to_json(const PasscodeRules& rules) {
    return {{"min", rules.min_length},
            {"max", rules.max_length},
            {"digits", rules.digits_only},
            {"tries", rules.tries}};
}

json waits_to_json(const std::map<Algorithm, microseconds>& waits) {
    json out = json::object();
    for (const auto& [algorithm, wait] : waits) {
        out[std::string(profile_word(algorithm))] = wait.count();
    }
    return out;
}

json timing_to_json(const Timing& timing) {
    return {{"command", timing.command.count()},
            {"byte", timing.byte.count()},
            {"memory-write", timing.memory_write.count()},
            {"generate", waits_to_json(timing.generate)},
            {"use", waits_to_json(timing.use)}};
}

json piv_to_json(const PivConfig& piv) {
    json algorithms = json::array();
    for (const Algorithm algorithm : piv.algorithms) {
        algorithms.push_back(profile_word(algorithm));
    }
    return {{"passcode", rules_to_json(piv.passcode)},
            {"unblocking-code", rules_to_json(piv.unblocking_code)},
            {"global-passcode", piv.global_passcode ? rules_to_json(*piv.global_passcode) : json(nullptr)},
            {"prefers-global-passcode", piv.prefers_global_passcode},
            {"algorithms", algorithms},
            {"strict-signature-passcode", piv.strict_signature_passcode},
            {"put-data", put_data_word(piv.put_data)},
            {"largest-object", piv.longest_object},
            {"yubico", piv.yubico ? json{{"firmware", piv.yubico->firmware}, {"serial", piv.yubico->serial}}
                                  : json(nullptr)}};
}

/// A whole number in 0 to `max`: nlohmann would cut a larger one short without a word.
std::uint32_t number(const json& value, std::string_view what, std::uint32_t max) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max) {
        throw std::range_error(fmt::format("'{}' is out of range", what));
    }
    return value.get<std::uint32_t>();
}

std::uint32_t number_at(const json& object, const char* key, std::uint32_t max) {
    return number(object.at(key), key, max);
}

PasscodeRules rules_from_json(const json& object) {
    return {static_cast<std::uint8_t>(number_at(object, "min", 255)),
            static_cast<std::uint8_t>(number_at(object, "max", 255)), object.at("digits").get<bool>(),
            static_cast<std::uint8_t>(number_at(object, "tries", 255))};
}

Algorithm algorithm_from_word(const std::string& word) {
    const auto algorithm = algorithm_from_profile_word(word);
    if (!algorithm) {
        throw std::range_error(fmt::format("its algorithm '{}' is unknown here", word));
    }
    return *algorithm;
}

microseconds wait_at(const json& object, const char* key) {
    return microseconds(number_at(object, key, UINT32_MAX));
}

std::map<Algorithm, microseconds> waits_from_json(const json& object) {
    std::map<Algorithm, microseconds> waits;
    for (const auto& [word, wait] : object.get_ref<const json::object_t&>()) {
        waits[algorithm_from_word(word)] = microseconds(number(wait, word, UINT32_MAX));
    }
    return waits;
}

Timing timing_from_json(const json& object) {
    return {wait_at(object, "command"), wait_at(object, "byte"), wait_at(object, "memory-write"),
            waits_from_json(object.at("generate")), waits_from_json(object.at("use"))};
}

YubicoExtensions yubico_from_json(const json& object) {
    YubicoExtensions out;
    const json& firmware = object.at("firmware");
    if (!firmware.is_array() || firmware.size() != out.firmware.size()) {
        throw std::range_error("'firmware' is not three numbers");
    }
    for (std::size_t i = 0; i < out.firmware.size(); ++i) {
        out.firmware.at(i) = static_cast<std::uint8_t>(number(firmware.at(i), "firmware", 255));
    }
    out.serial = number_at(object, "serial", UINT32_MAX);
    return out;
}

/// What images have said since version 2.
void read_later_parts(const json& in, CardConfig& config) {
    const json& piv = in.at("piv");
    if (const json& rules = piv.at("global-passcode"); !rules.is_null()) {
        config.piv.global_passcode = rules_from_json(rules);
    }
    config.piv.prefers_global_passcode = piv.at("prefers-global-passcode").get<bool>();
    const auto put_data = piv.at("put-data").get<std::string>();
    if (put_data != "buffered" && put_data != "streamed") {
        throw std::range_error(fmt::format("its PUT DATA is '{}', unknown here", put_data));
    }
    config.piv.put_data = put_data == "streamed" ? PutDataMode::streamed : PutDataMode::buffered;
    config.piv.longest_object = number_at(piv, "largest-object", UINT32_MAX);
    if (const json& yubico = piv.at("yubico"); !yubico.is_null()) {
        config.piv.yubico = yubico_from_json(yubico);
    }
    config.timing = timing_from_json(in.at("timing"));
}

CardConfig read_config(const json& in, bool first_version) {
    CardConfig config;
    config.profile = in.at("profile").get<std::string>();
    const auto atr = apdu::from_hex(in.at("atr").get<std::string>());
    if (!atr) {
        throw std::range_error(fmt::format("its ATR is no hex: {}", atr.error().message));
    }
    config.atr = *atr;
    const json& memory = in.at("memory");
    config.geometry = {number_at(memory, "page", UINT32_MAX),
                       number_at(memory, "pages-per-block", UINT32_MAX),
                       number_at(memory, "blocks", UINT32_MAX)};
    const auto word = memory.at("protection").get<std::string>();
    const auto protection = protection_from_word(word);
    if (!protection) {
        throw std::range_error(fmt::format("its memory's protection is '{}', unknown here", word));
    }
    config.protection = *protection;
    const json& piv = in.at("piv");
    config.piv.passcode = rules_from_json(piv.at("passcode"));
    config.piv.unblocking_code = rules_from_json(piv.at("unblocking-code"));
    config.piv.strict_signature_passcode = piv.at("strict-signature-passcode").get<bool>();
    config.piv.algorithms.clear();
    for (const json& algorithm : piv.at("algorithms")) {
        config.piv.algorithms.push_back(algorithm_from_word(algorithm.get<std::string>()));
    }
    if (!first_version) {
        read_later_parts(in, config);
    }
    return config;
}

} // namespace

json config_to_json(const CardConfig& config) {
    return {{"profile", config.profile},
            {"atr", apdu::to_hex(config.atr)},
            {"memory",
             {{"page", config.geometry.page_size},
              {"pages-per-block", config.geometry.pages_per_block},
              {"blocks", config.geometry.blocks},
              {"protection", protection_word(config.protection)}}},
            {"piv", piv_to_json(config.piv)},
            {"timing", timing_to_json(config.timing)}};
}

Result<CardConfig> config_from_json(const json& in, bool first_version) {
    try {
        CardConfig config = read_config(in, first_version);
        if (auto fault = config_fault(config)) {
            return apdu::failure(std::move(*fault));
        }
        return config;
    } catch (const json::exception& error) {
        return apdu::failure(error.what());
    } catch (const std::range_error& error) {
        return apdu::failure(error.what());
    }
}

} // namespace cardrig::emulator
