#include "harness/authority/authority_faults.h"

#include <algorithm>
#include <array>
#include <utility>

#include <poll.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// As for a move that the hand's own socket asks for.
constexpr std::chrono::seconds move_limit{10};
constexpr std::string_view any_request = "any";

/// The run is over while something is being moved.
struct RunOver {};

bool names(const Place& place, std::string_view request, std::string_view object) {
    return (place.command == any_request || place.command == request) &&
           (place.object.empty() || place.object == object);
}

std::chrono::seconds whole_seconds(std::chrono::microseconds time) {
    return std::chrono::ceil<std::chrono::seconds>(time);
}

} // namespace

// --- the plan ----------------------------------------------------------------------------------------------

AuthorityFaults::~AuthorityFaults() {
    static_cast<void>(forget());
}

void AuthorityFaults::set_hand(Hand* hand) {
    const std::scoped_lock lock(mutex_);
    hand_ = hand;
}

void AuthorityFaults::plan(std::vector<Fault> faults) {
    for (const Fault& fault : faults) {
        if (fault.place.where != Where::authority) {
            throw RequestError(fmt::format("'{}' is no place of the authority", fault.place.text()));
        }
        if (const auto fits = fault.check(); !fits) {
            throw RequestError(fits.error().message);
        }
    }
    const std::scoped_lock lock(mutex_);
    planned_.clear();
    failures_.clear();
    notices_.clear();
    std::uint64_t id = first_id;
    for (Fault& fault : faults) {
        fault.id = id++;
        planned_.push_back({std::move(fault)});
    }
}

std::vector<Fault> AuthorityFaults::forget() {
    std::unique_lock lock(mutex_);
    over_->wake();
    left_.wait(lock, [this] { return under_way_ == 0; });
    over_ = std::make_shared<const Wakeup>();
    std::vector<Fault> faults;
    for (Planned& planned : std::exchange(planned_, {})) {
        faults.push_back(std::move(planned.fault));
    }
    return faults;
}

std::vector<std::string> AuthorityFaults::failures() const {
    const std::scoped_lock lock(mutex_);
    return failures_;
}

std::vector<std::string> AuthorityFaults::notices() const {
    const std::scoped_lock lock(mutex_);
    return notices_;
}

/// Before anybody can see what comes of it.
void AuthorityFaults::happened(const Fault& fault) {
    {
        const std::scoped_lock lock(mutex_);
        std::erase_if(planned_, [&](const Planned& planned) { return planned.fault.id == fault.id; });
    }
    trace_.add("fault", -1, {{"place", fault.place.text()}, {"effect", fault.effect.text()}});
}

void AuthorityFaults::fail(const Fault& fault, const std::string& why) {
    const std::string failure =
        fmt::format("'{}' at {} could not be done: {}", fault.effect.text(), fault.place.text(), why);
    trace_.add("note", -1, {{"fault", fault.id}, {"text", failure}});
    const std::scoped_lock lock(mutex_);
    failures_.push_back(failure);
}

// --- a request ---------------------------------------------------------------------------------------------

AuthorityFaults::Visit::Visit(AuthorityFaults& faults, std::string_view request, std::string_view object,
                              int socket)
    : faults_(faults), socket_(socket) {
    const std::scoped_lock lock(faults.mutex_);
    over_ = faults.over_;
    ++faults.under_way_;
    for (Planned& planned : faults.planned_) {
        if (names(planned.fault.place, request, object) && ++planned.seen == planned.fault.place.occurrence) {
            due_.push_back(planned.fault);
        }
    }
}

AuthorityFaults::Visit::~Visit() {
    const std::scoped_lock lock(faults_.mutex_);
    --faults_.under_way_;
    faults_.left_.notify_all();
}

Misbehaviour AuthorityFaults::Visit::stage(Moment moment) {
    Misbehaviour made;
    for (const Fault& fault : due_) {
        if (fault.place.moment == moment) {
            faults_.happened(fault);
            act(fault, made);
        }
    }
    return made;
}

void AuthorityFaults::Visit::act(const Fault& fault, Misbehaviour& made) {
    const Effect& effect = fault.effect;
    switch (effect.verb) {
    case Verb::wait:
        break;
    case Verb::refuse:
        made.refused = true;
        break;
    case Verb::fail:
        made.status = static_cast<int>(effect.count);
        break;
    case Verb::hang:
        static_cast<void>(wait(std::nullopt));
        made.closed = true;
        break;
    case Verb::drop:
        made.closed = true;
        break;
    case Verb::later:
        made.later = whole_seconds(effect.time);
        break;
    case Verb::truncate:
        made.truncated = effect.count;
        break;
    case Verb::delay:
        made.closed = !wait(effect.time) || made.closed;
        break;
    case Verb::wrong_key:
        made.misissue = Misissue::wrong_key;
        break;
    case Verb::wrong_holder:
        made.misissue = Misissue::wrong_holder;
        break;
    case Verb::past_dates:
        made.misissue = Misissue::past_dates;
        break;
    case Verb::too_large:
        made.misissue = Misissue::too_large;
        break;
    case Verb::log_out:
        made.log_out = true;
        break;
    case Verb::kill_client:
        // It is killed by another process, and hears nothing until it is gone.
        if (move(fault)) {
            static_cast<void>(wait(std::nullopt));
            made.closed = true;
        }
        break;
    default: // what befalls cards and readers
        static_cast<void>(move(fault));
        break;
    }
}

/// Whether it could be done.
bool AuthorityFaults::Visit::move(const Fault& fault) {
    Hand* hand = nullptr;
    {
        const std::scoped_lock lock(faults_.mutex_);
        hand = faults_.hand_;
    }
    if (hand == nullptr) {
        faults_.fail(fault, "there are no readers here");
        return false;
    }
    const auto until_over = [this] {
        pollfd over{over_->descriptor(), POLLIN, 0};
        if (poll(&over, 1, 0) > 0) {
            throw RunOver();
        }
    };
    try {
        const std::string notice = hand->act(fault.effect, move_limit, until_over).notice;
        if (!notice.empty()) {
            const std::scoped_lock lock(faults_.mutex_);
            faults_.notices_.push_back(notice);
        }
    } catch (const RunOver&) {
        // It is done; only nobody waits any more until clients have seen it.
    } catch (const std::exception& error) {
        faults_.fail(fault, error.what());
        return false;
    }
    return true;
}

/// So long, or for ever. False where the client has gone, or the run is over, before that.
bool AuthorityFaults::Visit::wait(std::optional<std::chrono::microseconds> time) const {
    const auto until = time ? std::optional(Clock::now() + *time) : std::nullopt;
    while (true) {
        std::array<pollfd, 2> watched{pollfd{over_->descriptor(), POLLIN, 0}, pollfd{socket_, POLLRDHUP, 0}};
        milliseconds left{-1};
        if (until) {
            left = std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*until - Clock::now()));
        }
        const int found = poll(watched.data(), watched.size(), static_cast<int>(left.count()));
        if (found > 0) {
            return false;
        }
        if (found == 0 && until && Clock::now() >= *until) {
            return true;
        }
    }
}

} // namespace cardrig::harness
