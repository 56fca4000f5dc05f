// The fields of a request's JSON object. What is missing or of another form refuses the request, saying
// which.
#pragma once

#include "harness/authority/authority.h"

#include <string>
#include <string_view>

namespace cardrig::harness {

class Fields final {
public:
    /// `place`: "" for the body itself, else the field that the object stands in. The object outlives this.
    explicit Fields(const nlohmann::json& object, std::string place = {});

    [[nodiscard]] std::string text(std::string_view name) const;
    [[nodiscard]] std::string text_or(std::string_view name, std::string otherwise) const;
    [[nodiscard]] bool has(std::string_view name) const;
    /// Base64; one byte or more.
    [[nodiscard]] emulator::Bytes bytes(std::string_view name) const;
    /// A device's GUID: 32 hexadecimal digits; comes back in capitals.
    [[nodiscard]] std::string guid(std::string_view name) const;
    [[nodiscard]] Fields object(std::string_view name) const;

private:
    [[nodiscard]] std::string place_of(std::string_view name) const;
    [[nodiscard]] const nlohmann::json& field(std::string_view name) const;

    const nlohmann::json& object_;
    std::string place_;
};

} // namespace cardrig::harness
