#include "harness/sweep/sweep_plan.h"

#include "harness/errors.h"
#include "harness/fault_verbs.h"
#include "harness/sweep/client_phase.h"
#include "harness/trace_places.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::string_view any_command = "any";

/// What happens at some event, without a moment: its place, and how it is tried.
struct Spotted {
    Place place;
    std::size_t event = 0;
    std::uint32_t position = 0;
};

std::string text_field(const TraceEvent& event, const char* name) {
    const auto found = event.fields.find(name);
    return found != event.fields.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Whether the notation can say it: an object may be of a kind that places have no words for.
bool can_be_said(const Place& place) {
    const auto read = Place::parse(place.text());
    return read && *read == place;
}

/// Counts as FaultPlan and AuthorityFaults do: of a command with its object, of one with any, and of all.
class Counter {
public:
    explicit Counter(Where where) : where_(where) {}

    /// The first block of a chain, a single command, or a request. It is what further blocks belong to.
    void begin(std::string command, std::string object) {
        command_ = std::move(command);
        object_ = std::move(object);
        ++exact_[{command_, object_}];
        ++by_name_[command_];
        ++all_;
    }

    /// The most telling words for it. `block`: none for a single command.
    [[nodiscard]] Place place(const std::string& command, const std::string& object,
                              std::optional<std::uint32_t> block) const {
        const auto form = [&](std::string name, std::string of, std::uint32_t occurrence) {
            Place place;
            place.where = where_;
            place.command = std::move(name);
            place.object = std::move(of);
            place.occurrence = occurrence;
            place.block = block;
            return place;
        };
        // A chain whose object is told only by a later block was counted without it.
        if (command == command_ && object == object_ && !object.empty()) {
            if (Place exact = form(command, object, exact_.at({command, object})); can_be_said(exact)) {
                return exact;
            }
        }
        if (command == command_) {
            if (Place named = form(command, "", by_name_.at(command)); can_be_said(named)) {
                return named;
            }
        }
        return form(std::string(any_command), "", all_);
    }

private:
    Where where_;
    std::string command_;
    std::string object_;
    std::map<std::pair<std::string, std::string>, std::uint32_t> exact_;
    std::map<std::string, std::uint32_t> by_name_;
    std::uint32_t all_ = 0;
};

/// Goes through a run's events.
class Spotter {
public:
    explicit Spotter(const Recording& recording) : recording_(recording) {}

    std::vector<Spotted> spot() {
        for (std::size_t i = 0; i < recording_.events.size(); ++i) {
            const TraceEvent& event = recording_.events[i];
            if (event.kind == "apdu") {
                command(event, i);
            } else if (event.kind == "authority") {
                request(event, i);
            }
        }
        return std::move(spotted_);
    }

private:
    void command(const TraceEvent& event, std::size_t index) {
        const TracedCommand traced = traced_command(event).value();
        const std::string& first = recording_.card_names.front();
        const std::string at = text_field(event, "card");
        const std::string card = at.empty() ? first : at;
        Counter& counter = cards_.try_emplace(card, Where::card).first->second;
        if (traced.block == 1) {
            counter.begin(traced.name, traced.object);
        }
        // The number of a block is told of chains alone.
        const bool chained = text_field(event, "text").find(" block ") != std::string::npos;
        const auto block = chained ? std::optional(traced.block) : std::nullopt;
        if (event.fields.value("delivered", true)) {
            Place place = counter.place(traced.name, traced.object, block);
            place.card = card == first ? "" : card;
            spotted_.push_back({std::move(place), index, position_});
        }
        ++position_;
    }

    void request(const TraceEvent& event, std::size_t index) {
        const std::string name = text_field(event, "request");
        const std::string object = text_field(event, "object");
        const auto& known = authority_requests();
        if (std::ranges::find(known, name) != known.end()) { // what is at no path, nobody counts
            authority_.begin(name, object);
            spotted_.push_back({authority_.place(name, object, std::nullopt), index, position_});
        }
        ++position_;
    }

    const Recording& recording_;
    std::map<std::string, Counter> cards_;
    Counter authority_{Where::authority};
    std::uint32_t position_ = 0;
    std::vector<Spotted> spotted_;
};

Effect effect(Verb verb) {
    Effect made;
    made.verb = verb;
    switch (row_of(verb).argument) {
    case Argument::http_status:
        made.count = 503;
        break;
    case Argument::bytes:
        made.count = 1;
        break;
    case Argument::time:
        made.time = std::chrono::seconds(1);
        break;
    default:
        break;
    }
    return made;
}

/// Whether it does anything there that it does not do at the other moment.
bool is_possible(const SweepPlace& place) {
    const bool shortened = place.effect.verb == Verb::truncate; // there has to be a body
    return !(shortened && place.place.moment == Moment::before) &&
           Fault{place.place, place.effect}.check().has_value();
}

} // namespace

const std::vector<Effect>& interruptions() {
    static const std::vector<Effect> effects{effect(Verb::cut_power), effect(Verb::kill_client),
                                             effect(Verb::remove), effect(Verb::unplug), effect(Verb::reset)};
    return effects;
}

const std::vector<Effect>& authority_effects() {
    // What takes the longest comes last: a client that hears nothing waits until its own limit.
    static const std::vector<Effect> effects{
        effect(Verb::drop),       effect(Verb::kill_client), effect(Verb::fail),
        effect(Verb::refuse),     effect(Verb::wrong_key),   effect(Verb::wrong_holder),
        effect(Verb::past_dates), effect(Verb::too_large),   effect(Verb::log_out),
        effect(Verb::truncate),   effect(Verb::later),       effect(Verb::hang)};
    return effects;
}

std::vector<PlannedPlace> live_places(const Recording& recording, const SweepSelection& selection) {
    const std::vector<Spotted> spotted = Spotter(recording).spot();
    std::map<std::size_t, std::string> phases;
    std::vector<PlannedPlace> places;
    const auto add = [&](Where where, const Effect& what) {
        for (const Spotted& spot : spotted) {
            for (const Moment moment : {Moment::before, Moment::after}) {
                SweepPlace place{SweepPhase::live, spot.place, what, {}};
                place.place.moment = moment;
                if (spot.place.where == where && is_possible(place) && selection.takes(place)) {
                    const auto [phase, fresh] = phases.try_emplace(spot.event);
                    if (fresh) {
                        phase->second = client_phase(recording.events, spot.event);
                    }
                    places.push_back({std::move(place), spot.position, phase->second, spot.event});
                }
            }
        }
    };
    // The power first, then what the network does by itself, then the others.
    const auto& of_cards = interruptions();
    const auto& of_authority = authority_effects();
    add(Where::card, of_cards.front());
    add(Where::authority, of_authority.front());
    std::for_each(of_cards.begin() + 1, of_cards.end(), [&](const Effect& one) { add(Where::card, one); });
    std::for_each(of_authority.begin() + 1, of_authority.end(),
                  [&](const Effect& one) { add(Where::authority, one); });
    return places;
}

std::vector<PlannedPlace> memory_places(const Recording& recording, const SweepSelection& selection) {
    std::vector<PlannedPlace> places;
    std::uint32_t position = 0;
    std::optional<std::size_t> last_event;
    std::string phase;
    for (const MemoryStep& step : recording.steps) {
        if (step.kind != MemoryStep::Kind::write) {
            continue;
        }
        if (last_event != step.event) {
            last_event = step.event;
            phase = client_phase(recording.events, step.event);
        }
        SweepPlace place{SweepPhase::memory, {}, effect(Verb::cut_power), {}};
        place.place.write = step.number;
        place.place.card = step.card == 0 ? "" : recording.card_names.at(step.card);
        for (const Tearing& tearing : all_tearings()) {
            place.effect.tearing = tearing;
            if (selection.takes(place)) {
                places.push_back({place, position, phase, step.event});
            }
        }
        ++position;
    }
    return places;
}

nlohmann::json PlannedPlace::to_json() const {
    return {{"place", place.text()}, {"position", position}, {"client-phase", client_phase}};
}

PlannedPlace PlannedPlace::from_json(const nlohmann::json& json) {
    PlannedPlace planned;
    const char* key = "place";
    try {
        const std::string text = json.at(key).get<std::string>();
        auto place = SweepPlace::parse(text);
        if (!place) {
            throw RequestError(fmt::format("'place': {}", place.error().message));
        }
        planned.place = std::move(*place);
        key = "position";
        planned.position = json.at(key).get<std::uint32_t>();
        key = "client-phase";
        planned.client_phase = json.at(key).get<std::string>();
    } catch (const nlohmann::json::exception&) {
        throw RequestError(fmt::format("'{}' of a planned place is missing, or of another kind", key));
    }
    return planned;
}

} // namespace cardrig::harness
