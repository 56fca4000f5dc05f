// How the authority's parts say no: by an exception that ends the request, and that never leaves the
// authority.
#pragma once

#include "harness/authority/authority.h"

#include <string>
#include <utility>

namespace cardrig::harness {

struct Refused {
    Refusal refusal;
};

[[noreturn]] inline void refuse(std::string code, std::string message) {
    throw Refused{{403, std::move(code), std::move(message)}};
}

[[noreturn]] inline void refuse_malformed(std::string message) {
    throw Refused{{400, "malformed", std::move(message)}};
}

} // namespace cardrig::harness
