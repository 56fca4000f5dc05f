#include "harness/hand/control_request.h"

#include "harness/yaml.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using apdu::failure;
using apdu::Result;
using Asked = ControlRequest::Asked;

constexpr double longest_limit = 24 * 60 * 60;
constexpr std::size_t deepest = 8; ///< an object of words and numbers has no need for more

Result<nlohmann::json> read_object(std::string_view line) {
    if (line.size() > longest_control_line) {
        return failure(fmt::format("a request of {} bytes, where at most {} are taken", line.size(),
                                   longest_control_line));
    }
    std::set<std::string> keys;
    std::string twice;
    bool deep = false;
    const auto look = [&](int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
        if (event == nlohmann::json::parse_event_t::key && depth == 1 &&
            !keys.insert(parsed.get<std::string>()).second) {
            twice = parsed.get<std::string>();
        }
        deep = deep || depth > static_cast<int>(deepest);
        return true;
    };
    nlohmann::json json;
    try {
        json = nlohmann::json::parse(line, look);
    } catch (const nlohmann::json::exception& error) {
        return failure(fmt::format("the request is no JSON: {}", error.what()));
    }
    if (!json.is_object() || deep) {
        return failure("the request is no JSON object of words and numbers, as in {\"do\": \"remove\"}");
    }
    if (!twice.empty()) {
        return failure(fmt::format("the key '{}' stands twice in the request", twice));
    }
    return json;
}

Result<std::string> text_at(const nlohmann::json& json, const char* key) {
    const nlohmann::json& value = json.at(key);
    if (!value.is_string()) {
        return failure(fmt::format("'{}' wants a text, not {}", key, value.type_name()));
    }
    return value.get<std::string>();
}

Result<std::chrono::milliseconds> limit_at(const nlohmann::json& json) {
    const nlohmann::json& value = json.at("limit");
    const double seconds = value.is_number() ? value.get<double>() : -1;
    if (!(seconds >= 0 && seconds <= longest_limit)) {
        return failure(fmt::format("'limit' wants a number of seconds from 0 to {}", longest_limit));
    }
    return std::chrono::milliseconds(std::llround(seconds * 1000));
}

Result<std::uint64_t> fault_at(const nlohmann::json& json) {
    const nlohmann::json& value = json.at("fault");
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0) {
        return failure("'fault' wants the number that planning it gave, from 1");
    }
    return value.get<std::uint64_t>();
}

Result<void> read_values(const nlohmann::json& json, ControlRequest& request) {
    if (json.contains("limit")) {
        const auto limit = limit_at(json);
        if (!limit) {
            return tl::make_unexpected(limit.error());
        }
        request.limit = *limit;
    }
    if (json.contains("fault")) {
        const auto fault = fault_at(json);
        if (!fault) {
            return tl::make_unexpected(fault.error());
        }
        request.fault = *fault;
    }
    if (json.contains("at")) {
        auto place = text_at(json, "at").and_then([](const std::string& text) { return Place::parse(text); });
        if (!place) {
            return tl::make_unexpected(place.error());
        }
        request.at = std::move(*place);
    }
    return {};
}

Result<void> read_asked(std::string_view words, ControlRequest& request) {
    if (words == "status" || words == "forget") {
        request.asked = words == "status" ? Asked::status : Asked::forget;
        return {};
    }
    if (words == word(Verb::wait)) {
        request.asked = Asked::wait;
        return {};
    }
    request.asked = Asked::act;
    const std::string_view first = words.substr(0, words.find(' '));
    if (first == word(Verb::wait)) {
        return failure(fmt::format("'{}': 'wait' alone is to be done, and its place stands in 'at'", words));
    }
    if (first == "status" || first == "forget") {
        return failure(fmt::format("'{}': '{}' takes nothing more", words, first));
    }
    auto effect = Effect::parse(words);
    if (!effect) {
        const std::string nearest = nearest_word(first, {"status", "forget", "wait"});
        const bool meant = !verb_from_word(first) && !nearest.empty();
        return meant ? failure(fmt::format("'{}' is nothing that can be done: {}", first, nearest))
                     : tl::make_unexpected(effect.error());
    }
    request.effect = std::move(*effect);
    return {};
}

/// Keys that mean nothing for what is asked would be a misunderstanding.
Result<void> check(const ControlRequest& request) {
    const bool now = request.asked == Asked::act && !request.at;
    const bool waits = request.asked == Asked::wait;
    if (waits && request.at.has_value() == request.fault.has_value()) {
        return failure(request.at ? "'wait' wants 'at' or 'fault', not both"
                                  : "'wait' wants 'at', a place, or 'fault', a planned fault's number");
    }
    if (!waits && request.fault) {
        return failure("'fault' belongs to 'wait' alone");
    }
    if (request.at && request.asked != Asked::act && !waits) {
        return failure("'at' belongs to what can be planned, and to 'wait'");
    }
    if (request.limit && !waits && !now) {
        return failure("'limit' belongs to 'wait', and to what is done now: to plan takes no time");
    }
    if (request.at && request.asked == Asked::act) {
        return Fault{*request.at, request.effect}.check();
    }
    return {};
}

} // namespace

Result<ControlRequest> ControlRequest::parse(std::string_view line) {
    static const std::vector<std::string> keys{"do", "at", "fault", "limit"};
    const auto json = read_object(line);
    if (!json) {
        return tl::make_unexpected(json.error());
    }
    for (const auto& [key, value] : json->items()) {
        if (std::ranges::find(keys, key) == keys.end()) {
            return failure(fmt::format("key {}", unknown_word(key, keys)));
        }
    }
    if (!json->contains("do")) {
        return failure("'do' is missing: what is to be done, as in {\"do\": \"remove\"}");
    }
    ControlRequest request;
    const auto read = text_at(*json, "do")
                          .and_then([&](const std::string& words) { return read_asked(words, request); })
                          .and_then([&] { return read_values(*json, request); })
                          .and_then([&] { return check(request); });
    if (!read) {
        return tl::make_unexpected(read.error());
    }
    return request;
}

nlohmann::json ControlRequest::to_json() const {
    nlohmann::json json = nlohmann::json::object();
    switch (asked) {
    case Asked::act:
        json["do"] = effect.text();
        break;
    case Asked::status:
        json["do"] = "status";
        break;
    case Asked::wait:
        json["do"] = word(Verb::wait);
        break;
    case Asked::forget:
        json["do"] = "forget";
        break;
    }
    if (at) {
        json["at"] = at->text();
    }
    if (fault) {
        json["fault"] = *fault;
    }
    if (limit) {
        json["limit"] = static_cast<double>(limit->count()) / 1000;
    }
    return json;
}

} // namespace cardrig::harness
