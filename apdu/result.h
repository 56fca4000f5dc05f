// What a function returns that can fail for a reason worth telling.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace cardrig::apdu {

/// Why something failed: one sentence that says where and what, without a full stop.
struct Error {
    std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> failure(std::string message) {
    return tl::make_unexpected(Error{std::move(message)});
}

} // namespace cardrig::apdu
