// One run's client, as the rig listens to it and a person speaks with it.
#pragma once

#include "harness/client_output.h"
#include "harness/hand/hand.h"
#include "harness/person.h"
#include "harness/plain_text.h"
#include "harness/rig.h"
#include "harness/scenario.h"
#include "harness/trace.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

class ClientConversation final {
public:
    /// All outlive it. `values`: of the placeholders; `secrets`: not to be shown. Throws RequestError for
    /// what the person cannot do.
    ClientConversation(const ScenarioRun& run, const std::map<std::string, std::string>& values,
                       std::vector<std::string> secrets, Rig& rig, Hand& hand, Trace& trace);
    ClientConversation(const ClientConversation&) = delete;
    ClientConversation& operator=(const ClientConversation&) = delete;

    /// So that the command is listened to, and can be spoken with.
    void attach(ClientCommand& command);
    /// The client has ended. The rest holds afterwards.
    void finish();

    [[nodiscard]] const ClientOutput& output() const { return output_; }
    [[nodiscard]] std::vector<std::string> unused_acts() const;
    [[nodiscard]] std::vector<std::string> undone() const;
    [[nodiscard]] std::vector<std::string> notices() const;

private:
    void hear(std::string_view chunk);
    [[nodiscard]] PersonReach reach(bool terminal);

    const ScenarioRun& run_;
    Rig& rig_;
    Hand& hand_;
    PlainText plain_;
    ClientOutput output_;
    std::optional<Person> person_;
};

} // namespace cardrig::harness
