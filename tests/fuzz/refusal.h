// Readers of text files refuse by throwing, and say where.
#pragma once

#include "harness/errors.h"
#include "tests/fuzz/property.h"

#include <string>
#include <string_view>

namespace fuzz {

/// Runs a reader; whatever else than RequestError it throws ends the target. The message begins with `place`.
template <class Reader>
void read_or_refuse(std::string_view place, Reader&& reader) {
    try {
        reader();
    } catch (const cardrig::harness::RequestError& error) {
        const std::string message = error.what();
        require(message.starts_with(place) && message.size() > place.size(), "a refusal says where and why");
    }
}

} // namespace fuzz
