#include "emulator/object_store.h"
#include "emulator/store/counters.h"
#include "emulator/store/journal.h"
#include "emulator/store/layout.h"
#include "emulator/store/record.h"

#include <boost/test/unit_test.hpp>

#include <map>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

using namespace cardrig::emulator;

namespace {

constexpr NvmGeometry small{32, 2, 48};
constexpr ObjectId first{0x005FC105};
constexpr ObjectId second{0xFFFFFFFF};
constexpr ObjectId third{0};

template <Protection protection>
using With = std::integral_constant<Protection, protection>;
using EachProtection =
    std::tuple<With<Protection::none>, With<Protection::journal>, With<Protection::shadow>>;

std::unique_ptr<ObjectStore> formatted(Nvm& nvm, Protection protection) {
    return ObjectStore::format(nvm, protection).value();
}

std::unique_ptr<ObjectStore> mounted(Nvm& nvm) {
    return ObjectStore::mount(nvm).value();
}

CommitResult put(ObjectStore& store, ObjectId id, Bytes content) {
    Transaction transaction = store.begin();
    transaction.put(id, std::move(content));
    return transaction.commit();
}

CommitResult erase(ObjectStore& store, ObjectId id) {
    Transaction transaction = store.begin();
    transaction.erase(id);
    return transaction.commit();
}

/// Different for each page, so that a page in the wrong place shows.
Bytes pattern(std::size_t size, std::uint8_t start) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(start + i + i / 32 * 7);
    }
    return bytes;
}

std::string mount_error(NvmGeometry geometry, Bytes bytes) {
    MemoryNvm nvm{geometry, std::move(bytes)};
    const auto store = ObjectStore::mount(nvm);
    BOOST_REQUIRE(!store);
    return store.error().message;
}

/// Counts what is written, and refuses what a memory chip could not do.
class StrictNvm final : public Nvm {
public:
    explicit StrictNvm(Nvm& inner) : inner_(inner) {}
    [[nodiscard]] NvmGeometry geometry() const override { return inner_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { inner_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override {
        const std::uint32_t page = geometry().page_size;
        BOOST_REQUIRE(!bytes.empty());
        BOOST_REQUIRE_EQUAL(offset / page, (offset + bytes.size() - 1) / page);
        BOOST_REQUIRE_LE(offset + bytes.size(), geometry().size());
        inner_.write(offset, bytes);
        ++writes;
        synced = false;
    }
    void sync() override { synced = true; }

    int writes = 0;
    bool synced = true;

private:
    Nvm& inner_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(object_store)

BOOST_AUTO_TEST_CASE_TEMPLATE(holds_what_was_committed_after_power_off, Each, EachProtection) {
    MemoryNvm nvm{small};
    {
        const auto store = formatted(nvm, Each::value);
        BOOST_CHECK(store->objects().empty());
        Transaction transaction = store->begin();
        transaction.put(first, pattern(100, 1));
        transaction.put(second, {});
        BOOST_CHECK(transaction.commit() == CommitResult::committed);
        BOOST_CHECK(put(*store, third, pattern(32, 9)) == CommitResult::committed);
    }
    const auto store = mounted(nvm);
    BOOST_CHECK(store->objects() == (std::vector{third, first, second}));
    BOOST_CHECK(store->read(first) == pattern(100, 1));
    BOOST_CHECK(store->read(second) == Bytes{});
    BOOST_CHECK(store->read(third) == pattern(32, 9));
    BOOST_CHECK(store->read(ObjectId{7}) == std::nullopt);
    BOOST_TEST(store->contains(second));
    BOOST_TEST(!store->contains(ObjectId{7}));
    BOOST_CHECK(store->protection() == Each::value);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_dropped_transaction_changes_nothing, Each, EachProtection) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Each::value);
    const Bytes before = nvm.bytes();
    store->begin().put(first, pattern(10, 1));
    BOOST_TEST(!store->contains(first));
    BOOST_CHECK(nvm.bytes() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_transaction_is_invisible_until_it_is_committed, Each, EachProtection) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Each::value);
    Transaction transaction = store->begin();
    transaction.put(first, pattern(10, 1));
    BOOST_TEST(!store->contains(first));
    BOOST_CHECK(transaction.commit() == CommitResult::committed);
    BOOST_TEST(store->contains(first));
    BOOST_CHECK_THROW(static_cast<void>(transaction.commit()), std::logic_error);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(erasing_takes_the_object_away_and_what_is_not_there_is_no_error, Each,
                              EachProtection) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Each::value);
    const auto room = store->free_bytes();
    BOOST_CHECK(put(*store, first, pattern(100, 1)) == CommitResult::committed);
    BOOST_CHECK(erase(*store, second) == CommitResult::committed);
    BOOST_CHECK(erase(*store, first) == CommitResult::committed);
    BOOST_TEST(!store->contains(first));
    BOOST_TEST(!mounted(nvm)->contains(first));
    BOOST_TEST(store->free_bytes() == room);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(write_range_replaces_bytes_and_grows_the_object, Each, EachProtection) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Each::value);
    Transaction transaction = store->begin();
    transaction.put(first, Bytes{1, 2, 3});
    transaction.write_range(first, 1, Bytes{9});
    transaction.write_range(first, 3, Bytes{4, 5});
    BOOST_CHECK(transaction.commit() == CommitResult::committed);
    BOOST_CHECK(store->read(first) == (Bytes{1, 9, 3, 4, 5}));

    Transaction later = store->begin();
    later.write_range(first, 4, pattern(40, 5));
    BOOST_CHECK(later.commit() == CommitResult::committed);
    Bytes expected{1, 9, 3, 4};
    const Bytes tail = pattern(40, 5);
    expected.insert(expected.end(), tail.begin(), tail.end());
    BOOST_CHECK(mounted(nvm)->read(first) == expected);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(write_range_refuses_what_has_no_such_range, Each, EachProtection) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Each::value);
    BOOST_CHECK(put(*store, first, Bytes{1, 2, 3}) == CommitResult::committed);
    Transaction transaction = store->begin();
    BOOST_CHECK_THROW(transaction.write_range(second, 0, Bytes{1}), std::logic_error);
    BOOST_CHECK_THROW(transaction.write_range(first, 4, Bytes{1}), std::logic_error);
    transaction.erase(first);
    BOOST_CHECK_THROW(transaction.write_range(first, 0, Bytes{1}), std::logic_error);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(objects_grow_shrink_and_move_without_disturbing_one_another, Each,
                              EachProtection) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Each::value);
    std::map<ObjectId, Bytes> expected;
    std::uint32_t state = 1;
    int refused = 0;
    for (int step = 0; step < 600; ++step) {
        state = state * 1664525 + 1013904223;
        const ObjectId id{(state >> 24U) % 10};
        const Bytes content = pattern((state >> 8U) % 400, static_cast<std::uint8_t>(step));
        if ((state >> 20U) % 4 == 0) {
            BOOST_CHECK(erase(*store, id) == CommitResult::committed);
            expected.erase(id);
        } else if (put(*store, id, content) == CommitResult::committed) {
            expected[id] = content;
        } else {
            ++refused;
        }
        const auto remounted = step % 10 == 0 ? mounted(nvm) : nullptr;
        const ObjectStore& seen = remounted ? *remounted : *store;
        BOOST_REQUIRE_EQUAL(seen.objects().size(), expected.size());
        for (const auto& [known, value] : expected) {
            BOOST_REQUIRE(seen.read(known) == value);
        }
    }
    BOOST_TEST(refused > 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(writes_stay_within_pages_and_end_with_a_sync, Each, EachProtection) {
    MemoryNvm memory{small};
    StrictNvm nvm{memory};
    const auto store = formatted(nvm, Each::value);
    BOOST_TEST(nvm.synced);
    BOOST_CHECK(put(*store, first, pattern(300, 1)) == CommitResult::committed);
    BOOST_TEST(nvm.synced);
    store->set_counter(CounterId{3}, 2);
    BOOST_TEST(nvm.synced);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_changes_nothing_writes_nothing, Each, EachProtection) {
    MemoryNvm memory{small};
    StrictNvm nvm{memory};
    const auto store = formatted(nvm, Each::value);
    BOOST_CHECK(put(*store, first, pattern(50, 1)) == CommitResult::committed);
    store->set_counter(CounterId{3}, 2);
    nvm.writes = 0;
    BOOST_CHECK(put(*store, first, pattern(50, 1)) == CommitResult::committed);
    store->set_counter(CounterId{3}, 2);
    BOOST_CHECK(erase(*store, second) == CommitResult::committed);
    BOOST_CHECK(mounted(nvm) != nullptr);
    BOOST_TEST(nvm.writes == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(counters_start_at_zero_and_outlive_power, Each, EachProtection) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Each::value);
    for (std::uint8_t i = 0; i < 16; ++i) {
        BOOST_TEST(store->counter(CounterId{i}) == 0);
        store->set_counter(CounterId{i}, static_cast<std::uint8_t>(255 - i));
    }
    store->set_counter(CounterId{0}, 3);
    const auto again = mounted(nvm);
    BOOST_TEST(again->counter(CounterId{0}) == 3);
    for (std::uint8_t i = 1; i < 16; ++i) {
        BOOST_TEST(again->counter(CounterId{i}) == 255 - i);
    }
    BOOST_CHECK_THROW(again->set_counter(CounterId{16}, 1), std::out_of_range);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(free_bytes_can_be_filled_to_the_last_page_and_one_byte_more_is_refused, Each,
                              EachProtection) {
    MemoryNvm nvm{NvmGeometry{32, 2, 64}};
    const auto store = formatted(nvm, Each::value);
    const std::uint32_t page = nvm.geometry().page_size;
    std::uint32_t id = 1;
    while (store->free_bytes() >= 10 * page) {
        BOOST_REQUIRE(put(*store, ObjectId{id++}, pattern(10 * page, 1)) == CommitResult::committed);
    }
    const std::uint32_t rest = store->free_bytes();
    BOOST_REQUIRE(rest > 0);
    const Bytes before = nvm.bytes();
    BOOST_CHECK(put(*store, first, pattern(rest + 1, 1)) == CommitResult::not_enough_memory);
    BOOST_CHECK(nvm.bytes() == before);
    BOOST_TEST(!store->contains(first));
    BOOST_CHECK(put(*store, first, pattern(rest, 2)) == CommitResult::committed);
    BOOST_TEST(store->free_bytes() == 0);
    // A full card still takes what needs no more room: the same size, less, nothing, and its own counters.
    BOOST_CHECK(put(*store, first, pattern(rest, 3)) == CommitResult::committed);
    BOOST_CHECK(put(*store, second, {}) == CommitResult::committed);
    BOOST_CHECK(put(*store, third, {1}) == CommitResult::not_enough_memory);
    store->set_counter(CounterId{0}, 1);
    Transaction exchange = store->begin();
    exchange.erase(ObjectId{1});
    exchange.put(third, pattern(10 * page, 5));
    BOOST_CHECK(exchange.commit() == CommitResult::committed);
    BOOST_CHECK(mounted(nvm)->read(third) == pattern(10 * page, 5));
    BOOST_CHECK(erase(*store, third) == CommitResult::committed);
    BOOST_TEST(store->free_bytes() == 10 * page);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(scattered_free_pages_serve_one_object, Each, EachProtection) {
    MemoryNvm nvm{NvmGeometry{32, 2, 128}};
    const auto store = formatted(nvm, Each::value);
    std::uint32_t count = 0;
    while (put(*store, ObjectId{count}, pattern(96, 1)) == CommitResult::committed) {
        ++count;
    }
    for (std::uint32_t id = 0; id < 16; id += 2) {
        BOOST_REQUIRE(erase(*store, ObjectId{id}) == CommitResult::committed);
    }
    BOOST_CHECK(put(*store, first, pattern(8 * 96, 4)) == CommitResult::committed);
    BOOST_CHECK(mounted(nvm)->read(first) == pattern(8 * 96, 4));
    BOOST_CHECK(mounted(nvm)->read(ObjectId{1}) == pattern(96, 1));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_full_directory_refuses_one_more_object, Each, EachProtection) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Each::value);
    std::uint32_t count = 0;
    while (put(*store, ObjectId{count}, {}) == CommitResult::committed) {
        ++count;
    }
    BOOST_TEST(count == 12U); // 48 blocks of 2 pages: one entry for eight pages
    BOOST_TEST(store->objects().size() == count);
    BOOST_CHECK(erase(*store, ObjectId{3}) == CommitResult::committed);
    BOOST_CHECK(put(*store, first, {}) == CommitResult::committed);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_default_geometry_holds_a_full_piv_card, Each, EachProtection) {
    MemoryNvm nvm{NvmGeometry{}};
    const auto store = formatted(nvm, Each::value);
    // 24 keys with certificates, and the small objects beside them.
    for (std::uint32_t i = 0; i < 24; ++i) {
        BOOST_REQUIRE(put(*store, ObjectId{i}, pattern(1900, 1)) == CommitResult::committed);
        BOOST_REQUIRE(put(*store, ObjectId{100 + i}, pattern(1250, 1)) == CommitResult::committed);
    }
    for (std::uint32_t i = 0; i < 12; ++i) {
        BOOST_REQUIRE(put(*store, ObjectId{200 + i}, pattern(60, 1)) == CommitResult::committed);
    }
    BOOST_CHECK(erase(*store, ObjectId{0}) == CommitResult::committed);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_empty_card_takes_an_object_of_16_kilobytes, Each, EachProtection) {
    MemoryNvm nvm{NvmGeometry{}};
    const auto store = formatted(nvm, Each::value);
    BOOST_CHECK(put(*store, first, pattern(16384, 1)) == CommitResult::committed);
    BOOST_CHECK(put(*store, first, pattern(16384, 2)) == CommitResult::committed);
    BOOST_CHECK(mounted(nvm)->read(first) == pattern(16384, 2));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(memory_that_is_no_cards_is_named, Each, EachProtection) {
    BOOST_TEST(mount_error(small, Bytes(small.size(), 0xFF)) == "the memory is erased");
    BOOST_TEST(mount_error(small, Bytes(small.size(), 0x00)) == "the memory is zeroed");
    BOOST_TEST(mount_error(small, Bytes(small.size(), 0x41)) == "the memory is not a card's");
    MemoryNvm nvm{small};
    formatted(nvm, Each::value);
    Bytes damaged = nvm.bytes();
    damaged[4] ^= 1U;
    BOOST_TEST(mount_error(small, damaged).find("superblock") != std::string::npos);
    BOOST_TEST(mount_error({64, 1, 48}, nvm.bytes()).find("48 blocks of 2 pages of 32") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(damaged_tables_are_named) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Protection::journal);
    BOOST_CHECK(put(*store, first, pattern(40, 1)) == CommitResult::committed);
    BOOST_CHECK(put(*store, second, pattern(40, 1)) == CommitResult::committed);
    const auto layout = store::Layout::of(small, Protection::journal).value();
    const std::uint32_t directory = layout.home.offset + layout.directory_offset;
    const std::uint32_t table = directory + layout.directory_entries * store::directory_entry_size;
    const auto error_with = [&](std::uint32_t offset, std::uint8_t value) {
        Bytes bytes = nvm.bytes();
        bytes[offset] = value;
        return mount_error(small, bytes);
    };
    // `first` has pages 0 and 1, `second` 2 and 3; an entry is number, length, first page.
    BOOST_TEST(error_with(directory + 4, 65).find("005FC105 has more or fewer pages") != std::string::npos);
    BOOST_TEST(error_with(directory + 4, 32).find("005FC105 has more or fewer pages") != std::string::npos);
    BOOST_TEST(error_with(directory + 8, 200).find("005FC105 has a page outside") != std::string::npos);
    BOOST_TEST(error_with(directory + 12 + 8, 1).find("FFFFFFFF has a page that is taken") !=
               std::string::npos);
    BOOST_TEST(error_with(table + 4, 0).find("outside the memory") != std::string::npos);
    BOOST_TEST(error_with(table, 0).find("taken") != std::string::npos);
    BOOST_TEST(error_with(table + 4 * 20, 3).find("page 20 belongs to no object") != std::string::npos);
    Bytes twice = nvm.bytes();
    std::copy_n(twice.begin() + directory + 12, 4, twice.begin() + directory);
    BOOST_TEST(mount_error(small, twice).find("FFFFFFFF is in the directory twice") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_flipped_bit_anywhere_leads_no_chain_astray) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Protection::journal);
    BOOST_CHECK(put(*store, first, pattern(100, 1)) == CommitResult::committed);
    BOOST_CHECK(put(*store, second, pattern(100, 1)) == CommitResult::committed);
    std::uint32_t refused = 0;
    for (std::uint32_t bit = 0; bit < small.size() * 8; ++bit) {
        Bytes bytes = nvm.bytes();
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        MemoryNvm damaged{small, std::move(bytes)};
        const auto again = ObjectStore::mount(damaged);
        if (!again) {
            ++refused;
            continue;
        }
        for (const ObjectId id : (*again)->objects()) {
            BOOST_REQUIRE_EQUAL(((*again)->read(id).value().size() + 31) / 32, 4U);
        }
    }
    BOOST_TEST(refused > 500U);
}

BOOST_AUTO_TEST_CASE(erased_or_zeroed_counters_are_damage_not_zeroes) {
    MemoryNvm nvm{small};
    formatted(nvm, Protection::journal);
    for (const std::uint8_t value : {std::uint8_t{0x00}, erased_byte}) {
        Bytes bytes = nvm.bytes();
        std::fill_n(bytes.begin() + small.block_size(), 2 * small.block_size(), value);
        BOOST_TEST(mount_error(small, bytes).find("counters") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(one_lost_copy_of_the_counters_costs_one_change_at_most) {
    MemoryNvm nvm{small};
    const auto store = formatted(nvm, Protection::journal);
    store->set_counter(CounterId{0}, 3);
    store->set_counter(CounterId{0}, 2);
    int whole = 0;
    for (const std::uint32_t block : {1U, 2U}) {
        Bytes bytes = nvm.bytes();
        std::fill_n(bytes.begin() + block * small.block_size(), small.block_size(), erased_byte);
        MemoryNvm copy{small, bytes};
        const auto again = mounted(copy);
        whole += again->counter(CounterId{0}) == 2 ? 1 : 0;
        BOOST_TEST(again->counter(CounterId{0}) >= 2);
        BOOST_TEST(again->counter(CounterId{0}) <= 3);
        again->set_counter(CounterId{0}, 1);
        BOOST_TEST(mounted(copy)->counter(CounterId{0}) == 1);
    }
    BOOST_TEST(whole == 1);
}

BOOST_AUTO_TEST_CASE(a_geometry_that_is_not_sensible_is_refused_by_name) {
    const auto refusal = [](NvmGeometry geometry) {
        class Shape final : public Nvm {
        public:
            explicit Shape(NvmGeometry shape) : shape_(shape) {}
            [[nodiscard]] NvmGeometry geometry() const override { return shape_; }
            void read(std::uint32_t, std::span<std::uint8_t>) const override { BOOST_FAIL("read"); }
            void write(std::uint32_t, ByteView) override { BOOST_FAIL("write"); }
            void sync() override {}

        private:
            NvmGeometry shape_;
        } nvm{geometry};
        const auto laid_out = ObjectStore::format(nvm, Protection::journal);
        const auto store = ObjectStore::mount(nvm);
        BOOST_REQUIRE(!laid_out);
        BOOST_REQUIRE(!store);
        BOOST_TEST(laid_out.error().message == store.error().message);
        return store.error().message;
    };
    BOOST_TEST(refusal({0, 8, 128}).find("pages of 0 bytes") != std::string::npos);
    BOOST_TEST(refusal({96, 8, 128}).find("pages of 96 bytes") != std::string::npos);
    BOOST_TEST(refusal({16, 8, 128}).find("pages of 16 bytes") != std::string::npos);
    BOOST_TEST(refusal({8192, 8, 128}).find("pages of 8192 bytes") != std::string::npos);
    BOOST_TEST(refusal({128, 0, 128}).find("0 pages a block") != std::string::npos);
    BOOST_TEST(refusal({128, 65, 128}).find("65 pages a block") != std::string::npos);
    BOOST_TEST(refusal({128, 8, 31}).find("31 blocks") != std::string::npos);
    BOOST_TEST(refusal({128, 8, 4097}).find("4097 blocks") != std::string::npos);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_smallest_geometry_works, Each, EachProtection) {
    MemoryNvm nvm{NvmGeometry{32, 1, 32}};
    const auto store = formatted(nvm, Each::value);
    BOOST_TEST(store->free_bytes() > 300U);
    BOOST_CHECK(put(*store, first, pattern(40, 1)) == CommitResult::committed);
    BOOST_CHECK(put(*store, first, pattern(64, 2)) == CommitResult::committed);
    BOOST_CHECK(mounted(nvm)->read(first) == pattern(64, 2));
}

// Erased memory would be an empty card, and zeroed tables one with an object that nobody wrote.
BOOST_AUTO_TEST_CASE_TEMPLATE(no_region_that_is_erased_or_zeroed_passes_for_valid, Each, EachProtection) {
    MemoryNvm nvm{small};
    BOOST_CHECK(put(*formatted(nvm, Each::value), first, pattern(40, 1)) == CommitResult::committed);
    const auto layout = store::Layout::of(small, Each::value).value();
    const store::Region counters{layout.counters[0].offset,
                                 layout.counters[0].size + layout.counters[1].size};
    const store::Region roots{layout.roots[0].offset, layout.roots[0].size + layout.roots[1].size};
    for (const std::uint8_t value : {std::uint8_t{0x00}, erased_byte}) {
        for (const store::Region& region : {layout.superblock, counters, roots, layout.home}) {
            Bytes bytes = nvm.bytes();
            std::fill_n(bytes.begin() + region.offset, region.size, value);
            BOOST_TEST((region.size == 0 || !mount_error(small, bytes).empty()));
        }
        Bytes bytes = nvm.bytes();
        std::fill_n(bytes.begin() + layout.home.offset, layout.home.size, value);
        BOOST_TEST(mount_error(small, bytes).find(value == 0 ? "zeroed" : "erased") != std::string::npos);
    }
}

// What a page shows that belongs to nobody may be what a cut left there.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_free_page_is_written_even_where_it_looks_right, Each, EachProtection) {
    MemoryNvm memory{small};
    StrictNvm nvm{memory};
    const auto store = formatted(nvm, Each::value);
    const auto writes_of = [&](std::uint8_t fill) {
        nvm.writes = 0;
        BOOST_CHECK(put(*store, first, pattern(128, fill)) == CommitResult::committed);
        const int writes = nvm.writes;
        BOOST_CHECK(erase(*store, first) == CommitResult::committed);
        return writes;
    };
    writes_of(1);
    const int over_something_else = writes_of(2);
    // A journal holds all four pages too, and spares home what it firmly has.
    const int spared = Each::value == Protection::journal ? 4 : 0;
    BOOST_TEST(writes_of(2) == over_something_else - spared);
}

BOOST_AUTO_TEST_CASE(memory_of_the_first_version_is_read_and_written) {
    MemoryNvm nvm{small};
    const auto layout = store::Layout::of(small, Protection::journal, 1).value();
    store::Counters::format(nvm, layout);
    store::Journal(nvm, layout).format();
    Bytes superblock;
    for (const std::uint32_t number : {0x47525243U, 1U, 0U, 32U, 2U, 48U}) {
        store::append_u32(superblock, number);
    }
    nvm.write(0, store::seal(superblock));
    BOOST_CHECK(put(*mounted(nvm), first, pattern(100, 1)) == CommitResult::committed);
    BOOST_CHECK(mounted(nvm)->read(first) == pattern(100, 1));
    // The directory begins with the object's number, as that version has it.
    BOOST_TEST(store::u32_at(nvm.bytes(), layout.home.offset) == static_cast<std::uint32_t>(first));
    // Nothing but the journal was known then.
    superblock[8] = 1;
    nvm.write(0, store::seal(superblock));
    BOOST_TEST(mount_error(small, nvm.bytes()).find("unknown protection (1)") != std::string::npos);
    superblock[4] = 3;
    nvm.write(0, store::seal(superblock));
    BOOST_TEST(mount_error(small, nvm.bytes()).find("version 3; versions 1 to 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(protections_have_the_words_of_profiles) {
    for (const auto& [protection, word] : {std::pair{Protection::none, "none"},
                                           {Protection::journal, "journal"},
                                           {Protection::shadow, "shadow"}}) {
        BOOST_TEST(protection_word(protection) == word);
        BOOST_CHECK(protection_from_word(word) == protection);
    }
    BOOST_CHECK(protection_from_word("Journal") == std::nullopt);
    BOOST_CHECK(protection_from_word("") == std::nullopt);
}

// The figures of emulator/README.md: free bytes of the default geometry, and what a certificate of 1.5 kB
// costs that takes another's place.
BOOST_AUTO_TEST_CASE_TEMPLATE(capacity_and_writes_are_as_documented, Each, EachProtection) {
    struct Figures {
        std::uint32_t free_bytes;
        int writes;
        int counter_writes;
    };
    static const std::map<Protection, Figures> documented{{Protection::none, {123'520, 12, 1}},
                                                          {Protection::journal, {89'856, 31, 1}},
                                                          {Protection::shadow, {88'832, 18, 1}}};
    const Figures& expected = documented.at(Each::value);
    MemoryNvm memory{NvmGeometry{}};
    StrictNvm nvm{memory};
    const auto store = formatted(nvm, Each::value);
    BOOST_TEST(store->free_bytes() == expected.free_bytes);
    for (std::uint32_t i = 0; i < 4; ++i) {
        BOOST_REQUIRE(put(*store, ObjectId{i}, pattern(1220, 1)) == CommitResult::committed);
        BOOST_REQUIRE(put(*store, ObjectId{100 + i}, pattern(1500, 1)) == CommitResult::committed);
    }
    nvm.writes = 0;
    BOOST_REQUIRE(put(*store, ObjectId{101}, pattern(1500, 2)) == CommitResult::committed);
    BOOST_TEST(nvm.writes == expected.writes);
    nvm.writes = 0;
    store->set_counter(CounterId{0}, 2);
    BOOST_TEST(nvm.writes == expected.counter_writes);
}

BOOST_AUTO_TEST_SUITE_END()
