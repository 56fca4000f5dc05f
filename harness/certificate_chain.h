// Whether a certificate is really the issuer's, and not one that somebody signed himself.
#pragma once

#include "emulator/card_image.h"

#include <string>

namespace cardrig::harness {

/// Whether the issuer's key signed it, and it names the issuer. False where either cannot be read.
/// `issuer`: its certificate, PEM.
[[nodiscard]] bool issued_by(const emulator::Bytes& certificate, const std::string& issuer);

} // namespace cardrig::harness
