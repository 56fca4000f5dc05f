#include "harness/files.h"
#include "harness/rig.h"
#include "harness/rigged_card.h"
#include "tests/benchmarks/cards.h"
#include "tests/benchmarks/folder.h"
#include "tests/benchmarks/parts.h"
#include "tests/benchmarks/processes.h"
#include "tests/benchmarks/stopwatch.h"

#include <charconv>
#include <functional>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace cardrig::benchmarks {

namespace {

double monotonic_milliseconds() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

/// What the stamp printed, in milliseconds.
double milliseconds_in(const std::string& text) {
    long long nanoseconds = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), nanoseconds).ec != std::errc{}) {
        throw std::runtime_error(fmt::format("no time in '{}'", text));
    }
    return static_cast<double>(nanoseconds) * 1e-6;
}

/// From nothing to the first line of the command's main().
double until_started(const std::vector<std::string>& argv) {
    const double begin = monotonic_milliseconds();
    return milliseconds_in(output_of(argv)) - begin;
}

/// The rig's own parts, in this process: how long until readers are there, a card is seen, a client runs.
std::vector<Figure> phases_in_rig(const Effort& effort, const std::string& stamp) {
    std::vector<double> stands;
    std::vector<double> sees;
    std::vector<double> runs;
    for (std::size_t i = 0; i < effort.samples(15); ++i) {
        for (const bool card_in : {false, true}) {
            InstantCard card;
            const Stopwatch watch;
            harness::Rig rig(std::vector<harness::RigReaderPlan>{{{}, card_in ? &card : nullptr}});
            (card_in ? sees : stands).push_back(watch.seconds() * 1e3);
            if (!card_in) {
                continue;
            }
            std::string printed;
            harness::ClientCommand client;
            client.argv = {stamp};
            client.on_output = [&printed](std::string_view chunk) { printed += chunk; };
            const double begin = monotonic_milliseconds();
            static_cast<void>(rig.run(client));
            runs.push_back(milliseconds_in(printed) - begin);
        }
    }
    const auto figure = [](const char* name, std::vector<double> values, const char* note) {
        return Figure{"exec", name, "ms", Spread(std::move(values)), std::nullopt, std::nullopt, note};
    };
    return {
        figure("of that: namespaces, pcscd, readers there", std::move(stands), "Rig with no card in"),
        figure("of that: the same, and a card seen", std::move(sees), "Rig with a card in from the start"),
        figure("of that: the client's process", std::move(runs), "from Rig::run to its main()")};
}

} // namespace

std::vector<Figure> exec_start(const Effort& effort) {
    constexpr Aim sixty{Aim::Of::value, Aim::Bound::at_most, 60};
    const Folder folder;
    const std::string image = folder.file("card.image");
    const Bytes serialized = staff_card().serialize();
    harness::write_file(image, serialized);
    const std::size_t samples = effort.samples(21);
    const auto exec = [&](const std::string& card) {
        return repeat(samples, [&] {
            return until_started({effort.command, "exec", "--card", card, "--", effort.stamp});
        });
    };
    const Spread bare = repeat(samples, [&] { return until_started({effort.stamp}); });
    const Floor floor{bare, "the command by itself"};
    std::vector<Figure> figures{
        {"exec", "start to command's start, card image", "ms", exec(image), floor, sixty, ""},
        {"exec", "start to command's start, profile", "ms", exec("piv-staff"), floor, sixty,
         "test keys from the key cache"},
        {"exec", "of that: cardrig itself", "ms",
         repeat(samples,
                [&] { return timed([&] {
                          static_cast<void>(output_of({effort.command, "--version"}));
                      }); }),
         std::nullopt, std::nullopt, "cardrig --version, from start to end"},
        {"exec", "of that: reading a card image", "ms",
         repeat(samples,
                [&] { return timed([&] { static_cast<void>(emulator::CardImage::parse(serialized)); }); }),
         std::nullopt, std::nullopt, "CardImage::parse"},
        {"exec", "of that: making a card from its profile", "ms",
         repeat(samples, [] { return timed([] { static_cast<void>(staff_card()); }); }), std::nullopt,
         std::nullopt, "certificates signed anew, keys from the cache"}};
    for (Figure& figure : phases_in_rig(effort, effort.stamp)) {
        figures.push_back(std::move(figure));
    }
    return figures;
}

} // namespace cardrig::benchmarks
