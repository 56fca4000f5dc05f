// What a trace may show of an APDU whose data is secret.
#pragma once

#include "apdu/decoder.h"

#include <string>

namespace cardrig::harness {

/// The command in hex; header, Lc and ".." where its data is secret. What is malformed shows its header
/// alone: nobody knows what the rest is.
[[nodiscard]] std::string show_command(apdu::ByteView bytes, const apdu::DecodedCommand& decoded,
                                       bool show_secrets);
/// The answer in hex; ".." and the status word where its data is secret.
[[nodiscard]] std::string show_response(apdu::ByteView bytes, const apdu::DecodedCommand& decoded,
                                        bool show_secrets);

} // namespace cardrig::harness
