#include "harness/ifd/reader_server.h"

#include "harness/errors.h"
#include "harness/ifd/switchboard.h"

#include <fmt/format.h>

namespace cardrig::harness {

ReaderServer::ReaderServer(std::string socket, std::size_t readers)
    : switchboard_(std::make_unique<Switchboard>(std::move(socket), readers)) {}

ReaderServer::~ReaderServer() = default;

void ReaderServer::start() {
    switchboard_->start();
}

std::size_t ReaderServer::size() const {
    return switchboard_->size();
}

Reader& ReaderServer::reader(std::size_t index) {
    return switchboard_->reader(index);
}

void ReaderServer::hurry() {
    for (std::size_t i = 0; i < size(); ++i) {
        switchboard_->reader(i).hurry();
    }
}

void ReaderServer::wait_until_open(std::chrono::milliseconds limit,
                                   const std::function<void()>& keep_waiting) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (std::size_t i = 0; i < size(); ++i) {
        if (!switchboard_->reader(i).wait_until_open(deadline, keep_waiting)) {
            throw HostError(fmt::format("pcscd did not open reader {} of {} within {} ms; its log says why",
                                        i + 1, size(), limit.count()));
        }
    }
}

} // namespace cardrig::harness
