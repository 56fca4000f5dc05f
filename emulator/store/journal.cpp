#include "emulator/store/journal.h"

#include "emulator/store/firm_read.h"
#include "emulator/store/record.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cardrig::emulator::store {

namespace {

// The two states of the commit record. Both have the same length, so that each wholly replaces the other.
constexpr std::uint32_t idle_magic = 0x454C4449;      // "IDLE"
constexpr std::uint32_t committed_magic = 0x544D4F43; // "COMT"
constexpr std::uint32_t record_size = 16;

Bytes encode(std::uint32_t magic, std::uint32_t count, std::uint32_t crc) {
    Bytes record;
    append_u32(record, magic);
    append_u32(record, count);
    append_u32(record, crc);
    return seal(std::move(record));
}

} // namespace

void Journal::read(std::uint32_t page, std::span<std::uint8_t> out) const {
    nvm_->read(layout_.home_page(page), out);
}

bool Journal::takes(const PageChange& change) const {
    return with_neighbours(change, *this, layout_.geometry).size() <= layout_.journal_slots;
}

void Journal::change(const PageChange& change) {
    commit(with_neighbours(change, *this, layout_.geometry));
}

void Journal::commit(const std::vector<PageImage>& images) {
    std::uint32_t crc = write_list(images);
    std::uint32_t offset = layout_.journal_images;
    for (const PageImage& image : images) {
        nvm_->write(offset, image.content);
        crc = crc32(image.content, crc);
        offset += layout_.geometry.page_size;
    }
    nvm_->sync();
    nvm_->write(layout_.commit_record.offset,
                encode(committed_magic, static_cast<std::uint32_t>(images.size()), crc));
    nvm_->sync();
    apply(images);
    clear();
}

Result<void> Journal::recover() {
    const auto record = read_firm(*nvm_, layout_.commit_record.offset, record_size);
    const bool whole = record && is_sealed(*record);
    if (whole && u32_at(*record, 0) == idle_magic) {
        return {};
    }
    if (whole && u32_at(*record, 0) == committed_magic) {
        const auto images = load(u32_at(*record, 4), u32_at(*record, 8));
        if (!images) {
            return apdu::failure(images.error().message);
        }
        apply(*images);
    }
    // A record that is torn may read as whole the next time: it must be settled before anything relies on its
    // not counting.
    clear();
    return {};
}

std::uint32_t Journal::write_list(const std::vector<PageImage>& images) {
    Bytes list;
    for (const PageImage& image : images) {
        append_u32(list, image.page);
    }
    write_pages(*nvm_, layout_.journal.offset, list);
    return crc32(list);
}

Result<std::vector<PageImage>> Journal::load(std::uint32_t count, std::uint32_t crc) const {
    const auto damaged = [](std::string_view what) {
        return apdu::failure(fmt::format("the memory is damaged: the committed journal {}", what));
    };
    if (count > layout_.journal_slots) {
        return damaged("is longer than its region");
    }
    Bytes list(std::size_t{count} * journal_entry_size);
    nvm_->read(layout_.journal.offset, list);
    std::uint32_t found = crc32(list);
    std::vector<PageImage> images;
    for (std::uint32_t i = 0; i < count; ++i) {
        PageImage image{u32_at(list, std::size_t{i} * journal_entry_size), Bytes(layout_.geometry.page_size)};
        nvm_->read(layout_.journal_images + i * layout_.geometry.page_size, image.content);
        found = crc32(image.content, found);
        images.push_back(std::move(image));
    }
    if (found != crc) {
        return damaged("does not match its checksum");
    }
    if (!std::ranges::all_of(images, [&](const auto& image) { return image.page < layout_.home_pages(); })) {
        return damaged("names a page outside its region");
    }
    return images;
}

void Journal::apply(const std::vector<PageImage>& images) {
    for (const PageImage& image : images) {
        const std::uint32_t offset = layout_.home_page(image.page);
        // Pages that are right already are left alone, so that cuts during recovery come to an end.
        if (!holds_firmly(*nvm_, offset, image.content)) {
            nvm_->write(offset, image.content);
        }
    }
    nvm_->sync();
}

void Journal::clear() {
    nvm_->write(layout_.commit_record.offset, encode(idle_magic, 0, 0));
    nvm_->sync();
}

} // namespace cardrig::emulator::store
