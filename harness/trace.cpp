#include "harness/trace.h"

#include "harness/errors.h"

#include <algorithm>
#include <limits>
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

namespace {

/// A whole number from 0 to `max`: nlohmann would cut others short, or turn their sign, without a word.
template <class Number>
Number whole_number(const nlohmann::json& json, const char* key, Number max) {
    const nlohmann::json& value = json.at(key);
    const bool negative = value.is_number_integer() && value < 0;
    if (!value.is_number_integer() || negative ||
        value.get<std::uint64_t>() > static_cast<std::uint64_t>(max)) {
        throw RequestError(fmt::format("not a trace event: '{}' is no whole number from 0 to {}", key, max));
    }
    return value.get<Number>();
}

} // namespace

TraceEvent TraceEvent::from_json(const nlohmann::json& json) {
    try {
        TraceEvent event;
        event.number = whole_number(json, "n", std::numeric_limits<std::uint64_t>::max());
        event.seconds = json.at("t").get<double>();
        event.kind = json.at("kind").get<std::string>();
        if (json.contains("reader")) {
            event.reader = whole_number(json, "reader", std::numeric_limits<int>::max());
        }
        event.fields = json;
        for (const char* key : {"n", "t", "kind", "reader"}) {
            event.fields.erase(key);
        }
        return event;
    } catch (const nlohmann::json::exception& error) {
        throw RequestError(fmt::format("not a trace event: {}", error.what()));
    }
}

Trace::Trace(bool show_secrets, Keep keep)
    : show_secrets_(show_secrets), keep_(keep), begin_(std::chrono::steady_clock::now()) {}

bool Trace::wanted() const {
    const std::scoped_lock lock(mutex_);
    return listener_ || keep_ == Keep::everything;
}

void Trace::add(std::string kind, int reader, nlohmann::json fields) {
    const std::scoped_lock lock(mutex_);
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - begin_;
    TraceEvent event{++last_number_, since.count(), std::move(kind), reader, std::move(fields)};
    if (listener_) {
        listener_(event);
    }
    if (keep_ == Keep::everything) {
        events_.push_back(std::move(event));
    }
}

std::vector<TraceEvent> Trace::events() const {
    return events_from(0);
}

std::vector<TraceEvent> Trace::events_from(std::size_t first) const {
    const std::scoped_lock lock(mutex_);
    return {events_.begin() + static_cast<std::ptrdiff_t>(std::min(first, events_.size())), events_.end()};
}

std::size_t Trace::size() const {
    const std::scoped_lock lock(mutex_);
    return last_number_;
}

void Trace::begin_anew() {
    const std::scoped_lock lock(mutex_);
    begin_ = std::chrono::steady_clock::now();
    last_number_ = 0;
    events_.clear();
}

void Trace::set_listener(std::function<void(const TraceEvent&)> listener) {
    const std::scoped_lock lock(mutex_);
    listener_ = std::move(listener);
}

} // namespace cardrig::harness
