// Memories that undo one of the precautions of the object store, each in its own way: the negative controls
// of the power-cut tests.
#pragma once

#include "emulator/nvm.h"
#include "emulator/store/layout.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace cardrig::tests {

using emulator::Bytes;
using emulator::ByteView;

/// Breaks nothing.
class PassingNvm : public emulator::Nvm {
public:
    PassingNvm(emulator::Nvm& inner, emulator::Protection protection)
        : inner_(inner), protection_(protection) {}
    [[nodiscard]] emulator::NvmGeometry geometry() const override { return inner_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { inner_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override { inner_.write(offset, bytes); }
    void sync() override { inner_.sync(); }

protected:
    [[nodiscard]] emulator::store::Layout layout() const {
        return emulator::store::Layout::of(inner_.geometry(), protection_).value();
    }
    emulator::Nvm& inner_;

private:
    emulator::Protection protection_;
};

/// The commit record is never written: every change of home is made in place.
class NoCommitRecord final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        if (!layout().commit_record.contains(offset)) {
            inner_.write(offset, bytes);
        }
    }
};

/// What goes into the journal is lost.
class NoJournal final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        if (!layout().journal.contains(offset)) {
            inner_.write(offset, bytes);
        }
    }
};

/// A root is never written: no change ever counts.
class NoRoot final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        const auto roots = layout().roots;
        if (!roots[0].contains(offset) && !roots[1].contains(offset)) {
            inner_.write(offset, bytes);
        }
    }
};

/// The root goes out before the copies that it speaks of.
class RootFirst final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        if (layout().home.contains(offset)) {
            held_.emplace_back(offset, Bytes(bytes.begin(), bytes.end()));
            return;
        }
        root_is_out_ = root_is_out_ || !held_.empty();
        inner_.write(offset, bytes);
    }
    void sync() override {
        if (root_is_out_) {
            for (const auto& [at, content] : std::exchange(held_, {})) {
                inner_.write(at, content);
            }
            root_is_out_ = false;
        }
        inner_.sync();
    }

private:
    std::vector<std::pair<std::uint32_t, Bytes>> held_;
    bool root_is_out_ = false;
};

/// Both roots lie in the same place.
class OneRoot final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
        inner_.read(moved(offset), out);
    }
    void write(std::uint32_t offset, ByteView bytes) override { inner_.write(moved(offset), bytes); }

private:
    [[nodiscard]] std::uint32_t moved(std::uint32_t offset) const {
        const auto roots = layout().roots;
        return roots[1].contains(offset) ? offset - roots[0].size : offset;
    }
};

/// A page that changes is copied, and what shares its erase block is not taken along.
class NoNeighbours final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        if (!layout().home.contains(offset) || !is_copy(offset, bytes)) {
            inner_.write(offset, bytes);
        }
    }

private:
    /// Whether another block has the same at the same place.
    [[nodiscard]] bool is_copy(std::uint32_t offset, ByteView bytes) const {
        const auto pool = layout().home;
        const std::uint32_t block = layout().geometry.block_size();
        Bytes other(bytes.size());
        for (std::uint32_t at = pool.offset + (offset - pool.offset) % block; pool.contains(at);
             at += block) {
            inner_.read(at, other);
            if (at != offset && std::equal(bytes.begin(), bytes.end(), other.begin(), other.end())) {
                return true;
            }
        }
        return false;
    }
};

/// Says that all is safe when it is not.
class NoSync final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void sync() override {}
};

/// Syncs only behind what makes a change valid: not between the copies and the root that vouches for them.
class NoSyncBeforeRoot final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        copying_ = layout().home.contains(offset);
        inner_.write(offset, bytes);
    }
    void sync() override {
        if (!copying_) {
            inner_.sync();
        }
    }

private:
    bool copying_ = false;
};

/// As above, between the journal and its commit record.
class NoSyncBeforeCommitRecord final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        in_journal_ = layout().journal.contains(offset);
        inner_.write(offset, bytes);
    }
    void sync() override {
        if (!in_journal_) {
            inner_.sync();
        }
    }

private:
    bool in_journal_ = false;
};

/// The commit record goes out before the journal that it vouches for.
class CommitRecordFirst final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        if (layout().journal.contains(offset)) {
            held_.emplace_back(offset, Bytes(bytes.begin(), bytes.end()));
            return;
        }
        inner_.write(offset, bytes);
        for (const auto& [at, content] : std::exchange(held_, {})) {
            inner_.write(at, content);
        }
    }

private:
    std::vector<std::pair<std::uint32_t, Bytes>> held_;
};

/// The commit record is cleared as soon as it is written, before home is.
class ClearsTooEarly final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        const auto record = layout().commit_record;
        if (offset != record.offset) {
            inner_.write(offset, bytes);
            return;
        }
        Bytes before(bytes.size());
        inner_.read(offset, before);
        inner_.write(offset, bytes);
        inner_.sync();
        inner_.write(offset, idle_.empty() ? (idle_ = before) : idle_);
    }

private:
    Bytes idle_;
};

/// Both copies of the counters lie in the same place.
class OneCounterBlock final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
        inner_.read(moved(offset), out);
    }
    void write(std::uint32_t offset, ByteView bytes) override { inner_.write(moved(offset), bytes); }

private:
    [[nodiscard]] std::uint32_t moved(std::uint32_t offset) const {
        const auto counters = layout().counters;
        return counters[0].contains(offset) ? offset + counters[0].size : offset;
    }
};

/// Gives the first impression of a page again and again, so that weak bits go unnoticed.
class FirstImpression final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
        const auto [seen, is_new] = seen_.try_emplace({offset, out.size()}, out.size());
        if (is_new) {
            inner_.read(offset, seen->second);
        }
        std::copy(seen->second.begin(), seen->second.end(), out.begin());
    }
    void write(std::uint32_t offset, ByteView bytes) override {
        seen_.clear();
        inner_.write(offset, bytes);
    }

private:
    mutable std::map<std::pair<std::uint32_t, std::size_t>, Bytes> seen_;
};

/// Erases in larger blocks than it says.
class LargerBlocks final : public PassingNvm {
public:
    using PassingNvm::PassingNvm;
    [[nodiscard]] emulator::NvmGeometry geometry() const override {
        const auto real = inner_.geometry();
        return {real.page_size, 1, real.blocks * real.pages_per_block};
    }
};

} // namespace cardrig::tests
