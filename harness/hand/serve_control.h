// Lets whoever knows the control socket move the cards of `serve`.
#pragma once

#include "harness/hand/control_server.h"
#include "harness/hand/hand.h"
#include "harness/rigged_card.h"
#include "harness/serve/card_service.h"
#include "harness/serve/slot_reader.h"

#include <memory>
#include <string>
#include <vector>

namespace cardrig::harness {

class ServeControl final {
public:
    /// The first of the cards are in the service's readers, the others in none. All outlive it, and it
    /// outlives the service, which is told of its readers here. Throws RequestError or HostError where the
    /// socket cannot be made.
    ServeControl(const std::string& path, ServiceOptions& service,
                 const std::vector<std::unique_ptr<RiggedCard>>& cards, Trace& trace);

    /// From now on whoever asks is answered, by threads of its own.
    void start();

private:
    [[nodiscard]] HandOptions connect(ServiceOptions& service,
                                      const std::vector<std::unique_ptr<RiggedCard>>& cards);

    std::vector<std::unique_ptr<SlotReader>> readers_;
    std::unique_ptr<ControlSocket> socket_; ///< until start()
    Hand hand_;
    std::unique_ptr<ControlServer> server_;
};

/// None where there is no path.
[[nodiscard]] std::unique_ptr<ServeControl>
make_serve_control(const std::string& path, ServiceOptions& service,
                   const std::vector<std::unique_ptr<RiggedCard>>& cards, Trace& trace);

} // namespace cardrig::harness
