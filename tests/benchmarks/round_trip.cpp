// How long an APDU takes from SCardTransmit through the private pcscd and vpcd to a card and back, how long a
// rig takes to stand, and a card to be seen. Prints JSON. With a card's name (`round_trip piv-staff`) that
// card answers, else one that answers at once.
#include "harness/profile.h"
#include "harness/rig.h"
#include "harness/rigged_card.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <winscard.h>

namespace {

using namespace cardrig::harness;
using Clock = std::chrono::steady_clock;

constexpr int round_trips = 2000;
constexpr int starts = 20;

class InstantCard final : public ReaderCard {
public:
    void power_on() override {}
    void power_off() override {}
    void reset() override {}
    Bytes atr() override { return {0x3B, 0x80, 0x80, 0x01, 0x01}; }
    std::optional<Bytes> transmit(ByteView) override { return Bytes{0x90, 0x00}; }
};

double since(Clock::time_point begin, double scale) {
    return std::chrono::duration<double>(Clock::now() - begin).count() * scale;
}

nlohmann::json summary(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto at = [&values](std::size_t percent) { return values[(values.size() - 1) * percent / 100]; };
    return {{"n", values.size()},
            {"min", values.front()},
            {"median", at(50)},
            {"p90", at(90)},
            {"max", values.back()}};
}

void check(LONG result) {
    if (result != SCARD_S_SUCCESS) {
        throw std::runtime_error(pcsc_stringify_error(result));
    }
}

/// Microseconds of each SCardTransmit of an APDU that changes nothing.
std::vector<double> measure_round_trips(const std::string& reader) {
    SCARDCONTEXT context = 0;
    SCARDHANDLE card = 0;
    DWORD protocol = 0;
    check(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context));
    check(SCardConnect(context, reader.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                       &card, &protocol));
    const Bytes command{0x00, 0xCA, 0x00, 0x00, 0x00};
    std::vector<double> values;
    for (int i = 0; i < round_trips; ++i) {
        Bytes answer(258);
        auto size = static_cast<DWORD>(answer.size());
        const auto begin = Clock::now();
        check(SCardTransmit(card, protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1, command.data(),
                            command.size(), nullptr, answer.data(), &size));
        values.push_back(since(begin, 1e6));
        if (size < 2) {
            throw std::runtime_error("a round trip without an answer");
        }
    }
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    SCardReleaseContext(context);
    return values;
}

/// Milliseconds until a card is visible, from nothing.
std::vector<double> measure_starts(ReaderCard& card, bool card_in) {
    std::vector<double> values;
    for (int i = 0; i < starts; ++i) {
        const auto begin = Clock::now();
        RigOptions options;
        options.cards_in = card_in;
        Rig rig({&card}, options);
        if (!card_in) {
            rig.insert(0);
        }
        values.push_back(since(begin, 1e3));
    }
    return values;
}

int measure(const std::string& name) {
    Trace trace;
    std::unique_ptr<ReaderCard> card = std::make_unique<InstantCard>();
    if (!name.empty()) {
        MakeOptions options;
        options.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        card = std::make_unique<RiggedCard>(0, open_card(name, options), std::nullopt, trace);
    }
    nlohmann::json result{{"card", name.empty() ? "answers at once" : name}};
    result["start with card in, ms"] = summary(measure_starts(*card, true));
    result["start, then insert, ms"] = summary(measure_starts(*card, false));
    RigOptions options;
    options.cards_in = true;
    Rig rig({card.get()}, options);
    result["round trip, us"] = summary(measure_round_trips(rig.reader_name(0)));
    fmt::print("{}\n", result.dump(2));
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return measure(argc > 1 ? argv[1] : "");
    } catch (const std::exception& error) {
        fmt::print(stderr, "round_trip: {}\n", error.what());
        return 1;
    }
}
