#include "harness/sweep/crash_memory.h"

#include "harness/sweep/digests.h"

#include <algorithm>

namespace cardrig::harness {

using emulator::WeakBits;

CrashMemory::CrashMemory(const emulator::CardImage& image)
    : memory_(image.config.geometry, image.memory, image.weak), page_size_(image.config.geometry.page_size),
      digests_(image.config.geometry.size() / page_size_) {
    renew({0, image.config.geometry.size()});
}

void CrashMemory::write(std::uint32_t offset, apdu::ByteView bytes) {
    const MemoryRange range{offset, static_cast<std::uint32_t>(bytes.size())};
    if (log_ != nullptr) {
        log_->push_back({false, offset, apdu::Bytes(bytes.begin(), bytes.end()), memory_.weak().state});
    }
    keep(range);
    unsynced_.note(memory_, range);
    memory_.write(offset, bytes);
    renew(range);
}

void CrashMemory::sync() {
    if (log_ != nullptr) {
        log_->push_back({true, 0, {}, memory_.weak().state});
    }
    unsynced_.clear();
}

void CrashMemory::tear(const CutWrite& write, const Tearing& tearing) {
    const std::vector<MemoryRange> ranges = reach(geometry(), unsynced_, write, tearing);
    for (const MemoryRange& range : ranges) {
        keep(range);
    }
    harness::tear(memory_, unsynced_, write, tearing);
    for (const MemoryRange& range : ranges) {
        renew(range);
    }
}

void CrashMemory::back_to(const Mark& mark) {
    while (undo_.size() > mark.undone) {
        const Undo undo = undo_.back();
        undo_.pop_back();
        const std::size_t at = undo_.size() * page_size_;
        std::copy_n(undo_bytes_.begin() + static_cast<std::ptrdiff_t>(at), page_size_,
                    bytes_of(undo.page).begin());
        sum_ += undo.digest - digests_[undo.page];
        digests_[undo.page] = undo.digest;
    }
    undo_bytes_.resize(undo_.size() * page_size_);
    memory_.weak() = mark.weak;
}

void CrashMemory::forget_undo() {
    undo_.clear();
    undo_bytes_.clear();
}

CrashMemory::Patch CrashMemory::since(const Mark& mark) const {
    Patch patch{{}, {}, memory_.weak()};
    for (std::size_t i = mark.undone; i < undo_.size(); ++i) {
        patch.pages.push_back(undo_[i].page);
    }
    std::ranges::sort(patch.pages);
    patch.pages.erase(std::unique(patch.pages.begin(), patch.pages.end()), patch.pages.end());
    patch.contents.reserve(patch.pages.size() * page_size_);
    for (const std::uint32_t page : patch.pages) {
        const auto begin = memory_.bytes().begin() + static_cast<std::ptrdiff_t>(page) * page_size_;
        patch.contents.insert(patch.contents.end(), begin, begin + page_size_);
    }
    return patch;
}

void CrashMemory::apply(const Patch& patch) {
    memory_.weak() = patch.weak;
    auto content = patch.contents.begin();
    for (const std::uint32_t page : patch.pages) {
        keep_page(page);
        std::copy_n(content, page_size_, bytes_of(page).begin());
        content += page_size_;
        renew({page * page_size_, page_size_});
    }
}

std::uint64_t CrashMemory::digest() const {
    std::uint64_t digest = sum_;
    for (const auto& [offset, mask] : memory_.weak().masks) {
        digest = digests::mixed(digest, (std::uint64_t{offset} << 8U) | mask);
    }
    return digest;
}

void CrashMemory::keep(MemoryRange range) {
    if (range.size == 0) {
        return;
    }
    for (std::uint32_t page = range.offset / page_size_; page * page_size_ < range.offset + range.size;
         ++page) {
        keep_page(page);
    }
}

void CrashMemory::keep_page(std::uint32_t page) {
    undo_.push_back({page, digests_[page]});
    const auto content = bytes_of(page);
    undo_bytes_.insert(undo_bytes_.end(), content.begin(), content.end());
}

void CrashMemory::renew(MemoryRange range) {
    if (range.size == 0) {
        return;
    }
    for (std::uint32_t page = range.offset / page_size_; page * page_size_ < range.offset + range.size;
         ++page) {
        const std::uint64_t digest = digest_of(page);
        sum_ += digest - digests_[page];
        digests_[page] = digest;
    }
}

std::uint64_t CrashMemory::digest_of(std::uint32_t page) const {
    const std::uint32_t begin = page * page_size_;
    const auto content = apdu::ByteView(memory_.bytes()).subspan(begin, page_size_);
    const auto& masks = memory_.weak().masks;
    auto weak = masks.lower_bound(begin);
    if (weak == masks.end() || weak->first >= begin + page_size_) {
        return digests::mixed(digests::of(content), page);
    }
    apdu::Bytes firm(content.begin(), content.end());
    for (; weak != masks.end() && weak->first < begin + page_size_; ++weak) {
        firm[weak->first - begin] &= static_cast<std::uint8_t>(~weak->second);
    }
    return digests::mixed(digests::of(firm), page);
}

std::span<std::uint8_t> CrashMemory::bytes_of(std::uint32_t page) {
    return std::span(memory_.bytes()).subspan(std::size_t{page} * page_size_, page_size_);
}

} // namespace cardrig::harness
