#include "tests/benchmarks/cards.h"

#include "emulator/object_store.h"
#include "harness/profile.h"

#include <chrono>
#include <functional>
#include <stdexcept>
#include <utility>

namespace cardrig::benchmarks {

namespace {

void put(emulator::CardImage& image, emulator::ObjectId id, Bytes content) {
    emulator::MemoryNvm memory(image.config.geometry, std::move(image.memory));
    const auto store = emulator::ObjectStore::mount(memory);
    if (!store) {
        throw std::runtime_error(store.error().message);
    }
    emulator::Transaction transaction = (*store)->begin();
    transaction.put(id, std::move(content));
    if (transaction.commit() != emulator::CommitResult::committed) {
        throw std::runtime_error("the card's memory is too small");
    }
    image.memory = memory.bytes();
}

} // namespace

emulator::CardImage staff_card() {
    harness::MakeOptions options;
    options.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return harness::open_card("piv-staff", options);
}

void put_object(emulator::CardImage& image, apdu::Tag tag, Bytes content) {
    put(image, emulator::piv::data_object(tag), std::move(content));
}

void put_key(emulator::CardImage& image, emulator::piv::KeyReference slot, emulator::Algorithm algorithm,
             Bytes pkcs8) {
    constexpr std::uint8_t never_asks = 1;
    const emulator::piv::StoredKey key{algorithm, emulator::piv::KeyOrigin::imported, never_asks,
                                       std::move(pkcs8)};
    put(image, emulator::piv::key_object(slot), key.encode());
}

void InstantCard::will_answer(std::vector<Bytes> answers) {
    const std::scoped_lock lock(mutex_);
    answers_ = std::move(answers);
    next_ = 0;
}

Bytes InstantCard::atr() {
    return {0x3B, 0x80, 0x80, 0x01, 0x01}; // T=1, as the staff card
}

harness::Answer InstantCard::transmit(ByteView /*command*/) {
    const std::scoped_lock lock(mutex_);
    const Bytes& answer = answers_.at(next_);
    next_ = (next_ + 1) % answers_.size();
    return answer;
}

} // namespace cardrig::benchmarks
