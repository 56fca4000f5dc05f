// The functions that pcscd calls (IFDHandler 3.0). No exception leaves them.
#include "harness/ifd/driver/channel.h"
#include "harness/ifd/driver/properties.h"

#include <cstring>
#include <map>

#pragma GCC visibility push(default)
extern "C" { // which the header leaves to us
#include <ifdhandler.h>

// pcscd's own log; weak, because other programs that load this library have none.
[[gnu::weak, gnu::format(printf, 2, 3)]] void log_msg(int priority, const char* format, ...);
}
#pragma GCC visibility pop

namespace {

using cardrig::harness::ifd::Ask;
using cardrig::harness::ifd::Bytes;
using cardrig::harness::ifd::ByteView;
using cardrig::harness::ifd::Channel;
using cardrig::harness::ifd::most_apdu_bytes;
using cardrig::harness::ifd::most_atr_bytes;
using cardrig::harness::ifd::Outcome;
using cardrig::harness::ifd::Presence;

constexpr int log_error = 2; // PCSC_LOG_ERROR

/// pcscd knows a reader by a number alone, so the readers that are open stand here.
class Channels {
public:
    void add(DWORD lun, std::shared_ptr<Channel> channel) {
        const std::lock_guard lock(mutex_);
        channels_[lun] = std::move(channel);
    }
    std::shared_ptr<Channel> take(DWORD lun) {
        const std::lock_guard lock(mutex_);
        const auto node = channels_.extract(lun);
        return node.empty() ? nullptr : node.mapped();
    }
    std::shared_ptr<Channel> find(DWORD lun) {
        const std::lock_guard lock(mutex_);
        const auto found = channels_.find(lun);
        return found == channels_.end() ? nullptr : found->second;
    }

private:
    std::mutex mutex_;
    std::map<DWORD, std::shared_ptr<Channel>> channels_;
};

Channels& channels() {
    // Never destroyed: pcscd ends with its threads still inside.
    static auto* const all = new Channels;
    return *all;
}

/// pcscd is written in C: what goes wrong in here is an error code for it.
template <class Function>
RESPONSECODE with_channel(DWORD lun, Function function) {
    try {
        const std::shared_ptr<Channel> channel = channels().find(lun);
        return channel ? function(*channel) : IFD_COMMUNICATION_ERROR;
    } catch (...) {
        return IFD_COMMUNICATION_ERROR;
    }
}

RESPONSECODE wait_for_transition(DWORD lun, int milliseconds) {
    static_cast<void>(with_channel(lun, [milliseconds](Channel& channel) -> RESPONSECODE {
        channel.wait_for_transition(std::chrono::milliseconds(milliseconds));
        return IFD_SUCCESS;
    }));
    // Anything else has pcscd sleep for 400 ms.
    return IFD_SUCCESS;
}

RESPONSECODE stop_waiting(DWORD lun) {
    return with_channel(lun, [](Channel& channel) -> RESPONSECODE {
        channel.stop_waiting();
        return IFD_SUCCESS;
    });
}

RESPONSECODE give(ByteView value, PDWORD length, PUCHAR buffer) {
    if (length == nullptr || buffer == nullptr) {
        return IFD_COMMUNICATION_ERROR;
    }
    if (*length < value.size()) {
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    }
    *length = value.size();
    std::copy(value.begin(), value.end(), buffer);
    return IFD_SUCCESS;
}

template <class Function>
RESPONSECODE give_function(Function* function, PDWORD length, PUCHAR buffer) {
    Bytes bytes(sizeof function);
    std::memcpy(bytes.data(), &function, sizeof function);
    return give(bytes, length, buffer);
}

RESPONSECODE power_up(Channel& channel, Ask how, PUCHAR atr, PDWORD length) {
    std::array<std::uint8_t, most_atr_bytes> buffer{};
    const Channel::Answer answer = channel.power_up(how, buffer);
    if (answer.outcome == Outcome::failed || !answer.fits) {
        return IFD_COMMUNICATION_ERROR;
    }
    if (answer.outcome != Outcome::done) {
        return IFD_ERROR_POWER_ACTION;
    }
    *length = answer.size;
    std::copy_n(buffer.begin(), answer.size, atr);
    return IFD_SUCCESS;
}

} // namespace

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName) {
    try {
        std::shared_ptr<Channel> channel = Channel::open(DeviceName);
        if (!channel) {
            if (log_msg != nullptr) {
                log_msg(log_error, "cardrig: no rig at %s", DeviceName);
            }
            return IFD_COMMUNICATION_ERROR;
        }
        channels().add(Lun, std::move(channel));
        return IFD_SUCCESS;
    } catch (...) {
        return IFD_COMMUNICATION_ERROR;
    }
}

RESPONSECODE IFDHCreateChannel(DWORD /*Lun*/, DWORD /*Channel*/) {
    return IFD_COMMUNICATION_ERROR; // a number says nothing about where a rig is
}

RESPONSECODE IFDHCloseChannel(DWORD Lun) {
    try {
        if (const std::shared_ptr<Channel> channel = channels().take(Lun)) {
            channel->stop_waiting();
            channel->close();
        }
        return IFD_SUCCESS;
    } catch (...) {
        return IFD_COMMUNICATION_ERROR;
    }
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
    return with_channel(Lun, [&](Channel& channel) -> RESPONSECODE {
        switch (Tag) {
        case TAG_IFD_SIMULTANEOUS_ACCESS:
            return give(Bytes{16}, Length, Value);
        case TAG_IFD_SLOTS_NUMBER:
        case TAG_IFD_THREAD_SAFE:
        case TAG_IFD_SLOT_THREAD_SAFE:
            return give(Bytes{1}, Length, Value);
        case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
            return give_function(&wait_for_transition, Length, Value);
        case TAG_IFD_STOP_POLLING_THREAD:
            return give_function(&stop_waiting, Length, Value);
        default:
            break;
        }
        const auto value = cardrig::harness::ifd::attribute(channel, Lun, Tag);
        return value ? give(*value, Length, Value) : IFD_ERROR_TAG;
    });
}

RESPONSECODE IFDHSetCapabilities(DWORD /*Lun*/, DWORD /*Tag*/, DWORD /*Length*/, PUCHAR /*Value*/) {
    return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR /*Flags*/, UCHAR /*PTS1*/,
                                       UCHAR /*PTS2*/, UCHAR /*PTS3*/) {
    return with_channel(Lun, [Protocol](Channel& channel) -> RESPONSECODE {
        // pcscd asks for it without a power-up where a card came while the one before was in use, and was
        // powered down again since.
        std::array<std::uint8_t, most_atr_bytes> atr{};
        if (channel.atr().empty() && channel.power_up(Ask::power_up, atr).outcome != Outcome::done) {
            return IFD_COMMUNICATION_ERROR;
        }
        const auto offered = channel.protocols();
        const bool known =
            (Protocol == SCARD_PROTOCOL_T0 && offered.t0) || (Protocol == SCARD_PROTOCOL_T1 && offered.t1);
        return known ? IFD_SUCCESS : IFD_PROTOCOL_NOT_SUPPORTED;
    });
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
    if (AtrLength != nullptr) {
        *AtrLength = 0;
    }
    return with_channel(Lun, [&](Channel& channel) -> RESPONSECODE {
        if (Action == IFD_POWER_DOWN) {
            return channel.power_down().outcome == Outcome::failed ? IFD_COMMUNICATION_ERROR : IFD_SUCCESS;
        }
        if ((Action != IFD_POWER_UP && Action != IFD_RESET) || Atr == nullptr || AtrLength == nullptr) {
            return IFD_NOT_SUPPORTED;
        }
        return power_up(channel, Action == IFD_RESET ? Ask::reset : Ask::power_up, Atr, AtrLength);
    });
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci) {
    const DWORD room = *RxLength;
    *RxLength = 0;
    return with_channel(Lun, [&](Channel& channel) -> RESPONSECODE {
        if (TxLength > most_apdu_bytes) {
            return IFD_COMMUNICATION_ERROR;
        }
        const Channel::Answer answer =
            channel.ask(Ask::transmit, ByteView(TxBuffer, TxLength), std::span<std::uint8_t>(RxBuffer, room));
        if (answer.outcome == Outcome::removed) {
            return IFD_ICC_NOT_PRESENT;
        }
        if (answer.outcome != Outcome::done) {
            return IFD_COMMUNICATION_ERROR;
        }
        if (!answer.fits) {
            return IFD_ERROR_INSUFFICIENT_BUFFER;
        }
        *RxLength = answer.size;
        if (RecvPci != nullptr) {
            RecvPci->Protocol = SendPci.Protocol;
        }
        return IFD_SUCCESS;
    });
}

RESPONSECODE IFDHICCPresence(DWORD Lun) {
    return with_channel(Lun, [](Channel& channel) -> RESPONSECODE {
        switch (channel.presence()) {
        case Presence::present:
            return IFD_ICC_PRESENT;
        case Presence::absent:
            return IFD_ICC_NOT_PRESENT;
        case Presence::unplugged:
            break;
        }
        // The nearest to a reader that is gone: that code itself has pcscd signal other processes.
        return IFD_COMMUNICATION_ERROR;
    });
}

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR /*TxBuffer*/, DWORD /*TxLength*/,
                         PUCHAR RxBuffer, DWORD RxLength, LPDWORD pdwBytesReturned) {
    return with_channel(Lun, [&](Channel& /*channel*/) -> RESPONSECODE {
        *pdwBytesReturned = 0;
        const auto answer = cardrig::harness::ifd::control(dwControlCode);
        if (!answer) {
            return IFD_ERROR_NOT_SUPPORTED;
        }
        DWORD length = RxLength;
        const RESPONSECODE code = give(*answer, &length, RxBuffer);
        *pdwBytesReturned = code == IFD_SUCCESS ? length : 0;
        return code;
    });
}
