#include "harness/rig/reader_watch.h"

#include "harness/errors.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <winscard.h>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;

/// One wait ends after this, to see whether anything else is the matter.
constexpr std::chrono::milliseconds slice{200};

/// pcsc-lite's name for "the list of readers".
constexpr const char* list_of_readers = "\\\\?PnP?\\Notification";

DWORD next_slice(Clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    return static_cast<DWORD>(std::clamp(left, std::chrono::milliseconds(0), slice).count());
}

} // namespace

ReaderWatch::ReaderWatch(std::string reader, std::function<void()> keep_waiting)
    : reader_(std::move(reader)), keep_waiting_(std::move(keep_waiting)) {}

ReaderWatch::~ReaderWatch() {
    if (established_) {
        SCardReleaseContext(context_);
    }
}

std::vector<std::string> ReaderWatch::list() const {
    DWORD size = 0;
    LONG result = SCardListReaders(context_, nullptr, nullptr, &size);
    std::string names(size, '\0');
    if (result == SCARD_S_SUCCESS) {
        result = SCardListReaders(context_, nullptr, names.data(), &size);
    }
    if (result != SCARD_S_SUCCESS && result != static_cast<LONG>(SCARD_E_NO_READERS_AVAILABLE)) {
        throw HostError(
            fmt::format("the private pcscd does not list its readers: {}", pcsc_stringify_error(result)));
    }
    std::vector<std::string> readers;
    for (const char* name = names.c_str(); result == SCARD_S_SUCCESS && *name != '\0';
         name += readers.back().size() + 1) {
        readers.emplace_back(name);
    }
    return readers;
}

void ReaderWatch::open(std::chrono::milliseconds limit) {
    if (there_) {
        return;
    }
    const auto until = Clock::now() + limit;
    if (!established_) {
        const LONG result = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_);
        if (result != SCARD_S_SUCCESS) {
            throw HostError(
                fmt::format("the private pcscd does not answer: {}", pcsc_stringify_error(result)));
        }
        established_ = true;
    }
    SCARD_READERSTATE state{};
    state.szReader = list_of_readers;
    while (true) {
        const std::vector<std::string> there = list();
        there_ = std::find(there.begin(), there.end(), reader_) != there.end();
        if (there_) {
            return;
        }
        if (Clock::now() >= until) {
            throw HostError("the private pcscd has started, and its virtual readers do not appear");
        }
        keep_waiting_();
        state.dwCurrentState = static_cast<DWORD>(there.size()) << 16U;
        SCardGetStatusChange(context_, next_slice(until), &state, 1);
    }
}

bool ReaderWatch::wait_for_card(bool present, std::chrono::milliseconds limit,
                                const std::function<bool()>& in_vain) {
    const auto until = Clock::now() + limit;
    SCARD_READERSTATE state{};
    state.szReader = reader_.c_str();
    state.dwCurrentState = SCARD_STATE_UNAWARE;
    if (present) {
        seen_present_.reset();
    }
    while (true) {
        const LONG result = SCardGetStatusChange(context_, next_slice(until), &state, 1);
        if (result != SCARD_S_SUCCESS && result != static_cast<LONG>(SCARD_E_TIMEOUT)) {
            throw HostError(fmt::format("the private pcscd is gone: {}", pcsc_stringify_error(result)));
        }
        // pcscd counts what its polling has seen come and go. A client's failed reset makes it say "absent"
        // (or "mute") before it has looked: a card put back by then would never have been away for the
        // polling, and would not be seen to come.
        const DWORD count = state.dwEventState >> 16U;
        const bool is_present = (state.dwEventState & SCARD_STATE_PRESENT) != 0;
        if (present && is_present) {
            seen_present_ = count;
            return true;
        }
        // One that left again before the polling saw it has not been counted.
        if (!present && !is_present && (!seen_present_ || *seen_present_ != count)) {
            return true;
        }
        if (Clock::now() >= until || in_vain()) {
            return false;
        }
        keep_waiting_();
        state.dwCurrentState = state.dwEventState;
    }
}

} // namespace cardrig::harness
