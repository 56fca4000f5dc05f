// A PC/SC client for tests: contexts and connections that end by themselves, and results by their names.
#pragma once

#include "apdu/bytes.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <winscard.h>

namespace cardrig::test {

/// A result by its name in PC/SC without "SCARD_", as "W_REMOVED_CARD"; "ok" for success.
[[nodiscard]] std::string result_name(LONG result);
/// What SCardGetStatusChange tells of a reader, as "PRESENT INUSE": CHANGED and the event count are left out.
[[nodiscard]] std::string state_names(DWORD state);

class PcscContext final {
public:
    /// Throws std::runtime_error where the daemon does not answer.
    PcscContext();
    PcscContext(const PcscContext&) = delete;
    PcscContext& operator=(const PcscContext&) = delete;
    ~PcscContext() { SCardReleaseContext(context_); }

    [[nodiscard]] SCARDCONTEXT get() const { return context_; }
    /// What SCardGetStatusChange gives at once for this reader, event count included; throws where it fails.
    [[nodiscard]] DWORD state_of(const std::string& reader) const;
    [[nodiscard]] std::vector<std::string> readers() const;

private:
    SCARDCONTEXT context_ = 0;
};

struct Transmitted {
    LONG result = SCARD_S_SUCCESS;
    apdu::Bytes answer;
    /// The result's name; of a success that brought no status word also how many bytes came: "ok, 0 bytes".
    [[nodiscard]] std::string name() const;
    /// The status word, or why there is none: "9000", "W_RESET_CARD".
    [[nodiscard]] std::string status() const;
};

/// A connection to a card. All functions but the last two give PC/SC's result.
class PcscCard final {
public:
    PcscCard() = default;
    PcscCard(const PcscCard&) = delete;
    PcscCard& operator=(const PcscCard&) = delete;
    ~PcscCard();

    LONG connect(const PcscContext& context, const std::string& reader, DWORD share = SCARD_SHARE_SHARED,
                 DWORD protocols = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1);
    LONG reconnect(DWORD initialization, DWORD share = SCARD_SHARE_SHARED);
    LONG disconnect(DWORD disposition = SCARD_LEAVE_CARD);
    LONG begin() { return SCardBeginTransaction(card_); }
    LONG end(DWORD disposition = SCARD_LEAVE_CARD) { return SCardEndTransaction(card_, disposition); }
    LONG status(apdu::Bytes* atr = nullptr);
    LONG attribute(DWORD which, apdu::Bytes& value);
    LONG control(DWORD code, apdu::ByteView input, apdu::Bytes& output);
    Transmitted transmit(apdu::ByteView command);
    [[nodiscard]] DWORD protocol() const { return protocol_; }

private:
    SCARDHANDLE card_ = 0;
    bool open_ = false;
    DWORD protocol_ = 0;
};

/// A client of its own that waits for what happens in one reader, from when it was made.
class EventWatch final {
public:
    struct Event {
        LONG result = SCARD_S_SUCCESS;
        DWORD state = 0;
        [[nodiscard]] bool present() const { return (state & SCARD_STATE_PRESENT) != 0; }
        [[nodiscard]] unsigned count() const { return static_cast<unsigned>(state >> 16U) & 0xFFFFU; }
    };

    explicit EventWatch(const std::string& reader);
    EventWatch(const EventWatch&) = delete;
    EventWatch& operator=(const EventWatch&) = delete;
    ~EventWatch();

    /// The state that it began with.
    [[nodiscard]] Event first() const { return first_; }
    [[nodiscard]] std::vector<Event> events() const;
    /// Waits until it has seen at least so many events; false after `limit`.
    [[nodiscard]] bool wait_for(std::size_t events, std::chrono::milliseconds limit) const;
    /// Waits until it has seen that no card is in; false after `limit`.
    [[nodiscard]] bool wait_until_out(std::chrono::milliseconds limit) const;
    /// Looks a last time, and ends; what it has seen by then.
    [[nodiscard]] std::vector<Event> finish();

private:
    void watch();
    void note(LONG result, DWORD state);
    [[nodiscard]] bool stopping() const;

    std::string reader_;
    PcscContext context_;
    Event first_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<Event> events_;
    bool stop_ = false;
    std::thread thread_;
};

} // namespace cardrig::test
