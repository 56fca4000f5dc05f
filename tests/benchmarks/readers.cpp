#include "harness/files.h"
#include "harness/rig.h"
#include "tests/benchmarks/cards.h"
#include "tests/benchmarks/folder.h"
#include "tests/benchmarks/parts.h"
#include "tests/benchmarks/pcsc_client.h"
#include "tests/benchmarks/processes.h"
#include "tests/benchmarks/stopwatch.h"

#include <functional>
#include <future>
#include <poll.h>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace cardrig::benchmarks {

namespace {

using harness::ReaderKind;

constexpr const char* renewal = CARDRIG_SOURCE_DIR "/scenarios/tools/in-window.yaml";

/// The same card, and a client that does nothing.
constexpr const char* idle_scenario = R"(title: Nothing
shows: what the rig itself takes
card: {profile: piv-staff, set: {certificates.9A.expires: 30 days, certificates.9C.expires: 30 days}}
client: {command: ["true"]}
expect: {exit: success}
)";

struct Measured {
    std::vector<double> insertion; ///< milliseconds
    std::vector<double> removal;
    std::vector<double> round_trip; ///< microseconds
    std::vector<double> reset;
    std::vector<double> start; ///< milliseconds
    std::vector<double> exec;
    std::vector<double> run;
    std::vector<double> idle_run;
};

/// Lets some time pass, so that a client really waits, and so that what comes then comes at any moment of
/// pcscd's 400 milliseconds between two looks.
void let_time_pass(std::minstd_rand& chance) {
    poll(nullptr, 0, std::uniform_int_distribution(1, 400)(chance));
}

/// Milliseconds from a move until SCardGetStatusChange has told a client that waits in it.
double until_told(const std::string& reader, bool present, std::minstd_rand& chance,
                  const std::function<void()>& move) {
    const PcscClient client;
    std::promise<void> waits;
    auto told = std::async(std::launch::async, [&] {
        waits.set_value();
        client.wait_for_card(reader, present);
        return std::chrono::steady_clock::now();
    });
    waits.get_future().wait();
    let_time_pass(chance);
    const auto begin = std::chrono::steady_clock::now();
    move();
    return std::chrono::duration<double, std::milli>(told.get() - begin).count();
}

/// One rig from its start to its end.
void measure_rig(ReaderKind kind, const Effort& effort, std::minstd_rand& chance, Measured& measured) {
    InstantCard card;
    harness::RigOptions options;
    options.kind = kind;
    const Stopwatch watch;
    harness::Rig rig({{"", &card}}, options);
    measured.start.push_back(watch.seconds() * 1e3);
    const std::string reader = rig.reader_name(0);
    {
        PcscClient client;
        const PcscClient::Connection connection = client.connect(reader);
        for (std::size_t i = 0; i < effort.samples(500); ++i) {
            measured.round_trip.push_back(
                1e3 * timed([&] {
                    static_cast<void>(connection.transmit(Bytes{0x00, 0xA4, 0x04, 0x00}));
                }));
        }
        for (std::size_t i = 0; i < effort.samples(50); ++i) {
            measured.reset.push_back(1e3 * timed([&] { connection.reset(); }));
        }
    }
    for (std::size_t i = 0; i < effort.samples(5); ++i) {
        measured.removal.push_back(until_told(reader, false, chance, [&] { rig.reader(0).remove(); }));
        measured.insertion.push_back(until_told(reader, true, chance, [&] { rig.reader(0).insert(card); }));
    }
}

Figure figure(const char* name, const char* unit, std::vector<double> on_rig, std::vector<double> on_vpcd,
              std::optional<Aim> aim, const std::string& note) {
    const Spread rig(std::move(on_rig));
    const Spread vpcd(std::move(on_vpcd));
    const std::string tails = fmt::format("90th percentile {:.3g}, vpcd's {:.3g}", rig.at(90), vpcd.at(90));
    return {"readers",
            name,
            unit,
            rig,
            Floor{vpcd, "the same through vpcd"},
            aim,
            note.empty() ? tails : note + "; " + tails};
}

} // namespace

std::vector<Figure> readers(const Effort& effort) {
    const Folder folder;
    const std::string image = folder.file("card.image");
    harness::write_file(image, staff_card().serialize());
    const std::string idle = folder.file("idle.yaml");
    harness::write_file(idle, std::string_view(idle_scenario));
    std::minstd_rand chance(1);
    Measured rig;
    Measured vpcd;
    for (std::size_t i = 0; i < effort.samples(7); ++i) {
        for (const ReaderKind kind : {ReaderKind::rig, ReaderKind::vpcd}) {
            Measured& measured = kind == ReaderKind::rig ? rig : vpcd;
            const std::string name = kind == ReaderKind::rig ? "rig" : "vpcd";
            measure_rig(kind, effort, chance, measured);
            measured.exec.push_back(timed([&] {
                static_cast<void>(output_of(
                    {effort.command, "exec", "--reader", name, "--card", image, "--", "opensc-tool", "-n"}));
            }));
            const auto run = [&](const std::string& scenario) {
                return timed([&] {
                    static_cast<void>(output_of({effort.command, "run", "--reader", name, scenario}));
                });
            };
            measured.run.push_back(run(renewal));
            measured.idle_run.push_back(run(idle));
        }
    }
    const auto at_most = [](double value, Aim::Of of = Aim::Of::value) {
        return Aim{of, Aim::Bound::at_most, value};
    };
    return {
        figure("insertion until a waiting client is told", "ms", rig.insertion, vpcd.insertion, at_most(2),
               ""),
        figure("removal until a waiting client is told", "ms", rig.removal, vpcd.removal, at_most(2), ""),
        figure("round trip of an APDU", "us", rig.round_trip, vpcd.round_trip, at_most(1, Aim::Of::ratio),
               "a card that answers at once"),
        figure("reset, SCardReconnect", "us", rig.reset, vpcd.reset, std::nullopt, ""),
        figure("start to a card that clients see", "ms", rig.start, vpcd.start, std::nullopt, "Rig"),
        figure("cardrig exec of opensc-tool -n", "ms", rig.exec, vpcd.exec, at_most(120), "all of it"),
        figure("cardrig run of a renewal", "ms", rig.run, vpcd.run, at_most(500),
               "in-window.yaml, all of it"),
        figure("of that: the rig itself", "ms", rig.idle_run, vpcd.idle_run, std::nullopt,
               "a client that does nothing"),
    };
}

} // namespace cardrig::benchmarks
