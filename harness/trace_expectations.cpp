#include "harness/trace_expectations.h"

#include "harness/trace_places.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t most_shown = 4;

/// So many of these at most, and how many more there are.
std::string listed(std::vector<std::string> texts) {
    const std::size_t count = texts.size();
    if (count > most_shown) {
        texts.resize(most_shown);
        texts.push_back(fmt::format("{} more", count - most_shown));
    }
    return fmt::format("{}", fmt::join(texts, "; "));
}

class TraceCheck {
public:
    TraceCheck(const std::vector<TraceEvent>& events, const std::string& first_card)
        : events_(events), first_card_(first_card) {}

    void holds(const Place& place) {
        if (find(place) == nullptr) {
            add(fmt::format("'{}'", trace_place_text(place)), missing(place));
        }
    }

    void never(const Place& place) {
        const TraceEvent* const event =
            place.card.empty() ? find_place_at_any_card(events_, place) : find(place);
        if (event != nullptr) {
            add(fmt::format("no '{}'", trace_place_text(place)), event_text(*event));
        }
    }

    /// Where the second of the two is not there, the first need not be.
    void before(const Place& first, const Place& second) {
        const TraceEvent* const earlier = find(first);
        const TraceEvent* const later = find(second);
        if (later == nullptr || (earlier != nullptr && earlier->number <= later->number)) {
            return;
        }
        const std::string then =
            earlier == nullptr ? "before it " + missing(first) : "only then " + event_text(*earlier);
        add(fmt::format("'{}' before '{}'", trace_place_text(first), trace_place_text(second)),
            fmt::format("{}; {}", event_text(*later), then));
    }

    void failed_tries(std::uint32_t most) {
        std::vector<std::string> failed;
        for (const TraceEvent& event : events_) {
            if (failed_try(event)) {
                failed.push_back(event_text(event));
            }
        }
        if (failed.size() > most) {
            const std::size_t count = failed.size();
            shortfalls_.push_back({"", "", "failed tries", fmt::format("at most {}", most),
                                   fmt::format("{}: {}", count, listed(std::move(failed)))});
        }
    }

    [[nodiscard]] std::vector<Shortfall> take() { return std::move(shortfalls_); }

private:
    [[nodiscard]] const TraceEvent* find(const Place& place) const {
        return find_place(events_, place, first_card_);
    }

    void add(std::string expected, std::string there) {
        shortfalls_.push_back({"", "", "trace", std::move(expected), std::move(there)});
    }

    /// What is like it: the same of anything else, at any card.
    [[nodiscard]] std::string missing(const Place& place) const {
        std::vector<std::string> alike;
        for (const TraceEvent& event : events_) {
            const auto command = traced_command(event);
            const bool request = place.where == Where::authority && event.kind == "authority";
            const bool same = command && command->block == 1 && command->name == place.command;
            if ((place.where == Where::card && same) || request) {
                alike.push_back(event_text(event));
            }
        }
        return alike.empty() ? fmt::format("none, nor anything like it in {} events", events_.size())
                             : "none; there were " + listed(std::move(alike));
    }

    const std::vector<TraceEvent>& events_;
    const std::string& first_card_;
    std::vector<Shortfall> shortfalls_;
};

} // namespace

std::vector<Shortfall> check_trace(const TraceExpectation& expect, const std::vector<TraceEvent>& events,
                                   const std::string& first_card) {
    TraceCheck check(events, first_card);
    std::ranges::for_each(expect.holds, [&](const Place& place) { check.holds(place); });
    std::ranges::for_each(expect.never, [&](const Place& place) { check.never(place); });
    for (const auto& [first, second] : expect.before) {
        check.before(first, second);
    }
    if (expect.failed_tries) {
        check.failed_tries(*expect.failed_tries);
    }
    return check.take();
}

} // namespace cardrig::harness
