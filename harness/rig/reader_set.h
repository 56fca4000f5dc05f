// A rig's readers, all of one kind.
#pragma once

#include "harness/reader.h"
#include "harness/rig.h"
#include "harness/rig/keeper.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cardrig::harness {

class ReaderSet {
public:
    ReaderSet() = default;
    ReaderSet(const ReaderSet&) = delete;
    ReaderSet& operator=(const ReaderSet&) = delete;
    virtual ~ReaderSet() = default;

    /// PC/SC's name for one.
    [[nodiscard]] virtual std::string name(std::size_t index) const = 0;
    [[nodiscard]] virtual Reader& reader(std::size_t index) = 0;
    /// For the daemon, before anything of it is there.
    [[nodiscard]] virtual DaemonReaders daemon_readers() const = 0;
    /// What has to be asked for before it starts.
    [[nodiscard]] virtual ConnectionRequest first() const = 0;
    /// In the rig's folder, before the daemon starts. Only then there are readers. Throws HostError.
    virtual void prepare() = 0;
    /// From now on it has threads.
    virtual void start(Keeper& keeper) = 0;
    /// Until PC/SC clients can see the readers, and the cards that are in from the start. Throws HostError.
    /// `keep_waiting` is called now and then meanwhile, and throws to stop it.
    virtual void wait_until_open(std::chrono::milliseconds limit,
                                 const std::function<void()>& keep_waiting) = 0;
    /// The rig has to end. A card that is put in from now on holds nothing up; clients may be served until
    /// the daemon has ended, and threads last until then.
    virtual void stop() = 0;
};

/// Before the daemon, and before there are threads; each throws RequestError for a name that cannot be had,
/// and HostError where its driver is missing. `folder` is the rig's.
[[nodiscard]] std::unique_ptr<ReaderSet> make_driver_readers(const std::vector<RigReaderPlan>& plans,
                                                             const std::string& folder);
[[nodiscard]] std::unique_ptr<ReaderSet> make_vpcd_readers(const std::vector<RigReaderPlan>& plans,
                                                           const PcscHost& host);

} // namespace cardrig::harness
