#include "emulator/store/counters.h"

#include "emulator/store/firm_read.h"
#include "emulator/store/record.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace cardrig::emulator::store {

namespace {

/// The record is written to two erase blocks in turn, never to the one with the newest whole one, so that a
/// cut write costs at most the change itself.
class AlternatingCounters final : public Counters {
public:
    static void format(Nvm& nvm, const Layout& layout);
    [[nodiscard]] static std::unique_ptr<Counters> load(Nvm& nvm, const Layout& layout);

private:
    AlternatingCounters(Nvm& nvm, const Layout& layout) : nvm_(&nvm), regions_(layout.counters) {}
    void write(const Values& values) override;

    Nvm* nvm_;
    std::array<Region, 2> regions_;
    std::uint32_t sequence_ = 0;
    std::size_t newest_ = 0; ///< the block with the newest record
};

/// No protection: one record, written where it lies, and no checksum that would tell that it is torn.
class PlainCounters final : public Counters {
public:
    static void format(Nvm& nvm, const Layout& layout);
    [[nodiscard]] static std::unique_ptr<Counters> load(Nvm& nvm, const Layout& layout);

private:
    PlainCounters(Nvm& nvm, const Layout& layout) : nvm_(&nvm), offset_(layout.counters[0].offset) {}
    [[nodiscard]] static Bytes encode(const Values& values);
    void write(const Values& values) override;

    Nvm* nvm_;
    std::uint32_t offset_;
};

constexpr std::uint32_t magic = 0x544E4F43; // "CONT"

Bytes encode_sealed(std::uint32_t sequence, ByteView values) {
    Bytes record;
    append_u32(record, magic);
    append_u32(record, sequence);
    record.insert(record.end(), values.begin(), values.end());
    return seal(std::move(record));
}

std::optional<Bytes> whole_record(const Nvm& nvm, const Region& region) {
    constexpr std::uint32_t record_size = 4 + 4 + Counters::count + 4;
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

void AlternatingCounters::format(Nvm& nvm, const Layout& layout) {
    std::uint32_t sequence = 0;
    for (const Region& region : layout.counters) {
        nvm.write(region.offset, encode_sealed(sequence++, Values{}));
    }
    nvm.sync();
}

std::unique_ptr<Counters> AlternatingCounters::load(Nvm& nvm, const Layout& layout) {
    std::unique_ptr<AlternatingCounters> counters(new AlternatingCounters(nvm, layout));
    bool found = false;
    for (std::size_t i = 0; i < layout.counters.size(); ++i) {
        const auto record = whole_record(nvm, layout.counters.at(i));
        if (!record || (found && !is_newer(u32_at(*record, 4), counters->sequence_))) {
            continue;
        }
        found = true;
        counters->newest_ = i;
        counters->sequence_ = u32_at(*record, 4);
        std::copy_n(record->begin() + 8, count, counters->values_.begin());
    }
    return found ? std::move(counters) : nullptr;
}

void AlternatingCounters::write(const Values& values) {
    const std::size_t older = 1 - newest_;
    nvm_->write(regions_.at(older).offset, encode_sealed(sequence_ + 1, values));
    nvm_->sync();
    newest_ = older;
    ++sequence_;
}

Bytes PlainCounters::encode(const Values& values) {
    Bytes record;
    append_u32(record, magic);
    record.insert(record.end(), values.begin(), values.end());
    return record;
}

void PlainCounters::format(Nvm& nvm, const Layout& layout) {
    nvm.write(layout.counters[0].offset, encode(Values{}));
    nvm.sync();
}

/// Erased memory would read as 255 tries left: the magic number tells it from counters, and nothing more.
std::unique_ptr<Counters> PlainCounters::load(Nvm& nvm, const Layout& layout) {
    std::unique_ptr<PlainCounters> counters(new PlainCounters(nvm, layout));
    Bytes record(4 + count);
    nvm.read(counters->offset_, record);
    if (u32_at(record, 0) != magic) {
        return nullptr;
    }
    std::copy_n(record.begin() + 4, count, counters->values_.begin());
    return counters;
}

void PlainCounters::write(const Values& values) {
    nvm_->write(offset_, encode(values));
    nvm_->sync();
}

} // namespace

void Counters::format(Nvm& nvm, const Layout& layout) {
    if (layout.protection == Protection::none) {
        PlainCounters::format(nvm, layout);
    } else {
        AlternatingCounters::format(nvm, layout);
    }
}

Result<std::unique_ptr<Counters>> Counters::load(Nvm& nvm, const Layout& layout) {
    if (layout.protection == Protection::none) {
        auto plain = PlainCounters::load(nvm, layout);
        if (!plain) {
            return apdu::failure("the memory is damaged: the counters are not there");
        }
        return plain;
    }
    auto alternating = AlternatingCounters::load(nvm, layout);
    if (!alternating) {
        return apdu::failure("the memory is damaged: neither copy of the counters is whole");
    }
    return alternating;
}

void Counters::set(std::size_t index, std::uint8_t value) {
    if (values_.at(index) == value) {
        return;
    }
    Values values = values_;
    values.at(index) = value;
    write(values);
    values_ = values;
}

} // namespace cardrig::emulator::store
