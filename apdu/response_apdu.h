// Response APDUs (ISO/IEC 7816-3, 12.1.2): data and a status word.
#pragma once

#include "apdu/bytes.h"
#include "apdu/result.h"
#include "apdu/status_word.h"

#include <utility>

namespace cardrig::apdu {

struct ResponseApdu {
    Bytes data;
    StatusWord status = sw::success;

    ResponseApdu() = default;
    ResponseApdu(StatusWord status_word) : status(status_word) {} // NOLINT: a refusal is a status word
    ResponseApdu(Bytes bytes, StatusWord status_word = sw::success)
        : data(std::move(bytes)), status(status_word) {}

    /// Fails on fewer than two bytes.
    [[nodiscard]] static Result<ResponseApdu> parse(ByteView bytes);
    [[nodiscard]] Bytes encode() const;
    /// The same in a buffer that is used again and again: what it held is gone, what it has room for stays.
    void encode_into(Bytes& bytes) const;

    friend bool operator==(const ResponseApdu&, const ResponseApdu&) = default;
};

} // namespace cardrig::apdu
