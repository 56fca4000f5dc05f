#include "tests/benchmarks/duel.h"

#include "tests/benchmarks/stopwatch.h"

#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::benchmarks {

namespace {

double microseconds(const PcscClient::Connection& connection, const std::vector<Bytes>& commands) {
    const Stopwatch watch;
    static_cast<void>(send_all(connection, commands));
    return watch.seconds() * 1e6;
}

void require_success(const std::vector<Bytes>& answers) {
    const Bytes& last = answers.back();
    if (last[last.size() - 2] != 0x90) {
        throw std::runtime_error(fmt::format("the card answered {}", apdu::to_hex(last)));
    }
}

} // namespace

Duel::Duel(emulator::CardImage image)
    : card_(0, std::move(image), std::nullopt, trace_),
      rig_(std::vector<harness::RigReaderPlan>{{{}, &card_}, {{}, &instant_}}),
      to_card_(client_.connect(rig_.reader_name(0))), to_instant_(client_.connect(rig_.reader_name(1))) {}

Duel::Outcome Duel::fight(std::vector<Bytes> commands, std::size_t samples) {
    commands = with_get_responses(to_card_, std::move(commands));
    const std::vector<Bytes> answers = send_all(to_card_, commands);
    require_success(answers);
    instant_.will_answer(answers);
    std::vector<double> measured;
    std::vector<double> instant;
    for (std::size_t i = 0; i < samples; ++i) {
        // Each goes first every other time: what one leaves behind in caches and queues is even.
        if (i % 2 == 0) {
            measured.push_back(microseconds(to_card_, commands));
        }
        instant.push_back(microseconds(to_instant_, commands));
        if (i % 2 != 0) {
            measured.push_back(microseconds(to_card_, commands));
        }
    }
    require_success(send_all(to_card_, commands));
    return {Spread(std::move(measured)), Spread(std::move(instant))};
}

} // namespace cardrig::benchmarks
