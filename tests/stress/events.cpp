// stress_events [PAIRS]: so many insertions and removals in the rig's reader while a client waits, once in
// step with the client and once as fast as they go; none may be lost. README.md here says how that is seen.
#include "harness/rig.h"
#include "tests/harness/gated_card.h"
#include "tests/harness/pcsc.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace {

using namespace cardrig::test;
namespace harness = cardrig::harness;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds limit{20};

/// A line that is written over at a terminal; elsewhere one every tenth.
class Progress final {
public:
    Progress(const char* what, std::size_t all) : what_(what), all_(all) {}
    void done(std::size_t count) {
        const bool terminal = isatty(STDERR_FILENO) != 0;
        const std::size_t step = std::max<std::size_t>(1, all_ / (terminal ? 100 : 10));
        if (count % step == 0 || count == all_) {
            fmt::print(stderr, "{}{}: {} of {}{}", terminal ? "\r" : "", what_, count, all_,
                       terminal && count != all_ ? "" : "\n");
        }
    }

private:
    const char* what_;
    std::size_t all_;
};

unsigned moved_by(unsigned before, unsigned after) {
    return (after - before) & 0xFFFFU; // pcscd's count has 16 bits
}

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Each move is made when the client has seen the one before it: it must see every single state.
bool in_step(harness::Rig& rig, GatedCard& card, std::size_t pairs) {
    Progress progress("in step", pairs);
    EventWatch watch(rig.reader_name(0));
    std::vector<double> milliseconds;
    for (std::size_t move = 1; move <= 2 * pairs; ++move) {
        const auto begin = Clock::now();
        move % 2 != 0 ? rig.reader(0).insert(card) : rig.reader(0).remove();
        if (!watch.wait_for(move, limit)) {
            fmt::print("in step: LOST: move {} was not seen within {} s\n", move, limit.count());
            return false;
        }
        milliseconds.push_back(seconds_since(begin) * 1e3);
        if (move % 2 == 0) {
            progress.done(move / 2);
        }
    }
    const std::vector<EventWatch::Event> events = watch.finish();
    std::size_t wrong = events.size() == 2 * pairs ? 0 : 1;
    unsigned count = watch.first().count();
    for (std::size_t i = 0; i < events.size(); ++i) {
        const bool inserted = i % 2 == 0;
        const bool right = events[i].result == SCARD_S_SUCCESS && events[i].present() == inserted &&
                           moved_by(count, events[i].count()) == 1;
        wrong += right ? 0 : 1;
        count = events[i].count();
    }
    std::ranges::sort(milliseconds);
    fmt::print(
        "in step: {} insertions and {} removals made, {} states seen, {} of them not the one that was due; "
        "median {:.2f} ms, slowest {:.1f} ms\n",
        pairs, pairs, events.size(), wrong, milliseconds[pairs], milliseconds.back());
    return wrong == 0;
}

/// Nothing is waited for but, now and then, that all has reached the clients: then the daemon must have
/// counted every move, and the waiting client must have seen the last state. What it sees in between it sees
/// when it gets round to looking, by PC/SC's rules.
bool at_full_speed(harness::Rig& rig, GatedCard& card, std::size_t pairs) {
    constexpr std::size_t batch = 50;
    Progress progress("at full speed", pairs);
    EventWatch watch(rig.reader_name(0));
    const PcscContext context;
    const auto begin = Clock::now();
    unsigned count = watch.first().count();
    std::size_t counted = 0;
    std::size_t made = 0;
    while (made < pairs) {
        const std::size_t now = std::min(batch, pairs - made);
        for (std::size_t i = 0; i < now; ++i) {
            rig.reader(0).insert(card);
            rig.reader(0).remove();
        }
        made += now;
        if (!rig.reader(0).settle(limit, [] {})) {
            fmt::print("at full speed: LOST: not all of {} moves reached the clients within {} s\n", 2 * made,
                       limit.count());
            return false;
        }
        const EventWatch::Event at{SCARD_S_SUCCESS, context.state_of(rig.reader_name(0))};
        counted += moved_by(count, at.count());
        count = at.count();
        if (at.present() || counted != 2 * made) {
            fmt::print("at full speed: LOST: {} moves made, {} counted, the card is {}\n", 2 * made, counted,
                       at.present() ? "in" : "out");
            return false;
        }
        progress.done(made);
    }
    const double seconds = seconds_since(begin);
    const std::vector<EventWatch::Event> events = watch.finish();
    const bool last_seen = !events.empty() && !events.back().present() && events.back().count() == count;
    const auto insertions = std::ranges::count_if(events, [](const auto& event) { return event.present(); });
    fmt::print("at full speed: {} insertions and {} removals made, {} counted; the waiting client looked {} "
               "times, saw "
               "the card in {} times, and the last state{}; {:.2f} ms a move\n",
               pairs, pairs, counted, events.size(), insertions, last_seen ? "" : " NOT",
               seconds * 1e3 / static_cast<double>(2 * pairs));
    return last_seen;
}

int prove(std::size_t pairs) {
    GatedCard card;
    harness::Rig rig({{"", nullptr}}, {});
    const bool stepped = in_step(rig, card, pairs);
    const bool fast = at_full_speed(rig, card, pairs);
    fmt::print("events: {}\n", stepped && fast ? "none lost" : "NOT proved");
    return stepped && fast ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    std::size_t pairs = 10'000;
    CLI::App app("Inserts and removes a card while a client waits, and proves that nothing is lost.");
    app.add_option("pairs", pairs, "insertions and removals, of each so many and that twice; 10000")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return prove(pairs);
    } catch (const std::exception& error) {
        fmt::print(stderr, "stress_events: {}\n", error.what());
        return 3;
    }
}
