#include "emulator/object_store.h"

#include "emulator/store/counters.h"
#include "emulator/store/home.h"
#include "emulator/store/in_place.h"
#include "emulator/store/journal.h"
#include "emulator/store/layout.h"
#include "emulator/store/record.h"
#include "emulator/store/shadow.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::emulator {

namespace {

constexpr std::uint32_t superblock_magic = 0x47525243; // "CRRG"
constexpr std::uint32_t superblock_size = 28;

Bytes encode_superblock(const NvmGeometry& geometry, Protection protection) {
    Bytes record;
    store::append_u32(record, superblock_magic);
    store::append_u32(record, store::newest_version);
    store::append_u32(record, static_cast<std::uint32_t>(protection));
    store::append_u32(record, geometry.page_size);
    store::append_u32(record, geometry.pages_per_block);
    store::append_u32(record, geometry.blocks);
    return store::seal(std::move(record));
}

bool is_all(ByteView bytes, std::uint8_t value) {
    return std::ranges::all_of(bytes, [&](std::uint8_t byte) { return byte == value; });
}

/// What a memory was laid out as.
Result<store::Layout> read_superblock(const Nvm& nvm) {
    Bytes record(superblock_size);
    nvm.read(0, record);
    if (is_all(record, erased_byte)) {
        return apdu::failure("the memory is erased");
    }
    if (is_all(record, 0)) {
        return apdu::failure("the memory is zeroed");
    }
    if (store::u32_at(record, 0) != superblock_magic) {
        return apdu::failure("the memory is not a card's");
    }
    if (!store::is_sealed(record)) {
        return apdu::failure("the memory is damaged: its superblock does not match its checksum");
    }
    const std::uint32_t version = store::u32_at(record, 4);
    if (version < 1 || version > store::newest_version) {
        return apdu::failure(fmt::format("the memory is laid out as version {}; versions 1 to {} are known",
                                         version, store::newest_version));
    }
    const NvmGeometry laid_out{store::u32_at(record, 12), store::u32_at(record, 16),
                               store::u32_at(record, 20)};
    if (laid_out != nvm.geometry()) {
        return apdu::failure(fmt::format("the memory was laid out for {} blocks of {} pages of {} bytes",
                                         laid_out.blocks, laid_out.pages_per_block, laid_out.page_size));
    }
    const std::uint32_t number = store::u32_at(record, 8);
    const auto* const known = std::ranges::find(
        all_protections, number, [](Protection each) { return static_cast<std::uint32_t>(each); });
    if (known == all_protections.end() || (version == 1 && *known != Protection::journal)) {
        return apdu::failure(fmt::format("the memory has an unknown protection ({})", number));
    }
    return store::Layout::of(laid_out, *known, version);
}

void erase_page(Nvm& nvm, std::uint32_t page) {
    const std::uint32_t size = nvm.geometry().page_size;
    nvm.write(page * size, Bytes(size, erased_byte));
}

/// The superblock goes first, so that a format that is cut leaves no card behind that looks whole.
void erase_all(Nvm& nvm) {
    erase_page(nvm, 0);
    nvm.sync();
    for (std::uint32_t page = 1; page < nvm.geometry().size() / nvm.geometry().page_size; ++page) {
        erase_page(nvm, page);
    }
    nvm.sync();
}

/// The magic number before the tables; the rest of them is empty where it is erased.
void format_tables(Nvm& nvm, const store::Layout& layout) {
    Bytes tables = store::Tables::empty(layout).encode(layout);
    tables.resize(layout.geometry.page_size);
    nvm.write(layout.home_page(0), tables);
    nvm.sync();
}

/// What the protection keeps beside home.
void format_protection(Nvm& nvm, const store::Layout& layout) {
    switch (layout.protection) {
    case Protection::none:
        return;
    case Protection::journal:
        return store::Journal(nvm, layout).format();
    case Protection::shadow:
        return store::Shadow::format(nvm, layout);
    }
}

/// Finishes or drops what a power cut interrupted.
Result<std::unique_ptr<store::Pages>> recover(Nvm& nvm, const store::Layout& layout) {
    switch (layout.protection) {
    case Protection::none:
        return std::make_unique<store::InPlace>(nvm, layout);
    case Protection::journal: {
        auto journal = std::make_unique<store::Journal>(nvm, layout);
        if (const auto recovered = journal->recover(); !recovered) {
            return apdu::failure(recovered.error().message);
        }
        return journal;
    }
    case Protection::shadow: {
        auto shadow = store::Shadow::load(nvm, layout);
        if (!shadow) {
            return apdu::failure(shadow.error().message);
        }
        return std::move(*shadow);
    }
    }
    throw std::logic_error("no such protection");
}

} // namespace

class ObjectStore::Impl {
public:
    Impl(Protection protection, std::unique_ptr<store::Counters> counters,
         std::unique_ptr<store::Pages> pages, store::Home home)
        : protection_(protection), counters_(std::move(counters)), pages_(std::move(pages)),
          home_(std::move(home)) {}

    Protection protection_;
    std::unique_ptr<store::Counters> counters_;
    std::unique_ptr<store::Pages> pages_;
    store::Home home_; ///< refers to the pages
};

ObjectStore::ObjectStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ObjectStore::~ObjectStore() = default;

Result<std::unique_ptr<ObjectStore>> ObjectStore::format(Nvm& nvm, Protection protection) {
    const auto layout = store::Layout::of(nvm.geometry(), protection);
    if (!layout) {
        return apdu::failure(layout.error().message);
    }
    erase_all(nvm);
    store::Counters::format(nvm, *layout);
    format_protection(nvm, *layout);
    format_tables(nvm, *layout);
    nvm.write(layout->superblock.offset, encode_superblock(nvm.geometry(), protection));
    nvm.sync();
    return mount(nvm);
}

Result<std::unique_ptr<ObjectStore>> ObjectStore::mount(Nvm& nvm) {
    if (const auto sensible = check(nvm.geometry()); !sensible) {
        return apdu::failure(sensible.error().message);
    }
    const auto layout = read_superblock(nvm);
    if (!layout) {
        return apdu::failure(layout.error().message);
    }
    auto counters = store::Counters::load(nvm, *layout);
    if (!counters) {
        return apdu::failure(counters.error().message);
    }
    auto pages = recover(nvm, *layout);
    if (!pages) {
        return apdu::failure(pages.error().message);
    }
    auto home = store::Home::load(**pages, *layout);
    if (!home) {
        return apdu::failure(home.error().message);
    }
    return std::unique_ptr<ObjectStore>(new ObjectStore(std::make_unique<Impl>(
        layout->protection, std::move(*counters), std::move(*pages), std::move(*home))));
}

Result<std::unique_ptr<ObjectStore>> ObjectStore::mount(Nvm& nvm, Protection expected) {
    // Before anything is recovered: that writes.
    if (const auto sensible = check(nvm.geometry()); !sensible) {
        return apdu::failure(sensible.error().message);
    }
    const auto layout = read_superblock(nvm);
    if (layout && layout->protection != expected) {
        return apdu::failure(fmt::format("the memory is laid out for the protection '{}', and the card's "
                                         "configuration says '{}'",
                                         protection_word(layout->protection), protection_word(expected)));
    }
    return mount(nvm);
}

std::optional<Bytes> ObjectStore::read(ObjectId id) const {
    return impl_->home_.read(id);
}

bool ObjectStore::contains(ObjectId id) const {
    return impl_->home_.tables().find(id) != nullptr;
}

std::vector<ObjectId> ObjectStore::objects() const {
    return impl_->home_.tables().objects();
}

std::uint8_t ObjectStore::counter(CounterId id) const {
    return impl_->counters_->get(static_cast<std::size_t>(id));
}

void ObjectStore::set_counter(CounterId id, std::uint8_t value) {
    impl_->counters_->set(static_cast<std::size_t>(id), value);
}

std::uint32_t ObjectStore::free_bytes() const {
    return impl_->home_.free_bytes();
}

Protection ObjectStore::protection() const {
    return impl_->protection_;
}

CommitResult ObjectStore::commit(const std::map<ObjectId, std::optional<Bytes>>& changes) {
    auto plan = impl_->home_.plan(changes);
    if (!plan) {
        return CommitResult::not_enough_memory;
    }
    if (!plan->change.images.empty()) {
        impl_->pages_->change(plan->change);
        impl_->home_.adopt(std::move(plan->tables));
    }
    return CommitResult::committed;
}

void Transaction::put(ObjectId id, Bytes content) {
    changes_[id] = std::move(content);
}

void Transaction::write_range(ObjectId id, std::uint32_t offset, ByteView bytes) {
    const auto changed = changes_.find(id);
    std::optional<Bytes> content = changed == changes_.end() ? store_.read(id) : changed->second;
    if (!content || offset > content->size()) {
        throw std::logic_error("a range outside its object");
    }
    content->resize(std::max(content->size(), std::size_t{offset} + bytes.size()));
    std::ranges::copy(bytes, content->begin() + offset);
    changes_[id] = std::move(content);
}

void Transaction::erase(ObjectId id) {
    changes_[id] = std::nullopt;
}

CommitResult Transaction::commit() {
    if (committed_) {
        throw std::logic_error("a transaction is committed once");
    }
    committed_ = true;
    return store_.commit(changes_);
}

} // namespace cardrig::emulator
