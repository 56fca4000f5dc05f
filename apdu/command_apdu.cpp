#include "apdu/command_apdu.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::apdu {

namespace {

constexpr std::size_t header_size = 4;
constexpr std::size_t short_nc_max = 255;
constexpr std::size_t extended_nc_max = 65535;
constexpr std::uint32_t short_ne_max = 256;
constexpr std::uint32_t extended_ne_max = 65536;

std::uint32_t big_endian_16(ByteView bytes) {
    return static_cast<std::uint32_t>(bytes[0]) << 8U | bytes[1];
}

void append_16(Bytes& out, std::size_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8U & 0xFFU));
    out.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

/// What follows the header, taken apart.
struct Body {
    ByteView data;
    std::optional<std::uint32_t> ne;
    bool extended = false;
};

// ISO/IEC 7816-3, 12.1.3: a first byte other than 00 is a short Lc; what follows the data is absent or Le.
Result<Body> parse_short_data(ByteView body) {
    const std::size_t nc = body[0];
    const ByteView rest = body.subspan(1);
    if (rest.size() == nc) {
        return Body{rest, std::nullopt, false};
    }
    if (rest.size() == nc + 1) {
        const std::uint8_t le = rest.back();
        return Body{rest.first(nc), le == 0 ? short_ne_max : le, false};
    }
    return failure(fmt::format("Lc announces {} bytes of data, {} follow", nc, rest.size()));
}

// ISO/IEC 7816-3, 12.1.3: a first byte 00 with more behind it opens an extended length field of three bytes;
// it is Le if nothing follows, else Lc, which is not 0 then, and Le, where present, has two bytes.
Result<Body> parse_extended(ByteView body) {
    if (body.size() < 3) {
        return failure("an extended length field is cut off");
    }
    const std::uint32_t length = big_endian_16(body.subspan(1));
    const ByteView rest = body.subspan(3);
    if (rest.empty()) {
        return Body{{}, length == 0 ? extended_ne_max : length, true};
    }
    if (length == 0) {
        return failure(fmt::format("an extended Lc of 0 is followed by {} bytes", rest.size()));
    }
    if (rest.size() == length) {
        return Body{rest, std::nullopt, true};
    }
    if (rest.size() == length + 2) {
        const std::uint32_t le = big_endian_16(rest.subspan(length));
        return Body{rest.first(length), le == 0 ? extended_ne_max : le, true};
    }
    return failure(fmt::format("an extended Lc announces {} bytes of data, {} follow", length, rest.size()));
}

Result<Body> parse_body(ByteView body) {
    if (body.empty()) {
        return Body{};
    }
    if (body.size() == 1) {
        return Body{{}, body[0] == 0 ? short_ne_max : body[0], false};
    }
    return body[0] == 0 ? parse_extended(body) : parse_short_data(body);
}

} // namespace

CommandApdu::CommandApdu(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data,
                         std::optional<std::uint32_t> ne, bool extended)
    : cla_(cla), ins_(ins), p1_(p1), p2_(p2), ne_(ne), data_(std::move(data)) {
    if (data_.size() > extended_nc_max) {
        throw std::invalid_argument(fmt::format("{} bytes of data do not fit a command", data_.size()));
    }
    if (ne_ && (*ne_ == 0 || *ne_ > extended_ne_max)) {
        throw std::invalid_argument(fmt::format("no Le says {} bytes", *ne_));
    }
    const bool needed = data_.size() > short_nc_max || (ne_ && *ne_ > short_ne_max);
    const bool has_length_field = !data_.empty() || ne_;
    extended_ = needed || (extended && has_length_field);
}

Result<CommandApdu> CommandApdu::parse(ByteView bytes) {
    if (bytes.size() < header_size) {
        return failure(fmt::format("a command has at least 4 bytes, this one has {}", bytes.size()));
    }
    const Result<Body> body = parse_body(bytes.subspan(header_size));
    if (!body) {
        return tl::make_unexpected(body.error());
    }
    CommandApdu command;
    command.cla_ = bytes[0];
    command.ins_ = bytes[1];
    command.p1_ = bytes[2];
    command.p2_ = bytes[3];
    command.extended_ = body->extended;
    command.ne_ = body->ne;
    command.data_.assign(body->data.begin(), body->data.end());
    return command;
}

Bytes CommandApdu::encode() const {
    Bytes bytes{cla_, ins_, p1_, p2_};
    bytes.reserve(header_size + 3 + data_.size() + 2);
    if (extended_) {
        bytes.push_back(0); // ISO/IEC 7816-3, 12.1.3: once, in front of whichever length field comes first
    }
    if (!data_.empty()) {
        if (extended_) {
            append_16(bytes, data_.size());
        } else {
            bytes.push_back(static_cast<std::uint8_t>(data_.size()));
        }
        bytes.insert(bytes.end(), data_.begin(), data_.end());
    }
    if (ne_) {
        // The largest value of either form is written as zeros: casting drops exactly its highest bit.
        if (extended_) {
            append_16(bytes, *ne_);
        } else {
            bytes.push_back(static_cast<std::uint8_t>(*ne_ & 0xFFU));
        }
    }
    return bytes;
}

} // namespace cardrig::apdu
