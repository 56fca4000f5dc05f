#include "harness/rigged_card.h"
#include "tests/benchmarks/cards.h"
#include "tests/benchmarks/parts.h"
#include "tests/benchmarks/stopwatch.h"
#include "tests/emulator/piv_card.h"

#include <array>
#include <functional>
#include <string>
#include <string_view>

namespace cardrig::benchmarks {

namespace {

using apdu::Bytes;
using apdu::ByteView;

struct SimpleCommand {
    std::string_view name;
    std::string_view hex;
};

constexpr std::array simple_commands{
    SimpleCommand{"SELECT", "00A4040009A0000003080000100000"},
    SimpleCommand{"VERIFY without data", "00200080"},
    SimpleCommand{"GET DATA, discovery object", "00CB3FFF035C017E00"},
    SimpleCommand{"GET DATA, 64-byte object", "00CB3FFF055C035FC10600"},
};

constexpr std::size_t batch = 20'000;

/// Commands in one second of one core, by batches.
Spread rate(const Effort& effort, const std::function<void()>& command) {
    std::vector<double> rates;
    const std::size_t commands = effort.brief ? 10 : batch;
    for (std::size_t i = 0; i < effort.samples(25); ++i) {
        const double begin = thread_seconds();
        for (std::size_t n = 0; n < commands; ++n) {
            command();
        }
        rates.push_back(static_cast<double>(commands) / (thread_seconds() - begin));
    }
    return Spread(std::move(rates));
}

} // namespace

std::vector<Figure> in_process(const Effort& effort) {
    constexpr Aim two_million{Aim::Of::value, Aim::Bound::at_least, 2e6};
    constexpr apdu::Tag object = 0x5FC106;
    std::vector<Figure> figures;
    emulator::CardImage image = staff_card();
    put_object(image, object, Bytes(62, 0x5A));
    tests::Setup setup;
    setup.config = image.config;
    emulator::MemoryNvm memory(image.config.geometry, image.memory);
    tests::CardSession session(setup);
    if (const auto on = session.power_on(memory); !on) {
        throw std::runtime_error(on.error().message);
    }
    Bytes answer;
    for (const SimpleCommand& command : simple_commands) {
        const Bytes bytes = tests::hex(command.hex);
        figures.push_back({"in-process", std::string(command.name), "/s",
                           rate(effort, [&] { session.card().transmit(bytes, answer); }), std::nullopt,
                           two_million, "Card::transmit into a buffer used again; time of one core"});
    }
    const Bytes select = tests::hex(simple_commands.front().hex);
    for (const bool traced : {false, true}) {
        harness::Trace trace(false, harness::Trace::Keep::nothing);
        std::size_t characters = 0;
        if (traced) {
            trace.set_listener([&characters](const harness::TraceEvent& event) {
                characters += event.to_json().dump().size();
            });
        }
        harness::RiggedCard card(0, image, std::nullopt, trace);
        card.power_on();
        figures.push_back({"in-process",
                           traced ? "SELECT in the rig, traced" : "SELECT in the rig, not traced", "/s",
                           rate(effort, [&] { static_cast<void>(card.transmit(select)); }), std::nullopt,
                           std::nullopt, "RiggedCard: decoded for faults, and each event made into a line"});
        if (traced && characters == 0) {
            throw std::logic_error("nothing was traced");
        }
    }
    return figures;
}

} // namespace cardrig::benchmarks
