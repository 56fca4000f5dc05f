#include "emulator/store/journal.h"
#include "emulator/store/record.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace cardrig::emulator;
using namespace cardrig::emulator::store;

namespace {

constexpr NvmGeometry small{32, 2, 36};

/// What happens to the memory, in order, by region.
class Recorder final : public Nvm {
public:
    explicit Recorder(const Layout& layout) : layout_(layout), memory_(layout.geometry) {}
    [[nodiscard]] NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { memory_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override {
        events += layout_.journal.contains(offset)         ? 'j'
                  : layout_.commit_record.contains(offset) ? 'c'
                  : layout_.home.contains(offset)          ? 'h'
                                                           : '?';
        memory_.write(offset, bytes);
    }
    void sync() override { events += '|'; }
    [[nodiscard]] Bytes home(std::uint32_t page) const {
        Bytes bytes(layout_.geometry.page_size);
        memory_.read(layout_.home_page(page), bytes);
        return bytes;
    }
    MemoryNvm& memory() { return memory_; }

    std::string events;

private:
    Layout layout_;
    MemoryNvm memory_;
};

struct Fixture {
    Layout layout = Layout::of(small, Protection::journal).value();
    Recorder nvm{layout};
    Journal journal{nvm, layout};
    std::vector<PageImage> images{{4, Bytes(32, 0xA4)}, {5, Bytes(32, 0xA5)}, {9, Bytes(32, 0xA9)}};

    Fixture() {
        journal.format();
        nvm.events.clear();
    }
    /// The memory as it was before the n-th write of a commit of `images`.
    Bytes before_write(std::size_t n) {
        class Stop final : public Nvm {
        public:
            Stop(Recorder& inner, std::size_t writes) : inner_(inner), left_(writes) {}
            [[nodiscard]] NvmGeometry geometry() const override { return inner_.geometry(); }
            void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
                inner_.read(offset, out);
            }
            void write(std::uint32_t offset, ByteView bytes) override {
                if (left_ > 0) {
                    --left_;
                    inner_.write(offset, bytes);
                }
            }
            void sync() override {}

        private:
            Recorder& inner_;
            std::size_t left_;
        } stopped{nvm, n - 1};
        Journal(stopped, layout).commit(images);
        nvm.events.clear();
        return nvm.memory().bytes();
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(journal, Fixture)

BOOST_AUTO_TEST_CASE(regions_share_no_erase_block) {
    for (const NvmGeometry geometry : {NvmGeometry{}, small, NvmGeometry{32, 1, 32},
                                       NvmGeometry{4096, 64, 33}, NvmGeometry{32, 64, 4096}}) {
        const Layout each = Layout::of(geometry, Protection::journal).value();
        std::uint32_t end = 0;
        for (const Region region : {each.superblock, each.counters[0], each.counters[1], each.commit_record,
                                    each.journal, each.home}) {
            BOOST_TEST(region.offset == end);
            BOOST_TEST(region.size % geometry.block_size() == 0U);
            BOOST_TEST(region.size > 0U);
            end += region.size;
        }
        BOOST_TEST(end == geometry.size());
        BOOST_TEST(each.home_pages() * geometry.page_size <= each.home.size);
        BOOST_TEST(each.table_pages * geometry.page_size >=
                   each.directory_entries * directory_entry_size + each.data_pages * table_entry_size);
        BOOST_TEST(each.journal_images + each.journal_slots * geometry.page_size <=
                   each.journal.offset + each.journal.size);
        BOOST_TEST(each.journal_slots * journal_entry_size <= each.journal_images - each.journal.offset);
    }
}

BOOST_AUTO_TEST_CASE(commit_writes_journal_then_record_then_home_then_clears) {
    journal.commit(images);
    BOOST_TEST(nvm.events == "jjjj|c|hhh|c|");
    BOOST_CHECK(nvm.home(4) == images[0].content);
    BOOST_CHECK(nvm.home(9) == images[2].content);
}

BOOST_AUTO_TEST_CASE(commit_leaves_pages_alone_that_are_right) {
    journal.commit(images);
    images[1].content[31] = 0;
    nvm.events.clear();
    journal.commit(images);
    BOOST_TEST(nvm.events == "jjjj|c|h|c|");
}

BOOST_AUTO_TEST_CASE(recovery_of_a_quiet_memory_writes_nothing) {
    journal.commit(images);
    nvm.events.clear();
    BOOST_TEST(journal.recover().has_value());
    BOOST_TEST(nvm.events.empty());
}

BOOST_AUTO_TEST_CASE(recovery_drops_what_was_not_committed) {
    nvm.memory().bytes() = before_write(5);
    BOOST_TEST(journal.recover().has_value());
    BOOST_TEST(nvm.events.empty());
    BOOST_CHECK(nvm.home(4) == Bytes(32, erased_byte));
}

BOOST_AUTO_TEST_CASE(recovery_finishes_what_was_committed_and_only_what_is_missing) {
    nvm.memory().bytes() = before_write(7);
    BOOST_TEST(journal.recover().has_value());
    BOOST_TEST(nvm.events == "hh|c|");
    for (const PageImage& image : images) {
        BOOST_CHECK(nvm.home(image.page) == image.content);
    }
    nvm.events.clear();
    BOOST_TEST(journal.recover().has_value());
    BOOST_TEST(nvm.events.empty());
}

BOOST_AUTO_TEST_CASE(recovery_settles_a_commit_record_that_is_neither) {
    for (const std::uint8_t value : {std::uint8_t{0}, erased_byte, std::uint8_t{0x5A}}) {
        std::fill_n(nvm.memory().bytes().begin() + layout.commit_record.offset, 16, value);
        nvm.events.clear();
        BOOST_TEST(journal.recover().has_value());
        BOOST_TEST(nvm.events == "c|");
        BOOST_CHECK(nvm.home(4) == Bytes(32, erased_byte));
    }
}

BOOST_AUTO_TEST_CASE(a_committed_journal_that_is_damaged_is_reported_and_not_applied) {
    const Bytes committed = before_write(6);
    for (const std::uint32_t offset : {layout.journal.offset, layout.journal_images}) {
        nvm.memory().bytes() = committed;
        nvm.memory().bytes()[offset] ^= 1U;
        const auto result = journal.recover();
        BOOST_REQUIRE(!result);
        BOOST_TEST(result.error().message.find("checksum") != std::string::npos);
        BOOST_TEST(nvm.events.empty());
    }
}

BOOST_AUTO_TEST_CASE(neither_erased_nor_zeroed_bytes_are_sealed) {
    for (std::size_t size = 12; size <= 64; ++size) {
        BOOST_TEST(!is_sealed(Bytes(size, 0xFF)));
        BOOST_TEST(!is_sealed(Bytes(size, 0x00)));
    }
    // The check value of CRC-32 (ISO-HDLC): "123456789".
    BOOST_TEST(crc32(Bytes{'1', '2', '3', '4', '5', '6', '7', '8', '9'}) == 0xCBF43926U);
}

BOOST_AUTO_TEST_SUITE_END()
