#include "harness/sweep/client_phase.h"

#include "harness/trace_places.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

enum class Kind : std::uint8_t {
    joins_next, ///< says nothing by itself: SELECT, the CHUID, a question for the tries
    joins_last, ///< GET RESPONSE, a further block
    read,       ///< a certificate
    verify,
    sign,
    request, ///< to the authority
    generate,
    write, ///< a certificate
    other, ///< tells its phase by itself
};

/// A command or a request.
struct Step {
    std::size_t event = 0;
    Kind kind = Kind::joins_next;
    std::string slot{};
    std::string phase{};  ///< where it is clear from the step alone
    bool signed_ = false; ///< of a request: what was signed before was signed for it
};

std::string text_field(const TraceEvent& event, const char* name) {
    const auto found = event.fields.find(name);
    return found != event.fields.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The key that a certificate object is of; empty where it is another object.
std::string slot_of(std::string_view object) {
    constexpr auto table = std::to_array<std::pair<std::string_view, std::string_view>>({
        {"authentication-certificate", "9A"},
        {"signature-certificate", "9C"},
        {"key-management-certificate", "9D"},
        {"card-authentication-certificate", "9E"},
    });
    for (const auto& [name, slot] : table) {
        if (name == object) {
            return std::string(slot);
        }
    }
    // SP 800-73-4 part 1, table 4b: retired keys 82 to 95 are 1 to 20.
    constexpr std::string_view retired = "retired-certificate-";
    if (object.starts_with(retired)) {
        std::uint32_t number = 0;
        const std::string_view digits = object.substr(retired.size());
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
        return fmt::format("{:02X}", 0x81 + number);
    }
    return {};
}

Step request_step(const TraceEvent& event) {
    Step step{.kind = Kind::request};
    const std::string request = text_field(event, "request");
    const std::string object = text_field(event, "object");
    if (request == "login-challenge" || request == "login") {
        step.phase = "logging in";
        step.signed_ = request == "login";
    } else if (request == "renewal") {
        step.phase = "asking for a renewal";
        step.signed_ = true;
    } else if (request == "certificate" || request == "est-enroll" || request == "est-reenroll") {
        step.signed_ = true; // an EST client does not say of which key: the one made last
        step.slot = object;
    } else if (request == "directory") {
        step.phase = "looking up the holder";
    } else if (request == "unlock" || request == "unlock-done") {
        step.phase = "unblocking the passcode";
    } else if (request == "renewal-done" || request == "logout") {
        step.phase = "finishing";
    } else {
        step.kind = Kind::joins_next; // the management key, what EST offers
    }
    return step;
}

Step write_step(const TracedCommand& command, const std::string& detail) {
    const std::string slot = slot_of(command.object);
    const bool retired = slot.starts_with('8') || (slot.starts_with('9') && slot < "96");
    if (!slot.empty() && detail != "delete") {
        return {.kind = Kind::write, .slot = slot, .phase = "writing the certificate of " + slot};
    }
    if (!slot.empty()) {
        return {.kind = Kind::other, .phase = retired ? "tidying up" : "removing the certificate of " + slot};
    }
    return {.kind = Kind::other, .phase = fmt::format("writing {}", command.object)};
}

/// What is done to codes, keys and the card as a whole.
std::string plain_phase(const TracedCommand& command) {
    if (command.name == "move-key") {
        return "moving keys";
    }
    if (command.name == "delete-key") {
        return "tidying up";
    }
    if (command.name == "import-key") {
        return "importing the key of " + command.object;
    }
    if (command.name == "change-reference-data") {
        return command.object == "unblocking-code" ? "changing the unblocking code" : "changing the passcode";
    }
    if (command.name == "reset-retry-counter") {
        return "unblocking the passcode";
    }
    if (command.name == "set-management-key") {
        return "changing the management key";
    }
    if (command.name == "reset-piv" || command.name == "set-pin-retries") {
        return "setting the card up anew";
    }
    return {};
}

Step command_step(const TraceEvent& event, const TracedCommand& command) {
    const std::string detail = text_field(event, "detail");
    if (command.name == "put-data") {
        return write_step(command, detail); // of each block: something may have come in between
    }
    if (command.name == "get-response" || command.block > 1) {
        return {.kind = Kind::joins_last};
    }
    if (command.name == "verify" && detail.empty()) {
        return {.kind = Kind::verify};
    }
    if (command.name == "general-authenticate" && command.object != "9B") {
        return {.kind = Kind::sign, .slot = command.object};
    }
    if (command.name == "attest") {
        return {.kind = Kind::sign, .slot = command.object};
    }
    if (command.name == "generate-key-pair") {
        return {.kind = Kind::generate,
                .slot = command.object,
                .phase = "generating the key of " + command.object};
    }
    if (command.name == "get-data") {
        const std::string slot = slot_of(command.object);
        return {.kind = slot.empty() ? Kind::joins_next : Kind::read, .slot = slot};
    }
    const std::string phase = plain_phase(command);
    return {.kind = phase.empty() ? Kind::joins_next : Kind::other, .phase = phase};
}

std::vector<Step> steps_of(const std::vector<TraceEvent>& events) {
    std::vector<Step> steps;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const auto command = traced_command(events[i]);
        if (command || events[i].kind == "authority") {
            steps.push_back(command ? command_step(events[i], *command) : request_step(events[i]));
            steps.back().event = i;
        }
    }
    return steps;
}

/// Goes through the steps in order, and gives each its phase; empty: that of the next one.
class PhaseTeller {
public:
    explicit PhaseTeller(std::vector<Step> steps) : steps_(std::move(steps)) {}

    std::vector<Step> tell() {
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            Step& step = steps_[i];
            step.phase = phase_of(i);
            if (!step.phase.empty()) {
                last_ = step.phase;
            }
        }
        std::string next = written_.empty() ? last_ : "finishing";
        if (next.empty()) {
            next = "looking at the card";
        }
        for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
            if (step->kind != Kind::joins_last && step->phase.empty()) {
                step->phase = next;
            }
            if (step->kind != Kind::joins_last) {
                next = step->phase;
            }
        }
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            if (steps_[i].kind == Kind::joins_last) {
                steps_[i].phase = i == 0 ? "looking at the card" : steps_[i - 1].phase;
            }
        }
        return std::move(steps_);
    }

private:
    std::string phase_of(std::size_t i) {
        const Step& step = steps_[i];
        switch (step.kind) {
        case Kind::joins_next:
        case Kind::joins_last:
            return {};
        case Kind::read:
            return read_phase(step);
        case Kind::verify:
            return verify_phase(i);
        case Kind::sign:
            return sign_phase(i).value_or(last_.empty() ? "using the key of " + step.slot : last_);
        case Kind::request:
            return step.phase.empty() ? certificate_phase(step) : step.phase;
        case Kind::generate:
            without_certificate_.push_back(step.slot);
            return step.phase;
        case Kind::write:
            std::erase(without_certificate_, step.slot);
            written_.insert(step.slot);
            return step.phase;
        case Kind::other:
            return step.phase.starts_with("writing ") && !written_.empty() ? "tidying up" : step.phase;
        }
        return {};
    }

    [[nodiscard]] std::string read_phase(const Step& step) const {
        if (written_.contains(step.slot)) {
            return "checking the certificate of " + step.slot;
        }
        return without_certificate_.empty() && written_.empty() ? "looking at the card" : "";
    }

    /// Asked for by itself, it is for whatever comes; right before a signature it is for that.
    [[nodiscard]] std::string verify_phase(std::size_t i) const {
        const auto next = std::find_if(
            steps_.begin() + static_cast<std::ptrdiff_t>(i) + 1, steps_.end(),
            [](const Step& step) { return step.kind != Kind::joins_next && step.kind != Kind::joins_last; });
        if (next != steps_.end() && next->kind == Kind::sign && last_ != "looking at the card" &&
            !last_.empty()) {
            return sign_phase(static_cast<std::size_t>(next - steps_.begin())).value_or(last_);
        }
        return without_certificate_.empty() && written_.empty() ? "asking for the passcode" : "";
    }

    [[nodiscard]] std::optional<std::string> sign_phase(std::size_t i) const {
        const std::string& slot = steps_[i].slot;
        const std::string checking = "checking the certificate of " + slot;
        if (last_ == checking || last_ == "writing the certificate of " + slot) {
            return checking;
        }
        if (const auto asked = request_after(i)) {
            return asked;
        }
        if (!without_certificate_.empty()) {
            return "asking for the certificate of " + pending(slot);
        }
        return written_.contains(slot) ? std::optional(checking) : std::nullopt;
    }

    /// What a signature goes out with, if the client asks for something next.
    [[nodiscard]] std::optional<std::string> request_after(std::size_t i) const {
        for (++i; i < steps_.size(); ++i) {
            const Step& step = steps_[i];
            if (step.kind == Kind::request && step.signed_) {
                return step.phase.empty() ? certificate_phase(step) : step.phase;
            }
            if (step.kind == Kind::request || step.kind == Kind::generate || step.kind == Kind::write ||
                step.kind == Kind::other) {
                return std::nullopt;
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::string certificate_phase(const Step& request) const {
        const std::string slot = request.slot.empty() ? pending("") : request.slot;
        return slot.empty() ? "asking for a certificate" : "asking for the certificate of " + slot;
    }

    /// Of the keys that have no certificate yet this one, or the one made last.
    [[nodiscard]] std::string pending(const std::string& slot) const {
        if (without_certificate_.empty() || std::ranges::count(without_certificate_, slot) > 0) {
            return slot;
        }
        return without_certificate_.back();
    }

    std::vector<Step> steps_;
    std::string last_;                             ///< phase
    std::vector<std::string> without_certificate_; ///< slots with a key made in this run
    std::set<std::string> written_;                ///< slots with a certificate written in this run
};

} // namespace

std::vector<std::string> client_phases(const std::vector<TraceEvent>& events) {
    std::vector<std::string> phases(events.size() + 1, "finishing");
    const std::vector<Step> steps = PhaseTeller(steps_of(events)).tell();
    std::size_t event = 0;
    for (const Step& step : steps) {
        for (; event <= step.event; ++event) {
            phases[event] = step.phase;
        }
    }
    return phases;
}

std::string client_phase(const std::vector<TraceEvent>& events, std::size_t index) {
    return client_phases(events).at(std::min(index, events.size()));
}

} // namespace cardrig::harness
