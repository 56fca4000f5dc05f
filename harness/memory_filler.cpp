#include "harness/memory_filler.h"

#include <algorithm>
#include <stdexcept>

namespace cardrig::harness {

namespace {

/// Above all numbers of emulator/piv/piv_memory.h.
constexpr std::uint32_t first_filler = 0x7F00'0000;
/// So that no page of it is mistaken for an erased one.
constexpr std::uint8_t filling = 0x5A;

bool is_filler(emulator::ObjectId id) {
    return static_cast<std::uint32_t>(id) >= first_filler;
}

void erase_fillers(emulator::ObjectStore& store) {
    emulator::Transaction transaction = store.begin();
    for (const emulator::ObjectId id : store.objects()) {
        if (is_filler(id)) {
            transaction.erase(id);
        }
    }
    if (transaction.commit() != emulator::CommitResult::committed) {
        throw std::logic_error("a card's memory is too full for erasing from it");
    }
}

} // namespace

void fill_memory(emulator::ObjectStore& store, std::uint32_t page_size, std::uint32_t leaving) {
    erase_fillers(store);
    const std::uint32_t free = store.free_bytes();
    // An object fills whole pages.
    std::uint32_t rest = free > leaving ? (free - leaving) / page_size * page_size : 0;
    std::uint32_t most = rest;
    for (std::uint32_t number = first_filler; rest > 0 && most > 0;) {
        const std::uint32_t size = std::min(rest, most);
        emulator::Transaction transaction = store.begin();
        transaction.put(emulator::ObjectId{number}, apdu::Bytes(size, filling));
        if (transaction.commit() == emulator::CommitResult::committed) {
            rest -= size;
            ++number;
        } else {
            most = size / 2 / page_size * page_size; // more than one change takes
        }
    }
}

} // namespace cardrig::harness
