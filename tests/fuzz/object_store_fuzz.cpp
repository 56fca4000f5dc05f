// Any memory is an object store or is refused with a reason; a store that was mounted can be read and
// written, and is there again after the next power-on. Without protection, a memory that makes no sense may
// come up as a torn store: then it can be read and written without end or harm, and that is all.
#include "emulator/object_store.h"
#include "tests/fuzz/memory_patches.h"
#include "tests/fuzz/property.h"

#include <map>
#include <vector>

namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using apdu::ByteView;
using emulator::CounterId;
using emulator::ObjectId;
using emulator::ObjectStore;
using emulator::Protection;

namespace {

/// 4 KiB: small, so that an input soon meets what matters.
constexpr emulator::NvmGeometry geometry{32, 2, 64};

using Contents = std::map<ObjectId, Bytes>;

Bytes make_memory(Protection protection) {
    emulator::MemoryNvm nvm(geometry);
    const auto store = ObjectStore::format(nvm, protection).value();
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

/// Each object by itself: two in one page would change together.
void write_each(ObjectStore& store, Contents& contents) {
    std::uint8_t value = 0;
    for (auto& [id, content] : contents) {
        Bytes changed(content.size(), ++value);
        emulator::Transaction transaction = store.begin();
        transaction.put(id, changed);
        if (transaction.commit() == emulator::CommitResult::committed) {
            content = std::move(changed);
        }
    }
    fuzz::require(read_all(store) == contents, "objects do not touch each other");
}

/// Whatever is there; objects may share pages, and change with one another.
void use_torn(ObjectStore& store, std::uint8_t value) {
    for (const auto& [id, content] : read_all(store)) {
        emulator::Transaction transaction = store.begin();
        transaction.put(id, Bytes(content.size() + value, value));
        static_cast<void>(transaction.commit());
    }
    emulator::Transaction together = store.begin();
    for (const auto& [id, content] : read_all(store)) {
        together.put(id, Bytes(content.size() / 2, value));
    }
    together.put(ObjectId{0x1234'5678}, Bytes(std::size_t{value} * 4, value));
    static_cast<void>(together.commit());
    store.set_counter(CounterId{7}, value);
    fuzz::require(store.counter(CounterId{7}) == value, "a counter has the value that it was given");
    for (const auto& [id, content] : read_all(store)) {
        emulator::Transaction transaction = store.begin();
        transaction.erase(id);
        fuzz::require(transaction.commit() == emulator::CommitResult::committed, "an object goes");
    }
}

void check(Bytes memory, std::uint8_t value) {
    emulator::MemoryNvm nvm(geometry, std::move(memory));
    const auto mounted = ObjectStore::mount(nvm);
    if (!mounted) {
        fuzz::require(!mounted.error().message.empty(), "a refusal says why");
        return;
    }
    ObjectStore& store = **mounted;
    if (store.protection() == Protection::none) {
        use_torn(store, value);
        return;
    }
    Contents contents = read_all(store);
    check_remounted(nvm, contents, store.counter(CounterId{7}));
    store.set_counter(CounterId{7}, value);
    write(store, contents, value);
    write_each(store, contents);
    check_remounted(nvm, contents, value);
}

} // namespace

/// The first byte is the protection, the second what is written. The rest damages a sound memory
/// (memory_patches.h), and is a memory itself.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    struct Sound {
        emulator::store::Layout layout;
        Bytes memory;
    };
    static const auto each = [] {
        std::vector<Sound> sound;
        for (const Protection protection : emulator::all_protections) {
            sound.push_back(
                {emulator::store::Layout::of(geometry, protection).value(), make_memory(protection)});
        }
        return sound;
    }();
    ByteView input(data, size);
    const Sound& sound = each.at(fuzz::take_byte(input) % each.size());
    const std::uint8_t value = fuzz::take_byte(input);

    Bytes memory = sound.memory;
    fuzz::MemoryPatches(memory, sound.layout).apply(input);
    check(std::move(memory), value);

    Bytes raw(input.begin(), input.end());
    raw.resize(geometry.size(), emulator::erased_byte);
    check(std::move(raw), value);
    return 0;
}
