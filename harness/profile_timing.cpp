#include "harness/profile_parts.h"

#include "harness/quantity.h"

#include <chrono>
#include <map>
#include <span>

namespace cardrig::harness {

namespace {

using emulator::Algorithm;
using emulator::Timing;
using std::chrono::microseconds;
using namespace std::chrono_literals;

using Waits = std::map<Algorithm, microseconds>;

constexpr Algorithm every_algorithm[] = {
    Algorithm::rsa1024, Algorithm::rsa2048,    Algorithm::rsa3072, Algorithm::rsa4096, Algorithm::p256,
    Algorithm::p384,    Algorithm::triple_des, Algorithm::aes128,  Algorithm::aes192,  Algorithm::aes256};

Waits read_waits(const YamlValue& value, bool key_pairs_only) {
    YamlMapping mapping = value.mapping();
    Waits waits;
    for (const Algorithm algorithm : every_algorithm) {
        if (key_pairs_only && is_symmetric(algorithm)) {
            continue;
        }
        if (const auto item = mapping.take(emulator::profile_word(algorithm))) {
            waits[algorithm] = read_wait(*item);
        }
    }
    mapping.finish();
    return waits;
}

} // namespace

/// What a contact card of the years in which PIV spread takes, as to its order; no one product is meant.
Timing real_timing() {
    Timing timing;
    timing.command = 5ms;
    // ISO/IEC 7816-3: with TA1 = 95 a bit takes 512/16 = 32 clock cycles, and T=1 sends 11 bits a character:
    // 352 cycles, at 4 MHz 88 us.
    timing.byte = 88us;
    timing.memory_write = 3ms; // erasing and programming a page of EEPROM, as data sheets give it
    timing.generate = {{Algorithm::rsa1024, 2s},  {Algorithm::rsa2048, 7s}, {Algorithm::rsa3072, 25s},
                       {Algorithm::rsa4096, 60s}, {Algorithm::p256, 150ms}, {Algorithm::p384, 300ms}};
    // With the private exponent, work grows with the cube of an RSA key's length.
    timing.use = {{Algorithm::rsa1024, 40ms},   {Algorithm::rsa2048, 250ms}, {Algorithm::rsa3072, 800ms},
                  {Algorithm::rsa4096, 1900ms}, {Algorithm::p256, 90ms},     {Algorithm::p384, 180ms},
                  {Algorithm::triple_des, 2ms}, {Algorithm::aes128, 1ms},    {Algorithm::aes192, 1ms},
                  {Algorithm::aes256, 1ms}};
    return timing;
}

Timing read_timing(const YamlValue& value) {
    if (value.is_scalar()) {
        return value.word({"instant", "real"}) == "real" ? real_timing() : Timing{};
    }
    YamlMapping mapping = value.mapping();
    Timing timing;
    const auto wait = [&](std::string_view key, microseconds& out) {
        if (const auto item = mapping.take(key)) {
            out = read_wait(*item);
        }
    };
    wait("command", timing.command);
    wait("byte", timing.byte);
    wait("memory-write", timing.memory_write);
    if (const auto generate = mapping.take("generate")) {
        timing.generate = read_waits(*generate, true);
    }
    if (const auto use = mapping.take("use")) {
        timing.use = read_waits(*use, false);
    }
    mapping.finish();
    return timing;
}

} // namespace cardrig::harness
