#include "harness/trace.h"

#include "harness/errors.h"

#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

nlohmann::json TraceEvent::to_json() const {
    nlohmann::json json = fields;
    json["n"] = number;
    json["t"] = seconds;
    json["kind"] = kind;
    if (reader >= 0) {
        json["reader"] = reader;
    }
    return json;
}

TraceEvent TraceEvent::from_json(const nlohmann::json& json) {
    try {
        TraceEvent event;
        event.number = json.at("n").get<std::uint64_t>();
        event.seconds = json.at("t").get<double>();
        event.kind = json.at("kind").get<std::string>();
        event.reader = json.value("reader", -1);
        event.fields = json;
        for (const char* key : {"n", "t", "kind", "reader"}) {
            event.fields.erase(key);
        }
        return event;
    } catch (const nlohmann::json::exception& error) {
        throw RequestError(fmt::format("not a trace event: {}", error.what()));
    }
}

Trace::Trace(bool show_secrets) : show_secrets_(show_secrets), begin_(std::chrono::steady_clock::now()) {}

void Trace::add(std::string kind, int reader, nlohmann::json fields) {
    const std::scoped_lock lock(mutex_);
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - begin_;
    events_.push_back({events_.size() + 1, since.count(), std::move(kind), reader, std::move(fields)});
    if (listener_) {
        listener_(events_.back());
    }
}

std::vector<TraceEvent> Trace::events() const {
    const std::scoped_lock lock(mutex_);
    return events_;
}

void Trace::set_listener(std::function<void(const TraceEvent&)> listener) {
    const std::scoped_lock lock(mutex_);
    listener_ = std::move(listener);
}

} // namespace cardrig::harness
