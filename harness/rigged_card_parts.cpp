#include "harness/rigged_card_parts.h"

#include "apdu/response_apdu.h"
#include "harness/key_cache.h"
#include "harness/memory_filler.h"
#include "harness/redaction.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace cardrig::harness {

namespace {

std::unique_ptr<emulator::KeySource> key_source(std::optional<std::uint64_t> seed) {
    if (seed) {
        return std::make_unique<MemoisedKeys>();
    }
    return std::make_unique<emulator::FreshKeys>();
}

std::optional<apdu::StatusWord> status_of(ByteView response) {
    if (response.size() < 2) {
        return std::nullopt;
    }
    return apdu::StatusWord(response[response.size() - 2], response.back());
}

/// Of a card that is interrupted.
NoAnswer reason(Verb verb) {
    return verb == Verb::remove || verb == Verb::swap ? NoAnswer::removed : NoAnswer::no_power;
}

void truncate(Bytes& response, std::uint32_t count) {
    const std::size_t missing = std::min<std::size_t>(count, response.size());
    response.erase(response.end() - static_cast<std::ptrdiff_t>(missing), response.end());
}

void extend(Bytes& response, ByteView bytes) {
    const std::size_t status = std::min<std::size_t>(2, response.size());
    response.insert(response.end() - static_cast<std::ptrdiff_t>(status), bytes.begin(), bytes.end());
}

void flip(Bytes& response, std::uint32_t bit) {
    if (bit / 8 < response.size()) {
        response[bit / 8] ^= static_cast<std::uint8_t>(0x80U >> bit % 8);
    }
}

/// What the rig itself does to a memory counts for nothing and takes no time.
class Unseen {
public:
    Unseen(FaultyNvm& nvm, SystemClock& clock) : nvm_(nvm), clock_(clock) { set(true); }
    Unseen(const Unseen&) = delete;
    Unseen& operator=(const Unseen&) = delete;
    ~Unseen() { set(false); }

private:
    void set(bool unseen) {
        nvm_.set_quiet(unseen);
        clock_.set_instant(unseen);
    }
    FaultyNvm& nvm_;
    SystemClock& clock_;
};

} // namespace

RiggedCard::Parts::Parts(RiggedCard& owner, int first_reader, emulator::CardImage image,
                         std::optional<std::uint64_t> seed, Trace& events, std::string shown_name)
    : self(owner), config(std::move(image.config)),
      memory(config.geometry, std::move(image.memory), std::move(image.weak)), nvm(memory), crypto(seed),
      entropy(crypto), keys(key_source(seed)), trace(events), name(std::move(shown_name)),
      next_reader(first_reader), reader(first_reader) {
    nvm.set_observer([this](std::uint64_t write, std::uint32_t offset, ByteView bytes) {
        on_write(write, offset, bytes);
    });
    nvm.set_sync_observer([this] { tell_memory({0, 0, {}, in_command}); });
    clock.set_alarm([this] { return faults.next_time(); },
                    [this](std::chrono::microseconds used) { on_time(used); });
}

// ---- power

void RiggedCard::Parts::fail_power() {
    const std::scoped_lock lock(power_mutex);
    nvm.fail();
    clock.interrupt();
}

/// The card has power again; false where the power failed before the card came to start by itself.
bool RiggedCard::Parts::take_power(By by) {
    const std::scoped_lock lock(power_mutex);
    if (by == By::itself && nvm.failing()) {
        return false;
    }
    nvm.power_on();
    clock.resume();
    return true;
}

void RiggedCard::Parts::settle() {
    if (nvm.failing()) {
        lose_volatile();
        lost = true;
    }
}

void RiggedCard::Parts::lose_volatile() {
    if (card) {
        trace_event("power", {{"event", "off"}});
    }
    alive = false;
    in_command = false;
    card.reset();
    mute.reset();
    decoder.reset();
    faults.end();
}

void RiggedCard::Parts::switch_off() {
    lose_volatile();
    static_cast<void>(take_power(By::reader)); // nothing is left that could fail
    lost = false;
}

void RiggedCard::Parts::start(By by) {
    if (card) {
        return;
    }
    while (!start_once(by)) {
        by = By::itself;
    }
}

/// False where the card was reset meanwhile, and starts once more.
bool RiggedCard::Parts::start_once(By by) {
    if (!take_power(by)) {
        return true;
    }
    decoder.reset();
    mute.reset();
    lost = false;
    course = {};
    std::string trouble;
    try {
        auto made = emulator::Card::power_on(nvm, config, {crypto, entropy, *keys, clock});
        if (made) {
            card = std::move(*made);
            alive = true;
        } else {
            trouble = made.error().message;
        }
    } catch (const PowerCut&) {
        course.cut = true;
        trouble = "power was cut";
    }
    trace_faults();
    if (course.cut) {
        static_cast<void>(go_out());
    }
    nlohmann::json fields{{"event", "on"}};
    if (!card) {
        mute = Mute{course.cut, trouble};
        fields["mute"] = trouble;
    }
    trace_event("power", std::move(fields));
    tell();
    if (card && fill_later) {
        fill(*std::exchange(fill_later, std::nullopt));
    }
    return !course.restart || course.out;
}

void RiggedCard::Parts::reset() {
    if (!card) {
        if (lost) {
            start();
        }
        return;
    }
    course = {};
    trace_event("power", {{"event", "reset"}});
    reset_card();
    trace_faults();
    if (is_out()) {
        static_cast<void>(go_out());
    }
    tell();
}

void RiggedCard::Parts::reset_card() {
    decoder.reset();
    try {
        card->reset();
    } catch (const PowerCut&) {
        course.cut = true;
    }
}

/// The card is without power; whoever sent a command is told why.
NoAnswer RiggedCard::Parts::go_out() {
    const NoAnswer why = course.out.value_or(NoAnswer::no_power);
    lose_volatile();
    lost = true;
    // Else the world tells what became of the reader.
    const std::scoped_lock lock(callbacks_mutex);
    if (why == NoAnswer::removed && world == nullptr) {
        trace_event("reader", {{"event", "removed"}});
    }
    return why;
}

void RiggedCard::Parts::rewind(emulator::CardImage image, std::uint64_t seed) {
    if (image.memory.size() != memory.bytes().size() || image.config.atr != config.atr) {
        throw std::logic_error("a card is rewound to another card's image");
    }
    lose_volatile();
    crypto.reseed(seed);
    memory.bytes() = std::move(image.memory);
    memory.weak() = std::move(image.weak);
    {
        const std::scoped_lock lock(power_mutex);
        nvm.begin_anew();
        clock.resume();
    }
    static_cast<void>(faults.forget());
    lost = false;
    fill_later.reset();
    course = {};
}

// ---- faults

bool RiggedCard::Parts::befalls_this(const Fault& fault) {
    const Effect& effect = fault.effect;
    const std::scoped_lock lock(callbacks_mutex);
    if (world != nullptr && (moves(effect.verb) || effect.reader)) {
        return world->happen(self, fault);
    }
    return interrupts(effect.verb);
}

void RiggedCard::Parts::tell_memory(const MemoryAccess& access) {
    const std::scoped_lock lock(callbacks_mutex);
    if (on_memory) {
        on_memory(access);
    }
}

void RiggedCard::Parts::on_write(std::uint64_t write, std::uint32_t offset, ByteView bytes) {
    tell_memory({write, offset, bytes, in_command});
    if (trace.wanted()) {
        trace_event("memory-write", {{"write", write}, {"offset", offset}, {"length", bytes.size()}});
    }
    if (nvm.failing()) {
        return; // it is this write that the power's failing cuts
    }
    for (const Fault& fault : faults.write(write)) {
        course.happened.push_back(fault);
        befall_at_write(fault);
        if (!course.cut) {
            tell();
        }
    }
}

void RiggedCard::Parts::befall_at_write(const Fault& fault) {
    const Effect& effect = fault.effect;
    bool cut = false;
    if (effect.verb == Verb::delay) {
        clock.wait(effect.time);
    } else if (effect.verb == Verb::reset) {
        course.restart = true;
        cut = true;
    } else if ((moves(effect.verb) || interrupts(effect.verb)) && befalls_this(fault)) {
        course.out = reason(effect.verb);
        cut = true;
    }
    // Of several the first one tears it.
    if (cut && !course.cut) {
        course.cut = true;
        nvm.cut_now(effect.tearing.value_or(Tearing{}));
    }
}

/// In the middle of a wait: a card that is interrupted there waits no longer, and its next memory write is
/// torn.
void RiggedCard::Parts::on_time(std::chrono::microseconds used) {
    for (const Fault& fault : faults.at_time(used)) {
        course.happened.push_back(fault);
        if ((moves(fault.effect.verb) || interrupts(fault.effect.verb)) && befalls_this(fault)) {
            course.out = reason(fault.effect.verb);
            fail_power();
        }
        if (!is_out()) {
            tell();
        }
    }
}

/// What happens beside a command.
void RiggedCard::Parts::befall(Exchange& exchange, const Fault& fault) {
    const Effect& effect = fault.effect;
    switch (effect.verb) {
    case Verb::wait:
    case Verb::refuse:
    case Verb::fail:
    case Verb::hang:
    case Verb::drop:
    case Verb::later:
    case Verb::wrong_key:
    case Verb::wrong_holder:
    case Verb::past_dates:
    case Verb::too_large:
    case Verb::log_out:
        break; // the authority's are at its own places alone (Fault::check)
    case Verb::delay:
        clock.wait(effect.time);
        break;
    case Verb::answer:
        exchange.response = Bytes{effect.status.sw1(), effect.status.sw2()};
        exchange.truncated = false;
        break;
    case Verb::truncate:
        truncate(*exchange.response, effect.count);
        exchange.truncated = true;
        break;
    case Verb::extend:
        extend(*exchange.response, effect.bytes);
        break;
    case Verb::flip:
        flip(*exchange.response, effect.count);
        break;
    case Verb::reset:
        if (!is_out()) {
            reset_card();
        }
        break;
    case Verb::fill_memory:
        if (!is_out()) {
            fill(effect.count);
        }
        break;
    case Verb::insert:
    case Verb::remove:
    case Verb::swap:
    case Verb::unplug:
    case Verb::plug:
    case Verb::cut_power:
    case Verb::kill_client:
        if (befalls_this(fault)) {
            course.out = reason(effect.verb);
        }
        break;
    }
}

void RiggedCard::Parts::befall_all(Exchange& exchange, const std::vector<Fault>& due) {
    for (const Fault& fault : due) {
        befall(exchange, fault);
        course.happened.push_back(fault);
        if (!is_out()) {
            tell();
        }
    }
}

void RiggedCard::Parts::trace_event(const char* kind, nlohmann::json fields) {
    if (!name.empty()) {
        fields["card"] = name;
    }
    trace.add(kind, reader, std::move(fields));
}

void RiggedCard::Parts::trace_faults() {
    for (const Fault& fault : course.happened) {
        trace_event("fault", {{"place", fault.place.text()}, {"effect", fault.effect.text()}});
    }
}

void RiggedCard::Parts::tell() {
    const std::scoped_lock lock(callbacks_mutex);
    while (course.told < course.happened.size()) {
        const Fault& fault = course.happened[course.told++];
        if (on_fault) {
            on_fault(fault);
        }
    }
}

void RiggedCard::Parts::fill(std::uint32_t leaving) {
    // The card shows its store to be looked at, and the rig, which made the card, changes it: another store
    // over the same memory would not be the one by which the card goes on. That is legal, as the store itself
    // is not const, only what it is shown by.
    auto& store = const_cast<emulator::ObjectStore&>(card->store());
    const Unseen unseen(nvm, clock);
    try {
        harness::fill_memory(store, config.geometry.page_size, leaving);
    } catch (const PowerCut&) {
        course.cut = true;
    }
}

// ---- commands

/// One command's way through the faults.
void RiggedCard::Parts::pass_on(Exchange& exchange) {
    befall_all(exchange, faults.before());
    if (is_out()) {
        return;
    }
    if (exchange.response) {
        decoder.response(status_of(*exchange.response).value_or(apdu::sw::no_precise_diagnosis));
        return;
    }
    if (forsaken) { // whoever sent it went while it was held up
        decoder.response(apdu::sw::no_precise_diagnosis);
        return;
    }
    if (std::ranges::any_of(course.happened,
                            [](const Fault& fault) { return fault.effect.verb == Verb::reset; })) {
        static_cast<void>(decoder.command(exchange.command)); // it has forgotten that this one is under way
    }
    exchange.delivered = true;
    try {
        exchange.response = card->transmit(exchange.command);
    } catch (const PowerCut&) {
        course.cut = true;
        return;
    }
    exchange.card_status = status_of(*exchange.response);
    decoder.response(exchange.card_status.value_or(apdu::sw::no_precise_diagnosis));
    if (!is_out()) {
        befall_all(exchange, faults.after());
    }
}

void RiggedCard::Parts::trace_exchange(const Exchange& exchange, double milliseconds) {
    if (!trace.wanted()) {
        return;
    }
    const bool show_secrets = trace.show_secrets();
    nlohmann::json event{{"command", show_command(exchange.command, exchange.decoded, show_secrets)},
                         {"text", exchange.decoded.text()},
                         {"delivered", exchange.delivered},
                         {"ms", milliseconds}};
    if (!exchange.decoded.detail.empty()) {
        event["detail"] = exchange.decoded.detail;
    }
    if (exchange.card_status) {
        event["card-status"] = apdu::to_string(*exchange.card_status);
    }
    if (exchange.response && exchange.truncated && exchange.decoded.response_secret && !show_secrets) {
        event["response"] = ".."; // where a status word should be, there are bytes of the secret
    } else if (exchange.response) {
        event["response"] = show_response(*exchange.response, exchange.decoded, show_secrets);
        if (const auto status = status_of(*exchange.response)) {
            event["status"] = apdu::to_string(*status);
            event["meaning"] = apdu::describe(*status);
        }
    }
    trace_event("apdu", std::move(event));
}

bool RiggedCard::Parts::announce() {
    const std::scoped_lock lock(callbacks_mutex);
    return world == nullptr || world->arrives(self);
}

Answer RiggedCard::Parts::transmit(ByteView command) {
    if (!card) {
        return tl::make_unexpected(NoAnswer::no_power);
    }
    course = {};
    const auto begin = std::chrono::steady_clock::now();
    Exchange exchange{command, decoder.command(command)};
    faults.begin(exchange.decoded);
    in_command = true;
    pass_on(exchange);
    in_command = false;
    if (is_out()) {
        exchange.response.reset();
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    trace_exchange(exchange, took.count());
    trace_faults();
    faults.end();
    if (exchange.response) {
        tell();
        return std::move(*exchange.response);
    }
    if (!is_out()) { // forsaken, and keeps its power: nobody sees this
        tell();
        return Bytes{apdu::sw::no_precise_diagnosis.sw1(), apdu::sw::no_precise_diagnosis.sw2()};
    }
    const NoAnswer why = go_out();
    tell();
    if (course.restart && !course.out) {
        start(By::itself);
    }
    return tl::make_unexpected(why);
}

} // namespace cardrig::harness
