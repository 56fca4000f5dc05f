#include "harness/faulty_nvm.h"

#include <algorithm>
#include <array>
#include <charconv>
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

FaultyNvm::FaultyNvm(emulator::MemoryNvm& memory) : memory_(memory) {}

void FaultyNvm::cut_at(std::uint64_t write, Tearing tearing) {
    cut_write_ = writes_ + write;
    cut_tearing_ = tearing;
}

void FaultyNvm::cancel_cut() {
    cut_write_.reset();
}

void FaultyNvm::set_observer(Observer observer) {
    observer_ = std::move(observer);
}

void FaultyNvm::set_sync_observer(std::function<void()> observer) {
    sync_observer_ = std::move(observer);
}

void FaultyNvm::cut_now(Tearing tearing) {
    cut_write_ = writes_;
    cut_tearing_ = tearing;
}

void FaultyNvm::power_on() {
    dead_ = false;
    failing_ = false;
    cut_write_.reset();
    since_sync_.clear();
}

void FaultyNvm::begin_anew() {
    writes_ = 0;
    power_on();
}

void FaultyNvm::restore(const Remains& remains) {
    memory_.bytes() = remains.memory;
    memory_.weak() = {remains.weak, remains.weak_state};
    power_on();
}

void FaultyNvm::read(std::uint32_t offset, std::span<std::uint8_t> out) const {
    check_alive();
    memory_.read(offset, out);
}

void FaultyNvm::write(std::uint32_t offset, ByteView bytes) {
    check_alive();
    const std::uint32_t page_size = memory_.geometry().page_size;
    if (bytes.empty() || offset >= memory_.geometry().size() ||
        bytes.size() > page_size - offset % page_size) {
        throw std::logic_error(
            fmt::format("a write of {} bytes at {} is not within one page", bytes.size(), offset));
    }
    if (!quiet_) {
        ++writes_;
        observe(offset, bytes);
    }
    const bool planned = !quiet_ && cut_write_ == writes_.load();
    if (planned || failing_) {
        dead_ = true;
        tear(offset, bytes, planned ? cut_tearing_ : Tearing{});
        throw PowerCut{writes_};
    }
    const Range range{offset, static_cast<std::uint32_t>(bytes.size())};
    Undo undo{offset, Bytes(bytes.size()), weak_in(range)};
    memory_.read(offset, undo.before);
    since_sync_.push_back(std::move(undo));
    program(offset, bytes);
}

void FaultyNvm::sync() {
    check_alive();
    if (!quiet_ && sync_observer_) {
        sync_observer_();
    }
    if (failing_) {
        dead_ = true;
        throw PowerCut{writes_};
    }
    since_sync_.clear();
}

void FaultyNvm::check_alive() const {
    if (dead_) {
        throw PowerCut{writes_};
    }
}

void FaultyNvm::observe(std::uint32_t offset, ByteView bytes) {
    if (!observer_) {
        return;
    }
    // Whatever the observer throws means that the write did not happen; only its return brings the memory
    // back.
    dead_ = true;
    observer_(writes_, offset, bytes);
    dead_ = false;
}

void FaultyNvm::program(std::uint32_t offset, ByteView bytes) {
    memory_.write(offset, bytes); // and what was weak there is so no more
}

void FaultyNvm::erase(Range range) {
    memory_.write(range.offset, Bytes(range.size, emulator::erased_byte));
}

void FaultyNvm::weaken(std::uint32_t offset, ByteView bytes, std::uint64_t seed) {
    // Bits that an earlier cut left weak stay so: this write does not get to settling them either.
    emulator::WeakBits& weak = memory_.weak();
    weak.state ^= seed + writes_;
    for (std::uint32_t i = 0; i < bytes.size(); ++i) {
        std::uint8_t& byte = memory_.bytes()[offset + i];
        const auto earlier = weak.masks.find(offset + i);
        const auto mask = static_cast<std::uint8_t>((byte ^ bytes[i]) |
                                                    (earlier == weak.masks.end() ? 0 : earlier->second));
        if (mask != 0) {
            weak.masks[offset + i] = mask;
            byte = static_cast<std::uint8_t>((byte & ~mask) | (weak.draw() & mask));
        }
    }
}

void FaultyNvm::undo_since_sync() {
    for (auto undo = since_sync_.rbegin(); undo != since_sync_.rend(); ++undo) {
        program(undo->offset, undo->before);
        memory_.weak().masks.insert(undo->weak.begin(), undo->weak.end());
    }
    since_sync_.clear();
}

FaultyNvm::WeakBits FaultyNvm::weak_in(Range range) const {
    const WeakBits& masks = memory_.weak().masks;
    return {masks.lower_bound(range.offset), masks.lower_bound(range.offset + range.size)};
}

void FaultyNvm::tear(std::uint32_t offset, ByteView bytes, const Tearing& tearing) {
    const auto round_down = [&](std::uint32_t unit) { return Range{offset / unit * unit, unit}; };
    switch (tearing.model) {
    case TearingModel::lost_writes:
        return undo_since_sync();
    case TearingModel::atomic_page:
        return;
    case TearingModel::prefix:
        return program(offset, bytes.first(prefix_size(tearing.prefix, bytes.size())));
    case TearingModel::erased_page:
        return erase(round_down(memory_.geometry().page_size));
    case TearingModel::erase_block:
        return erase(round_down(memory_.geometry().block_size()));
    case TearingModel::weak_bits:
        return weaken(offset, bytes, tearing.seed);
    }
}

} // namespace cardrig::harness
