// A PC/SC client that talks to two readers of the rig.
#pragma once

#include "apdu/bytes.h"

#include <string>
#include <vector>

namespace cardrig::benchmarks {

/// Throws std::runtime_error where PC/SC refuses.
class PcscClient final {
public:
    PcscClient();
    PcscClient(const PcscClient&) = delete;
    PcscClient& operator=(const PcscClient&) = delete;
    ~PcscClient();

    /// A connection to the card in this reader; good as long as the client.
    class Connection {
    public:
        [[nodiscard]] apdu::Bytes transmit(apdu::ByteView command) const;
        /// SCardReconnect with a warm reset.
        void reset() const;

    private:
        friend class PcscClient;
        Connection(long card, bool t0) : card_(card), t0_(t0) {}
        long card_;
        bool t0_;
    };
    [[nodiscard]] Connection connect(const std::string& reader);
    /// Waits in SCardGetStatusChange until a card is in this reader, or none.
    void wait_for_card(const std::string& reader, bool present) const;

private:
    long context_ = 0;
    std::vector<long> cards_;
};

/// Sends commands one after the other; the answers, in order.
[[nodiscard]] std::vector<apdu::Bytes> send_all(const PcscClient::Connection& connection,
                                                const std::vector<apdu::Bytes>& commands);
/// The same, until an answer does not announce more: the commands that fetch the rest are added.
[[nodiscard]] std::vector<apdu::Bytes> with_get_responses(const PcscClient::Connection& connection,
                                                          std::vector<apdu::Bytes> commands);

} // namespace cardrig::benchmarks
