#include "harness/authority/authority_fields.h"

#include "harness/authority/authority_refusal.h"
#include "harness/base64.h"

#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t guid_size = 16;
constexpr std::size_t longest_field = 64 * 1024; // of text; certificates and requests are far shorter

} // namespace

Fields::Fields(const nlohmann::json& object, std::string place) : object_(object), place_(std::move(place)) {
    if (!object_.is_object()) {
        refuse_malformed(place_.empty() ? "the body is no JSON object"
                                        : fmt::format("field '{}': no JSON object", place_));
    }
}

std::string Fields::place_of(std::string_view name) const {
    return place_.empty() ? std::string(name) : fmt::format("{}.{}", place_, name);
}

bool Fields::has(std::string_view name) const {
    return object_.contains(name);
}

const nlohmann::json& Fields::field(std::string_view name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) {
        refuse_malformed(fmt::format("field '{}': missing", place_of(name)));
    }
    return *found;
}

std::string Fields::text(std::string_view name) const {
    const nlohmann::json& value = field(name);
    if (!value.is_string()) {
        refuse_malformed(fmt::format("field '{}': no string", place_of(name)));
    }
    const auto& text = value.get_ref<const std::string&>();
    if (text.empty() || text.size() > longest_field) {
        refuse_malformed(fmt::format("field '{}': {}", place_of(name), text.empty() ? "empty" : "too long"));
    }
    return text;
}

std::string Fields::text_or(std::string_view name, std::string otherwise) const {
    return has(name) ? text(name) : std::move(otherwise);
}

emulator::Bytes Fields::bytes(std::string_view name) const {
    auto bytes = from_base64(text(name));
    if (!bytes) {
        refuse_malformed(fmt::format("field '{}': {}", place_of(name), bytes.error().message));
    }
    return std::move(*bytes);
}

std::string Fields::guid(std::string_view name) const {
    const std::string digits = text(name);
    const auto bytes = apdu::from_hex(digits);
    if (digits.size() != 2 * guid_size || !bytes || bytes->size() != guid_size) {
        refuse_malformed(fmt::format("field '{}': a GUID has 32 hexadecimal digits", place_of(name)));
    }
    return apdu::to_hex(*bytes);
}

Fields Fields::object(std::string_view name) const {
    return Fields(field(name), place_of(name));
}

} // namespace cardrig::harness
