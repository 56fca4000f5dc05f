#include "tests/harness/reader_stage.h"

#include "harness/rig/process_tree.h"
#include "harness/rig/unique_fd.h"
#include "tests/harness/reader_kinds.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <future>
#include <poll.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::test {

namespace {

using harness::ReaderKind;

/// For whatever is waited for; a call that takes longer hangs.
constexpr std::chrono::seconds limit{20};

void require(bool holds, const char* what) {
    if (!holds) {
        throw std::runtime_error(fmt::format("not within {} s: {}", limit.count(), what));
    }
}

} // namespace

void kill_private_daemon() {
    const std::vector<pid_t> processes = harness::descendants(0);
    const auto daemon =
        std::ranges::find_if(processes, [](pid_t process) { return harness::name_of(process) == "pcscd"; });
    if (daemon == processes.end()) {
        throw std::runtime_error("there is no private pcscd");
    }
    const harness::UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, *daemon, 0)));
    kill(*daemon, SIGKILL);
    pollfd ended{handle.get(), POLLIN, 0};
    const int milliseconds = static_cast<int>(std::chrono::milliseconds(limit).count());
    require(poll(&ended, 1, milliseconds) == 1, "the end of pcscd");
}

ReaderStage::ReaderStage(ReaderKind kind) : rig_({{"", &card_}}, of_kind(kind)) {
    const LONG connected = client_.connect(context_, reader_name());
    const std::string answered = client_.transmit(plain_command).name();
    if (connected != SCARD_S_SUCCESS || answered != "ok") {
        throw std::runtime_error(
            fmt::format("no card to begin with: {}, {}", result_name(connected), answered));
    }
}

EventWatch& ReaderStage::watch() {
    if (!watch_) {
        watch_ = std::make_unique<EventWatch>(reader_name());
    }
    return *watch_;
}

void ReaderStage::settle() {
    require(rig_.reader(0).settle(limit, [] {}), "all that was done has reached the clients");
}

/// What was done is seen before the next thing is done.
void ReaderStage::let_it_be_seen() {
    settle();
    if (watch_) {
        const std::size_t seen = ++steps_;
        require(watch_->wait_for(seen, limit), "the watching client has seen it");
    }
}

void ReaderStage::begin(Situation situation) {
    harness::Reader& reader = rig_.reader(0);
    switch (situation) {
    case Situation::removed_during_apdu:
    case Situation::removed:
        return reader.remove();
    case Situation::reinserted:
        return exchange_for(card_);
    case Situation::swapped:
        return exchange_for(other_card_);
    case Situation::mute_card:
        return exchange_for(mute_card_);
    case Situation::senseless_atr:
        return exchange_for(senseless_card_);
    case Situation::unresponsive:
        return card_.lose_power();
    case Situation::mute_at_reset:
        card_.fall_mute();
        return reset_by_another();
    case Situation::reset_by_another:
        return reset_by_another();
    case Situation::unplugged:
        return reader.unplug();
    case Situation::plugged_again:
        reader.unplug();
        let_it_be_seen();
        return reader.plug();
    case Situation::daemon_gone:
        return kill_private_daemon();
    }
}

void ReaderStage::exchange_for(GatedCard& card) {
    rig_.reader(0).remove();
    let_it_be_seen();
    rig_.reader(0).insert(card);
}

void ReaderStage::reset_by_another() {
    PcscCard other;
    const LONG connected = other.connect(other_context_, reader_name());
    if (connected != SCARD_S_SUCCESS) {
        throw std::runtime_error("the other client: " + result_name(connected));
    }
    static_cast<void>(other.reconnect(SCARD_RESET_CARD));
}

/// A card that says nothing any more leaves vpcd by itself; only pcscd knows when that has been seen.
void ReaderStage::wait_where_it_leaves(Situation situation) {
    if (rig_.kind() == ReaderKind::vpcd &&
        (situation == Situation::unresponsive || situation == Situation::mute_at_reset)) {
        require(EventWatch(reader_name()).wait_until_out(limit), "vpcd sees that the card is gone");
    }
}

void ReaderStage::bring_about(Situation situation) {
    begin(situation);
    wait_where_it_leaves(situation);
    if (situation != Situation::daemon_gone) {
        settle();
    }
}

std::string ReaderStage::bring_about_during_apdu(Situation situation) {
    return answer_of([&] {
        auto running =
            std::async(std::launch::async, [this] { return client_.transmit(held_command).name(); });
        require(card_.wait_until_holding(limit), "the command runs");
        if (situation == Situation::reset_by_another) {
            auto reset = std::async(std::launch::async, [this] { reset_by_another(); });
            card_.let_go(); // a reset waits for a command
            reset.get();
        } else {
            begin(situation);
        }
        const std::string answer = running.get();
        wait_where_it_leaves(situation);
        if (situation != Situation::daemon_gone) {
            settle();
        }
        return answer;
    });
}

std::string ReaderStage::answer_of(const std::function<std::string()>& call) {
    auto answer = std::async(std::launch::async, call);
    if (answer.wait_for(limit) == std::future_status::ready) {
        return answer.get();
    }
    card_.let_go();
    kill_private_daemon(); // then it returns, whatever it waits for
    answer.wait();
    return "hangs";
}

} // namespace cardrig::test
