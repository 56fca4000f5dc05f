// Command APDUs in all seven forms of ISO/IEC 7816-3, 12.1.3: case 1, and cases 2, 3 and 4 each short and
// extended.
#pragma once

#include "apdu/bytes.h"
#include "apdu/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace cardrig::apdu {

/// A command APDU, header and all. Value type; its bytes are always well formed.
class CommandApdu {
public:
    /// 0 to 65,535 bytes of data; `ne` 1 to 65,536 or none. Extended length is used where short does not hold
    /// it, or where `extended` asks for it (case 1 has no length field, hence no extended form). Throws
    /// std::invalid_argument outside these ranges.
    CommandApdu(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data = {},
                std::optional<std::uint32_t> ne = std::nullopt, bool extended = false);

    /// Fails on fewer than four bytes and on lengths that do not fit what follows (to be answered 6700).
    [[nodiscard]] static Result<CommandApdu> parse(ByteView bytes);

    [[nodiscard]] std::uint8_t cla() const { return cla_; }
    [[nodiscard]] std::uint8_t ins() const { return ins_; }
    [[nodiscard]] std::uint8_t p1() const { return p1_; }
    [[nodiscard]] std::uint8_t p2() const { return p2_; }
    [[nodiscard]] const Bytes& data() const { return data_; }
    [[nodiscard]] std::size_t nc() const { return data_.size(); }
    /// How many bytes are expected at most: 1 to 65,536, or none where Le is absent. Le 00 reads as 256, 0000
    /// as 65,536.
    [[nodiscard]] std::optional<std::uint32_t> ne() const { return ne_; }
    [[nodiscard]] bool extended() const { return extended_; }
    /// CLA bit 5 (ISO/IEC 7816-4, 5.3.3): more blocks of this command follow.
    [[nodiscard]] bool chained() const { return (cla_ & 0x10U) != 0; }

    [[nodiscard]] Bytes encode() const;

    friend bool operator==(const CommandApdu&, const CommandApdu&) = default;

private:
    CommandApdu() = default;
    std::uint8_t cla_ = 0;
    std::uint8_t ins_ = 0;
    std::uint8_t p1_ = 0;
    std::uint8_t p2_ = 0;
    bool extended_ = false;
    std::optional<std::uint32_t> ne_;
    Bytes data_;
};

} // namespace cardrig::apdu
