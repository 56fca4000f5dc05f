// What happens to the card in a reader: each command, in the card's turn, and how it loses its power.
#include "harness/ifd/rig_reader.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

using ifd::Ask;
using ifd::Outcome;

RigReader::Result RigReader::run(Job& job, const ifd::Request& request) {
    Stay& stay = *job.stay;
    job.has_turn = turns_.wait(stay.card, job.turn, job.given_up);
    if (!job.has_turn) {
        return {};
    }
    {
        // Not before: a card that another command still holds up is not to be switched off by this reader.
        const std::lock_guard lock(mutex_);
        stay.used = true;
    }
    Result result;
    try {
        result = run_on_card(stay, request);
    } catch (...) { // carried to whoever asks for error()
        result.outcome = Outcome::removed;
        result.error = std::current_exception();
        result.left = true;
    }
    if (result.left) {
        switch_off(stay);
    }
    return result;
}

RigReader::Result RigReader::run_on_card(Stay& stay, const ifd::Request& request) {
    switch (request.ask) {
    case Ask::power_up:
        return power_up(stay);
    case Ask::reset:
        return reset(stay);
    case Ask::transmit:
        return transmit(stay, request.data);
    case Ask::power_down:
        stay.card.power_off();
        stay.on = false;
        stay.speaks = false;
        break;
    case Ask::presence: // answered without it
        break;
    }
    Result result;
    result.outcome = Outcome::done;
    return result;
}

RigReader::Result RigReader::power_up(Stay& stay) {
    stay.on = true;
    stay.card.power_on();
    Result result;
    result.data = stay.card.atr();
    stay.speaks = !result.data.empty();
    stay.cut = false;
    result.outcome = stay.speaks ? Outcome::done : Outcome::mute;
    return result;
}

RigReader::Result RigReader::reset(Stay& stay) {
    if (stay.on && stay.speaks) {
        stay.card.reset();
        Result result;
        result.data = stay.card.atr();
        stay.speaks = !result.data.empty();
        result.outcome = stay.speaks ? Outcome::done : Outcome::mute;
        return result;
    }
    return power_up(stay); // it has no power, or has not spoken since it has
}

RigReader::Result RigReader::transmit(Stay& stay, ByteView command) {
    Result result;
    if (stay.cut) {
        return result;
    }
    // pcscd takes a card for powered that came while another one's power was on.
    if (!stay.on) {
        static_cast<void>(power_up(stay));
    }
    if (!stay.speaks) {
        return result;
    }
    Answer answer = stay.card.transmit(command);
    if (answer) {
        if (answer->size() > ifd::most_apdu_bytes) {
            throw std::length_error(fmt::format("the card answered {} bytes, more than the {} of an APDU",
                                                answer->size(), ifd::most_apdu_bytes));
        }
        result.outcome = Outcome::done;
        result.data = std::move(*answer);
        return result;
    }
    result.left = answer.error() == NoAnswer::removed;
    result.outcome = result.left ? Outcome::removed : Outcome::failed;
    stay.cut = !result.left;
    stay.speaks = false;
    return result;
}

void RigReader::switch_off(Stay& stay) {
    if (stay.on) {
        try {
            stay.card.power_off();
        } catch (...) { // as in run(); what went wrong first counts
            const std::lock_guard lock(mutex_);
            if (!error_) {
                error_ = std::current_exception();
            }
        }
    }
    stay.on = false;
    stay.speaks = false;
    stay.cut = false;
}

/// The card of a command that was given up is switched off; one that has lost its power, and is still in, is
/// silent.
void RigReader::end_given_up(Job& job) {
    Stay& stay = *job.stay;
    {
        const std::lock_guard lock(mutex_);
        if (job.power_cut && stay_ == job.stay && plugged_) {
            --stay.given_up_jobs;
            if (job.has_turn) {
                stay.speaks = false;
                stay.cut = true;
            }
            return;
        }
    }
    if (job.has_turn) {
        switch_off(stay);
    }
    const std::lock_guard lock(mutex_);
    --stay.given_up_jobs;
}

/// It is to be switched off by the thread that serves, where no command on its way out does so.
void RigReader::retire(const StayPtr& stay) {
    if (stay->used && stay->given_up_jobs == 0) {
        retired_.push_back({stay, turns_.ask(stay->card)});
    }
}

void RigReader::switch_off_retired() {
    while (true) {
        std::optional<Retired> next;
        {
            const std::lock_guard lock(mutex_);
            if (retired_.empty()) {
                return;
            }
            next = std::move(retired_.front());
            retired_.pop_front();
        }
        // Nobody is before it: a command of this reader would switch it off itself.
        const std::atomic<bool> never = false;
        static_cast<void>(turns_.wait(next->stay->card, next->turn, never));
        switch_off(*next->stay);
        turns_.end(next->stay->card, next->turn);
    }
}

} // namespace cardrig::harness
