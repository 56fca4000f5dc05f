#include "harness/sweep/run_evidence.h"

#include <algorithm>
#include <charconv>

namespace cardrig::harness {

namespace {

std::string status_of(const TraceEvent& event) {
    return event.fields.value("card-status", event.fields.value("status", ""));
}

bool is_about_passcode(const TraceEvent& event) {
    return event.fields.value("text", "").starts_with("verify passcode");
}

/// How many tries the answer says are left; none where it says nothing of them.
std::optional<std::uint8_t> tries_told(const TraceEvent& event) {
    const std::string status = status_of(event);
    if (!is_about_passcode(event) || status.size() != 4) {
        return std::nullopt;
    }
    if (status == "6983") {
        return std::uint8_t{0};
    }
    std::uint8_t tries = 0;
    const auto [end, error] = std::from_chars(status.data() + 3, status.data() + 4, tries, 16);
    return status.starts_with("63C") && error == std::errc{} && end == status.data() + 4
               ? std::optional(tries)
               : std::nullopt;
}

bool fills_passcode_tries(const TraceEvent& event) {
    Excused excused;
    excused.see(event);
    return excused.passcode_tries;
}

} // namespace

RunEvidence::RunEvidence(const Recording& recording, std::size_t card)
    : recording_(recording), card_name_(recording.start.size() > 1 ? recording.card_names.at(card) : "") {}

bool RunEvidence::is_of_card(std::size_t event) const {
    const TraceEvent& found = recording_.events.at(event);
    return found.kind == "apdu" && (card_name_.empty() || found.fields.value("card", "") == card_name_);
}

bool RunEvidence::takes_passcode(std::size_t event) const {
    const TraceEvent& found = recording_.events.at(event);
    const std::string detail = found.fields.value("detail", "");
    return is_of_card(event) && is_about_passcode(found) && found.fields.value("delivered", true) &&
           detail != "query" && detail != "reset" && status_of(found) == "9000";
}

const CodeEvidence& RunEvidence::at(std::size_t event) {
    const bool under_way = event < recording_.events.size();
    if (!under_way) {
        event = std::min(last_ + 1, recording_.events.size());
    }
    for (; next_ < event; ++next_) {
        finish(next_);
    }
    last_ = std::max(last_, event);
    now_ = finished_;
    if (under_way && is_of_card(event)) {
        now_.excused.see(recording_.events[event]);
        if (fills_passcode_tries(recording_.events[event])) {
            now_.told.reset();
        }
    }
    return now_;
}

void RunEvidence::finish(std::size_t event) {
    if (!is_of_card(event)) {
        return;
    }
    const TraceEvent& over = recording_.events[event];
    finished_.excused.see(over);
    if (fills_passcode_tries(over)) {
        finished_.told.reset();
    } else if (const auto told = tries_told(over)) {
        finished_.told = told;
    }
}

} // namespace cardrig::harness
