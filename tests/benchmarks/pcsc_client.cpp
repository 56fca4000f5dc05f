#include "tests/benchmarks/pcsc_client.h"

#include <array>
#include <stdexcept>

#include <winscard.h>

namespace cardrig::benchmarks {

namespace {

void check(LONG result) {
    if (result != SCARD_S_SUCCESS) {
        throw std::runtime_error(pcsc_stringify_error(result));
    }
}

} // namespace

PcscClient::PcscClient() {
    check(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_));
}

PcscClient::~PcscClient() {
    for (const long card : cards_) {
        SCardDisconnect(card, SCARD_LEAVE_CARD);
    }
    SCardReleaseContext(context_);
}

PcscClient::Connection PcscClient::connect(const std::string& reader) {
    SCARDHANDLE card = 0;
    DWORD protocol = 0;
    check(SCardConnect(context_, reader.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                       &card, &protocol));
    cards_.push_back(card);
    return {card, protocol == SCARD_PROTOCOL_T0};
}

apdu::Bytes PcscClient::Connection::transmit(apdu::ByteView command) const {
    std::array<std::uint8_t, 4096> buffer{};
    DWORD size = buffer.size();
    check(SCardTransmit(card_, t0_ ? SCARD_PCI_T0 : SCARD_PCI_T1, command.data(), command.size(), nullptr,
                        buffer.data(), &size));
    if (size < 2) {
        throw std::runtime_error("a command without an answer");
    }
    const apdu::ByteView answer = apdu::ByteView(buffer).first(size);
    return {answer.begin(), answer.end()};
}

void PcscClient::Connection::reset() const {
    DWORD protocol = 0;
    check(SCardReconnect(card_, SCARD_SHARE_SHARED, t0_ ? SCARD_PROTOCOL_T0 : SCARD_PROTOCOL_T1,
                         SCARD_RESET_CARD, &protocol));
}

void PcscClient::wait_for_card(const std::string& reader, bool present) const {
    SCARD_READERSTATE state{};
    state.szReader = reader.c_str();
    state.dwEventState = SCARD_STATE_UNAWARE;
    do {
        state.dwCurrentState = state.dwEventState;
        check(SCardGetStatusChange(context_, INFINITE, &state, 1));
    } while (((state.dwEventState & SCARD_STATE_PRESENT) != 0) != present);
}

std::vector<apdu::Bytes> send_all(const PcscClient::Connection& connection,
                                  const std::vector<apdu::Bytes>& commands) {
    std::vector<apdu::Bytes> answers;
    answers.reserve(commands.size());
    for (const apdu::Bytes& command : commands) {
        answers.push_back(connection.transmit(command));
    }
    return answers;
}

std::vector<apdu::Bytes> with_get_responses(const PcscClient::Connection& connection,
                                            std::vector<apdu::Bytes> commands) {
    std::vector<apdu::Bytes> answers = send_all(connection, commands);
    while (answers.back()[answers.back().size() - 2] == 0x61) {
        commands.push_back({0x00, 0xC0, 0x00, 0x00, 0x00});
        answers.push_back(connection.transmit(commands.back()));
    }
    return commands;
}

} // namespace cardrig::benchmarks
