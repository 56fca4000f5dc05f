// Where commands to a card go: a reader, or in a test something that answers like one.
#pragma once

#include "apdu/bytes.h"

#include <chrono>
#include <stdexcept>

namespace cardrig::client {

/// The card, or the way to it, failed.
class CardError final : public std::runtime_error {
public:
    enum class Kind {
        removed, ///< it was taken out since; another may be in
        reset,   ///< somebody else reset it: what it was told is forgotten
        failed,  ///< it does not answer as it should
        refused, ///< it answered, with a refusal that nothing here can deal with
    };
    CardError(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
    [[nodiscard]] Kind kind() const { return kind_; }

private:
    Kind kind_;
};

class Channel {
public:
    Channel() = default;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    virtual ~Channel() = default;

    /// A whole answer, at least two bytes. Throws CardError.
    [[nodiscard]] virtual apdu::Bytes transmit(apdu::ByteView command, std::chrono::milliseconds limit) = 0;
    /// Whether a command that has data says how much it expects (not under T=0: ISO/IEC 7816-3, 12.2.4).
    [[nodiscard]] virtual bool expects_length_with_data() const = 0;
};

} // namespace cardrig::client
