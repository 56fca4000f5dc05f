// The authority's misbehaviour: which planned fault is due at which request, and what it does there.
#pragma once

#include "harness/authority/authority.h"
#include "harness/fault.h"
#include "harness/hand/hand.h"
#include "harness/serve/wakeup.h"
#include "harness/trace.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// What is to become of a request, or of its answer.
struct Misbehaviour {
    bool closed = false;  ///< no answer: the connection is closed
    bool refused = false; ///< by the authority's own words
    int status = 0;       ///< this HTTP status, without any; 0: the right one
    std::optional<std::chrono::seconds> later;
    std::optional<std::uint32_t> truncated; ///< so many bytes of the body are missing
    bool log_out = false;
    Misissue misissue = Misissue::none;

    /// Whether the request gets another answer than its own, or none.
    [[nodiscard]] bool answers() const { return closed || refused || status != 0 || later; }
};

/// Each fault happens once; several at one place happen in order. Requests are counted from plan().
/// Thread-safe.
class AuthorityFaults final {
public:
    /// Their ids begin here: the hand's, which may be in the same report, are lower.
    static constexpr std::uint64_t first_id = 1ULL << 32U;

    explicit AuthorityFaults(Trace& trace) : trace_(trace) {}
    AuthorityFaults(const AuthorityFaults&) = delete;
    AuthorityFaults& operator=(const AuthorityFaults&) = delete;
    ~AuthorityFaults();

    /// Moves cards and readers, and ends the client; outlives this. Without one nothing can be moved.
    void set_hand(Hand* hand);
    /// In place of all that is planned. Throws RequestError for what is at no place of the authority.
    void plan(std::vector<Fault> faults);
    /// Nothing is planned any more: what had not happened is returned. A request that hangs or is delayed is
    /// ended without an answer, and those that are under way are waited for.
    std::vector<Fault> forget();
    /// What could not be done when it was due, since plan(); and what clients saw less of than was asked for.
    [[nodiscard]] std::vector<std::string> failures() const;
    [[nodiscard]] std::vector<std::string> notices() const;

    /// One request on its way. It does what is due, and waits as long as that takes.
    class Visit final {
    public:
        /// `socket`: the client's, to see when it goes; -1: it never does.
        Visit(AuthorityFaults& faults, std::string_view request, std::string_view object, int socket);
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;
        ~Visit();

        [[nodiscard]] Misbehaviour before() { return stage(Moment::before); }
        [[nodiscard]] Misbehaviour after() { return stage(Moment::after); }

    private:
        [[nodiscard]] Misbehaviour stage(Moment moment);
        void act(const Fault& fault, Misbehaviour& made);
        [[nodiscard]] bool move(const Fault& fault);
        [[nodiscard]] bool wait(std::optional<std::chrono::microseconds> time) const;

        AuthorityFaults& faults_;
        std::shared_ptr<const Wakeup> over_; ///< the run's end
        int socket_;
        std::vector<Fault> due_; ///< at this request
    };

private:
    struct Planned {
        Fault fault;
        std::uint32_t seen = 0;
    };
    void happened(const Fault& fault);
    void fail(const Fault& fault, const std::string& why);

    Trace& trace_;
    mutable std::mutex mutex_;
    std::condition_variable left_; ///< a request has
    Hand* hand_ = nullptr;
    std::vector<Planned> planned_;
    std::vector<std::string> failures_;
    std::vector<std::string> notices_;
    std::shared_ptr<const Wakeup> over_ = std::make_shared<const Wakeup>();
    std::size_t under_way_ = 0;
};

} // namespace cardrig::harness
