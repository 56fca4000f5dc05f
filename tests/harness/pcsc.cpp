#include "tests/harness/pcsc.h"

#include <array>
#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace cardrig::test {

namespace {

/// Room for the longest answer that pcscd lets through.
constexpr std::size_t longest_answer = MAX_BUFFER_SIZE_EXTENDED;

/// A wait ends after this, to see whether the watch has to end.
constexpr DWORD slice = 50;

void require(LONG result, const char* what) {
    if (result != SCARD_S_SUCCESS) {
        throw std::runtime_error(fmt::format("{}: {}", what, result_name(result)));
    }
}

} // namespace

std::string result_name(LONG result) {
    static const std::map<LONG, std::string_view> names{
        {SCARD_S_SUCCESS, "ok"},
        {SCARD_F_INTERNAL_ERROR, "F_INTERNAL_ERROR"},
        {SCARD_E_CANCELLED, "E_CANCELLED"},
        {SCARD_E_INVALID_HANDLE, "E_INVALID_HANDLE"},
        {SCARD_E_INVALID_PARAMETER, "E_INVALID_PARAMETER"},
        {SCARD_E_NO_MEMORY, "E_NO_MEMORY"},
        {SCARD_E_INSUFFICIENT_BUFFER, "E_INSUFFICIENT_BUFFER"},
        {SCARD_E_UNKNOWN_READER, "E_UNKNOWN_READER"},
        {SCARD_E_TIMEOUT, "E_TIMEOUT"},
        {SCARD_E_SHARING_VIOLATION, "E_SHARING_VIOLATION"},
        {SCARD_E_NO_SMARTCARD, "E_NO_SMARTCARD"},
        {SCARD_E_PROTO_MISMATCH, "E_PROTO_MISMATCH"},
        {SCARD_E_NOT_READY, "E_NOT_READY"},
        {SCARD_E_INVALID_VALUE, "E_INVALID_VALUE"},
        {SCARD_F_COMM_ERROR, "F_COMM_ERROR"},
        {SCARD_F_UNKNOWN_ERROR, "F_UNKNOWN_ERROR"},
        {SCARD_E_NOT_TRANSACTED, "E_NOT_TRANSACTED"},
        {SCARD_E_READER_UNAVAILABLE, "E_READER_UNAVAILABLE"},
        {SCARD_E_NO_SERVICE, "E_NO_SERVICE"},
        {SCARD_E_SERVICE_STOPPED, "E_SERVICE_STOPPED"},
        {SCARD_E_UNSUPPORTED_FEATURE, "E_UNSUPPORTED_FEATURE"},
        {SCARD_E_NO_READERS_AVAILABLE, "E_NO_READERS_AVAILABLE"},
        {SCARD_E_COMM_DATA_LOST, "E_COMM_DATA_LOST"},
        {SCARD_W_UNSUPPORTED_CARD, "W_UNSUPPORTED_CARD"},
        {SCARD_W_UNRESPONSIVE_CARD, "W_UNRESPONSIVE_CARD"},
        {SCARD_W_UNPOWERED_CARD, "W_UNPOWERED_CARD"},
        {SCARD_W_RESET_CARD, "W_RESET_CARD"},
        {SCARD_W_REMOVED_CARD, "W_REMOVED_CARD"},
        {SCARD_W_SECURITY_VIOLATION, "W_SECURITY_VIOLATION"},
    };
    const auto found = names.find(result);
    return found != names.end() ? std::string(found->second)
                                : fmt::format("{:08X}", static_cast<std::uint32_t>(result));
}

std::string state_names(DWORD state) {
    static const std::array<std::pair<DWORD, const char*>, 9> names{{{SCARD_STATE_UNKNOWN, "UNKNOWN"},
                                                                     {SCARD_STATE_UNAVAILABLE, "UNAVAILABLE"},
                                                                     {SCARD_STATE_EMPTY, "EMPTY"},
                                                                     {SCARD_STATE_PRESENT, "PRESENT"},
                                                                     {SCARD_STATE_ATRMATCH, "ATRMATCH"},
                                                                     {SCARD_STATE_EXCLUSIVE, "EXCLUSIVE"},
                                                                     {SCARD_STATE_INUSE, "INUSE"},
                                                                     {SCARD_STATE_MUTE, "MUTE"},
                                                                     {SCARD_STATE_UNPOWERED, "UNPOWERED"}}};
    std::string text;
    for (const auto& [bit, name] : names) {
        if ((state & bit) != 0) {
            text += text.empty() ? "" : " ";
            text += name;
        }
    }
    return text;
}

PcscContext::PcscContext() {
    require(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_), "SCardEstablishContext");
}

DWORD PcscContext::state_of(const std::string& reader) const {
    SCARD_READERSTATE state{};
    state.szReader = reader.c_str();
    state.dwCurrentState = SCARD_STATE_UNAWARE;
    require(SCardGetStatusChange(context_, 0, &state, 1), "SCardGetStatusChange");
    return state.dwEventState;
}

std::vector<std::string> PcscContext::readers() const {
    DWORD size = 0;
    require(SCardListReaders(context_, nullptr, nullptr, &size), "SCardListReaders");
    std::string names(size, '\0');
    require(SCardListReaders(context_, nullptr, names.data(), &size), "SCardListReaders");
    std::vector<std::string> readers;
    for (const char* name = names.c_str(); *name != '\0'; name += readers.back().size() + 1) {
        readers.emplace_back(name);
    }
    return readers;
}

std::string Transmitted::name() const {
    return result == SCARD_S_SUCCESS && answer.size() < 2 ? fmt::format("ok, {} bytes", answer.size())
                                                          : result_name(result);
}

std::string Transmitted::status() const {
    return result == SCARD_S_SUCCESS && answer.size() >= 2 ? apdu::to_hex(apdu::ByteView(answer).last(2))
                                                           : name();
}

PcscCard::~PcscCard() {
    if (open_) {
        SCardDisconnect(card_, SCARD_LEAVE_CARD);
    }
}

LONG PcscCard::connect(const PcscContext& context, const std::string& reader, DWORD share, DWORD protocols) {
    const LONG result = SCardConnect(context.get(), reader.c_str(), share, protocols, &card_, &protocol_);
    open_ = result == SCARD_S_SUCCESS;
    return result;
}

LONG PcscCard::reconnect(DWORD initialization, DWORD share) {
    return SCardReconnect(card_, share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, initialization, &protocol_);
}

LONG PcscCard::disconnect(DWORD disposition) {
    open_ = false;
    return SCardDisconnect(card_, disposition);
}

LONG PcscCard::status(apdu::Bytes* atr) {
    std::array<char, MAX_READERNAME> name{};
    DWORD name_size = name.size();
    DWORD state = 0;
    DWORD protocol = 0;
    std::array<std::uint8_t, MAX_ATR_SIZE> bytes{};
    DWORD size = bytes.size();
    const LONG result = SCardStatus(card_, name.data(), &name_size, &state, &protocol, bytes.data(), &size);
    if (atr != nullptr && result == SCARD_S_SUCCESS) {
        const apdu::ByteView view = apdu::ByteView(bytes).first(size);
        atr->assign(view.begin(), view.end());
    }
    return result;
}

LONG PcscCard::attribute(DWORD which, apdu::Bytes& value) {
    value.assign(MAX_BUFFER_SIZE, 0);
    DWORD size = value.size();
    const LONG result = SCardGetAttrib(card_, which, value.data(), &size);
    value.resize(result == SCARD_S_SUCCESS ? size : 0);
    return result;
}

LONG PcscCard::control(DWORD code, apdu::ByteView input, apdu::Bytes& output) {
    output.assign(MAX_BUFFER_SIZE, 0);
    DWORD size = 0;
    const LONG result =
        SCardControl(card_, code, input.data(), input.size(), output.data(), output.size(), &size);
    output.resize(result == SCARD_S_SUCCESS ? size : 0);
    return result;
}

Transmitted PcscCard::transmit(apdu::ByteView command) {
    Transmitted got;
    got.answer.resize(longest_answer);
    DWORD size = got.answer.size();
    got.result = SCardTransmit(card_, protocol_ == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1,
                               command.data(), command.size(), nullptr, got.answer.data(), &size);
    got.answer.resize(got.result == SCARD_S_SUCCESS ? size : 0);
    return got;
}

EventWatch::EventWatch(const std::string& reader) : reader_(reader) {
    first_.state = context_.state_of(reader_);
    thread_ = std::thread([this] { watch(); });
}

EventWatch::~EventWatch() {
    static_cast<void>(finish());
}

void EventWatch::watch() {
    SCARD_READERSTATE state{};
    state.szReader = reader_.c_str();
    state.dwEventState = first_.state;
    bool last = false;
    while (!last) {
        last = stopping(); // read before the look, so that nothing from before it is missed
        state.dwCurrentState = state.dwEventState & ~static_cast<DWORD>(SCARD_STATE_CHANGED);
        const LONG result = SCardGetStatusChange(context_.get(), last ? 0 : slice, &state, 1);
        if (result == static_cast<LONG>(SCARD_E_TIMEOUT)) {
            continue;
        }
        note(result, state.dwEventState);
        if (result != SCARD_S_SUCCESS) {
            return;
        }
    }
}

void EventWatch::note(LONG result, DWORD state) {
    const std::scoped_lock lock(mutex_);
    events_.push_back({result, state});
    changed_.notify_all();
}

bool EventWatch::stopping() const {
    const std::scoped_lock lock(mutex_);
    return stop_;
}

std::vector<EventWatch::Event> EventWatch::events() const {
    const std::scoped_lock lock(mutex_);
    return events_;
}

bool EventWatch::wait_for(std::size_t events, std::chrono::milliseconds limit) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return events_.size() >= events; });
}

bool EventWatch::wait_until_out(std::chrono::milliseconds limit) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit,
                             [&] { return !(events_.empty() ? first_ : events_.back()).present(); });
}

std::vector<EventWatch::Event> EventWatch::finish() {
    {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
    }
    if (thread_.joinable()) {
        thread_.join();
    }
    return events();
}

} // namespace cardrig::test
