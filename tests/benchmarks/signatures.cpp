#include "emulator/crypto.h"
#include "emulator/environment.h"
#include "tests/benchmarks/duel.h"
#include "tests/benchmarks/parts.h"
#include "tests/benchmarks/processes.h"
#include "tests/benchmarks/stopwatch.h"

#include <array>
#include <charconv>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace cardrig::benchmarks {

namespace {

using emulator::Algorithm;

struct Kind {
    std::string_view name;
    Algorithm algorithm;
    emulator::piv::KeyReference slot;
    std::string speed_word; ///< what `openssl speed` calls it
    std::size_t input_size; ///< bytes to be signed
};

const std::array kinds{
    Kind{"RSA 2048 signature", Algorithm::rsa2048, emulator::piv::key_management_key, "rsa2048", 256},
    Kind{"P-256 signature", Algorithm::p256, emulator::piv::card_authentication_key, "ecdsap256", 32},
};

/// GENERAL AUTHENTICATE in blocks of 255 bytes, as clients send it (SP 800-73-4 part 2, 3.2.4).
std::vector<Bytes> signing_commands(const Kind& kind) {
    Bytes inner{0x82, 0x00};
    Bytes input(kind.input_size, 0x5A);
    input.front() = 0x00; // below the modulus
    apdu::append_tlv(inner, 0x81, input);
    const Bytes data = apdu::make_tlv(0x7C, inner);
    std::vector<Bytes> commands;
    ByteView rest = data;
    while (!rest.empty()) {
        const ByteView block = rest.first(std::min<std::size_t>(rest.size(), 255));
        rest = rest.subspan(block.size());
        const std::uint8_t cla = rest.empty() ? 0x00 : 0x10;
        const std::optional<std::uint32_t> ne = rest.empty() ? std::optional(256U) : std::nullopt;
        commands.push_back(apdu::CommandApdu(cla, 0x87, static_cast<std::uint8_t>(kind.algorithm), kind.slot,
                                             Bytes(block.begin(), block.end()), ne)
                               .encode());
    }
    return commands;
}

/// Microseconds a signature, as `openssl speed` has it: the machine-readable line is
/// +F2:number:bits:signatures a second:verifications a second, for ECDSA +F4.
double openssl_speed(const Kind& kind) {
    const std::string text = output_of({"openssl", "speed", "-mr", "-seconds", "1", kind.speed_word});
    const std::string_view line_begin = kind.algorithm == Algorithm::p256 ? "+F4:" : "+F2:";
    std::size_t at = text.find(line_begin);
    for (int field = 0; field < 3 && at != std::string::npos; ++field) {
        at = text.find(':', at) + 1;
    }
    double rate = 0;
    if (at == std::string::npos ||
        std::from_chars(text.data() + at, text.data() + text.size(), rate).ec != std::errc{} || rate <= 0) {
        throw std::runtime_error(fmt::format("openssl speed {} printed no time: {}", kind.speed_word, text));
    }
    return 1e6 / rate;
}

Bytes pkcs8_of(Algorithm algorithm) {
    emulator::CryptoContext crypto;
    return emulator::FreshKeys().generate(crypto, algorithm).to_der();
}

Figure measure(Duel& duel, const Kind& kind, const Effort& effort) {
    std::vector<double> speed;
    std::vector<double> measured;
    std::vector<double> instant;
    const std::size_t rounds = effort.brief ? 1 : 4;
    for (std::size_t round = 0; round < rounds; ++round) {
        speed.push_back(openssl_speed(kind));
        const Duel::Outcome outcome = duel.fight(signing_commands(kind), effort.samples(400));
        measured.insert(measured.end(), outcome.measured.samples().begin(), outcome.measured.samples().end());
        instant.insert(instant.end(), outcome.instant.samples().begin(), outcome.instant.samples().end());
    }
    const double alone = Spread(speed).median();
    const Spread link(std::move(instant));
    return {"signature",
            std::string(kind.name),
            "us",
            Spread(std::move(measured)),
            Floor{alone + link.median(), alone + link.at(10),
                  fmt::format("openssl speed ({:.1f} us) + a card that answers at once ({:.1f} us)", alone,
                              link.median())},
            Aim{Aim::Of::ratio, Aim::Bound::at_most, 1.05},
            "all commands of the exchange together"};
}

} // namespace

std::vector<Figure> signatures(const Effort& effort) {
    emulator::CardImage image = staff_card();
    for (const Kind& kind : kinds) {
        put_key(image, kind.slot, kind.algorithm, pkcs8_of(kind.algorithm));
    }
    Duel duel(std::move(image));
    std::vector<Figure> figures;
    for (const Kind& kind : kinds) {
        figures.push_back(measure(duel, kind, effort));
    }
    return figures;
}

} // namespace cardrig::benchmarks
