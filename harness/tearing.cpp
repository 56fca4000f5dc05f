#include "harness/tearing.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::array<std::pair<TearingModel, std::string_view>, 6> model_words{{
    {TearingModel::lost_writes, "lost-writes"},
    {TearingModel::atomic_page, "atomic-page"},
    {TearingModel::prefix, "prefix"},
    {TearingModel::erased_page, "erased-page"},
    {TearingModel::erase_block, "erase-block"},
    {TearingModel::weak_bits, "weak-bits"},
}};

constexpr std::array<std::pair<Prefix, std::string_view>, 4> prefix_words{{
    {Prefix::none, "none"},
    {Prefix::one, "one"},
    {Prefix::half, "half"},
    {Prefix::all_but_one, "all-but-one"},
}};

template <class Table>
auto by_word(const Table& table, std::string_view word) {
    return std::ranges::find_if(table, [&](const auto& row) { return row.second == word; });
}

template <class Table, class Value>
std::string_view word_of(const Table& table, Value value) {
    return std::ranges::find_if(table, [&](const auto& row) { return row.first == value; })->second;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

/// Less than the whole write, whatever its size.
std::size_t prefix_size(Prefix prefix, std::size_t size) {
    switch (prefix) {
    case Prefix::none:
        return 0;
    case Prefix::one:
        return std::min<std::size_t>(1, size - 1);
    case Prefix::half:
        return size / 2;
    case Prefix::all_but_one:
        return size - 1;
    }
    throw std::logic_error("no such prefix");
}

using emulator::MemoryNvm;
using emulator::WeakBits;

MemoryRange around(std::uint32_t offset, std::uint32_t unit) {
    return {offset / unit * unit, unit};
}

void erase(MemoryNvm& memory, MemoryRange range) {
    memory.write(range.offset, apdu::Bytes(range.size, emulator::erased_byte));
}

void weaken(MemoryNvm& memory, const CutWrite& write, std::uint64_t seed) {
    // Bits that an earlier cut left weak stay so: this write does not get to settling them either.
    WeakBits& weak = memory.weak();
    weak.state ^= seed + write.number;
    for (std::uint32_t i = 0; i < write.bytes.size(); ++i) {
        std::uint8_t& byte = memory.bytes()[write.offset + i];
        const auto earlier = weak.masks.find(write.offset + i);
        const auto mask = static_cast<std::uint8_t>((byte ^ write.bytes[i]) |
                                                    (earlier == weak.masks.end() ? 0 : earlier->second));
        if (mask != 0) {
            weak.masks[write.offset + i] = mask;
            byte = static_cast<std::uint8_t>((byte & ~mask) | (weak.draw() & mask));
        }
    }
}

} // namespace

apdu::Result<Tearing> Tearing::parse(std::string_view text) {
    const std::size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    const std::string_view detail = blank == std::string_view::npos ? "" : text.substr(blank + 1);
    const auto model = by_word(model_words, word);
    if (model == model_words.end()) {
        return apdu::failure(fmt::format("'{}' is no tearing model: lost-writes, atomic-page, prefix, "
                                         "erased-page, erase-block or weak-bits",
                                         word));
    }
    Tearing tearing;
    tearing.model = model->first;
    if (blank == std::string_view::npos) {
        return tearing;
    }
    if (tearing.model == TearingModel::prefix) {
        const auto prefix = by_word(prefix_words, detail);
        if (prefix == prefix_words.end()) {
            return apdu::failure(fmt::format("'{}' is no prefix: none, one, half or all-but-one", detail));
        }
        tearing.prefix = prefix->first;
        return tearing;
    }
    if (tearing.model == TearingModel::weak_bits) {
        const auto seed = number(detail);
        if (!seed) {
            return apdu::failure(fmt::format("'{}' is no seed for weak-bits: a number", detail));
        }
        tearing.seed = *seed;
        return tearing;
    }
    return apdu::failure(fmt::format("'{}' after {}: nothing belongs there", detail, word));
}

std::string Tearing::text() const {
    const std::string_view word = word_of(model_words, model);
    if (model == TearingModel::prefix) {
        return fmt::format("{} {}", word, word_of(prefix_words, prefix));
    }
    if (model == TearingModel::weak_bits && seed != Tearing{}.seed) {
        return fmt::format("{} {}", word, seed);
    }
    return std::string(word);
}

const std::vector<Tearing>& all_tearings() {
    static const std::vector<Tearing> all = [] {
        std::vector<Tearing> tearings;
        for (const auto& [model, word] : model_words) {
            Tearing tearing;
            tearing.model = model;
            if (model != TearingModel::prefix) {
                tearings.push_back(tearing);
                continue;
            }
            for (const auto& [prefix, detail] : prefix_words) {
                tearing.prefix = prefix;
                tearings.push_back(tearing);
            }
        }
        return tearings;
    }();
    return all;
}

void UnsyncedWrites::note(const MemoryNvm& memory, MemoryRange range) {
    const auto& masks = memory.weak().masks;
    Undo undo{range.offset,
              apdu::Bytes(range.size),
              {masks.lower_bound(range.offset), masks.lower_bound(range.offset + range.size)}};
    memory.read(range.offset, undo.before);
    undos_.push_back(std::move(undo));
}

void UnsyncedWrites::undo(MemoryNvm& memory) const {
    for (auto undo = undos_.rbegin(); undo != undos_.rend(); ++undo) {
        memory.write(undo->offset, undo->before);
        memory.weak().masks.insert(undo->weak.begin(), undo->weak.end());
    }
}

std::vector<MemoryRange> UnsyncedWrites::ranges() const {
    std::vector<MemoryRange> ranges;
    ranges.reserve(undos_.size());
    for (const Undo& undo : undos_) {
        ranges.push_back({undo.offset, static_cast<std::uint32_t>(undo.before.size())});
    }
    return ranges;
}

void tear(MemoryNvm& memory, const UnsyncedWrites& unsynced, const CutWrite& write, const Tearing& tearing) {
    const emulator::NvmGeometry geometry = memory.geometry();
    switch (tearing.model) {
    case TearingModel::lost_writes:
        return unsynced.undo(memory);
    case TearingModel::atomic_page:
        return;
    case TearingModel::prefix:
        return memory.write(write.offset, write.bytes.first(prefix_size(tearing.prefix, write.bytes.size())));
    case TearingModel::erased_page:
        return erase(memory, around(write.offset, geometry.page_size));
    case TearingModel::erase_block:
        return erase(memory, around(write.offset, geometry.block_size()));
    case TearingModel::weak_bits:
        return weaken(memory, write, tearing.seed);
    }
}

std::vector<MemoryRange> reach(const emulator::NvmGeometry& geometry, const UnsyncedWrites& unsynced,
                               const CutWrite& write, const Tearing& tearing) {
    switch (tearing.model) {
    case TearingModel::lost_writes:
        return unsynced.ranges();
    case TearingModel::atomic_page:
        return {};
    case TearingModel::erase_block:
        return {around(write.offset, geometry.block_size())};
    default:
        return {around(write.offset, geometry.page_size)};
    }
}

} // namespace cardrig::harness
