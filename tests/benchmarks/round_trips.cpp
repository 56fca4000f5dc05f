#include "tests/benchmarks/duel.h"
#include "tests/benchmarks/parts.h"
#include "tests/emulator/piv_card.h"

#include <array>
#include <string>
#include <string_view>

namespace cardrig::benchmarks {

namespace {

struct Exchange {
    std::string_view name;
    std::string_view command;
    std::string_view note;
};

constexpr apdu::Tag small_object = 0x5FC106;
constexpr apdu::Tag large_object = 0x5FC101;

constexpr std::array exchanges{
    Exchange{"SELECT", "00A4040009A0000003080000100000", "1 command"},
    Exchange{"VERIFY", "0020008008313233343536FFFF", "1 command, the right passcode, two counter writes"},
    Exchange{"256-byte object", "00CB3FFF055C035FC10600", "1 command"},
    Exchange{"2,000-byte object, extended length", "00CB3FFF0000055C035FC1010000", "1 command"},
    Exchange{"2,000-byte object, GET RESPONSE", "00CB3FFF055C035FC10100", "8 commands: 61xx, 256 bytes each"},
};

} // namespace

std::vector<Figure> round_trips(const Effort& effort) {
    emulator::CardImage image = staff_card();
    put_object(image, small_object, Bytes(253, 0x5A)); // 256 and 2,000 with tag and length
    put_object(image, large_object, Bytes(1996, 0x5A));
    Duel duel(std::move(image));
    std::vector<Figure> figures;
    for (const Exchange& each : exchanges) {
        const Duel::Outcome outcome = duel.fight({tests::hex(each.command)}, effort.samples(3000));
        figures.push_back({"round-trip", std::string(each.name), "us", outcome.measured,
                           Floor{outcome.instant, "a card that answers at once, same lengths"},
                           Aim{Aim::Of::ratio, Aim::Bound::at_most, 1.05}, std::string(each.note)});
    }
    return figures;
}

} // namespace cardrig::benchmarks
