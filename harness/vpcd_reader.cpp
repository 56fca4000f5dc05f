#include "harness/vpcd_reader.h"

#include "harness/errors.h"
#include "harness/rig/quiet_thread.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;

/// For vpcd to listen, or for PC/SC to see a card come or go.
constexpr std::chrono::seconds step_limit{10};
/// One wait ends after this, to see whether anything else is the matter.
constexpr std::chrono::milliseconds slice{100};

/// Nothing further is to be done.
class Stopped : public std::runtime_error {
public:
    Stopped() : std::runtime_error("the reader is gone") {}
};

} // namespace

VpcdReader::VpcdReader(const std::string& name, int slot, ReaderCard* card, CardTurns& turns)
    : slot_(slot), turns_(turns), watch_(name, [this] { check(); }) {
    if (card != nullptr) {
        card_ = card;
        put_in(*card, true);
    } else {
        add({Step::open});
    }
}

VpcdReader::~VpcdReader() {
    stop();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void VpcdReader::start(Keeper& keeper) {
    keeper_ = &keeper;
    thread_ = start_without_signals([this] { work(); });
}

void VpcdReader::stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (link_) {
        link_->leave();
    }
    changed_.notify_all();
    turns_.wake();
}

void VpcdReader::insert(ReaderCard& card) {
    const std::lock_guard lock(mutex_);
    if (card_ != nullptr) {
        return;
    }
    card_ = &card;
    if (plugged_) {
        put_in(card, false);
    }
}

void VpcdReader::remove() {
    const std::lock_guard lock(mutex_);
    take_out();
    card_ = nullptr;
}

void VpcdReader::unplug() {
    const std::lock_guard lock(mutex_);
    plugged_ = false;
    take_out();
}

void VpcdReader::plug() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(plugged_, true) && card_ != nullptr) {
        put_in(*card_, false);
    }
}

/// With the mutex held.
void VpcdReader::add(const Task& task) {
    tasks_.push_back(task);
    ++asked_;
    changed_.notify_all();
}

/// With the mutex held.
void VpcdReader::put_in(ReaderCard& card, bool requested) {
    stay_ = ++stays_;
    add({Step::put_in, stay_, &card, requested, turns_.ask(card)});
}

/// With the mutex held. Nothing happens where no card is to be seen.
void VpcdReader::take_out() {
    if (stay_ == 0) {
        return;
    }
    card_->lose_power();
    if (link_ && link_stay_ == stay_) {
        link_->leave();
    }
    add({Step::take_out, stay_});
    stay_ = 0;
}

/// On the link's thread: the card left by itself, unless it was taken out.
void VpcdReader::note_end(std::uint64_t stay) {
    const std::lock_guard lock(mutex_);
    if (stay == stay_) {
        card_ = nullptr;
        stay_ = 0;
        add({Step::take_out, stay});
    }
}

ReaderCard* VpcdReader::card() const {
    const std::lock_guard lock(mutex_);
    return card_;
}

bool VpcdReader::plugged() const {
    const std::lock_guard lock(mutex_);
    return plugged_;
}

std::exception_ptr VpcdReader::error() const {
    const std::lock_guard lock(mutex_);
    return error_;
}

bool VpcdReader::settle(std::chrono::milliseconds limit, const std::function<void()>& keep_waiting) {
    const auto until = Clock::now() + limit;
    std::unique_lock lock(mutex_);
    // A card that leaves by itself meanwhile is waited for, too.
    while (done_ < asked_) {
        if (changed_.wait_for(lock, slice) == std::cv_status::timeout) {
            if (Clock::now() >= until) {
                return false;
            }
            lock.unlock();
            keep_waiting();
            lock.lock();
        }
    }
    if (trouble_) {
        std::rethrow_exception(trouble_);
    }
    return true;
}

void VpcdReader::check() const {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
        throw Stopped();
    }
}

/// To be called by the thread alone.
bool VpcdReader::left() const {
    return !link_ || !link_->connected();
}

void VpcdReader::connect(const Task& task) {
    // A command of another reader may still run on it, which then switches it off.
    if (!turns_.wait(*task.card, task.turn, stopping_)) {
        throw Stopped();
    }
    turn_card_ = task.card;
    turn_ = task.turn;
    if (!task.requested) {
        keeper_->request_connections({1U << static_cast<unsigned>(slot_), step_limit});
    }
    UniqueFd connection = keeper_->take_connection(slot_, [this] { check(); });
    const std::lock_guard lock(mutex_);
    link_ = std::make_unique<VpcdLink>(std::move(connection), *task.card,
                                       VpcdLinkEvents{{}, [this, stay = task.stay] { note_end(stay); }});
    link_stay_ = task.stay;
}

/// The link's thread may be in a command that moves this very reader: no waiting with the mutex held.
void VpcdReader::disconnect() {
    std::unique_ptr<VpcdLink> link;
    {
        const std::lock_guard lock(mutex_);
        link = std::move(link_);
    }
    std::exception_ptr error;
    if (link) {
        link->leave();
        link->wait_for_end();
        error = link->error();
        link.reset();
    }
    if (turn_card_ != nullptr) {
        turns_.end(*std::exchange(turn_card_, nullptr), turn_);
    }
    const std::lock_guard lock(mutex_);
    error_ = error_ ? error_ : error;
}

void VpcdReader::carry_out(const Task& task) {
    if (task.step == Step::put_in) {
        connect(task);
    } else if (task.step == Step::take_out) {
        disconnect();
    }
    watch_.open(step_limit);
    if (task.step == Step::open) {
        return;
    }
    const bool in = task.step == Step::put_in;
    if (!watch_.wait_for_card(in, step_limit, [&] { return in && left(); }) && !(in && left())) {
        throw HostError(fmt::format("PC/SC does not see within {} s that a card is {}", step_limit.count(),
                                    in ? "in" : "out"));
    }
}

/// False where nothing is to be done any more.
bool VpcdReader::take_task(Task& task) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) {
        return false;
    }
    task = tasks_.front();
    tasks_.pop_front();
    return true;
}

void VpcdReader::work() {
    Task task;
    while (take_task(task)) {
        std::exception_ptr trouble;
        try {
            carry_out(task);
        } catch (...) { // carried to the thread that settles
            trouble = std::current_exception();
        }
        const std::lock_guard lock(mutex_);
        trouble_ = trouble_ ? trouble_ : trouble;
        ++done_;
        changed_.notify_all();
    }
    disconnect();
}

} // namespace cardrig::harness
