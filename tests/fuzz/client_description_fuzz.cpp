// Any text is a client's description or is refused at a place; what was read is a client that can be run.
#include "harness/client_description.h"
#include "harness/scenario.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/refusal.h"

#include <algorithm>
#include <regex>
#include <string>

namespace harness = cardrig::harness;

namespace {

bool one_of(const std::string& word, const std::vector<std::string>& words) {
    return std::ranges::find(words, word) != words.end();
}

void check(const harness::ClientDescription& client) {
    fuzz::require(client.name == "fuzz", "a client is called as its file is");
    fuzz::require(!client.commands.empty(), "a client can do something");
    for (const auto& [task, command] : client.commands) {
        fuzz::require(one_of(task, harness::client_tasks()), "a task is a task");
        fuzz::require(!command.empty() && !command.front().empty(), "a command has a program");
    }
    for (const std::string& ability : client.can) {
        fuzz::require(one_of(ability, harness::client_abilities()), "an ability is one");
    }
    for (const auto& [meaning, pattern] : client.words) {
        fuzz::require(one_of(meaning, harness::client_meanings()), "a meaning is one");
        static_cast<void>(std::regex(pattern)); // throws where it cannot be read
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::read_or_refuse("fuzz.yaml:", [&] {
        check(harness::parse_client_description(fuzz::text({data, size}), "fuzz.yaml"));
    });
    return 0;
}
