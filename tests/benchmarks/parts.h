// The parts of the benchmark, each of which gives its figures in a fixed order.
#pragma once

#include "tests/benchmarks/figure.h"

#include <vector>

namespace cardrig::benchmarks {

/// Simple commands on a card in this process.
[[nodiscard]] std::vector<Figure> in_process(const Effort& effort);
/// Commands through pcscd and the rig's reader, against a card that answers at once.
[[nodiscard]] std::vector<Figure> round_trips(const Effort& effort);
/// Signatures through pcscd and the rig's reader, against `openssl speed` and such a card.
[[nodiscard]] std::vector<Figure> signatures(const Effort& effort);
/// GENERATE ASYMMETRIC KEY PAIR against OpenSSL's key generation with the same random numbers.
[[nodiscard]] std::vector<Figure> key_generation(const Effort& effort);
/// From `cardrig serve` to its first ATR, and its memory then.
[[nodiscard]] std::vector<Figure> serve_start(const Effort& effort);
/// The rig's own reader and vpcd, side by side.
[[nodiscard]] std::vector<Figure> readers(const Effort& effort);
/// The memory phase of a sweep, against looking at each crash image by itself.
[[nodiscard]] std::vector<Figure> crash_images(const Effort& effort);
/// From `cardrig exec` to the start of the client, and where the time goes.
[[nodiscard]] std::vector<Figure> exec_start(const Effort& effort);

} // namespace cardrig::benchmarks
