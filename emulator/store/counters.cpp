#include "emulator/store/counters.h"

#include "emulator/store/firm_read.h"
#include "emulator/store/record.h"

#include <algorithm>
#include <utility>

namespace cardrig::emulator::store {

namespace {

constexpr std::uint32_t magic = 0x544E4F43; // "CONT"
constexpr std::uint32_t record_size = 4 + 4 + Counters::count + 4;

Bytes encode(std::uint32_t sequence, ByteView values) {
    Bytes record;
    append_u32(record, magic);
    append_u32(record, sequence);
    record.insert(record.end(), values.begin(), values.end());
    return seal(std::move(record));
}

std::optional<Bytes> whole_record(const Nvm& nvm, const Region& region) {
    auto record = read_firm(nvm, region.offset, record_size);
    if (!record || !is_sealed(*record) || u32_at(*record, 0) != magic) {
        return std::nullopt;
    }
    return record;
}

/// Sequence numbers go round after 2^32 changes.
bool is_newer(std::uint32_t left, std::uint32_t right) {
    return static_cast<std::int32_t>(left - right) > 0;
}

} // namespace

void Counters::format(Nvm& nvm, const Layout& layout) {
    std::uint32_t sequence = 0;
    for (const Region& region : layout.counters) {
        nvm.write(region.offset, encode(sequence++, Values{}));
    }
    nvm.sync();
}

Result<Counters> Counters::load(Nvm& nvm, const Layout& layout) {
    Counters counters{nvm, layout};
    bool found = false;
    for (std::size_t i = 0; i < layout.counters.size(); ++i) {
        const auto record = whole_record(nvm, layout.counters[i]);
        if (!record || (found && !is_newer(u32_at(*record, 4), counters.sequence_))) {
            continue;
        }
        found = true;
        counters.newest_ = i;
        counters.sequence_ = u32_at(*record, 4);
        std::copy_n(record->begin() + 8, count, counters.values_.begin());
    }
    if (!found) {
        return apdu::failure("the memory is damaged: neither copy of the counters is whole");
    }
    return counters;
}

void Counters::set(std::size_t index, std::uint8_t value) {
    if (values_.at(index) == value) {
        return;
    }
    Values values = values_;
    values.at(index) = value;
    const std::size_t older = 1 - newest_;
    nvm_->write(regions_.at(older).offset, encode(sequence_ + 1, values));
    nvm_->sync();
    values_ = values;
    newest_ = older;
    ++sequence_;
}

} // namespace cardrig::emulator::store
