// Readers and cards through PC/SC.
#pragma once

#include "scenarios/clients/reference/channel.h"
#include "scenarios/clients/reference/event.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <winscard.h>

namespace cardrig::client {

class PcscContext final {
public:
    PcscContext();
    PcscContext(const PcscContext&) = delete;
    PcscContext& operator=(const PcscContext&) = delete;
    ~PcscContext();

    [[nodiscard]] std::vector<std::string> readers() const;
    [[nodiscard]] bool has_card(const std::string& reader) const;
    /// How many cards have come and gone in a reader: another number, another insertion.
    [[nodiscard]] unsigned arrivals(const std::string& reader) const;
    /// Waits for a card to be in, or to be out. False: not within the limit.
    [[nodiscard]] bool wait_for_card(const std::string& reader, bool present,
                                     std::chrono::milliseconds limit) const;
    [[nodiscard]] SCARDCONTEXT handle() const { return context_; }

private:
    SCARDCONTEXT context_ = 0;
};

/// A card in a reader, shared with other programs but within a transaction.
class Connection final : public Channel {
public:
    /// Throws CardError.
    explicit Connection(std::string reader);
    ~Connection() override;

    [[nodiscard]] apdu::Bytes transmit(apdu::ByteView command, std::chrono::milliseconds limit) override;
    [[nodiscard]] bool expects_length_with_data() const override { return protocol_ != SCARD_PROTOCOL_T0; }

    /// Throws CardError: `removed` and `reset` until reconnect().
    void begin_transaction();
    void end_transaction();
    /// To whatever card is in now. Throws CardError.
    void reconnect();
    /// The card has been in all the time since the connection was made.
    [[nodiscard]] bool still_there() const;
    /// At the end the card forgets that a passcode was given.
    void reset_at_end() { disposition_ = SCARD_RESET_CARD; }
    [[nodiscard]] const std::string& reader() const { return reader_; }

private:
    /// A call that the daemon may hold back. Throws CardError.
    void call(const char* what, const std::function<LONG()>& function);
    void check(LONG result, const char* what);

    /// Its own: the library lets no other call pass in the context of one that has not come back.
    std::unique_ptr<PcscContext> context_;
    std::string reader_;
    SCARDHANDLE card_ = 0;
    DWORD protocol_ = 0;
    DWORD disposition_ = SCARD_LEAVE_CARD;
    DWORD arrivals_ = 0; ///< that the reader had seen, and removals, when it was connected to
    bool stuck_ = false; ///< a call has not come back: no further one would
};

class Transaction final {
public:
    explicit Transaction(Connection& connection) : connection_(connection) {
        connection_.begin_transaction();
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction() { connection_.end_transaction(); }

private:
    Connection& connection_;
};

/// Watches that the card in a reader stays in.
class RemovalWatch final {
public:
    explicit RemovalWatch(const std::string& reader);
    RemovalWatch(const RemovalWatch&) = delete;
    RemovalWatch& operator=(const RemovalWatch&) = delete;
    ~RemovalWatch();
    /// Set when it is out.
    [[nodiscard]] std::shared_ptr<const Event> removed() const { return removed_; }

private:
    PcscContext context_;
    std::shared_ptr<Event> removed_;
    std::shared_ptr<Event> ending_;
    std::thread thread_;
};

} // namespace cardrig::client
