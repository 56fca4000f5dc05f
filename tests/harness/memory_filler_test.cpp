#include "harness/memory_filler.h"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace cardrig;
using emulator::NvmGeometry;
using emulator::ObjectStore;
using emulator::Protection;

BOOST_AUTO_TEST_SUITE(memory_filler)

BOOST_AUTO_TEST_CASE(so_much_is_free_afterwards_to_the_page) {
    for (const NvmGeometry& geometry : {NvmGeometry{128, 8, 128}, NvmGeometry{32, 4, 64},
                                        NvmGeometry{256, 16, 48}, NvmGeometry{64, 2, 32}}) {
        for (const Protection protection : emulator::all_protections) {
            emulator::MemoryNvm memory(geometry);
            auto store = ObjectStore::format(memory, protection).value();
            const std::uint32_t empty = store->free_bytes();
            for (const std::uint32_t leaving :
                 std::vector<std::uint32_t>{0, 1, 100, 1000, empty - 1, 200, empty, 0}) {
                harness::fill_memory(*store, geometry.page_size, leaving);
                const std::uint32_t pages = (leaving + geometry.page_size - 1) / geometry.page_size;
                BOOST_TEST(store->free_bytes() == std::min(empty, pages * geometry.page_size),
                           "leaving " << leaving << " of " << empty);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(objects_are_left_alone) {
    emulator::MemoryNvm memory(NvmGeometry{128, 8, 128});
    auto store = ObjectStore::format(memory, Protection::journal).value();
    const emulator::ObjectId object{0x5FC105};
    auto transaction = store->begin();
    transaction.put(object, apdu::Bytes(700, 0x33));
    BOOST_CHECK(transaction.commit() == emulator::CommitResult::committed);
    harness::fill_memory(*store, 128, 0);
    BOOST_CHECK(store->read(object) == apdu::Bytes(700, 0x33));
    harness::fill_memory(*store, 128, UINT32_MAX);
    BOOST_TEST(store->objects().size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
