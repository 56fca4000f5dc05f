// Damages a memory as an input says. Checksums keep most damage from ever being believed, so an input may
// also put them right again: what is found then is what the checksum does not protect from.
#pragma once

#include "emulator/store/layout.h"
#include "emulator/store/record.h"
#include "tests/fuzz/input.h"

#include <array>

namespace fuzz {

class MemoryPatches final {
public:
    /// `memory` has the layout's size.
    MemoryPatches(cardrig::apdu::Bytes& memory, const cardrig::emulator::store::Layout& layout)
        : memory_(memory), layout_(layout) {}

    /// Four bytes a patch: what, where (two, big-endian; beyond the end goes round), and a value.
    void apply(cardrig::apdu::ByteView patches) {
        while (patches.size() >= 4) {
            const cardrig::apdu::ByteView patch = take(patches, 4);
            const std::size_t at = (std::size_t{patch[1]} << 8U | patch[2]) % memory_.size();
            apply(patch[0] % 6, at, patch[3]);
        }
    }

private:
    void apply(unsigned what, std::size_t at, std::uint8_t value) {
        const std::size_t block = layout_.geometry.block_size();
        switch (what) {
        case 0:
            memory_[at] = value;
            break;
        case 1: // a number, as tables hold it: small, or one of the last ones, which mean something
            put_u32(at / 4 * 4, value < 0xF0 ? value : 0xFFFF'FF00U | value);
            break;
        case 2: // a whole erase block
            std::fill_n(memory_.begin() + static_cast<std::ptrdiff_t>(at / block * block), block, value);
            break;
        case 3: // a page somewhere else
            copy_page(at, value);
            break;
        case 4:
            seal_record(value);
            break;
        default:
            commit(value);
            break;
        }
    }

    void put_u32(std::size_t at, std::uint32_t number) {
        cardrig::apdu::Bytes bytes;
        cardrig::emulator::store::append_u32(bytes, number);
        std::ranges::copy(bytes, memory_.begin() + static_cast<std::ptrdiff_t>(at));
    }

    void copy_page(std::size_t at, std::size_t source) {
        const std::size_t size = layout_.geometry.page_size;
        const auto page = [&](std::size_t number) {
            return memory_.begin() + static_cast<std::ptrdiff_t>(number * size % memory_.size());
        };
        std::copy_n(page(source), size, page(at / size));
    }

    void seal(std::size_t at, std::size_t size) {
        const cardrig::apdu::ByteView record = cardrig::apdu::ByteView(memory_).subspan(at, size - 4);
        put_u32(at + size - 4, cardrig::emulator::store::crc32(record));
    }

    void seal_record(std::uint8_t which) {
        switch (which % 4) {
        case 0:
            return seal(layout_.superblock.offset, 28);
        case 1:
        case 2:
            return seal(layout_.counters[which % 2].offset, 28);
        default:
            return seal(layout_.commit_record.offset, 16);
        }
    }

    /// What makes a change count, where the protection has such a thing: that many pages of the journal, or
    /// one of the roots.
    void commit(std::uint8_t value) {
        if (layout_.protection == cardrig::emulator::Protection::journal) {
            commit_journal(value);
        } else if (layout_.protection == cardrig::emulator::Protection::shadow) {
            seal(layout_.roots[value % 2].offset, layout_.root_size());
        }
    }

    /// Whatever lies in the journal now, that many pages of it.
    void commit_journal(std::uint32_t count) {
        count = std::min(count, layout_.journal_slots);
        const cardrig::apdu::ByteView memory(memory_);
        const std::uint32_t list = cardrig::emulator::store::crc32(
            memory.subspan(layout_.journal.offset, count * cardrig::emulator::store::journal_entry_size));
        const std::uint32_t all = cardrig::emulator::store::crc32(
            memory.subspan(layout_.journal_images, count * layout_.geometry.page_size), list);
        const std::size_t at = layout_.commit_record.offset;
        std::ranges::copy(std::string_view("COMT"), memory_.begin() + static_cast<std::ptrdiff_t>(at));
        put_u32(at + 4, count);
        put_u32(at + 8, all);
        seal(at, 16);
    }

    cardrig::apdu::Bytes& memory_;
    const cardrig::emulator::store::Layout& layout_;
};

} // namespace fuzz
