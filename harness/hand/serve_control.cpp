#include "harness/hand/serve_control.h"

#include "harness/hand/rig_control.h"

#include <utility>

namespace cardrig::harness {

HandOptions ServeControl::connect(ServiceOptions& service,
                                  const std::vector<std::unique_ptr<RiggedCard>>& cards) {
    HandOptions options;
    for (std::size_t i = 0; i < service.cards.size(); ++i) {
        readers_.push_back(std::make_unique<SlotReader>(*service.cards[i], service.wakeup));
        service.readers.push_back(readers_.back().get());
        options.readers.push_back({service.endpoint.of_slot(i).text(), readers_.back().get()});
    }
    options.cards = numbered(cards);
    options.kind = ReaderKind::vpcd;
    options.traces_moves = false; // the service does, also when the daemon comes and goes
    return options;
}

ServeControl::ServeControl(const std::string& path, ServiceOptions& service,
                           const std::vector<std::unique_ptr<RiggedCard>>& cards, Trace& trace)
    : socket_(std::make_unique<ControlSocket>(path)), hand_(connect(service, cards), trace) {}

void ServeControl::start() {
    server_ = std::make_unique<ControlServer>(std::move(socket_), answers_of(hand_, false));
}

std::unique_ptr<ServeControl> make_serve_control(const std::string& path, ServiceOptions& service,
                                                 const std::vector<std::unique_ptr<RiggedCard>>& cards,
                                                 Trace& trace) {
    return path.empty() ? nullptr : std::make_unique<ServeControl>(path, service, cards, trace);
}

} // namespace cardrig::harness
