#include "harness/rig/reader_watch.h"

#include "harness/errors.h"
#include "harness/rig/quiet_thread.h"

#include <algorithm>
#include <future>
#include <string_view>

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

ReaderWatch::ReaderWatch(std::function<void()> keep_waiting) : keep_waiting_(std::move(keep_waiting)) {}

ReaderWatch::~ReaderWatch() {
    if (thread_.joinable()) {
        thread_.join();
    }
    if (open_) {
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

/// On a thread of its own, because the library gives no way to interrupt the wait for a first answer.
void ReaderWatch::establish() {
    std::promise<long> promise;
    std::future<long> answered = promise.get_future();
    thread_ = start_without_signals([this, answer = std::move(promise)]() mutable {
        answer.set_value(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_));
    });
    while (answered.wait_for(slice) != std::future_status::ready) {
        keep_waiting_();
    }
    const LONG established = answered.get();
    if (established != SCARD_S_SUCCESS) {
        throw HostError(
            fmt::format("the private pcscd does not answer: {}", pcsc_stringify_error(established)));
    }
    open_ = true;
}

void ReaderWatch::open(const std::vector<std::string>& readers, std::chrono::milliseconds limit) {
    const auto until = Clock::now() + limit;
    establish();
    SCARD_READERSTATE state{};
    state.szReader = list_of_readers;
    while (true) {
        const std::vector<std::string> there = list();
        const auto is_there = [&there](const std::string& reader) {
            return std::find(there.begin(), there.end(), reader) != there.end();
        };
        if (std::all_of(readers.begin(), readers.end(), is_there)) {
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

bool ReaderWatch::wait_for_card(const std::string& reader, bool present, std::chrono::milliseconds limit,
                                const std::function<bool()>& in_vain) {
    const auto until = Clock::now() + limit;
    SCARD_READERSTATE state{};
    state.szReader = reader.c_str();
    state.dwCurrentState = SCARD_STATE_UNAWARE;
    if (present) {
        seen_present_.erase(reader);
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
            seen_present_[reader] = count;
            return true;
        }
        // One that left again before the polling saw it has not been counted.
        const auto seen = seen_present_.find(reader);
        if (!present && !is_present && (seen == seen_present_.end() || seen->second != count)) {
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
