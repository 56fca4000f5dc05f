// Memory that is not as a store left it, by damage or by craft.
#include "emulator/object_store.h"
#include "emulator/store/layout.h"
#include "emulator/store/tables.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

using namespace cardrig::emulator;

namespace {

constexpr NvmGeometry small{32, 2, 48};
constexpr ObjectId first{0x5FC105};
const Bytes content(32, 0x55);

std::unique_ptr<ObjectStore> formatted(Nvm& nvm, Protection protection) {
    return ObjectStore::format(nvm, protection).value();
}

void put(ObjectStore& store, Bytes bytes) {
    Transaction transaction = store.begin();
    transaction.put(first, std::move(bytes));
    BOOST_REQUIRE(transaction.commit() == CommitResult::committed);
}

void erase(ObjectStore& store) {
    Transaction transaction = store.begin();
    transaction.erase(first);
    BOOST_REQUIRE(transaction.commit() == CommitResult::committed);
}

std::string mount_error(NvmGeometry geometry, Bytes bytes) {
    MemoryNvm nvm{geometry, std::move(bytes)};
    const auto store = ObjectStore::mount(nvm);
    BOOST_REQUIRE(!store);
    return store.error().message;
}

} // namespace

BOOST_AUTO_TEST_SUITE(store_damage)

// One weak bit in each page that nobody has: half of all readings are what is to be written.
BOOST_AUTO_TEST_CASE(a_free_page_with_weak_bits_is_not_believed) {
    for (std::uint64_t seed = 0; seed < 48; ++seed) {
        MemoryNvm memory{small};
        const auto store = formatted(memory, all_protections.at(seed % 3));
        put(*store, content);
        erase(*store);
        memory.weak().state = seed + 1;
        for (std::uint32_t page = 0; page < small.size(); page += small.page_size) {
            const ByteView there = ByteView(memory.bytes()).subspan(page, content.size());
            if (std::ranges::equal(there, content)) {
                memory.weak().masks[page + 5] = 0x10;
            }
        }
        BOOST_REQUIRE(!memory.weak().masks.empty());
        put(*store, content);
        for (int reading = 0; reading < 16; ++reading) {
            BOOST_TEST((ObjectStore::mount(memory).value()->read(first) == content));
        }
    }
}

// Read one by one, each object of such a directory would cost the whole memory.
BOOST_AUTO_TEST_CASE(a_directory_whose_every_object_claims_the_same_pages_is_refused) {
    const NvmGeometry geometry{32, 2, 128};
    MemoryNvm nvm{geometry};
    const auto store = formatted(nvm, Protection::none);
    put(*store, Bytes(store->free_bytes() - 320, 0x55));
    const auto layout = store::Layout::of(geometry, Protection::none).value();
    const auto home = ByteView(nvm.bytes()).subspan(layout.home.offset);
    const auto forged = [&](std::size_t copies, std::uint32_t length) {
        auto tables = store::Tables::decode(layout, home).value();
        const store::DirectoryEntry whole = *tables.find(first);
        for (std::uint32_t i = 1; i < copies; ++i) {
            tables.directory.at(i) = {ObjectId{100 + i}, length, whole.first};
        }
        Bytes bytes = nvm.bytes();
        std::ranges::copy(tables.encode(layout), bytes.begin() + layout.home.offset);
        return bytes;
    };
    BOOST_TEST(mount_error(geometry, forged(layout.directory_entries, 0xFFFF'FFF0)).find("many times") !=
               std::string::npos);
    // Neither a few torn lengths nor many short ones are too much.
    for (const Bytes& bytes : {forged(5, 0xFFFF'FFF0), forged(layout.directory_entries, 32)}) {
        MemoryNvm few{geometry, bytes};
        const auto come_up = ObjectStore::mount(few);
        BOOST_REQUIRE(come_up.has_value());
        BOOST_TEST((*come_up)->read(ObjectId{101})->size() <= geometry.size());
    }
}

BOOST_AUTO_TEST_CASE(memory_that_is_laid_out_for_another_protection_can_be_refused) {
    for (const Protection laid_out : all_protections) {
        MemoryNvm nvm{small};
        static_cast<void>(formatted(nvm, laid_out));
        for (const Protection expected : all_protections) {
            BOOST_TEST(ObjectStore::mount(nvm, expected).has_value() == (laid_out == expected));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
