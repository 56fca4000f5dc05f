#include "tests/harness/ifd_driver.h"

#include <cstring>
#include <dlfcn.h>

#include <boost/test/unit_test.hpp>

namespace cardrig::harness::testing {

namespace {

/// Loaded once, as pcscd loads it once for all its readers.
template <class Function>
Function* driver_function(const char* name) {
    static void* const library = dlopen(find_driver().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        throw std::runtime_error(dlerror());
    }
    void* const found = dlsym(library, name);
    if (found == nullptr) {
        throw std::runtime_error(std::string("the driver has no ") + name);
    }
    return reinterpret_cast<Function*>(found);
}

using Polling = RESPONSECODE(DWORD, int);
using Stopping = RESPONSECODE(DWORD);

template <class Function>
Function* given_function(const DriverReader& reader, DWORD tag) {
    const auto answer = reader.capability(tag, sizeof(Function*));
    Function* function = nullptr;
    if (answer.code != IFD_SUCCESS || answer.data.size() != sizeof function) {
        throw std::runtime_error("the driver gives no such function");
    }
    std::memcpy(&function, answer.data.data(), sizeof function);
    return function;
}

} // namespace

DriverReader::DriverReader(const std::string& socket, std::size_t reader) : lun_(reader << 16U) {
    std::string device = socket + ":" + std::to_string(reader);
    opened_ =
        driver_function<decltype(IFDHCreateChannelByName)>("IFDHCreateChannelByName")(lun_, device.data());
}

void DriverReader::close() {
    driver_function<decltype(IFDHCloseChannel)>("IFDHCloseChannel")(lun_);
}

DriverReader::Answer DriverReader::power(DWORD action) const {
    Answer answer;
    answer.data.resize(MAX_ATR_SIZE);
    DWORD length = answer.data.size();
    answer.code =
        driver_function<decltype(IFDHPowerICC)>("IFDHPowerICC")(lun_, action, answer.data.data(), &length);
    answer.data.resize(length);
    return answer;
}

DriverReader::Answer DriverReader::transmit(const Bytes& command, std::size_t room) const {
    Answer answer;
    Bytes sent = command;
    answer.data.resize(room);
    DWORD length = room;
    SCARD_IO_HEADER received{};
    answer.code = driver_function<decltype(IFDHTransmitToICC)>("IFDHTransmitToICC")(
        lun_, SCARD_IO_HEADER{1, 0}, sent.data(), sent.size(), answer.data.data(), &length, &received);
    answer.data.resize(length);
    return answer;
}

DriverReader::Answer DriverReader::capability(DWORD tag, std::size_t room) const {
    Answer answer;
    answer.data.resize(room);
    DWORD length = room;
    answer.code = driver_function<decltype(IFDHGetCapabilities)>("IFDHGetCapabilities")(lun_, tag, &length,
                                                                                        answer.data.data());
    answer.data.resize(answer.code == IFD_SUCCESS ? length : 0);
    return answer;
}

DriverReader::Answer DriverReader::control(DWORD code, std::size_t room) const {
    Answer answer;
    answer.data.resize(room);
    DWORD length = 0;
    answer.code = driver_function<decltype(IFDHControl)>("IFDHControl")(lun_, code, nullptr, 0,
                                                                        answer.data.data(), room, &length);
    answer.data.resize(length);
    return answer;
}

RESPONSECODE DriverReader::protocol(DWORD protocol) const {
    return driver_function<decltype(IFDHSetProtocolParameters)>("IFDHSetProtocolParameters")(lun_, protocol,
                                                                                             0, 0, 0, 0);
}

RESPONSECODE DriverReader::presence() const {
    return driver_function<decltype(IFDHICCPresence)>("IFDHICCPresence")(lun_);
}

RESPONSECODE DriverReader::wait(int milliseconds) const {
    return given_function<Polling>(*this, TAG_IFD_POLLING_THREAD_WITH_TIMEOUT)(lun_, milliseconds);
}

RESPONSECODE DriverReader::stop_waiting() const {
    return given_function<Stopping>(*this, TAG_IFD_STOP_POLLING_THREAD)(lun_);
}

PollingThread::PollingThread(const DriverReader& reader) : reader_(reader) {
    thread_ = std::thread([this] { run(); });
}

PollingThread::~PollingThread() {
    ending_ = true;
    reader_.stop_waiting();
    thread_.join();
}

std::vector<PollingThread::Seen> PollingThread::seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
}

void PollingThread::look() {
    Seen now{reader_.presence(), 0};
    // Nobody else adds to them.
    if (!seen_.empty() && seen_.back().presence == now.presence) {
        return;
    }
    if (now.presence == IFD_ICC_PRESENT) {
        now.power = reader_.power(IFD_POWER_UP).code;
    }
    const std::lock_guard lock(mutex_);
    seen_.push_back(now);
}

void PollingThread::run() {
    while (!ending_) {
        look();
        if (reader_.wait(600'000) != IFD_SUCCESS) {
            return; // pcscd would sleep: no more is seen, and the test says so
        }
        ++wakes_;
    }
}

DriverRig::DriverRig(std::size_t count, const std::function<void(ReaderServer&)>& before)
    : server(std::make_unique<ReaderServer>(socket, count)) {
    if (before) {
        before(*server);
    }
    server->start();
    for (std::size_t i = 0; i < count; ++i) {
        drivers.push_back(std::make_unique<DriverReader>(socket, i));
        BOOST_REQUIRE_EQUAL(drivers.back()->opened(), IFD_SUCCESS);
    }
}

void DriverRig::settle(std::size_t index) const {
    BOOST_REQUIRE(reader(index).settle(ample, {}));
}

} // namespace cardrig::harness::testing
