// The report as JSON, both ways.
#include "harness/sweep/sweep_report.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "harness/sweep/json_fields.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Of the format; another one is refused.
constexpr std::uint32_t version = 1;
/// As many as --shard takes.
constexpr std::uint32_t most_shards = 10'000;

using Phases = std::vector<std::pair<std::uint32_t, std::string>>;

nlohmann::json json_of(const SweepSubject& subject) {
    return {{"scenario", subject.scenario},     {"variant", subject.variant}, {"title", subject.title},
            {"client", subject.client},         {"reader", subject.reader},   {"seed", subject.seed},
            {"protection", subject.protection}, {"digest", subject.digest},   {"phases", subject.phases},
            {"models", subject.models},         {"places", subject.places},   {"reruns", subject.reruns},
            {"slowdown", subject.slowdown}};
}

SweepSubject subject_from(const nlohmann::json& json) {
    const JsonFields fields(json, "subject");
    return {.scenario = fields.text("scenario"),
            .variant = fields.text("variant"),
            .title = fields.text("title"),
            .client = fields.text("client"),
            .reader = fields.text("reader"),
            .seed = fields.number<std::uint64_t>("seed"),
            .protection = fields.text("protection"),
            .digest = fields.text("digest"),
            .phases = fields.texts("phases"),
            .models = fields.texts("models"),
            .places = fields.text("places"),
            .reruns = fields.number<std::uint32_t>("reruns"),
            .slowdown = fields.number<std::uint32_t>("slowdown")};
}

nlohmann::json json_of(const Phases& phases) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& [from, phase] : phases) {
        list.push_back({{"from", from}, {"phase", phase}});
    }
    return list;
}

Phases phases_from(const nlohmann::json& list) {
    Phases phases;
    for (const nlohmann::json& each : list) {
        const JsonFields fields(each, "client's phase");
        phases.emplace_back(fields.number<std::uint32_t>("from"), fields.text("phase"));
        if (phases.size() > 1 && phases[phases.size() - 2].first >= phases.back().first) {
            fields.refuse("from", "is not behind the one before");
        }
    }
    return phases;
}

nlohmann::json json_of(const RecordedRun& run) {
    return {{"commands", run.commands},
            {"writes", run.writes},
            {"requests", run.requests},
            {"seconds", run.seconds},
            {"differences", run.differences},
            {"phases_of_commands", json_of(run.phases_of_commands)},
            {"phases_of_writes", json_of(run.phases_of_writes)}};
}

RecordedRun recorded_from(const nlohmann::json& json) {
    const JsonFields fields(json, "recorded");
    return {.commands = fields.number<std::uint32_t>("commands"),
            .writes = fields.number<std::uint64_t>("writes"),
            .requests = fields.number<std::uint32_t>("requests"),
            .seconds = fields.seconds("seconds"),
            .differences = fields.texts("differences"),
            .phases_of_commands = phases_from(fields.list("phases_of_commands")),
            .phases_of_writes = phases_from(fields.list("phases_of_writes"))};
}

nlohmann::json json_of(const FindingGroup& group) {
    nlohmann::json json{{"invariant", group.invariant},
                        {"client_phase", group.client_phase},
                        {"card_state", group.card_state},
                        {"outcome", word(group.outcome)},
                        {"places", group.places},
                        {"first", group.first.text()},
                        {"broken", group.broken.to_json()},
                        {"holder", group.holder},
                        {"reproduce", group.reproduce},
                        {"trace", group.trace},
                        {"folder", group.folder}};
    if (group.reproduced) {
        json["reproduced"] = *group.reproduced;
    }
    return json;
}

FindingGroup group_from(const nlohmann::json& json) {
    const JsonFields fields(json, "group");
    const std::string outcome = fields.text("outcome");
    const auto known = outcome_from_word(outcome);
    if (!known) {
        fields.refuse("outcome", fmt::format("'{}' is no outcome", outcome));
    }
    FindingGroup group{.invariant = fields.text("invariant"),
                       .client_phase = fields.text("client_phase"),
                       .card_state = fields.text("card_state"),
                       .outcome = *known,
                       .places = fields.number<std::size_t>("places"),
                       .first = fields.place("first"),
                       .broken = BrokenPromise::from_json(fields.object("broken")),
                       .holder = fields.text("holder"),
                       .reproduce = fields.text("reproduce"),
                       .reproduced = std::nullopt,
                       .trace = fields.texts("trace"),
                       .folder = fields.text("folder")};
    if (fields.has("reproduced")) {
        group.reproduced = fields.truth("reproduced");
    }
    return group;
}

nlohmann::json json_of(const UnreachedPlace& unreached) {
    return {{"place", unreached.place.text()}, {"position", unreached.position}};
}

UnreachedPlace unreached_from(const nlohmann::json& json) {
    const JsonFields fields(json, "place not reached");
    return {fields.place("place"), fields.number<std::uint32_t>("position")};
}

template <class Value>
nlohmann::json list_of(const std::vector<Value>& values, nlohmann::json (*json)(const Value&)) {
    nlohmann::json list = nlohmann::json::array();
    for (const Value& value : values) {
        list.push_back(json(value));
    }
    return list;
}

std::pair<std::uint32_t, std::uint32_t> shard_from(const JsonFields& fields) {
    const auto shard = fields.number<std::uint32_t>("shard");
    const auto shards = fields.number<std::uint32_t>("shards");
    if (shard < 1 || shard > shards || shards > most_shards) {
        fields.refuse("shard", fmt::format("{} of {}: there is no such part", shard, shards));
    }
    return {shard, shards};
}

std::vector<std::uint32_t> merged_shards_from(const JsonFields& fields, std::uint32_t shards) {
    std::vector<std::uint32_t> merged;
    for (const nlohmann::json& each : fields.list("merged_shards")) {
        const std::uint32_t last = merged.empty() ? 0 : merged.back();
        if (!each.is_number_unsigned() || each.get<std::uint64_t>() <= last ||
            each.get<std::uint64_t>() > shards) {
            fields.refuse("merged_shards", fmt::format("numbers from 1 to {} are wanted, ascending", shards));
        }
        merged.push_back(each.get<std::uint32_t>());
    }
    return merged;
}

} // namespace

std::vector<std::uint32_t> SweepReport::parts() const {
    return merged_shards.empty() ? std::vector{shard} : merged_shards;
}

std::vector<std::uint32_t> SweepReport::missing_shards() const {
    std::vector<std::uint32_t> missing;
    for (std::uint32_t each = 1; !merged_shards.empty() && each <= shards; ++each) {
        if (!std::ranges::binary_search(merged_shards, each)) {
            missing.push_back(each);
        }
    }
    return missing;
}

nlohmann::json SweepReport::to_json() const {
    return {
        {"cardrig-sweep", version},
        {"subject", json_of(subject)},
        {"recorded", json_of(recorded)},
        {"shard", shard},
        {"shards", shards},
        {"merged_shards", merged_shards},
        {"budget", budget},
        {"places", list_of<PlaceOutcome>(places, [](const PlaceOutcome& place) { return place.to_json(); })},
        {"not_reached", list_of<UnreachedPlace>(not_reached, json_of)},
        {"images", images},
        {"recovery_cuts", recovery_cuts},
        {"merged", merged},
        {"states", states},
        {"depth", depth},
        {"memory_complete", memory_complete},
        {"seconds", seconds},
        {"notices", notices},
        {"replay", replay},
        {"groups", list_of<FindingGroup>(groups, json_of)}};
}

SweepReport SweepReport::from_json(const nlohmann::json& json) {
    const JsonFields fields(json, "sweep report");
    if (const auto given = fields.number<std::uint32_t>("cardrig-sweep"); given != version) {
        fields.refuse("cardrig-sweep",
                      fmt::format("version {} of the format, and {} is known", given, version));
    }
    SweepReport report;
    report.subject = subject_from(fields.object("subject"));
    report.recorded = recorded_from(fields.object("recorded"));
    std::tie(report.shard, report.shards) = shard_from(fields);
    report.merged_shards = merged_shards_from(fields, report.shards);
    report.budget = fields.seconds("budget");
    for (const nlohmann::json& place : fields.list("places")) {
        report.places.push_back(PlaceOutcome::from_json(place));
    }
    for (const nlohmann::json& place : fields.list("not_reached")) {
        report.not_reached.push_back(unreached_from(place));
    }
    report.images = fields.number<std::uint64_t>("images");
    report.recovery_cuts = fields.number<std::uint64_t>("recovery_cuts");
    report.merged = fields.number<std::uint64_t>("merged");
    report.states = fields.number<std::uint64_t>("states");
    report.depth = fields.number<std::uint32_t>("depth");
    report.memory_complete = fields.truth("memory_complete");
    report.seconds = fields.seconds("seconds");
    report.notices = fields.texts("notices");
    report.replay = fields.text("replay");
    for (const nlohmann::json& group : fields.list("groups")) {
        report.groups.push_back(group_from(group));
    }
    return report;
}

SweepReport load_sweep_report(const std::string& file) {
    const apdu::Bytes bytes = read_file(file);
    return parse_sweep_report({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
}

SweepReport parse_sweep_report(std::string_view text, const std::string& file) {
    try {
        return SweepReport::from_json(nlohmann::json::parse(text));
    } catch (const nlohmann::json::parse_error& error) {
        throw RequestError(
            fmt::format("{}: no JSON at byte {}: a report that 'cardrig sweep --json' wrote is "
                        "wanted",
                        file, error.byte));
    } catch (const RequestError& error) {
        throw RequestError(fmt::format("{}: {}", file, error.what()));
    }
}

void save_sweep_report(const std::string& file, const SweepReport& report) {
    // A client may print what is no UTF-8.
    const std::string text = report.to_json().dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
    write_file(file, text + "\n");
}

} // namespace cardrig::harness
