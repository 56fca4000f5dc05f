#include "harness/sweep/json_fields.h"

#include "harness/errors.h"

#include <cmath>

#include <fmt/format.h>

namespace cardrig::harness {

JsonFields::JsonFields(const nlohmann::json& json, std::string what) : json_(json), what_(std::move(what)) {
    if (!json_.is_object()) {
        throw RequestError(fmt::format("{}: an object is wanted, not {}", what_, json_.type_name()));
    }
}

void JsonFields::refuse(const char* key, const std::string& reason) const {
    throw RequestError(fmt::format("{}: '{}': {}", what_, key, reason));
}

const nlohmann::json& JsonFields::at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) {
        refuse(key, "is missing");
    }
    return *found;
}

std::string JsonFields::text(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_string()) {
        refuse(key, fmt::format("a text is wanted, not {}", value.type_name()));
    }
    return value.get<std::string>();
}

bool JsonFields::truth(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_boolean()) {
        refuse(key, fmt::format("true or false is wanted, not {}", value.type_name()));
    }
    return value.get<bool>();
}

double JsonFields::seconds(const char* key) const {
    const nlohmann::json& value = at(key);
    const double seconds = value.is_number() ? value.get<double>() : -1;
    if (!std::isfinite(seconds) || seconds < 0) {
        refuse(key, "seconds are wanted, from 0");
    }
    return seconds;
}

SweepPlace JsonFields::place(const char* key) const {
    auto read = SweepPlace::parse(text(key));
    if (!read) {
        refuse(key, read.error().message);
    }
    return std::move(*read);
}

const nlohmann::json& JsonFields::object(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_object()) {
        refuse(key, fmt::format("an object is wanted, not {}", value.type_name()));
    }
    return value;
}

const nlohmann::json& JsonFields::list(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_array()) {
        refuse(key, fmt::format("a list is wanted, not {}", value.type_name()));
    }
    return value;
}

std::vector<std::string> JsonFields::texts(const char* key) const {
    std::vector<std::string> texts;
    for (const nlohmann::json& value : list(key)) {
        if (!value.is_string()) {
            refuse(key, fmt::format("texts are wanted, not {}", value.type_name()));
        }
        texts.push_back(value.get<std::string>());
    }
    return texts;
}

std::uint64_t JsonFields::whole_number(const char* key, std::uint64_t max) const {
    const nlohmann::json& value = at(key);
    const bool negative =
        value.is_number_integer() && !value.is_number_unsigned() && value.get<std::int64_t>() < 0;
    if (!value.is_number_integer() || negative || value.get<std::uint64_t>() > max) {
        refuse(key, fmt::format("a whole number from 0 to {} is wanted", max));
    }
    return value.get<std::uint64_t>();
}

} // namespace cardrig::harness
