#include "harness/errors.h"
#include "harness/ifd/reader_server.h"
#include "harness/rig/reader_set.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// `-r Virtual` names the readers of both kinds.
constexpr const char* usual_name = "Cardrig Virtual Reader";

/// Wherever the driver is, pcscd's configuration can name it: not every path can be written there.
std::string link_to_driver(const std::string& folder) {
    std::string link = folder + "/libifdcardrig.so";
    if (symlink(find_driver().c_str(), link.c_str()) != 0) {
        throw HostError(fmt::format("cannot make {}: {}", link, std::strerror(errno)));
    }
    return link;
}

class DriverReaders final : public ReaderSet {
public:
    DriverReaders(const std::vector<RigReaderPlan>& plans, const std::string& folder)
        : server_(folder + "/cards", plans.size()) {
        for (const RigReaderPlan& plan : plans) {
            names_.push_back(plan.name.empty() ? usual_name : plan.name);
        }
        configuration_ = reader_configuration(link_to_driver(folder), folder + "/cards", names_);
        for (std::size_t i = 0; i < plans.size(); ++i) {
            if (plans[i].card != nullptr) {
                server_.reader(i).insert(*plans[i].card);
            }
        }
    }

    [[nodiscard]] std::string name(std::size_t index) const override {
        return reader_name(names_.at(index), index);
    }
    [[nodiscard]] Reader& reader(std::size_t index) override { return server_.reader(index); }
    [[nodiscard]] DaemonReaders daemon_readers() const override {
        return {[text = configuration_](std::uint16_t) { return text; }, false};
    }
    [[nodiscard]] ConnectionRequest first() const override { return {}; }
    void start(Keeper& /*keeper*/) override { server_.start(); }
    void wait_until_open(std::chrono::milliseconds limit,
                         const std::function<void()>& keep_waiting) override {
        server_.wait_until_open(limit, keep_waiting);
    }
    void stop() override {} // the daemon's end is that of its connections

private:
    ReaderServer server_;
    std::vector<std::string> names_;
    std::string configuration_;
};

} // namespace

std::unique_ptr<ReaderSet> make_driver_readers(const std::vector<RigReaderPlan>& plans,
                                               const std::string& folder) {
    return std::make_unique<DriverReaders>(plans, folder);
}

} // namespace cardrig::harness
