// Sweeps with workers that are played: they crash, hang, are slow, or see another run. What a real one does
// is tested end to end.
#pragma once

#include "harness/errors.h"
#include "harness/sweep/sweep_run.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

namespace cardrig::tests {

using namespace cardrig::harness;
using namespace std::chrono_literals;

/// What a worker is to do at a place, by its text.
enum class Does : std::uint8_t { well, violation, crash, hang, host_error, wrong };

struct Play {
    std::map<std::string, Does> at;
    std::vector<std::string> digests{
        "first"};             ///< of the runs of one worker, one after the other; the last stays
    std::string later_digest; ///< of every other worker's; empty: the same
    std::string undisturbed;  ///< why the run fails; empty: it does not
    int crashes = 0;          ///< workers after the first end while they record: so many
    std::size_t states = 2;
    std::size_t writes = 2;
    std::size_t commands = 6;
    bool memory_crashes = false;
    bool record_hangs = false;
    bool memory_incomplete = false;
    std::size_t broken_writes = 0; ///< I5 is broken at so many last ones
    std::size_t open_writes = 0;   ///< I4 is broken, and may be mended, at so many last ones
    bool first_unreported = false; ///< the first state was first seen in a cut that no place is reported of
    std::string counter;           ///< a file, in which workers count each other
};

inline PlannedPlace planned(const std::string& text, std::size_t position) {
    return {SweepPlace::parse(text).value(), static_cast<std::uint32_t>(position), "writing", 0};
}

/// Each worker has a number, from 0: its file's length tells it.
inline int number_of_worker(const std::string& file) {
    std::ofstream(file, std::ios::app) << 'x' << std::flush;
    return static_cast<int>(std::filesystem::file_size(file)) - 1;
}

class PlayedWork final : public SweepWork {
public:
    explicit PlayedWork(const Play& play) : play_(play), number_(number_of_worker(play.counter)) {}

    SweepRecord record(unsigned times) override {
        if (!play_.undisturbed.empty()) {
            throw RequestError(play_.undisturbed);
        }
        if (number_ > 0 && number_ <= play_.crashes) {
            ::_exit(9);
        }
        while (play_.record_hangs) {
            ::pause();
        }
        runs_ += times;
        SweepRecord record;
        record.digest = number_ > 0 && !play_.later_digest.empty()
                            ? play_.later_digest
                            : play_.digests.at(std::min<std::size_t>(runs_, play_.digests.size()) - 1);
        record.protection = "journal";
        for (std::size_t i = 0; i < play_.writes; ++i) {
            record.memory.push_back(planned("memory: write #" + std::to_string(i + 1) + ": prefix half", i));
        }
        for (std::size_t i = 0; i < play_.commands; ++i) {
            record.live.push_back(planned("live: verify #" + std::to_string(i + 1) + " before: remove", i));
        }
        return record;
    }

    MemoryPhaseResult memory(const std::function<void(const PlaceOutcome&)>& on_place) override {
        if (play_.memory_crashes) {
            ::_exit(7);
        }
        MemoryPhaseResult result;
        for (std::size_t i = 0; i < play_.writes; ++i) {
            PlaceOutcome outcome;
            outcome.place =
                SweepPlace::parse("memory: write #" + std::to_string(i + 1) + ": prefix half").value();
            outcome.state = "s" + std::to_string(i % play_.states);
            if (i + play_.broken_writes >= play_.writes) {
                outcome.outcome = Outcome::violation;
                outcome.broken = {{"I5", "", "the card does not come to its end", false, 0}};
            }
            if (i + play_.open_writes >= play_.writes) {
                outcome.outcome = Outcome::open;
                outcome.broken = {{"I4", "", "a certificate without its key", false, 0}};
            }
            on_place(outcome);
        }
        for (std::size_t i = 0; i < play_.states; ++i) {
            result.states.push_back({"s" + std::to_string(i),
                                     first_of_state(i),
                                     static_cast<std::uint32_t>(i),
                                     "writing",
                                     "as before",
                                     {}});
        }
        result.images = 10;
        result.complete = !play_.memory_incomplete;
        return result;
    }

    PlaceOutcome try_place(const SweepPlace& place, const std::optional<PlaceKeep>& keep) override {
        const auto found = play_.at.find(place.text());
        PlaceOutcome outcome;
        outcome.place = place;
        outcome.card_state = "as before";
        switch (found == play_.at.end() ? Does::well : found->second) {
        case Does::well:
            break;
        case Does::violation:
            outcome.outcome = Outcome::violation;
            outcome.broken = {{"I4", "", "a certificate without its key", false, 1}};
            break;
        case Does::crash:
            ::raise(SIGKILL);
            break;
        case Does::hang:
            while (true) {
                ::pause();
            }
        case Does::host_error:
            throw HostError("no daemon");
        case Does::wrong:
            throw RequestError("there is no such card");
        }
        if (keep) {
            std::filesystem::create_directories(keep->folder);
        }
        return outcome;
    }

    [[nodiscard]] std::vector<std::string> notices() const override {
        return {"this host refuses namespaces"};
    }

private:
    [[nodiscard]] SweepPlace first_of_state(std::size_t state) const {
        const bool unreported = state == 0 && play_.first_unreported;
        return SweepPlace::parse("recovery: write #" + std::to_string(state + 1) + ": prefix half" +
                                 (unreported ? "; recovery 1: prefix half" : ""))
            .value();
    }

    const Play& play_;
    int number_;
    std::size_t runs_ = 0;
};

/// One sweep of a play, its folder, and what is left of its processes.
struct Stage {
    Stage() {
        std::string name = (std::filesystem::temp_directory_path() / "cardrig-test-XXXXXX").string();
        BOOST_TEST_REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder = name;
        play.counter = folder + "/workers";
        options.keep = folder + "/kept";
        options.replay = "cardrig sweep s.yaml --replay";
    }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    ~Stage() {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }

    SweepRun::Result sweep() {
        const SignalWatch signals;
        SweepPool pool([this](const SignalWatch&) { return std::make_unique<PlayedWork>(play); },
                       SweepPoolOptions{jobs, limit, 500ms, signals});
        SweepRun run(pool, options);
        if (on_progress) {
            run.on_progress(on_progress);
        }
        return run.run();
    }

    std::string folder;
    Play play;
    SweepRunOptions options;
    std::size_t jobs = 2;
    std::chrono::milliseconds limit = 20s;
    std::function<void(const SweepProgress&)> on_progress;
};

inline std::map<std::string, std::string> outcomes(const SweepReport& report) {
    std::map<std::string, std::string> found;
    for (const PlaceOutcome& outcome : report.places) {
        BOOST_TEST(!found.contains(outcome.place.text()), outcome.place.text() << " twice");
        found[outcome.place.text()] = word(outcome.outcome);
    }
    return found;
}

inline const PlaceOutcome& at(const SweepReport& report, const std::string& place) {
    const auto found = std::ranges::find_if(
        report.places, [&](const PlaceOutcome& outcome) { return outcome.place.text() == place; });
    BOOST_TEST_REQUIRE((found != report.places.end()), place);
    return *found;
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Of this process: none is left, ended or not.
inline bool has_children() {
    return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD;
}

} // namespace cardrig::tests
