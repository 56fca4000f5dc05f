// A card's memory, filled from outside.
#pragma once

#include "emulator/object_store.h"

#include <cstdint>

namespace cardrig::harness {

/// Takes up memory until `leaving` bytes, rounded up to whole pages, are free for objects; where fewer are
/// free already, nothing happens. What an earlier call took up is given back first. The objects that it is
/// taken up by have numbers that no application has, and stay on the card.
void fill_memory(emulator::ObjectStore& store, std::uint32_t page_size, std::uint32_t leaving);

} // namespace cardrig::harness
