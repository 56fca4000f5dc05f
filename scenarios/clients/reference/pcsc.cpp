#include "scenarios/clients/reference/pcsc.h"

#include "scenarios/clients/reference/failure.h"
#include "scenarios/clients/reference/timed_call.h"

#include <cstring>
#include <utility>

#include <openssl/crypto.h>

#include <fmt/format.h>

namespace cardrig::client {

namespace {

using Kind = CardError::Kind;

/// For what the daemon does with a card without a command: power, reset, waiting for another program's
/// transaction.
constexpr std::chrono::seconds reader_limit{30};

Kind kind_of(LONG result) {
    switch (result) {
    case SCARD_W_REMOVED_CARD:
    case SCARD_E_NO_SMARTCARD:
    case SCARD_E_READER_UNAVAILABLE:
    case SCARD_E_UNKNOWN_READER:
        return Kind::removed;
    case SCARD_W_RESET_CARD:
        return Kind::reset;
    default:
        return Kind::failed;
    }
}

/// Everything a call touches that may outlast whoever waits for it.
struct Exchange {
    apdu::Bytes command;
    apdu::Bytes answer = apdu::Bytes(65'538);
    DWORD size = 65'538;
    LONG result = SCARD_F_INTERNAL_ERROR;
};

SCARD_READERSTATE state_of(const PcscContext& context, const std::string& reader) {
    SCARD_READERSTATE state{};
    state.szReader = reader.c_str();
    state.dwCurrentState = SCARD_STATE_UNAWARE;
    SCardGetStatusChange(context.handle(), 0, &state, 1);
    return state;
}

/// How many cards have come and gone: the upper half of the state.
DWORD arrivals_in(const SCARD_READERSTATE& state) {
    return state.dwEventState >> 16U & 0xFFFFU;
}

} // namespace

// --- the daemon

PcscContext::PcscContext() {
    const LONG result = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_);
    if (result != SCARD_S_SUCCESS) {
        throw card_problem(fmt::format("no smartcard service: {}", pcsc_stringify_error(result)));
    }
}

PcscContext::~PcscContext() {
    SCardReleaseContext(context_);
}

std::vector<std::string> PcscContext::readers() const {
    DWORD size = 0;
    LONG result = SCardListReaders(context_, nullptr, nullptr, &size);
    std::string names;
    if (result == SCARD_S_SUCCESS) {
        names.resize(size);
        result = SCardListReaders(context_, nullptr, names.data(), &size);
    }
    if (result == SCARD_E_NO_READERS_AVAILABLE) {
        return {};
    }
    if (result != SCARD_S_SUCCESS) {
        throw card_problem(fmt::format("the readers: {}", pcsc_stringify_error(result)));
    }
    std::vector<std::string> list;
    for (const char* name = names.c_str(); *name != '\0' && name < names.data() + size;
         name += std::strlen(name) + 1) {
        list.emplace_back(name);
    }
    return list;
}

bool PcscContext::has_card(const std::string& reader) const {
    return (state_of(*this, reader).dwEventState & SCARD_STATE_PRESENT) != 0;
}

unsigned PcscContext::arrivals(const std::string& reader) const {
    return static_cast<unsigned>(arrivals_in(state_of(*this, reader)));
}

bool PcscContext::wait_for_card(const std::string& reader, bool present,
                                std::chrono::milliseconds limit) const {
    SCARD_READERSTATE state = state_of(*this, reader);
    while (((state.dwEventState & SCARD_STATE_PRESENT) != 0) != present) {
        state.dwCurrentState = state.dwEventState & ~static_cast<DWORD>(SCARD_STATE_CHANGED);
        if (SCardGetStatusChange(context_, static_cast<DWORD>(limit.count()), &state, 1) != SCARD_S_SUCCESS) {
            return false;
        }
    }
    return true;
}

// --- a card

Connection::Connection(std::string reader)
    : context_(std::make_unique<PcscContext>()), reader_(std::move(reader)) {
    struct Answer {
        SCARDHANDLE card = 0;
        DWORD protocol = 0;
    };
    const auto answer = std::make_shared<Answer>();
    arrivals_ = arrivals_in(state_of(*context_, reader_));
    try {
        call("connecting", [answer, context = context_->handle(), name = reader_] {
            return SCardConnect(context, name.c_str(), SCARD_SHARE_SHARED,
                                SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &answer->card, &answer->protocol);
        });
    } catch (const CardError&) {
        if (stuck_) {
            static_cast<void>(context_.release()); // to end it would wait for the call, too
        }
        throw;
    }
    card_ = answer->card;
    protocol_ = answer->protocol;
}

Connection::~Connection() {
    if (stuck_) {
        static_cast<void>(context_.release()); // to end it would wait for the call, too
        return;
    }
    const auto disconnect = [card = card_, disposition = disposition_] {
        SCardDisconnect(card, disposition);
    };
    if (!run_within(reader_limit, disconnect)) {
        static_cast<void>(context_.release());
    }
}

void Connection::call(const char* what, const std::function<LONG()>& function) {
    const auto result = std::make_shared<LONG>(SCARD_F_INTERNAL_ERROR);
    if (stuck_ || !run_within(reader_limit, [result, function] { *result = function(); })) {
        stuck_ = true;
        throw CardError(Kind::failed, "another program holds the card");
    }
    check(*result, what);
}

void Connection::check(LONG result, const char* what) {
    if (result == SCARD_S_SUCCESS) {
        return;
    }
    throw CardError(kind_of(result), fmt::format("{}: {}", what, pcsc_stringify_error(result)));
}

apdu::Bytes Connection::transmit(apdu::ByteView command, std::chrono::milliseconds limit) {
    if (stuck_) {
        throw CardError(Kind::failed, "the card does not answer");
    }
    const auto exchange = std::make_shared<Exchange>();
    exchange->command.assign(command.begin(), command.end());
    const SCARDHANDLE card = card_;
    const SCARD_IO_REQUEST* protocol = protocol_ == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    const bool ended = run_within(limit, [exchange, card, protocol] {
        exchange->result = SCardTransmit(card, protocol, exchange->command.data(), exchange->command.size(),
                                         nullptr, exchange->answer.data(), &exchange->size);
        OPENSSL_cleanse(exchange->command.data(), exchange->command.size());
    });
    if (!ended) {
        stuck_ = true;
        throw CardError(Kind::failed,
                        fmt::format("the card has not answered within {} seconds",
                                    std::chrono::duration_cast<std::chrono::seconds>(limit).count()));
    }
    check(exchange->result, "a command");
    if (exchange->size < 2) {
        throw CardError(Kind::failed, "an answer without a status");
    }
    exchange->answer.resize(exchange->size);
    return std::move(exchange->answer);
}

void Connection::begin_transaction() {
    call("a transaction", [card = card_] { return SCardBeginTransaction(card); });
}

void Connection::end_transaction() {
    if (!stuck_) {
        SCardEndTransaction(card_, SCARD_LEAVE_CARD);
    }
}

void Connection::reconnect() {
    const auto protocol = std::make_shared<DWORD>(0);
    const DWORD arrivals = arrivals_in(state_of(*context_, reader_));
    call("connecting again", [protocol, card = card_] {
        return SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                              SCARD_LEAVE_CARD, protocol.get());
    });
    protocol_ = *protocol;
    arrivals_ = arrivals;
}

bool Connection::still_there() const {
    if (stuck_) {
        return true; // as far as anybody can tell
    }
    // Asks for the reader, not for the card: SCardStatus waits while another program holds that.
    const SCARD_READERSTATE state = state_of(*context_, reader_);
    return (state.dwEventState & SCARD_STATE_PRESENT) != 0 && arrivals_in(state) == arrivals_;
}

// --- the watch

RemovalWatch::RemovalWatch(const std::string& reader)
    : removed_(std::make_shared<Event>()), ending_(std::make_shared<Event>()) {
    thread_ = std::thread([this, reader] {
        SCARD_READERSTATE state = state_of(context_, reader);
        while (!ending_->is_set()) {
            if ((state.dwEventState & SCARD_STATE_PRESENT) == 0) {
                removed_->set();
                return;
            }
            state.dwCurrentState = state.dwEventState & ~static_cast<DWORD>(SCARD_STATE_CHANGED);
            // Looks up now and then in case the end came just before it began to wait.
            const LONG result = SCardGetStatusChange(context_.handle(), 200, &state, 1);
            if (result != SCARD_S_SUCCESS && result != SCARD_E_TIMEOUT && result != SCARD_E_CANCELLED) {
                removed_->set();
                return;
            }
        }
    });
}

RemovalWatch::~RemovalWatch() {
    ending_->set();
    SCardCancel(context_.handle());
    thread_.join();
}

} // namespace cardrig::client
