#include "harness/client_conversation.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace cardrig::harness {

namespace {

constexpr std::chrono::seconds move_limit{10};

/// Passcodes, and codes that take a passcode's place.
bool all_digits(const std::string& line) {
    return !line.empty() && std::ranges::all_of(line, [](char c) { return c >= '0' && c <= '9'; });
}

/// With what the person types that must not be shown. Of codes that the authority gave out the caller knows.
std::vector<std::string> with_typed(std::vector<std::string> secrets, const ScenarioRun& run) {
    if (run.person) {
        for (const PersonAct& act : run.person->acts) {
            if (act.types && all_digits(*act.types)) {
                secrets.push_back(*act.types);
            }
        }
    }
    return secrets;
}

} // namespace

ClientConversation::ClientConversation(const ScenarioRun& run,
                                       const std::map<std::string, std::string>& values,
                                       std::vector<std::string> secrets, Rig& rig, Hand& hand, Trace& trace)
    : run_(run), rig_(rig), hand_(hand), output_(trace, with_typed(std::move(secrets), run)) {
    if (run.person) {
        person_.emplace(*run.person, values, reach(run.person->terminal), trace);
    }
}

PersonReach ClientConversation::reach(bool terminal) {
    PersonReach reach;
    reach.type = [this](std::string_view line) { rig_.type_to_client(line); };
    // A pipe keeps what was written before somebody read it.
    reach.client_waits = [this, terminal] { return !terminal || rig_.client_waits(); };
    reach.act = [this](const Effect& effect, const std::function<void()>& keep_waiting) {
        return hand_.act(effect, move_limit, keep_waiting).notice;
    };
    reach.before_acting = [this] { output_.pause(); };
    return reach;
}

void ClientConversation::attach(ClientCommand& command) {
    if (run_.person) {
        command.talk = run_.person->terminal ? ClientTalk::terminal : ClientTalk::pipe;
    }
    if (command.talk == ClientTalk::terminal) {
        command.environment.try_emplace("TERM", "dumb"); // the person is no terminal that could show colours
    }
    command.on_output = [this](std::string_view chunk) { hear(plain_.add(chunk)); };
}

void ClientConversation::hear(std::string_view chunk) {
    output_.add(chunk);
    hand_.hear(chunk);
    if (person_) {
        person_->hear(chunk);
    }
}

void ClientConversation::finish() {
    hear(plain_.finish());
    if (person_) {
        person_->leave();
    }
    output_.finish();
}

std::vector<std::string> ClientConversation::unused_acts() const {
    return person_ ? person_->unused() : std::vector<std::string>{};
}

std::vector<std::string> ClientConversation::undone() const {
    return person_ ? person_->undone() : std::vector<std::string>{};
}

std::vector<std::string> ClientConversation::notices() const {
    return person_ ? person_->notices() : std::vector<std::string>{};
}

} // namespace cardrig::harness
