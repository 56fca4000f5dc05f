#include "harness/faulty_nvm.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

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
        tear(memory_, since_sync_, {writes_, offset, bytes}, planned ? cut_tearing_ : Tearing{});
        throw PowerCut{writes_};
    }
    since_sync_.note(memory_, {offset, static_cast<std::uint32_t>(bytes.size())});
    memory_.write(offset, bytes); // and what was weak there is so no more
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

} // namespace cardrig::harness
