#include "harness/errors.h"
#include "harness/rig/reader_set.h"
#include "harness/vpcd_reader.h"

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::chrono::seconds connection_limit{10};

class VpcdReaders final : public ReaderSet {
public:
    VpcdReaders(const std::vector<RigReaderPlan>& plans, std::string library) : library_(std::move(library)) {
        for (const RigReaderPlan& plan : plans) {
            const std::size_t index = readers_.size();
            if (plan.card != nullptr) {
                first_.slots |= 1U << index;
                first_.limit = connection_limit;
            }
            readers_.push_back(
                std::make_unique<VpcdReader>(name(index), static_cast<int>(index), plan.card, turns_));
        }
    }

    [[nodiscard]] std::string name(std::size_t index) const override {
        return fmt::format("Virtual PCD 00 {:02X}", index);
    }

    [[nodiscard]] Reader& reader(std::size_t index) override { return *readers_.at(index); }

    [[nodiscard]] DaemonReaders daemon_readers() const override {
        return {[library = library_](std::uint16_t port) {
                    return fmt::format("FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x{0:04X}\n"
                                       "LIBPATH {1}\nCHANNELID 0x{0:04X}\n",
                                       port, library);
                },
                true};
    }

    [[nodiscard]] ConnectionRequest first() const override { return first_; }

    void prepare() override {} // it is the daemon that listens

    void start(Keeper& keeper) override {
        for (const auto& reader : readers_) {
            reader->start(keeper);
        }
    }

    void wait_until_open(std::chrono::milliseconds limit,
                         const std::function<void()>& keep_waiting) override {
        for (const auto& reader : readers_) {
            if (!reader->settle(limit, keep_waiting)) {
                throw HostError("the private pcscd has started, and does not answer");
            }
        }
    }

    void stop() override {
        for (const auto& reader : readers_) {
            reader->stop();
        }
    }

private:
    std::string library_;
    CardTurns turns_;
    std::vector<std::unique_ptr<VpcdReader>> readers_;
    ConnectionRequest first_;
};

} // namespace

std::unique_ptr<ReaderSet> make_vpcd_readers(const std::vector<RigReaderPlan>& plans, const PcscHost& host) {
    return std::make_unique<VpcdReaders>(plans, find_vpcd(host.drivers));
}

} // namespace cardrig::harness
