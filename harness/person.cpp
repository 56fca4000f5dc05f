#include "harness/person.h"

#include "harness/errors.h"
#include "harness/patterns.h"
#include "harness/rig/quiet_thread.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <regex>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// What a client has to have switched off before it reads a line, it has by then.
constexpr auto longest_hesitation = 500ms;
constexpr auto look = 1ms;
/// Questions are no longer; what a client prints between two of them may be.
constexpr std::size_t most_heard = 64UL << 10U;

/// Nobody wants to know any more: in the middle of something.
struct Abandoned {};

} // namespace

struct Person::Parts {
    struct Act {
        const PersonAct* act;
        std::regex when;
        std::optional<std::string> line;
        bool used = false;
    };

    Parts(const ScenarioPerson& scenario, const std::map<std::string, std::string>& values, PersonReach given,
          Trace& events);

    void live();
    void act_on_news();
    void end(bool finishing);
    [[nodiscard]] Act* next(std::unique_lock<std::mutex>& lock);
    void hesitate(std::unique_lock<std::mutex>& lock);
    void perform(const Act& act);
    void move(const Act& act, const Effect& effect);
    void check_wanted();
    [[nodiscard]] bool is_gone() const;

    const PersonReach reach;
    Trace& trace;
    mutable std::mutex mutex;
    std::condition_variable changed;
    std::vector<Act> acts;
    std::string heard; ///< since it last acted
    bool news = false;
    bool gone = false;      ///< the client, and nothing more is printed
    bool abandoned = false; ///< by whoever wanted to know
    std::vector<std::string> undone;
    std::vector<std::string> notices;
    std::thread thread;
};

Person::Parts::Parts(const ScenarioPerson& scenario, const std::map<std::string, std::string>& values,
                     PersonReach given, Trace& events)
    : reach(std::move(given)), trace(events) {
    for (const PersonAct& act : scenario.acts) {
        try {
            acts.push_back({&act, compile_pattern(act.when),
                            act.types ? std::optional(fill_placeholders(*act.types, values)) : std::nullopt});
        } catch (const RequestError& error) {
            throw RequestError(fmt::format("{}: {}", act.place, error.what()));
        }
    }
}

void Person::Parts::live() {
    try {
        act_on_news();
    } catch (const Abandoned&) {
        return;
    } catch (const std::exception& error) {
        // As what a card threw: told by the run, which judges what is undone.
        const std::scoped_lock lock(mutex);
        undone.push_back(fmt::format("the person could not go on: {}", error.what()));
    }
}

void Person::Parts::act_on_news() {
    std::unique_lock lock(mutex);
    while (true) {
        changed.wait(lock, [this] { return news || gone; });
        news = false;
        while (Act* const act = next(lock)) {
            act->used = true;
            lock.unlock();
            perform(*act);
            lock.lock();
        }
        if (gone && !news) {
            return;
        }
    }
}

/// What is to be done now; then nothing of what was printed counts any more. Where the client is gone, only
/// what moves something.
Person::Parts::Act* Person::Parts::next(std::unique_lock<std::mutex>& lock) {
    const auto possible = [this](const Act& act) {
        return (act.act->always || !act.used) && (!gone || !act.act->does.empty());
    };
    const auto found = std::ranges::find_if(
        acts, [&](const Act& act) { return possible(act) && matches_some_line(heard, act.when); });
    if (abandoned || heard.empty() || found == acts.end()) { // nothing also matches where nothing was printed
        return nullptr;
    }
    if (found->line) {
        hesitate(lock);
    }
    if (!possible(*found)) { // it is gone since
        return next(lock);
    }
    heard.clear();
    return &*found;
}

void Person::Parts::hesitate(std::unique_lock<std::mutex>& lock) {
    const auto until = Clock::now() + longest_hesitation;
    while (!gone && Clock::now() < until) {
        lock.unlock();
        const bool waits = reach.client_waits();
        lock.lock();
        if (waits) {
            return;
        }
        changed.wait_for(lock, look, [this] { return gone; });
    }
}

void Person::Parts::perform(const Act& act) {
    if (reach.before_acting) {
        reach.before_acting();
    }
    std::vector<std::string> moves;
    std::ranges::transform(act.act->does, std::back_inserter(moves),
                           [](const Effect& effect) { return effect.text(); });
    nlohmann::json fields{{"when", act.act->when}};
    if (act.line && !is_gone()) {
        fields["types"] = true;
    }
    if (!moves.empty()) {
        fields["does"] = moves;
    }
    trace.add("person", -1, std::move(fields));
    for (const Effect& effect : act.act->does) {
        move(act, effect);
    }
    check_wanted();
    if (act.line && !is_gone()) {
        reach.type(*act.line);
    }
}

void Person::Parts::move(const Act& act, const Effect& effect) {
    std::string notice;
    std::string failure;
    try {
        notice = reach.act(effect, [this] { check_wanted(); });
    } catch (const RequestError& error) {
        failure = error.what();
    } catch (const HostError& error) {
        failure = error.what();
    }
    const std::scoped_lock lock(mutex);
    if (!notice.empty()) {
        notices.push_back(notice);
    }
    if (!failure.empty()) {
        undone.push_back(
            fmt::format("{}: the person could not do '{}': {}", act.act->place, effect.text(), failure));
    }
}

void Person::Parts::check_wanted() {
    const std::scoped_lock lock(mutex);
    if (abandoned) {
        throw Abandoned{};
    }
}

bool Person::Parts::is_gone() const {
    const std::scoped_lock lock(mutex);
    return gone;
}

void Person::Parts::end(bool finishing) {
    {
        const std::scoped_lock lock(mutex);
        gone = true;
        abandoned = abandoned || !finishing;
    }
    changed.notify_all();
    if (thread.joinable()) {
        thread.join();
    }
}

Person::Person(const ScenarioPerson& scenario, const std::map<std::string, std::string>& values,
               PersonReach reach, Trace& trace)
    : parts_(std::make_unique<Parts>(scenario, values, std::move(reach), trace)) {
    parts_->thread = start_without_signals([parts = parts_.get()] { parts->live(); });
}

Person::~Person() {
    parts_->end(false);
}

void Person::hear(std::string_view text) {
    {
        const std::scoped_lock lock(parts_->mutex);
        parts_->heard += text;
        if (parts_->heard.size() > most_heard) {
            parts_->heard.erase(0, parts_->heard.size() - most_heard);
        }
        parts_->news = true;
    }
    parts_->changed.notify_all();
}

void Person::leave() {
    parts_->end(true);
}

std::vector<std::string> Person::unused() const {
    const std::scoped_lock lock(parts_->mutex);
    std::vector<std::string> places;
    for (const Parts::Act& act : parts_->acts) {
        if (!act.used && !act.act->always && act.act->does.empty()) {
            places.push_back(act.act->place);
        }
    }
    return places;
}

std::vector<std::string> Person::undone() const {
    const std::scoped_lock lock(parts_->mutex);
    std::vector<std::string> undone = parts_->undone;
    for (const Parts::Act& act : parts_->acts) {
        if (!act.used && !act.act->always && !act.act->does.empty()) {
            undone.push_back(fmt::format("{}: the client never printed what the person waits for, so that "
                                         "'{}' was not done",
                                         act.act->place, act.act->does.front().text()));
        }
    }
    return undone;
}

std::vector<std::string> Person::notices() const {
    const std::scoped_lock lock(parts_->mutex);
    return parts_->notices;
}

std::vector<std::string> Person::lines() const {
    const std::scoped_lock lock(parts_->mutex);
    std::vector<std::string> lines;
    for (const Parts::Act& act : parts_->acts) {
        if (act.line) {
            lines.push_back(*act.line);
        }
    }
    return lines;
}

} // namespace cardrig::harness
