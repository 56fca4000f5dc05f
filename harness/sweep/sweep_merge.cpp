// One report of the shards of a sweep.
#include "harness/sweep/sweep_report.h"

#include "harness/errors.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

std::string name_of(const SweepReport& report) {
    return fmt::format("shard {} of {}", fmt::join(report.parts(), ", "), report.shards);
}

[[noreturn]] void refuse(const SweepReport& first, const SweepReport& other, const std::string& why) {
    throw RequestError(
        fmt::format("{} and {} are not of one sweep: {}", name_of(first), name_of(other), why));
}

/// Throws where a field of the subject differs.
class SubjectCheck {
public:
    SubjectCheck(const SweepReport& first, const SweepReport& other) : first_(first), other_(other) {}

    template <class Value>
    void same(std::string_view name, const Value& one, const Value& two) const {
        if (one != two) {
            refuse(first_, other_, fmt::format("the {} is '{}' and '{}'", name, one, two));
        }
    }
    void same(std::string_view name, const std::vector<std::string>& one,
              const std::vector<std::string>& two) const {
        same(name, fmt::format("{}", fmt::join(one, ", ")), fmt::format("{}", fmt::join(two, ", ")));
    }

private:
    const SweepReport& first_;
    const SweepReport& other_;
};

void check_subject(const SweepReport& first, const SweepReport& other) {
    const SubjectCheck check(first, other);
    const SweepSubject& one = first.subject;
    const SweepSubject& two = other.subject;
    check.same("scenario", one.scenario, two.scenario);
    check.same("row of the scenario's matrix", one.variant, two.variant);
    check.same("title", one.title, two.title);
    check.same("client", one.client, two.client);
    check.same("reader", one.reader, two.reader);
    check.same("seed", one.seed, two.seed);
    check.same("card's protection", one.protection, two.protection);
    check.same("choice of phases", one.phases, two.phases);
    check.same("choice of models", one.models, two.models);
    check.same("choice of places", one.places, two.places);
    check.same("number of reruns", one.reruns, two.reruns);
    check.same("slowdown", one.slowdown, two.slowdown);
    if (one.digest != two.digest) {
        refuse(first, other,
               "their undisturbed runs differ (digest): the places of the one are not those of the other");
    }
    if (first.shards != other.shards) {
        refuse(first, other, "they are shards of different numbers of shards");
    }
}

/// Each shard, and that no shard is there twice.
std::vector<std::uint32_t> check_shards(const std::vector<SweepReport>& reports) {
    std::set<std::uint32_t> seen;
    for (const SweepReport& report : reports) {
        check_subject(reports.front(), report);
        for (const std::uint32_t shard : report.parts()) {
            if (!seen.insert(shard).second) {
                throw RequestError(fmt::format("shard {} of {} is there twice", shard, report.shards));
            }
        }
    }
    return {seen.begin(), seen.end()};
}

/// Earlier phases first, then as the axis runs.
void sort_places(SweepReport& report) {
    std::ranges::stable_sort(report.places, {}, [](const PlaceOutcome& place) {
        return std::pair(place.place.phase, place.position);
    });
    std::ranges::stable_sort(report.not_reached, {}, [](const UnreachedPlace& place) {
        return std::pair(place.place.phase, place.position);
    });
}

/// What came of the places, each once: what all shards do alike (the images) is in each of them.
void add(SweepReport& whole, const SweepReport& shard, std::set<std::string>& known) {
    for (const PlaceOutcome& place : shard.places) {
        if (known.insert(place.place.text()).second) {
            whole.places.push_back(place);
        }
    }
    std::ranges::copy(shard.not_reached, std::back_inserter(whole.not_reached));
    std::ranges::copy(shard.groups, std::back_inserter(whole.groups));
    for (const std::string& notice : shard.notices) {
        if (std::ranges::find(whole.notices, notice) == whole.notices.end()) {
            whole.notices.push_back(notice);
        }
    }
    whole.images = std::max(whole.images, shard.images);
    whole.recovery_cuts = std::max(whole.recovery_cuts, shard.recovery_cuts);
    whole.merged = std::max(whole.merged, shard.merged);
    whole.states = std::max(whole.states, shard.states);
    whole.depth = std::max(whole.depth, shard.depth);
    whole.memory_complete = whole.memory_complete && shard.memory_complete;
    whole.seconds += shard.seconds;
    whole.budget = std::max(whole.budget, shard.budget);
}

} // namespace

SweepReport merge(const std::vector<SweepReport>& shards) {
    if (shards.empty()) {
        throw RequestError("there are no reports to merge");
    }
    std::vector<SweepReport> reports = shards; // in whatever order the files were named
    std::ranges::stable_sort(reports, {}, [](const SweepReport& report) { return report.parts().front(); });
    SweepReport whole;
    whole.merged_shards = check_shards(reports);
    whole.subject = reports.front().subject;
    whole.recorded = reports.front().recorded;
    whole.replay = reports.front().replay;
    whole.shards = reports.front().shards;
    whole.shard = whole.merged_shards.front();
    std::set<std::string> known;
    for (const SweepReport& report : reports) {
        add(whole, report, known);
        for (const std::string& difference : report.recorded.differences) {
            auto& all = whole.recorded.differences;
            if (std::ranges::find(all, difference) == all.end()) {
                all.push_back(difference);
            }
        }
    }
    std::erase_if(whole.not_reached,
                  [&](const UnreachedPlace& place) { return known.contains(place.place.text()); });
    sort_places(whole);
    conclude(whole);
    return whole;
}

} // namespace cardrig::harness
