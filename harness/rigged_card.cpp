#include "harness/rigged_card.h"

#include "apdu/response_apdu.h"
#include "harness/fault_plan.h"
#include "harness/key_cache.h"
#include "harness/redaction.h"
#include "harness/system_clock.h"

#include <chrono>
#include <utility>

namespace cardrig::harness {

namespace {

std::unique_ptr<emulator::KeySource> key_source(std::optional<std::uint64_t> seed) {
    if (seed) {
        return std::make_unique<MemoisedKeys>();
    }
    return std::make_unique<emulator::FreshKeys>();
}

} // namespace

struct RiggedCard::Parts {
    int index;
    emulator::CardConfig config;
    emulator::MemoryNvm memory;
    FaultyNvm nvm;
    emulator::CryptoContext crypto;
    emulator::ContextEntropy entropy;
    std::unique_ptr<emulator::KeySource> keys;
    SystemClock clock;
    Trace& trace;
    apdu::Decoder decoder;
    FaultPlan faults;
    /// The fault that the cut of power on its way out of the card comes from.
    std::optional<Fault> cutting;
    /// The volatile half: there while the card has power, and gone with it.
    std::unique_ptr<emulator::Card> card;
    std::optional<Mute> mute;

    Parts(int reader, emulator::CardImage image, std::optional<std::uint64_t> seed, Trace& events)
        : index(reader), config(std::move(image.config)),
          memory(config.geometry, std::move(image.memory), std::move(image.weak)), nvm(memory), crypto(seed),
          entropy(crypto), keys(key_source(seed)), trace(events) {
        nvm.set_observer([this](std::uint64_t write, std::uint32_t offset, ByteView bytes) {
            on_write(write, offset, bytes.size());
        });
    }

    void on_write(std::uint64_t write, std::uint32_t offset, std::size_t length) {
        if (trace.wanted()) {
            trace.add("memory-write", index, {{"write", write}, {"offset", offset}, {"length", length}});
        }
        if (auto fault = faults.write(write)) {
            cutting = std::move(fault);
            nvm.cut_now(cutting->effect.tearing);
        }
    }

    /// Runs what may write memory. False where the power went meanwhile: the card is gone then.
    template <class Work>
    bool survives(Work work) {
        try {
            work();
            return true;
        } catch (const PowerCut&) {
            const std::optional<Fault> fault = std::exchange(cutting, std::nullopt);
            if (fault) {
                trace_fault(*fault);
            }
            lose_power(fault && fault->effect.verb == Verb::remove);
            return false;
        }
    }

    void trace_fault(const Fault& fault) {
        trace.add("fault", index, {{"place", fault.place.text()}, {"effect", fault.effect.text()}});
    }

    void lose_power(bool removed) {
        if (card) {
            trace.add("power", index, {{"event", "off"}});
        }
        card.reset();
        mute.reset();
        decoder.reset();
        faults.end();
        if (removed) {
            trace.add("reader", index, {{"event", "removed"}});
        }
    }

    void power_on() {
        if (card) {
            return;
        }
        nvm.power_on();
        decoder.reset();
        mute.reset();
        std::string trouble;
        const bool alive = survives([&] {
            auto made = emulator::Card::power_on(nvm, config, {crypto, entropy, *keys, clock});
            if (made) {
                card = std::move(*made);
            } else {
                trouble = made.error().message;
            }
        });
        nlohmann::json fields{{"event", "on"}};
        if (!card) {
            mute = Mute{!alive, alive ? trouble : "power was cut"};
            fields["mute"] = mute->reason;
        }
        trace.add("power", index, std::move(fields));
    }

    /// One command, and what became of it.
    struct Exchange {
        ByteView command;
        apdu::DecodedCommand decoded;
        bool delivered = false;
        std::optional<apdu::StatusWord> card_status; ///< what the card answered
        std::optional<Bytes> response;               ///< what the client gets
        std::vector<Fault> happened;
    };

    /// One command's way through the faults.
    void pass_on(Exchange& exchange) {
        if (const auto fault = faults.before()) {
            answer_by_fault(exchange, *fault);
            if (exchange.response) {
                decoder.response(fault->effect.status);
            }
            return;
        }
        exchange.delivered = true;
        try {
            exchange.response = card->transmit(exchange.command);
        } catch (const PowerCut&) {
            if (cutting) {
                exchange.happened.push_back(*std::exchange(cutting, std::nullopt));
            }
            return;
        }
        exchange.card_status = status_of(*exchange.response);
        decoder.response(exchange.card_status.value_or(apdu::sw::no_precise_diagnosis));
        if (const auto fault = faults.after()) {
            answer_by_fault(exchange, *fault);
        }
    }

    static void answer_by_fault(Exchange& exchange, const Fault& fault) {
        exchange.happened.push_back(fault);
        exchange.response.reset();
        if (fault.effect.verb == Verb::answer) {
            exchange.response = Bytes{fault.effect.status.sw1(), fault.effect.status.sw2()};
        }
    }

    static std::optional<apdu::StatusWord> status_of(ByteView response) {
        if (response.size() < 2) {
            return std::nullopt;
        }
        return apdu::StatusWord(response[response.size() - 2], response.back());
    }

    void trace_exchange(const Exchange& exchange, double milliseconds) {
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
        if (exchange.response) {
            event["response"] = show_response(*exchange.response, exchange.decoded, show_secrets);
            if (const auto status = status_of(*exchange.response)) {
                event["status"] = apdu::to_string(*status);
                event["meaning"] = apdu::describe(*status);
            }
        }
        trace.add("apdu", index, std::move(event));
    }

    Answer transmit(ByteView command) {
        if (!card) {
            return tl::make_unexpected(NoAnswer::no_power);
        }
        const auto begin = std::chrono::steady_clock::now();
        Exchange exchange{command, decoder.command(command), false, {}, {}, {}};
        faults.begin(exchange.decoded);
        pass_on(exchange);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
        trace_exchange(exchange, took.count());
        for (const Fault& fault : exchange.happened) {
            trace_fault(fault);
        }
        faults.end();
        if (exchange.response) {
            return std::move(*exchange.response);
        }
        const bool removed =
            !exchange.happened.empty() && exchange.happened.back().effect.verb == Verb::remove;
        lose_power(removed);
        return tl::make_unexpected(removed ? NoAnswer::removed : NoAnswer::no_power);
    }
};

RiggedCard::RiggedCard(int index, emulator::CardImage image, std::optional<std::uint64_t> seed, Trace& trace)
    : parts_(std::make_unique<Parts>(index, std::move(image), seed, trace)) {}

RiggedCard::~RiggedCard() = default;

void RiggedCard::plan(std::vector<Fault> faults) {
    const std::scoped_lock lock(mutex_);
    parts_->faults.plan(std::move(faults));
}

std::vector<Fault> RiggedCard::pending_faults() const {
    const std::scoped_lock lock(mutex_);
    return parts_->faults.pending();
}

void RiggedCard::power_on() {
    const std::scoped_lock lock(mutex_);
    parts_->power_on();
}

std::optional<Mute> RiggedCard::mute() const {
    const std::scoped_lock lock(mutex_);
    return parts_->mute;
}

void RiggedCard::power_off() {
    const std::scoped_lock lock(mutex_);
    parts_->lose_power(false);
}

void RiggedCard::reset() {
    const std::scoped_lock lock(mutex_);
    if (!parts_->card) {
        return;
    }
    parts_->decoder.reset();
    parts_->trace.add("power", parts_->index, {{"event", "reset"}});
    static_cast<void>(parts_->survives([this] { parts_->card->reset(); }));
}

Bytes RiggedCard::atr() {
    const std::scoped_lock lock(mutex_);
    if (!parts_->card) {
        return {};
    }
    const ByteView atr = parts_->card->atr();
    return {atr.begin(), atr.end()};
}

Answer RiggedCard::transmit(ByteView command) {
    const std::scoped_lock lock(mutex_);
    return parts_->transmit(command);
}

// Without the lock: a command that waits holds it.
void RiggedCard::hurry() {
    parts_->clock.stop();
}

emulator::CardImage RiggedCard::image() const {
    const std::scoped_lock lock(mutex_);
    return {parts_->config, parts_->memory.bytes(), parts_->memory.weak()};
}

std::uint64_t RiggedCard::writes() const {
    const std::scoped_lock lock(mutex_);
    return parts_->nvm.writes();
}

} // namespace cardrig::harness
