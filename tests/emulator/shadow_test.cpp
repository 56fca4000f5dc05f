#include "emulator/store/record.h"
#include "emulator/store/shadow.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>

using namespace cardrig::emulator;
using namespace cardrig::emulator::store;

namespace {

constexpr NvmGeometry small{32, 2, 36};

/// What happens to the memory, in order, by region; and one bit that reads differently each time, if wanted.
class Recorder final : public Nvm {
public:
    explicit Recorder(const Layout& layout) : layout_(layout), memory_(layout.geometry) {}
    [[nodiscard]] NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
        memory_.read(offset, out);
        if (flickering != 0 && flickering >= offset && flickering - offset < out.size()) {
            out[flickering - offset] ^= static_cast<std::uint8_t>(reads_++ % 3 == 0 ? 1 : 0);
        }
    }
    void write(std::uint32_t offset, ByteView bytes) override {
        events += layout_.roots[0].contains(offset)   ? 'a'
                  : layout_.roots[1].contains(offset) ? 'b'
                  : layout_.home.contains(offset)     ? 'p'
                                                      : '?';
        memory_.write(offset, bytes);
    }
    void sync() override { events += '|'; }
    MemoryNvm& memory() { return memory_; }
    void fill(const Region& region, std::uint8_t value) {
        std::fill_n(memory_.bytes().begin() + region.offset, region.size, value);
    }

    std::string events;
    std::uint32_t flickering = 0; ///< an offset; 0 for none

private:
    Layout layout_;
    MemoryNvm memory_;
    mutable unsigned reads_ = 0;
};

struct Fixture {
    Layout layout = Layout::of(small, Protection::shadow).value();
    Recorder nvm{layout};
    std::vector<bool> in_use = std::vector<bool>(layout.home_pages(), false);

    Fixture() {
        Shadow::format(nvm, layout);
        nvm.events.clear();
    }
    [[nodiscard]] std::unique_ptr<Shadow> loaded() { return Shadow::load(nvm, layout).value(); }
    [[nodiscard]] std::string refusal() {
        const auto shadow = Shadow::load(nvm, layout);
        BOOST_REQUIRE(!shadow);
        return shadow.error().message;
    }
    void write(Shadow& shadow, std::vector<PageImage> images) {
        for (const PageImage& image : images) {
            in_use[image.page] = true;
        }
        shadow.change({std::move(images), in_use});
    }
    [[nodiscard]] Bytes page(const Shadow& shadow, std::uint32_t number) const {
        Bytes bytes(layout.geometry.page_size);
        shadow.read(number, bytes);
        return bytes;
    }
    /// Changes a root, and puts its checksum right.
    void forge(const Region& root, const std::function<void(Bytes&)>& change) {
        Bytes record(layout.root_size() - 4);
        nvm.memory().read(root.offset, record);
        change(record);
        const Bytes sealed = seal(std::move(record));
        std::ranges::copy(sealed, nvm.memory().bytes().begin() + root.offset);
    }
};

PageImage image(std::uint32_t page, std::uint8_t fill) {
    return {page, Bytes(small.page_size, fill)};
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(shadow, Fixture)

BOOST_AUTO_TEST_CASE(regions_share_no_erase_block_and_hold_what_they_are_for) {
    for (const NvmGeometry geometry : {NvmGeometry{}, small, NvmGeometry{32, 1, 32}, NvmGeometry{32, 1, 4096},
                                       NvmGeometry{4096, 64, 33}, NvmGeometry{32, 64, 4096}}) {
        const Layout each = Layout::of(geometry, Protection::shadow).value();
        std::uint32_t end = 0;
        for (const Region region :
             {each.superblock, each.counters[0], each.counters[1], each.roots[0], each.roots[1], each.home}) {
            BOOST_TEST(region.offset == end);
            BOOST_TEST(region.size % geometry.block_size() == 0U);
            BOOST_TEST(region.size > 0U);
            end += region.size;
        }
        BOOST_TEST(end == geometry.size());
        BOOST_TEST(each.root_size() <= each.roots[0].size);
        BOOST_TEST(each.home_pages() <= each.home_blocks * geometry.pages_per_block);
        BOOST_TEST(each.pool_blocks() - each.home_blocks >= geometry.blocks / 4);
    }
}

BOOST_AUTO_TEST_CASE(a_change_is_copied_synced_and_then_switched_to) {
    const auto shadow = loaded();
    write(*shadow, {image(4, 0xA4), image(5, 0xA5), image(9, 0xA9)});
    BOOST_TEST(nvm.events == "ppp|bb|"); // a root takes two pages here
    nvm.events.clear();
    write(*shadow, {image(4, 0xB4)});
    BOOST_TEST(nvm.events == "pp|aa|"); // the other root, and page 5 is taken along
    const auto later = loaded();
    for (const Shadow* again : {shadow.get(), later.get()}) {
        BOOST_CHECK(page(*again, 4) == Bytes(32, 0xB4));
        BOOST_CHECK(page(*again, 5) == Bytes(32, 0xA5));
        BOOST_CHECK(page(*again, 9) == Bytes(32, 0xA9));
    }
}

BOOST_AUTO_TEST_CASE(no_page_of_the_newest_root_is_ever_written) {
    const auto shadow = loaded();
    for (std::uint8_t fill = 1; fill < 100; ++fill) {
        const Bytes before = nvm.memory().bytes();
        write(*shadow, {image(fill % 20U, fill)});
        // A cut before the switch finds all as it was.
        MemoryNvm cut{small, nvm.memory().bytes()};
        for (const Region& root : layout.roots) {
            std::copy_n(before.begin() + root.offset, root.size, cut.bytes().begin() + root.offset);
        }
        MemoryNvm uncut{small, before};
        const auto found = Shadow::load(cut, layout).value();
        const auto expected = Shadow::load(uncut, layout).value();
        for (std::uint32_t number = 0; number < layout.home_pages(); ++number) {
            BOOST_REQUIRE(page(*found, number) == page(*expected, number) || !in_use[number]);
        }
    }
}

BOOST_AUTO_TEST_CASE(takes_as_many_blocks_as_are_spare) {
    const auto shadow = loaded();
    const std::uint32_t spare = layout.pool_blocks() - layout.home_blocks;
    PageChange change{{}, in_use};
    for (std::uint32_t block = 0; block < spare; ++block) {
        change.images.push_back(image(2 * block, 1));
    }
    BOOST_TEST(shadow->takes(change));
    shadow->change(change);
    BOOST_CHECK(page(*shadow, 2 * (spare - 1)) == Bytes(32, 1));
    change.images.push_back(image(2 * spare, 1));
    BOOST_TEST(!shadow->takes(change));
}

BOOST_AUTO_TEST_CASE(a_quiet_memory_is_loaded_without_a_write) {
    write(*loaded(), {image(4, 0xA4)});
    nvm.events.clear();
    BOOST_CHECK(page(*loaded(), 4) == Bytes(32, 0xA4));
    BOOST_TEST(nvm.events.empty());
}

BOOST_AUTO_TEST_CASE(a_root_that_is_torn_is_made_void_at_once_and_once) {
    write(*loaded(), {image(4, 0xA4)}); // the newest root is the second
    for (const std::uint8_t value : {std::uint8_t{0x00}, erased_byte, std::uint8_t{0x5A}}) {
        nvm.fill(layout.roots[0], value);
        nvm.events.clear();
        BOOST_CHECK(page(*loaded(), 4) == Bytes(32, 0xA4));
        BOOST_TEST(nvm.events == "a|");
        static_cast<void>(loaded());
        BOOST_TEST(nvm.events == "a|");
    }
}

BOOST_AUTO_TEST_CASE(a_newer_root_that_is_torn_leaves_the_older_one) {
    write(*loaded(), {image(4, 0xA4)});
    nvm.memory().bytes()[layout.roots[1].offset + 9] ^= 1U;
    nvm.events.clear();
    BOOST_CHECK(page(*loaded(), 4) == Bytes(32, erased_byte));
    BOOST_TEST(nvm.events == "b|");
}

// It would be whole at each third look.
BOOST_AUTO_TEST_CASE(a_root_with_a_bit_that_is_not_firm_is_not_believed) {
    write(*loaded(), {image(4, 0xA4)});
    nvm.flickering = layout.roots[1].offset + 9;
    nvm.events.clear();
    BOOST_CHECK(page(*loaded(), 4) == Bytes(32, erased_byte));
    BOOST_TEST(nvm.events == "b|");
}

BOOST_AUTO_TEST_CASE(sequence_numbers_go_round) {
    forge(layout.roots[0], [](Bytes& root) { std::fill_n(root.begin() + 4, 4, std::uint8_t{0xFF}); });
    write(*loaded(), {image(4, 0xA4)});
    BOOST_CHECK(page(*loaded(), 4) == Bytes(32, 0xA4));
    write(*loaded(), {image(4, 0xB4)});
    BOOST_CHECK(page(*loaded(), 4) == Bytes(32, 0xB4));
}

BOOST_AUTO_TEST_CASE(erased_and_zeroed_roots_are_refused_and_left_alone) {
    for (const std::uint8_t value : {std::uint8_t{0x00}, erased_byte}) {
        nvm.fill(layout.roots[0], value);
        nvm.fill(layout.roots[1], value);
        BOOST_TEST(refusal() == "the memory is damaged: neither root is whole");
        BOOST_TEST(nvm.events.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_root_that_makes_no_sense_is_refused_and_left_alone) {
    const Bytes sound = nvm.memory().bytes();
    forge(layout.roots[0], [](Bytes& root) { root[8] = root[10]; });
    BOOST_TEST(refusal().find("names a block twice or one outside") != std::string::npos);
    nvm.memory().bytes() = sound;
    forge(layout.roots[0], [&](Bytes& root) { root[8] = static_cast<std::uint8_t>(layout.pool_blocks()); });
    BOOST_TEST(refusal().find("names a block twice or one outside") != std::string::npos);
    BOOST_TEST(nvm.events.empty());
}

BOOST_AUTO_TEST_SUITE_END()
