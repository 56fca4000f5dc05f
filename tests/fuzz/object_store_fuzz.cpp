// Any memory is an object store or is refused with a reason; a store that was mounted can be read and
// written, and is there again after the next power-on.
#include "emulator/object_store.h"
#include "tests/fuzz/memory_patches.h"
#include "tests/fuzz/property.h"

namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using apdu::ByteView;
using emulator::CounterId;
using emulator::ObjectId;
using emulator::ObjectStore;

namespace {

/// 4 KiB: small, so that an input soon meets what matters.
constexpr emulator::NvmGeometry geometry{32, 2, 64};

using Contents = std::map<ObjectId, Bytes>;

Bytes make_memory() {
    emulator::MemoryNvm nvm(geometry);
    const auto store = ObjectStore::format(nvm, emulator::Protection::journal).value();
    for (std::uint32_t i = 0; i < 6; ++i) {
        emulator::Transaction transaction = store->begin();
        transaction.put(ObjectId{i}, Bytes(std::size_t{i} * 30, static_cast<std::uint8_t>(i)));
        fuzz::require(transaction.commit() == emulator::CommitResult::committed, "the objects fit");
    }
    store->set_counter(CounterId{0}, 3);
    store->set_counter(CounterId{1}, 5);
    return nvm.bytes();
}

Contents read_all(const ObjectStore& store) {
    Contents contents;
    for (const ObjectId id : store.objects()) {
        const auto content = store.read(id);
        fuzz::require(content && store.contains(id), "what is listed is there");
        fuzz::require(contents.emplace(id, *content).second, "no object is listed twice");
        fuzz::require(content->size() <= geometry.size(), "no object is larger than the memory");
    }
    fuzz::require(store.free_bytes() < geometry.size(), "less is free than there is");
    return contents;
}

void check_remounted(emulator::MemoryNvm& nvm, const Contents& expected, std::uint8_t counter) {
    const auto store = ObjectStore::mount(nvm);
    fuzz::require(store.has_value(), "a store that could be written is there again");
    fuzz::require(read_all(**store) == expected, "objects are there again");
    fuzz::require((*store)->counter(CounterId{7}) == counter, "a counter is there again");
}

/// Puts an object in, changes one and takes one away, in one transaction.
void write(ObjectStore& store, Contents& contents, std::uint8_t value) {
    emulator::Transaction transaction = store.begin();
    Contents after = contents;
    const ObjectId added{0x1234'5678};
    after[added] = Bytes(std::size_t{value} * 4, value);
    transaction.put(added, after[added]);
    if (!contents.empty()) {
        const auto& [id, content] = *contents.begin();
        const auto end = static_cast<std::uint32_t>(content.size());
        const Bytes more{value};
        if (id != added) {
            transaction.write_range(id, end, more);
            after[id].push_back(value);
        }
        if (const ObjectId last = contents.rbegin()->first; last != id && last != added) {
            transaction.erase(last);
            after.erase(last);
        }
    }
    if (transaction.commit() == emulator::CommitResult::committed) {
        contents = after;
    }
    fuzz::require(read_all(store) == contents, "a transaction happens or does not");
}

void check(Bytes memory, std::uint8_t value) {
    emulator::MemoryNvm nvm(geometry, std::move(memory));
    const auto mounted = ObjectStore::mount(nvm);
    if (!mounted) {
        fuzz::require(!mounted.error().message.empty(), "a refusal says why");
        return;
    }
    ObjectStore& store = **mounted;
    Contents contents = read_all(store);
    check_remounted(nvm, contents, store.counter(CounterId{7}));
    store.set_counter(CounterId{7}, value);
    write(store, contents, value);
    check_remounted(nvm, contents, value);
}

} // namespace

/// The first byte is what is written. The rest damages a sound memory (memory_patches.h), and is a memory
/// itself.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Bytes sound = make_memory();
    static const auto layout = emulator::store::Layout::of(geometry).value();
    ByteView input(data, size);
    const std::uint8_t value = fuzz::take_byte(input);

    Bytes memory = sound;
    fuzz::MemoryPatches(memory, layout).apply(input);
    check(std::move(memory), value);

    Bytes raw(input.begin(), input.end());
    raw.resize(geometry.size(), emulator::erased_byte);
    check(std::move(raw), value);
    return 0;
}
