#include "harness/serve/slot.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

namespace cardrig::harness {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_pause = 5ms;
/// pcscd looks for cards every 400 ms: to come back sooner than that helps nobody.
constexpr std::chrono::milliseconds longest_pause = 400ms;
/// A vpcd that is free asks within those 400 ms.
constexpr auto time_to_ask = 3s;
/// A card that is out for less than those 400 ms has never been out, as far as clients can tell.
constexpr auto time_to_be_missed = 500ms;

} // namespace

Slot::Slot(SlotOptions options, ReaderCard& card, SharedWakeup wakeup)
    : options_(std::move(options)), card_(&card), wakeup_(std::move(wakeup)), retry_at_(Clock::now()),
      pause_(first_pause) {
    if (options_.reversed) {
        listener_ = listen_at(options_.endpoint);
    }
}

Slot::~Slot() {
    if (link_) {
        take_out();
    }
}

std::string Slot::reader() const {
    return fmt::format("the reader {} {}", options_.reversed ? "that connects to" : "at",
                       options_.endpoint.text());
}

std::pair<int, short> Slot::waits_for() const {
    if (listener_) {
        return {listener_.get(), POLLIN};
    }
    return {dialing_ ? dialing_->descriptor() : -1, POLLOUT};
}

std::optional<Slot::Clock::time_point> Slot::deadline() const {
    if (link_) {
        return wonder_at_;
    }
    if (card_ == nullptr) {
        return std::nullopt;
    }
    if (dialing_) {
        return dialing_->deadline();
    }
    return listener_ ? std::nullopt : std::optional(retry_at_);
}

void Slot::step() {
    if (link_) {
        look_at_link();
    }
    if (card_failed_) {
        return;
    }
    if (options_.reader != nullptr && !finishing_) {
        take_wishes();
    }
    if (listener_) {
        accept();
    } else if (!link_ && card_ != nullptr && (dialing_ || Clock::now() >= retry_at_)) {
        dial();
    }
}

/// One after the other: a card is out before the next is in.
void Slot::take_wishes() {
    while (true) {
        if (leaving_ && link_) {
            return;
        }
        if (std::exchange(leaving_, false)) {
            options_.reader->granted();
        }
        const auto wish = options_.reader->next();
        if (!wish) {
            return;
        }
        card_ = *wish;
        if (card_ != nullptr) {
            options_.reader->granted();
            continue;
        }
        leaving_ = true;
        dialing_.reset();
        if (link_) {
            link_->leave();
        }
    }
}

void Slot::dial() {
    if (!dialing_) {
        dialing_.emplace(options_.endpoint, wakeup_);
    }
    switch (dialing_->step()) {
    case Dialing::Progress::going_on:
        return;
    case Dialing::Progress::connected: {
        UniqueFd connection = dialing_->take();
        dialing_.reset();
        put_in(std::move(connection));
        return;
    }
    case Dialing::Progress::failed:
        trouble_ = dialing_->trouble();
        dialing_.reset();
        not_reached();
        return;
    }
}

void Slot::not_reached() {
    if (failures_++ == 0 && !lost_) {
        options_.tell(fmt::format("no vpcd answers at {} ({}): waiting for it. It is there while pcscd runs, "
                                  "with the package vsmartcard-vpcd",
                                  options_.endpoint.text(), trouble_));
    }
    retry_at_ = Clock::now() + pause_;
    pause_ = std::min(pause_ * 2, longest_pause);
}

/// The newest connection counts: where there is an older one its vpcd is gone, or it is none. A command may
/// still run for that one, and nothing here waits for it.
void Slot::accept() {
    while (UniqueFd connection = accept_from(listener_.get())) {
        next_ = std::move(connection);
    }
    if (next_ && link_) {
        link_->leave();
    } else if (next_) {
        put_in(std::move(next_));
    }
}

void Slot::put_in(UniqueFd connection) {
    asked_ = false;
    in_ = false;
    wonder_at_ = Clock::now() + time_to_ask;
    options_.moved(true);
    VpcdLinkEvents events;
    events.asked = [this] {
        asked_ = true;
        wakeup_->wake();
    };
    events.ended = [wakeup = wakeup_] { wakeup->wake(); };
    try {
        link_ = std::make_unique<VpcdLink>(std::move(connection), *card_, std::move(events));
    } catch (const std::system_error& error) { // no thread to be had: it may go better next time
        options_.moved(false);
        wonder_at_.reset();
        trouble_ = error.what();
        not_reached();
    }
}

void Slot::look_at_link() {
    const bool connected = link_->connected();
    if (asked_ && !in_) {
        in_ = true;
        wonder_at_.reset();
        failures_ = 0;
        pause_ = first_pause;
        options_.tell(fmt::format("the card is {} in {}", lost_ ? "back" : "now", reader()));
        lost_ = false;
    }
    if (wonder_at_ && Clock::now() >= *wonder_at_) {
        wonder_at_.reset();
        options_.tell(
            fmt::format("connected to {}, which does not ask for the card: perhaps another card is in it",
                        options_.endpoint.text()));
    }
    if (!connected) {
        card_error_ = link_->error();
        SlotReader* const moved_by = options_.reader;
        const bool left = link_->card_left() && !leaving_;
        card_failed_ = card_error_ || (left && moved_by == nullptr);
        if (left && !card_failed_ && moved_by->left()) { // it can be put in again
            card_ = nullptr;
            options_.tell(fmt::format("the card has no answer, and is out of {}", reader()));
        }
        const bool wished = leaving_ || (moved_by != nullptr && moved_by->waiting());
        take_out(wished || card_ == nullptr);
    }
}

/// `wished`: by whoever moves cards, not by the reader.
void Slot::take_out(bool wished) {
    link_.reset();
    options_.moved(false);
    wonder_at_.reset();
    if (wished) {
        in_ = false;
        retry_at_ = Clock::now() + time_to_be_missed;
        pause_ = first_pause;
        return;
    }
    if (std::exchange(in_, false)) {
        lost_ = true;
        if (!card_failed_ && !finishing_) {
            options_.tell(fmt::format("{} is gone: waiting for it", reader()));
        }
    } else {
        ++failures_;
        trouble_ = "the connection ended before anybody asked for the card";
    }
    retry_at_ = Clock::now() + pause_;
    pause_ = std::min(pause_ * 2, longest_pause);
}

void Slot::finish() {
    finishing_ = true;
    listener_.reset();
    dialing_.reset();
    next_.reset();
    if (link_) {
        link_->finish();
    }
}

} // namespace cardrig::harness
