#include "harness/errors.h"
#include "harness/ifd/reader_server.h"
#include "harness/rig/reader_set.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// `-r Virtual` names the readers of both kinds.
constexpr const char* usual_name = "Cardrig Virtual Reader";

class DriverReaders final : public ReaderSet {
public:
    DriverReaders(std::vector<RigReaderPlan> plans, const std::string& folder)
        : plans_(std::move(plans)), driver_(find_driver()), link_(folder + "/libifdcardrig.so"),
          socket_(folder + "/cards") {
        for (const RigReaderPlan& plan : plans_) {
            names_.push_back(plan.name.empty() ? usual_name : plan.name);
        }
        configuration_ = reader_configuration(link_, socket_, names_);
    }

    [[nodiscard]] std::string name(std::size_t index) const override {
        return reader_name(names_.at(index), index);
    }
    [[nodiscard]] Reader& reader(std::size_t index) override { return server_->reader(index); }
    [[nodiscard]] DaemonReaders daemon_readers() const override {
        return {[text = configuration_](std::uint16_t) { return text; }, false};
    }

    void prepare() override {
        // Wherever the driver is, pcscd's configuration can name the link: not every path can be written
        // there.
        if (symlink(driver_.c_str(), link_.c_str()) != 0) {
            throw HostError(fmt::format("cannot make {}: {}", link_, std::strerror(errno)));
        }
        server_.emplace(socket_, plans_.size());
        for (std::size_t i = 0; i < plans_.size(); ++i) {
            if (plans_[i].card != nullptr) {
                server_->reader(i).insert(*plans_[i].card);
            }
        }
    }

    [[nodiscard]] ConnectionRequest first() const override { return {}; }
    void start(Keeper& /*keeper*/) override { server_->start(); }
    void wait_until_open(std::chrono::milliseconds limit,
                         const std::function<void()>& keep_waiting) override {
        server_->wait_until_open(limit, keep_waiting);
    }
    void stop() override { server_->hurry(); }

private:
    const std::vector<RigReaderPlan> plans_;
    const std::string driver_;
    const std::string link_;
    const std::string socket_;
    std::vector<std::string> names_;
    std::string configuration_;
    std::optional<ReaderServer> server_;
};

} // namespace

std::unique_ptr<ReaderSet> make_driver_readers(const std::vector<RigReaderPlan>& plans,
                                               const std::string& folder) {
    return std::make_unique<DriverReaders>(plans, folder);
}

} // namespace cardrig::harness
