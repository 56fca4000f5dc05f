#include "harness/sweep/sweep_worker.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "harness/signal_watch.h"

#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using nlohmann::json;

/// Of our own lines: nothing of them can be wrong but by a mistake of ours.
template <class Read>
auto guarded(const char* what, const Read& read) {
    try {
        return read();
    } catch (const json::exception& error) {
        throw RequestError(fmt::format("{}: {}", what, error.what()));
    }
}

PlaceOutcome as_outcome(const DistinctState& state) {
    PlaceOutcome outcome;
    outcome.place = state.first;
    outcome.position = state.position;
    outcome.client_phase = state.client_phase;
    outcome.card_state = state.card_state;
    outcome.broken = state.broken;
    outcome.state = state.id;
    return outcome;
}

DistinctState as_state(PlaceOutcome outcome) {
    return {std::move(outcome.state),        std::move(outcome.place),      outcome.position,
            std::move(outcome.client_phase), std::move(outcome.card_state), std::move(outcome.broken)};
}

/// Lines from the coordinator, and back.
class Line final {
public:
    Line(int socket, const SignalWatch& signals) : socket_(socket), signals_(signals) {}

    /// None: the other end is closed, or a signal asks to end.
    std::optional<std::string> read() {
        while (true) {
            if (const std::size_t end = text_.find('\n'); end != std::string::npos) {
                std::string line = text_.substr(0, end);
                text_.erase(0, end + 1);
                return line;
            }
            std::array<pollfd, 2> wanted{{{socket_, POLLIN, 0}, {signals_.descriptor(), POLLIN, 0}}};
            if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) {
                return std::nullopt;
            }
            if (wanted[1].revents != 0) {
                return std::nullopt;
            }
            std::array<char, 4096> buffer{};
            const ssize_t count = wanted[0].revents == 0 ? -1 : ::read(socket_, buffer.data(), buffer.size());
            if (count == 0 || (count < 0 && wanted[0].revents != 0 && errno != EINTR)) {
                return std::nullopt;
            }
            text_.append(buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
        }
    }

    /// Whoever does not listen any more has ended, and so does this worker, at its next look.
    void write(const json& answer) const {
        const std::string line = answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
        static_cast<void>(write_all(
            socket_, apdu::ByteView(reinterpret_cast<const std::uint8_t*>(line.data()), line.size())));
    }

private:
    int socket_;
    const SignalWatch& signals_;
    std::string text_;
};

/// One worker on its way.
class Server final {
public:
    Server(const MakeSweepWork& make, Line& line, const SignalWatch& signals)
        : make_(make), line_(line), signals_(signals) {}

    void run() {
        for (bool go_on = true; go_on;) {
            const auto request = line_.read();
            go_on = request && serve(*request);
        }
    }

private:
    /// False: what it works with is not to be trusted any more.
    bool serve(const std::string& request) {
        json answer;
        bool go_on = true;
        try {
            answer = answer_to(SweepTask::from_json(json::parse(request)));
        } catch (const RequestError& error) {
            answer = {{"wrong", error.what()}};
        } catch (const HostError& error) {
            answer = {{"host", error.what()}};
            go_on = false;
        } catch (const Interrupted&) {
            return false;
        } catch (const std::exception& error) {
            answer = {{"trouble", error.what()}};
            go_on = false;
        }
        add_notices(answer);
        line_.write(answer);
        return go_on;
    }

    json answer_to(const SweepTask& task) {
        if (!work_) {
            work_ = make_(signals_);
        }
        switch (task.kind) {
        case SweepTask::Kind::record:
            return {{"recorded", recorded(task).to_json()}};
        case SweepTask::Kind::memory:
            return memory();
        case SweepTask::Kind::place:
            break;
        }
        if (!aimed_ && task.place.phase != SweepPhase::live) {
            PlaceOutcome diverged;
            diverged.place = task.place;
            diverged.outcome = Outcome::diverged;
            diverged.message =
                "the client's undisturbed run differs from the one in which the place was found";
            return {{"outcome", diverged.to_json()}};
        }
        const auto keep = task.keep.empty() ? std::nullopt : std::optional(PlaceKeep{task.keep});
        return {{"outcome", work_->try_place(task.place, keep).to_json()}};
    }

    json memory() {
        if (!aimed_) { // its writes have other numbers
            throw HostError("the client's undisturbed run differs from the one that the places are of");
        }
        const auto tell = [this](const PlaceOutcome& outcome) {
            line_.write({{"place", outcome.to_json()}});
        };
        const MemoryPhaseResult result = work_->memory(tell);
        // Those of cuts in recoveries are known in the end alone.
        for (const PlaceOutcome& outcome : result.places) {
            if (!outcome.place.further.empty()) {
                tell(outcome);
            }
        }
        return {{"memory", to_json(result)}};
    }

    SweepRecord recorded(const SweepTask& task) {
        constexpr int most_tries = 3;
        SweepRecord record = work_->record(task.times);
        const auto is_it = [&] { return task.digest.empty() || record.digest == task.digest; };
        for (int tries = 1; tries < most_tries && !is_it(); ++tries) {
            record = work_->record(1);
        }
        aimed_ = is_it();
        return record;
    }

    void add_notices(json& answer) {
        if (!aimed_ && told_.insert("differs").second) {
            answer["notices"].push_back("the client's undisturbed run is not always the same: a worker's "
                                        "differs from the first one's");
        }
        for (const std::string& notice : work_ ? work_->notices() : std::vector<std::string>()) {
            if (told_.insert(notice).second) {
                answer["notices"].push_back(notice);
            }
        }
    }

    const MakeSweepWork& make_;
    Line& line_;
    const SignalWatch& signals_;
    std::unique_ptr<SweepWork> work_;
    std::set<std::string> told_;
    bool aimed_ = true; ///< its recording is the one that was asked for
};

} // namespace

json SweepTask::to_json() const {
    switch (kind) {
    case Kind::record:
        return {{"do", "record"}, {"times", times}, {"digest", digest}};
    case Kind::memory:
        return {{"do", "memory"}};
    case Kind::place:
        break;
    }
    return {{"do", "try"}, {"place", place.text()}, {"keep", keep}};
}

SweepTask SweepTask::from_json(const json& json) {
    return guarded("a task", [&] {
        SweepTask task;
        const std::string what = json.at("do").get<std::string>();
        if (what == "record") {
            task.kind = Kind::record;
            task.times = json.at("times").get<unsigned>();
            task.digest = json.at("digest").get<std::string>();
        } else if (what == "memory") {
            task.kind = Kind::memory;
        } else if (what == "try") {
            auto place = SweepPlace::parse(json.at("place").get<std::string>());
            if (!place) {
                throw RequestError(place.error().message);
            }
            task.place = std::move(*place);
            task.keep = json.at("keep").get<std::string>();
        } else {
            throw RequestError(fmt::format("'{}' is no task of a worker", what));
        }
        return task;
    });
}

std::string SweepTask::text() const {
    return kind == Kind::record   ? "the undisturbed run"
           : kind == Kind::memory ? "the memory phase"
                                  : place.text();
}

json to_json(const MemoryPhaseResult& result) {
    json states = json::array();
    for (const DistinctState& state : result.states) {
        states.push_back(as_outcome(state).to_json());
    }
    return {{"states", std::move(states)}, {"images", result.images}, {"recovery-cuts", result.recovery_cuts},
            {"merged", result.merged},     {"depth", result.depth},   {"seconds", result.seconds},
            {"complete", result.complete}};
}

MemoryPhaseResult memory_result_from_json(const json& json) {
    return guarded("a memory phase", [&] {
        MemoryPhaseResult result;
        for (const auto& state : json.at("states")) {
            result.states.push_back(as_state(PlaceOutcome::from_json(state)));
        }
        result.images = json.at("images").get<std::uint64_t>();
        result.recovery_cuts = json.at("recovery-cuts").get<std::uint64_t>();
        result.merged = json.at("merged").get<std::uint64_t>();
        result.depth = json.at("depth").get<std::uint32_t>();
        result.seconds = json.at("seconds").get<double>();
        result.complete = json.at("complete").get<bool>();
        return result;
    });
}

void serve_sweep(const MakeSweepWork& make, int socket) {
    const SignalWatch signals;
    Line line(socket, signals);
    Server(make, line, signals).run();
}

} // namespace cardrig::harness
