#include "harness/hand/rig_control.h"

#include "harness/errors.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr const char* variable = "CARDRIG_CONTROL";

HandOptions hand_options(Rig& rig, const std::vector<HandCard>& cards) {
    HandOptions options;
    options.readers = hand_readers(rig);
    options.cards = cards;
    options.kind = rig.kind();
    options.kill_client = [&rig] { rig.kill_client(); };
    options.keep_waiting = [&rig] { rig.check_host(); };
    return options;
}

std::string place_of_socket(Rig& rig, const ControlOption& option) {
    if (option.path.empty()) {
        return rig.folder() + "/control";
    }
    return std::filesystem::absolute(option.path).string();
}

} // namespace

void check_control_words(const std::vector<std::string>& words) {
    const std::string option = "--control";
    const auto end = std::ranges::find(words, "--");
    for (auto word = words.begin(); word != end; ++word) {
        if (word->starts_with(option + "=") && word->find('/') == std::string::npos) {
            throw RequestError(
                fmt::format("'{}': PATH has a '/', as in --control=./hand; without a PATH, --control alone "
                            "tells the command of a socket in the rig's folder",
                            *word));
        }
        const auto next = word + 1;
        if (*word == option && next != end && end != words.end() && !next->starts_with('-')) {
            throw RequestError(fmt::format("'{} {}': write --control=PATH", option, *next));
        }
    }
}

ControlOption control_option(const std::string& value) {
    // CLI11 gives a flag without a value this one.
    return {!value.empty(), value == "true" ? std::string() : value};
}

std::vector<HandCard> numbered(const std::vector<std::unique_ptr<RiggedCard>>& cards) {
    std::vector<HandCard> named;
    named.reserve(cards.size());
    for (const auto& card : cards) {
        named.push_back({std::to_string(named.size() + 1), card.get()});
    }
    return named;
}

std::vector<HandReader> hand_readers(Rig& rig) {
    std::vector<HandReader> readers;
    readers.reserve(rig.size());
    for (std::size_t i = 0; i < rig.size(); ++i) {
        readers.push_back({rig.reader_name(i), &rig.reader(i)});
    }
    return readers;
}

RigControl::RigControl(Rig& rig, std::vector<HandCard> cards, Trace& trace, const ControlOption& option)
    : cards_(std::move(cards)), told_(option.path.empty()), hand_(hand_options(rig, cards_), trace),
      server_(place_of_socket(rig, option), answers_of(hand_)) {
    if (!told_) {
        rig.remove_at_end(server_.path());
    }
}

RigControl::~RigControl() {
    for (const HandCard& card : cards_) {
        card.card->hurry();
    }
}

std::unique_ptr<RigControl> make_control(Rig& rig, std::vector<HandCard> cards, Trace& trace,
                                         const ControlOption& option) {
    return option.wanted ? std::make_unique<RigControl>(rig, std::move(cards), trace, option) : nullptr;
}

std::map<std::string, std::string> control_environment(const RigControl* control) {
    const std::string path = control != nullptr ? control->told_path() : std::string();
    return path.empty() ? std::map<std::string, std::string>()
                        : std::map<std::string, std::string>{{variable, path}};
}

} // namespace cardrig::harness
