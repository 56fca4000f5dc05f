#include "harness/trace_places.h"

#include "harness/notation_words.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::string_view anything = "any";

std::string text_field(const TraceEvent& event, const char* name) {
    const auto found = event.fields.find(name);
    return found != event.fields.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// A card's status word as a number; none where there is none.
std::optional<std::uint32_t> number_of(std::string_view status) {
    std::uint32_t number = 0;
    const char* const end = status.data() + status.size();
    const auto read = std::from_chars(status.data(), end, number, 16);
    return read.ec == std::errc{} && read.ptr == end ? std::optional(number) : std::nullopt;
}

/// A field as reports show it; numbers, too.
std::string shown_field(const TraceEvent& event, const char* name) {
    const auto found = event.fields.find(name);
    if (found == event.fields.end() || found->is_null()) {
        return {};
    }
    return found->is_string() ? found->get<std::string>() : found->dump();
}

/// A question for the tries that are left is what somebody means only where it is named.
bool asks_only(std::string_view object) {
    return object.ends_with("-status");
}

bool names(const Place& place, std::string_view command, std::string_view object) {
    if (place.object.empty() && place.command != anything && asks_only(object)) {
        return false;
    }
    return (place.command == anything || place.command == command) &&
           (place.object.empty() || place.object == object);
}

/// Of a chain every block is an event; its first is the command.
bool begins(const TraceEvent& event) {
    const auto command = traced_command(event);
    return !command || command->block == 1;
}

} // namespace

std::optional<TracedCommand> traced_command(const TraceEvent& event) {
    if (event.kind != "apdu") {
        return std::nullopt;
    }
    TracedCommand command;
    const std::string text = text_field(event, "text");
    std::vector<std::string_view> words = notation_words(text);
    if (words.size() > 2 && words[words.size() - 2] == "block") {
        const std::string_view number = words.back();
        std::from_chars(number.data(), number.data() + number.size(), command.block);
        words.resize(words.size() - 2);
    }
    command.name = words.empty() ? std::string_view() : words[0];
    command.object = words.size() < 2 ? std::string_view() : words[1];
    command.card_status = text_field(event, "card-status");
    return command;
}

std::optional<FailedTry> failed_try(const TraceEvent& event) {
    const auto command = traced_command(event);
    if (!command || text_field(event, "detail") == "query" || asks_only(command->object)) {
        return std::nullopt;
    }
    const bool compares = command->name == "verify" || command->name == "change-reference-data" ||
                          command->name == "reset-retry-counter";
    const auto status = number_of(command->card_status);
    const bool blocked = status == 0x6983;
    if (!compares || !status || (!blocked && (*status & 0xFFF0U) != 0x63C0)) {
        return std::nullopt;
    }
    return FailedTry{command->name, command->object, blocked ? std::nullopt : std::optional(*status & 0x0FU)};
}

bool is_at(const TraceEvent& event, const Place& place, std::string_view first_card) {
    if (place.where == Where::authority) {
        return event.kind == "authority" &&
               names(place, text_field(event, "request"), text_field(event, "object"));
    }
    const auto command = traced_command(event);
    if (place.where != Where::card || !command) {
        return false;
    }
    const std::string at = text_field(event, "card");
    const std::string_view card = at.empty() ? first_card : std::string_view(at);
    return card == (place.card.empty() ? first_card : std::string_view(place.card)) &&
           names(place, command->name, command->object);
}

const TraceEvent* find_place(const std::vector<TraceEvent>& events, const Place& place,
                             std::string_view first_card) {
    std::uint32_t seen = 0;
    const auto found = std::ranges::find_if(events, [&](const TraceEvent& event) {
        return is_at(event, place, first_card) && begins(event) && ++seen == place.occurrence;
    });
    return found == events.end() ? nullptr : &*found;
}

const TraceEvent* find_place_at_any_card(const std::vector<TraceEvent>& events, const Place& place) {
    const auto found = std::ranges::find_if(events, [&](const TraceEvent& event) {
        return is_at(event, place, text_field(event, "card")) && begins(event);
    });
    return found == events.end() ? nullptr : &*found;
}

std::string trace_place_text(const Place& place) {
    std::string text = place.where == Where::authority ? "authority " + place.command : place.command;
    if (!place.object.empty()) {
        text += " " + place.object;
    }
    if (place.occurrence != 1) {
        text += fmt::format(" #{}", place.occurrence);
    }
    return place.card.empty() ? text : text + " card " + place.card;
}

std::string event_text(const TraceEvent& event) {
    std::string what = text_field(event, "text");
    if (event.kind == "authority") {
        const std::string object = text_field(event, "object");
        what =
            fmt::format("authority {}{}{}", text_field(event, "request"), object.empty() ? "" : " ", object);
    }
    std::string text = fmt::format("event {}: {}", event.number, what);
    if (const std::string status = shown_field(event, "status"); !status.empty()) {
        text += ", answered " + status;
    }
    if (const std::string card = text_field(event, "card"); !card.empty()) {
        text += ", card " + card;
    }
    return text;
}

} // namespace cardrig::harness
