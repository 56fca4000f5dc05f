#include "harness/ifd/rig_reader.h"

#include "harness/errors.h"
#include "harness/ifd/packet_socket.h"
#include "harness/rig/quiet_thread.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace cardrig::harness {

using ifd::Ask;
using ifd::Outcome;
using ifd::Presence;

namespace {

/// How often a wait looks whether it shall go on.
constexpr std::chrono::milliseconds look_interval{20};

} // namespace

RigReader::~RigReader() {
    close();
}

// --- what whoever moves cards does -------------------------------------------------------------------

void RigReader::insert(ReaderCard& card) {
    std::unique_lock lock(mutex_);
    if (stay_) {
        return;
    }
    stay_ = std::make_shared<Stay>(card);
    if (plugged_) {
        note();
        flush();
    }
    if (hurried_) {
        lock.unlock();
        card.hurry();
    }
}

void RigReader::hurry() {
    ReaderCard* in = nullptr;
    {
        const std::lock_guard lock(mutex_);
        hurried_ = true;
        in = stay_ ? &stay_->card : nullptr;
    }
    if (in != nullptr) {
        in->hurry();
    }
}

void RigReader::remove() {
    std::unique_lock lock(mutex_);
    take_out(lock);
}

void RigReader::take_out(std::unique_lock<std::mutex>& lock) {
    const StayPtr stay = std::exchange(stay_, nullptr);
    if (!stay) {
        return;
    }
    if (plugged_) {
        note();
    }
    take_power(stay, Outcome::removed, lock);
}

void RigReader::cut_power() {
    std::unique_lock lock(mutex_);
    const StayPtr stay = stay_; // a copy: the lock is given up meanwhile
    if (!stay || !plugged_) {
        return;
    }
    const bool runs = job_ && job_->stay == stay;
    if (runs) {
        job_->power_cut = true;
        take_power(stay, Outcome::failed, lock);
        return;
    }
    lock.unlock();
    stay->card.lose_power(); // the next command finds it so
}

void RigReader::unplug() {
    std::unique_lock lock(mutex_);
    if (!std::exchange(plugged_, false)) {
        return;
    }
    note();
    if (const StayPtr stay = stay_) { // a copy: the lock is given up meanwhile
        take_power(stay, Outcome::failed, lock);
    } else {
        flush();
    }
}

void RigReader::plug() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(plugged_, true)) {
        return;
    }
    note();
    flush();
}

/// The card's power is gone before anybody is told anything. It is switched off by the command that runs on
/// it when that one has ended, else by the thread that serves.
void RigReader::take_power(const StayPtr& stay, Outcome why, std::unique_lock<std::mutex>& lock) {
    LinePtr orphaned;
    if (job_ && job_->stay == stay) {
        job_->given_up = true;
        job_.reset();
        ++stay->given_up_jobs;
        turns_.wake();
        owed_ = why;
        orphaned = line_;
    } else if (line_) {
        retire(stay);
        line_->wakeup.wake();
    }
    // Its next reader does not power it on before it has lost the power of this one.
    const CardTurns::Turn loss = turns_.ask(stay->card);
    ++held_;
    lock.unlock();
    std::exception_ptr thrown;
    try {
        stay->card.lose_power();
    } catch (...) { // as what it throws in a command
        thrown = std::current_exception();
    }
    turns_.end(stay->card, loss);
    lock.lock();
    --held_;
    if (thrown && !error_) {
        error_ = thrown;
    }
    flush();
    if (orphaned && !closed_) {
        start_serving(orphaned);
    }
}

ReaderCard* RigReader::card() const {
    const std::lock_guard lock(mutex_);
    return stay_ ? &stay_->card : nullptr;
}

bool RigReader::plugged() const {
    const std::lock_guard lock(mutex_);
    return plugged_;
}

std::exception_ptr RigReader::error() const {
    const std::lock_guard lock(mutex_);
    return error_;
}

bool RigReader::settle(std::chrono::milliseconds limit, const std::function<void()>& keep_waiting) {
    std::uint64_t wanted = 0;
    {
        const std::lock_guard lock(mutex_);
        wanted = last_;
    }
    return wait_for(std::chrono::steady_clock::now() + limit, keep_waiting,
                    [this, wanted] { return acknowledged_ >= wanted; });
}

bool RigReader::wait_until_open(std::chrono::steady_clock::time_point deadline,
                                const std::function<void()>& keep_waiting) {
    return wait_for(deadline, keep_waiting, [this] { return events_ && acknowledged_ >= first_; });
}

/// False at the deadline.
bool RigReader::wait_for(std::chrono::steady_clock::time_point deadline,
                         const std::function<void()>& keep_waiting, const std::function<bool()>& reached) {
    std::unique_lock lock(mutex_);
    while (!reached()) {
        if (lost_) {
            throw HostError("the private pcscd has ended, or has closed its reader");
        }
        const auto now = std::chrono::steady_clock::now();
        if (now >= deadline) {
            return false;
        }
        acknowledged_now_.wait_until(lock, std::min(deadline, now + look_interval));
        if (keep_waiting) {
            lock.unlock();
            keep_waiting();
            lock.lock();
        }
    }
    return true;
}

// --- what pcscd is told ------------------------------------------------------------------------------

/// What the reader is like now.
RigReader::News RigReader::news() const {
    const Presence in = stay_ ? Presence::present : Presence::absent;
    return {{last_, plugged_ ? in : Presence::unplugged}, stay_ ? &stay_->card : nullptr};
}

/// What is left of what pcscd believes: a card that it does not know of yet is not there for it.
Presence RigReader::believed() const {
    const Presence told = told_.transition.presence;
    const bool current = queue_.empty() || told != Presence::present;
    return current ? told : queue_.front().transition.presence;
}

/// Something has changed.
void RigReader::note() {
    ++last_;
    if (events_) {
        queue_.push_back(news());
    } else {
        told_ = news(); // a daemon that comes will be told the last of them
    }
}

/// Tells what there is to be told, one transition at a time.
void RigReader::flush() {
    if (held_ > 0) {
        return;
    }
    if (owed_ && line_) {
        const auto code = static_cast<std::uint8_t>(*owed_);
        static_cast<void>(ifd::send_packet(line_->socket->get(), ByteView(&code, 1), {}, ifd::Waiting::no));
    }
    owed_.reset();
    if (!events_ || queue_.empty() || acknowledged_ != told_.transition.number) {
        return;
    }
    told_ = queue_.front();
    queue_.pop_front();
    // One that cannot be sent has nobody to hear it: its line's end is noticed by whoever reads there.
    static_cast<void>(ifd::send_packet(events_->get(), told_.transition.bytes(), {}, ifd::Waiting::no));
}

bool RigReader::tell_events(std::shared_ptr<const UniqueFd> line) {
    const std::lock_guard lock(mutex_);
    if (events_ || closed_) {
        return false;
    }
    events_ = std::move(line);
    lost_ = false;
    queue_.clear();
    first_ = ++last_;
    told_ = news();
    acknowledged_ = last_ - 1;
    static_cast<void>(ifd::send_packet(events_->get(), told_.transition.bytes(), {}, ifd::Waiting::no));
    return true;
}

void RigReader::acknowledged(ifd::Acknowledgement acknowledgement) {
    {
        const std::lock_guard lock(mutex_);
        if (acknowledgement.number != told_.transition.number) {
            return;
        }
        acknowledged_ = told_.transition.number;
        flush();
    }
    acknowledged_now_.notify_all();
}

void RigReader::events_lost() {
    {
        const std::lock_guard lock(mutex_);
        events_.reset();
        queue_.clear();
        told_ = news();
        lost_ = true;
    }
    acknowledged_now_.notify_all();
}

// --- the driver's commands ---------------------------------------------------------------------------

bool RigReader::serve_commands(std::shared_ptr<const UniqueFd> socket) {
    const std::lock_guard lock(mutex_);
    if (line_ || closed_) {
        return false;
    }
    auto line = std::make_shared<CommandLine>();
    line->socket = std::move(socket);
    // The answer to the hello; what the reader is like is told on the other line.
    if (!ifd::send_packet(line->socket->get(), news().transition.bytes(), {}, ifd::Waiting::no)) {
        return false;
    }
    line_ = line;
    start_serving(line);
    return true;
}

void RigReader::start_serving(const LinePtr& line) {
    for (auto at = threads_.begin(); at != threads_.end();) {
        if (*at->done) {
            at->thread.join();
            at = threads_.erase(at);
        } else {
            ++at;
        }
    }
    auto done = std::make_shared<std::atomic<bool>>(false);
    try {
        threads_.push_back({start_without_signals([this, line, done] {
                                serve(line);
                                *done = true;
                            }),
                            done});
    } catch (const std::system_error&) { // no thread to be had: the reader says nothing any more
        error_ = error_ ? error_ : std::current_exception();
        shutdown(line->socket->get(), SHUT_RDWR);
    }
}

void RigReader::serve(const LinePtr& line) {
    Bytes buffer(ifd::most_packet_bytes);
    while (true) {
        std::array<pollfd, 2> watched{
            {{line->wakeup.descriptor(), POLLIN, 0}, {line->socket->get(), POLLIN, 0}}};
        if (poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) {
            break;
        }
        if (watched[0].revents != 0) {
            line->wakeup.clear();
        }
        switch_off_retired();
        if (watched[1].revents == 0) {
            continue;
        }
        const auto packet = ifd::receive_packet(line->socket->get(), buffer, ifd::Waiting::no);
        const auto request = packet ? ifd::Request::parse(*packet) : std::nullopt;
        if (!request) {
            break; // the daemon is gone, or it is not our driver
        }
        if (!handle(*line, *request)) {
            return; // another thread serves by now
        }
    }
    shutdown(line->socket->get(), SHUT_RDWR);
    {
        const std::lock_guard lock(mutex_);
        line_.reset();
        if (stay_) {
            retire(stay_);
        }
    }
    switch_off_retired(); // who is to power a card without a daemon
}

/// False once another thread serves.
bool RigReader::handle(const CommandLine& line, const ifd::Request& request) {
    const auto job = std::make_shared<Job>();
    {
        const std::lock_guard lock(mutex_);
        if (const auto result = answer_without_card(request.ask)) {
            reply(line, *result);
            return true;
        }
        job->stay = stay_;
        job->turn = turns_.ask(stay_->card);
        job_ = job;
    }
    const Result result = run(*job, request);
    const bool go_on = finish(*job, result, line, request.ask);
    if (!go_on) {
        end_given_up(*job);
    }
    turns_.end(job->stay->card, job->turn);
    return go_on;
}

/// What the driver hears where no card has to say anything.
std::optional<RigReader::Result> RigReader::answer_without_card(Ask ask) const {
    const Presence presence = believed();
    Result result;
    if (ask == Ask::presence) {
        result.outcome = Outcome::done;
        result.data = {static_cast<std::uint8_t>(presence)};
        return result;
    }
    if (presence == Presence::present) {
        return std::nullopt;
    }
    result.outcome = presence == Presence::unplugged ? Outcome::failed : Outcome::removed;
    if (ask == Ask::power_down) {
        result.outcome = Outcome::done; // it has no power indeed
    }
    // A card that was in for an instant shows itself, and then leaves: for clients a mute one is another
    // thing, and libpcsclite sleeps for 400 ms at the sight of it.
    const auto known = atrs_.find(told_.card);
    if (ask == Ask::power_up && told_.transition.presence == Presence::present && known != atrs_.end()) {
        result.outcome = Outcome::done;
        result.data = known->second;
    }
    return result;
}

/// Answers, unless somebody else did: false then.
bool RigReader::finish(Job& job, const Result& result, const CommandLine& line, Ask ask) {
    std::unique_lock lock(mutex_);
    if (result.error && !error_) {
        error_ = result.error;
    }
    if (job.given_up) {
        if (result.left && stay_ == job.stay) {
            take_out(lock); // by itself, which is no less true where nobody waits for the answer
        }
        return false;
    }
    job_.reset();
    if (ask == Ask::power_up && result.outcome == Outcome::done) {
        atrs_[&job.stay->card] = result.data;
    }
    reply(line, result);
    if (result.left) {
        stay_.reset();
        note();
        flush();
    }
    return true;
}

void RigReader::reply(const CommandLine& line, const Result& result) {
    const auto code = static_cast<std::uint8_t>(result.outcome);
    // The driver waits for it; where it does not, its line has ended, which is noticed when it is read next.
    static_cast<void>(
        ifd::send_packet(line.socket->get(), ByteView(&code, 1), result.data, ifd::Waiting::no));
}

void RigReader::close() {
    std::list<Served> threads;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (job_) {
            job_->given_up = true;
            ++job_->stay->given_up_jobs;
            job_.reset();
            turns_.wake();
        }
        if (line_) {
            shutdown(line_->socket->get(), SHUT_RDWR);
        }
        if (events_) {
            shutdown(events_->get(), SHUT_RDWR);
        }
        threads.swap(threads_);
    }
    for (Served& served : threads) {
        served.thread.join();
    }
}

} // namespace cardrig::harness
