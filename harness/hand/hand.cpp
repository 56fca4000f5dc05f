#include "harness/hand/hand.h"

#include "apdu/bytes.h"
#include "harness/fault_verbs.h"
#include "harness/hand/moves.h"
#include "harness/hand/output_plan.h"
#include "harness/relax.h"
#include "harness/world.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// One wait ends after this, to see whether anything else is the matter. What is waited for ends it at once.
constexpr auto slice = 50ms;
/// Those that are over are remembered for whoever asks later, as long as there is room.
constexpr std::size_t most_planned = 4096;

constexpr const char* nobody_to_kill = "there is no client of this rig's to kill";

enum class Course : std::uint8_t { planned, happened, failed, forgotten };

struct Planned {
    Fault fault;
    Course course = Course::planned;
    std::string failure{}; ///< why it could not be done
};

std::chrono::milliseconds left_until(Clock::time_point until) {
    return std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()));
}

} // namespace

struct Hand::Parts final : public World {
    Parts(HandOptions given, Trace& events)
        : options(std::move(given)), trace(events), moves(options, events) {}

    bool arrives(RiggedCard& card) override;
    bool happen(RiggedCard& card, const Fault& fault) override;
    [[nodiscard]] bool happen_to(std::size_t card, const Fault& fault);
    void happen_at_output(const Fault& fault);
    void do_at_output(const Fault& fault);
    [[nodiscard]] bool may_kill(const Fault& fault);
    void not_done(const Fault& fault, const RequestError& error);
    void settle(std::uint64_t id, Course course, std::string failure = {});

    void keep(const KeepWaiting& keep_waiting) const;
    void do_now(const Effect& effect, Clock::time_point until, const KeepWaiting& keep_waiting);
    void when_idle(const Effect& effect, Clock::time_point until, const KeepWaiting& keep_waiting,
                   const std::function<bool(std::chrono::milliseconds)>& attempt) const;
    void kill_client() const;
    void move_now(const Effect& effect, Clock::time_point until, const KeepWaiting& keep_waiting);
    [[nodiscard]] std::unique_lock<std::timed_mutex> turn(Clock::time_point until,
                                                          const KeepWaiting& keep_waiting);
    [[nodiscard]] Planned* find(std::uint64_t id);
    void check_reach(const Place& place) const;
    void make_room();
    void abandon(std::uint64_t id);

    HandOptions options;
    Trace& trace;
    std::timed_mutex moving;
    std::mutex state;
    std::condition_variable changed;
    Moves moves;
    std::vector<Planned> plan;
    OutputPlan output;
    std::uint64_t last_id = 0;
};

// --- what cards turn to --------------------------------------------------------------------------

bool Hand::Parts::arrives(RiggedCard& /*card*/) {
    return !options.on_command || options.on_command();
}

bool Hand::Parts::happen(RiggedCard& card, const Fault& fault) {
    if (fault.effect.verb == Verb::kill_client) {
        if (may_kill(fault)) {
            kill_client();
        }
        return false;
    }
    const std::scoped_lock lock(state);
    const auto index = moves.index_of(&card);
    if (!index) {
        return false;
    }
    try {
        const bool befell = happen_to(*index, fault);
        // Nobody can ask before this, but clients may have seen it already: not left to the card to tell.
        settle(fault.id, Course::happened);
        return befell;
    } catch (const RequestError& error) { // as when somebody reaches for a card that is not there
        not_done(fault, error);
        return false;
    }
}

void Hand::Parts::not_done(const Fault& fault, const RequestError& error) {
    const std::string failure = fmt::format("'{}' at {} could not be done: {}", fault.effect.text(),
                                            fault.place.text(), error.what());
    trace.add("note", -1, {{"fault", fault.id}, {"text", failure}});
    settle(fault.id, Course::failed, failure);
}

/// Noted as happened before it is done, by kill_client(): that waits for the client's end, and whoever runs
/// the client may have to come here first, with what it printed.
bool Hand::Parts::may_kill(const Fault& fault) {
    const std::scoped_lock lock(state);
    if (options.kill_client) {
        settle(fault.id, Course::happened);
    } else {
        not_done(fault, RequestError(nobody_to_kill));
    }
    return static_cast<bool>(options.kill_client);
}

/// Whether it befell the card itself.
bool Hand::Parts::happen_to(std::size_t card, const Fault& fault) {
    const Effect& effect = fault.effect;
    const auto where = moves.reader_with(card);
    if (effect.verb == Verb::cut_power) {
        const std::size_t victim = moves.card_meant(effect, card);
        if (victim != card) {
            options.readers[moves.reader_meant(effect, card)].reader->cut_power();
        }
        return victim == card;
    }
    const std::size_t reader = moves.move(effect, card);
    return interrupts(effect.verb) && reader == where;
}

/// Under the lock.
void Hand::Parts::happen_at_output(const Fault& fault) {
    try {
        do_at_output(fault);
    } catch (const RequestError& error) {
        not_done(fault, error);
    }
}

void Hand::Parts::do_at_output(const Fault& fault) {
    if (fault.effect.verb == Verb::kill_client && !options.kill_client) {
        throw RequestError(nobody_to_kill);
    }
    const Effect effect = relax(fault.effect, options.kind).effect;
    const std::size_t first = moves.card_named(fault.place.card);
    const bool befalls_card = target(effect.verb) == Target::card && effect.verb != Verb::cut_power;
    if (befalls_card) { // which may run a command: it does that itself before the next one
        Fault next = fault;
        next.effect.reader.reset();
        next.place = Place{};
        next.place.command = "any";
        next.place.card = options.cards[moves.card_meant(effect, first)].name;
        options.cards[moves.card_named(next.place.card)].card->add(std::move(next));
        return;
    }
    trace.add("fault", -1, {{"place", fault.place.text()}, {"effect", fault.effect.text()}});
    if (effect.verb == Verb::cut_power) {
        options.readers[moves.reader_meant(effect, first)].reader->cut_power();
    } else if (target(effect.verb) == Target::reader) {
        static_cast<void>(moves.move(effect, first));
    }
    settle(fault.id, Course::happened);
}

/// What has become of a fault, under the lock; the first who knows it is right.
void Hand::Parts::settle(std::uint64_t id, Course course, std::string failure) {
    Planned* const planned = find(id);
    if (planned != nullptr && planned->course == Course::planned) {
        planned->course = course;
        planned->failure = std::move(failure);
        changed.notify_all();
    }
}

// --- now -----------------------------------------------------------------------------------------

void Hand::Parts::keep(const KeepWaiting& keep_waiting) const {
    if (options.keep_waiting) {
        options.keep_waiting();
    }
    if (keep_waiting) {
        keep_waiting();
    }
}

std::unique_lock<std::timed_mutex> Hand::Parts::turn(Clock::time_point until,
                                                     const KeepWaiting& keep_waiting) {
    std::unique_lock lock(moving, std::defer_lock);
    while (!lock.try_lock_for(std::min<Clock::duration>(slice, left_until(until)))) {
        keep(keep_waiting);
        if (Clock::now() >= until) {
            throw NotInTime("another move is still under way");
        }
    }
    return lock;
}

void Hand::Parts::move_now(const Effect& effect, Clock::time_point until, const KeepWaiting& keep_waiting) {
    std::size_t where = 0;
    {
        const std::scoped_lock lock(state);
        where = moves.move(effect, std::nullopt);
    }
    const HandReader& moved = options.readers[where];
    const bool seen = moved.reader->settle(left_until(until), [&] { keep(keep_waiting); });
    if (const std::exception_ptr error = moved.reader->error()) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& exception) {
            throw HostError(fmt::format("the card in {} failed: {}", moved.name, exception.what()));
        }
    }
    if (!seen) {
        throw NotInTime(
            fmt::format("'{}' was done in {}, and clients cannot see it yet", effect.text(), moved.name));
    }
}

/// Without the lock. What the client has sent, and no card has got yet, none gets any more.
void Hand::Parts::kill_client() const {
    for (const HandCard& card : options.cards) {
        card.card->set_forsaken(true);
    }
    options.kill_client();
}

/// Waits for a command that runs.
void Hand::Parts::when_idle(const Effect& effect, Clock::time_point until, const KeepWaiting& keep_waiting,
                            const std::function<bool(std::chrono::milliseconds)>& attempt) const {
    while (!attempt(std::min<std::chrono::milliseconds>(slice, left_until(until)))) {
        keep(keep_waiting);
        if (Clock::now() >= until) {
            throw NotInTime(
                fmt::format("'{}' was not done: a command of the card still runs", effect.text()));
        }
    }
}

/// What no client waits for, and no other move is in the way of.
void Hand::Parts::do_now(const Effect& effect, Clock::time_point until, const KeepWaiting& keep_waiting) {
    if (effect.verb == Verb::kill_client) {
        if (!options.kill_client) {
            throw RequestError(nobody_to_kill);
        }
        kill_client();
        return;
    }
    RiggedCard* card = nullptr;
    {
        const std::scoped_lock lock(state);
        card = options.cards[moves.card_meant(effect, std::nullopt)].card;
        if (effect.verb == Verb::cut_power) {
            options.readers[moves.reader_meant(effect, std::nullopt)].reader->cut_power();
            return;
        }
    }
    if (effect.verb == Verb::fill_memory) {
        when_idle(effect, until, keep_waiting,
                  [&](auto limit) { return card->fill_memory(effect.count, limit); });
    } else {
        when_idle(effect, until, keep_waiting, [&](auto limit) { return card->reset_powered(limit); });
    }
}

Hand::Done Hand::act(const Effect& effect, std::chrono::milliseconds limit, const KeepWaiting& keep_waiting) {
    const auto until = Clock::now() + limit;
    if (effect.verb == Verb::wait) {
        throw RequestError("'wait' wants a place to wait for");
    }
    if (effect.tearing) {
        throw RequestError(
            fmt::format("'{}': what a torn write leaves can only be said of a memory write", effect.text()));
    }
    const Relaxed relaxed = relax(effect, parts_->options.kind);
    if (target(effect.verb) == Target::command) {
        return {relaxed.notice, plan_next(effect)};
    }
    if (target(relaxed.effect.verb) == Target::reader) {
        const auto turn = parts_->turn(until, keep_waiting);
        parts_->move_now(relaxed.effect, until, keep_waiting);
    } else {
        parts_->do_now(relaxed.effect, until, keep_waiting);
    }
    return {relaxed.notice};
}

// --- later ---------------------------------------------------------------------------------------

Planned* Hand::Parts::find(std::uint64_t id) {
    const auto found = std::ranges::find_if(plan, [&](const Planned& one) { return one.fault.id == id; });
    return id == 0 || found == plan.end() ? nullptr : &*found;
}

void Hand::Parts::make_room() {
    if (plan.size() < most_planned) {
        return;
    }
    const auto over =
        std::ranges::find_if(plan, [](const Planned& one) { return one.course != Course::planned; });
    if (over == plan.end()) {
        throw RequestError(fmt::format("{} faults are planned, and none of them has happened: `forget` makes "
                                       "room",
                                       plan.size()));
    }
    plan.erase(over);
}

void Hand::Parts::check_reach(const Place& place) const {
    if (place.where == Where::authority) {
        throw RequestError(
            fmt::format("'{}' is a place of the authority, which the hand does not reach: plan it in a "
                        "scenario's 'fault'",
                        place.text()));
    }
    if (place.where == Where::output && !options.hears_client) {
        throw RequestError(fmt::format(
            "'{}': what the client prints does not come this way; a scenario hears it", place.text()));
    }
}

std::uint64_t Hand::plan(Fault fault) {
    if (const auto fits = fault.check(); !fits) {
        throw RequestError(fits.error().message);
    }
    // Under the lock until the card has it: the card may meet it at once, and then waits here to tell so.
    const std::scoped_lock lock(parts_->state);
    parts_->check_reach(fault.place);
    parts_->moves.check_names(fault);
    parts_->make_room();
    fault.id = ++parts_->last_id;
    if (fault.place.where == Where::output) {
        parts_->output.add(fault);
        parts_->plan.push_back({std::move(fault)});
        return parts_->last_id;
    }
    RiggedCard& card = *parts_->options.cards[parts_->moves.card_named(fault.place.card)].card;
    parts_->plan.push_back({fault});
    card.add(std::move(fault));
    return parts_->last_id;
}

std::uint64_t Hand::plan_next(const Effect& effect) {
    Fault fault;
    fault.effect = effect;
    fault.place.command = "any";
    // An answer that is changed has to be there first.
    fault.place.moment = row_of(effect.verb).spot == Spot::after ? Moment::after : Moment::before;
    {
        const std::scoped_lock lock(parts_->state);
        fault.place.card = parts_->options.cards[parts_->moves.card_meant(effect, std::nullopt)].name;
    }
    fault.effect.reader.reset();
    return plan(std::move(fault));
}

void Hand::hear(std::string_view text) {
    bool kill = false;
    {
        const std::scoped_lock lock(parts_->state);
        for (const Fault& fault : parts_->output.hear(text)) {
            kill = kill || fault.effect.verb == Verb::kill_client;
            parts_->happen_at_output(fault);
        }
    }
    if (kill && parts_->options.kill_client) { // else it was told
        parts_->kill_client();
    }
}

std::string Hand::notice(const Fault& fault) const {
    return relax(fault, parts_->options.kind).notice;
}

std::vector<Fault> Hand::forget() {
    const std::scoped_lock lock(parts_->state);
    std::vector<Fault> forgotten;
    for (const HandCard& card : parts_->options.cards) {
        for (Fault& fault : card.card->forget()) {
            Planned* const planned = parts_->find(fault.id);
            if (planned != nullptr) {
                planned->course = Course::forgotten;
                fault = planned->fault; // also where it came to the card from the client's output
            }
            forgotten.push_back(std::move(fault));
        }
    }
    for (Fault& fault : parts_->output.forget()) {
        if (Planned* const planned = parts_->find(fault.id)) {
            planned->course = Course::forgotten;
        }
        forgotten.push_back(std::move(fault));
    }
    parts_->changed.notify_all();
    return forgotten;
}

std::vector<Fault> Hand::pending() const {
    const std::scoped_lock lock(parts_->state);
    std::vector<Fault> faults;
    for (const Planned& planned : parts_->plan) {
        if (planned.course == Course::planned) {
            faults.push_back(planned.fault);
        }
    }
    return faults;
}

std::optional<std::string> Hand::failure(std::uint64_t fault) const {
    const std::scoped_lock lock(parts_->state);
    const Planned* const planned = parts_->find(fault);
    return planned != nullptr && planned->course == Course::failed ? std::optional(planned->failure)
                                                                   : std::nullopt;
}

bool Hand::wait(std::uint64_t fault, std::chrono::milliseconds limit, const KeepWaiting& keep_waiting) const {
    const auto until = Clock::now() + limit;
    std::unique_lock lock(parts_->state);
    while (true) {
        const Planned* const planned = parts_->find(fault);
        if (planned == nullptr) {
            throw RequestError(fmt::format("there is no fault {}", fault));
        }
        if (planned->course == Course::forgotten) {
            throw RequestError(fmt::format("fault {} was forgotten", fault));
        }
        if (planned->course == Course::failed) {
            throw RequestError(fmt::format("fault {}: {}", fault, planned->failure));
        }
        if (planned->course == Course::happened || Clock::now() >= until) {
            return planned->course == Course::happened;
        }
        parts_->changed.wait_for(lock, std::min<Clock::duration>(slice, left_until(until)));
        const Planned* const now = parts_->find(fault);
        if (now == nullptr || now->course != Course::planned) {
            continue; // told also where the rig has come to its end since
        }
        lock.unlock();
        parts_->keep(keep_waiting);
        lock.lock();
    }
}

/// Whoever waited for this place does so no more: as if nobody ever had.
void Hand::Parts::abandon(std::uint64_t id) {
    const std::scoped_lock lock(state);
    if (const Planned* const planned = find(id)) {
        output.remove(id);
        options.cards[moves.card_named(planned->fault.place.card)].card->forget(id);
        plan.erase(plan.begin() + (planned - plan.data()));
    }
}

bool Hand::wait(const Place& place, std::chrono::milliseconds limit, const KeepWaiting& keep_waiting) {
    Fault fault;
    fault.place = place;
    fault.effect.verb = Verb::wait;
    const std::uint64_t id = plan(std::move(fault));
    struct Abandon {
        Parts& parts;
        std::uint64_t id;
        ~Abandon() { parts.abandon(id); }
    } const abandon{*parts_, id}; // also where waiting was stopped
    return wait(id, limit, keep_waiting);
}

// --- the whole -----------------------------------------------------------------------------------

Hand::Hand(HandOptions options, Trace& trace) : parts_(std::make_unique<Parts>(std::move(options), trace)) {
    for (const HandCard& card : parts_->options.cards) {
        card.card->set_world(parts_.get());
        card.card->set_on_fault([parts = parts_.get()](const Fault& fault) {
            const std::scoped_lock lock(parts->state);
            parts->settle(fault.id, Course::happened);
        });
    }
}

Hand::~Hand() {
    for (const HandCard& card : parts_->options.cards) {
        card.card->set_world(nullptr);
        card.card->set_on_fault({});
    }
}

nlohmann::json Hand::status() const {
    const std::scoped_lock lock(parts_->state);
    nlohmann::json readers = nlohmann::json::array();
    nlohmann::json cards = nlohmann::json::array();
    nlohmann::json faults = nlohmann::json::array();
    for (std::size_t i = 0; i < parts_->options.readers.size(); ++i) {
        const HandReader& reader = parts_->options.readers[i];
        const auto card = parts_->moves.index_of(reader.reader->card());
        nlohmann::json shown{{"reader", i + 1}, {"name", reader.name}, {"plugged", reader.reader->plugged()}};
        shown["card"] = card ? nlohmann::json(parts_->options.cards[*card].name) : nlohmann::json();
        readers.push_back(std::move(shown));
    }
    for (std::size_t i = 0; i < parts_->options.cards.size(); ++i) {
        const HandCard& card = parts_->options.cards[i];
        const auto reader = parts_->moves.reader_with(i);
        nlohmann::json shown{{"card", card.name},
                             {"power", card.card->powered()},
                             {"atr", apdu::to_hex(card.card->atr())},
                             {"writes", card.card->writes()}};
        shown["reader"] = reader ? nlohmann::json(*reader + 1) : nlohmann::json();
        cards.push_back(std::move(shown));
    }
    for (const Planned& planned : parts_->plan) {
        if (planned.course != Course::forgotten) {
            nlohmann::json shown{{"fault", planned.fault.id},
                                 {"at", planned.fault.place.text()},
                                 {"do", planned.fault.effect.text()},
                                 {"happened", planned.course == Course::happened}};
            if (planned.course == Course::failed) {
                shown["failed"] = planned.failure;
            }
            faults.push_back(std::move(shown));
        }
    }
    return {{"readers", std::move(readers)}, {"cards", std::move(cards)}, {"faults", std::move(faults)}};
}

} // namespace cardrig::harness
