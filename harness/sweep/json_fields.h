// The fields of one JSON object of a sweep's report: each is there and of its type, or a RequestError names
// it.
#pragma once

#include "harness/sweep/sweep_place.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

class JsonFields {
public:
    /// `what` is what messages call the object. Throws RequestError where it is none.
    JsonFields(const nlohmann::json& json, std::string what);

    [[nodiscard]] bool has(const char* key) const { return json_.contains(key); }
    /// All throw RequestError.
    [[nodiscard]] std::string text(const char* key) const;
    [[nodiscard]] bool truth(const char* key) const;
    [[nodiscard]] double seconds(const char* key) const; ///< finite, from 0
    [[nodiscard]] SweepPlace place(const char* key) const;
    [[nodiscard]] const nlohmann::json& object(const char* key) const;
    [[nodiscard]] const nlohmann::json& list(const char* key) const;
    [[nodiscard]] std::vector<std::string> texts(const char* key) const;
    template <class Number>
    [[nodiscard]] Number number(const char* key) const {
        return static_cast<Number>(whole_number(key, std::numeric_limits<Number>::max()));
    }
    [[noreturn]] void refuse(const char* key, const std::string& reason) const;

private:
    [[nodiscard]] const nlohmann::json& at(const char* key) const;
    [[nodiscard]] std::uint64_t whole_number(const char* key, std::uint64_t max) const;

    const nlohmann::json& json_;
    std::string what_;
};

} // namespace cardrig::harness
