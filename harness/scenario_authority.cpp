#include "harness/scenario_authority.h"

#include "apdu/bytes.h"
#include "harness/authority/authority_faults.h"
#include "harness/authority/authority_server.h"
#include "harness/files.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

AuthorityOptions authority_options(const Scenario& scenario, std::optional<std::uint64_t> seed,
                                   std::function<std::chrono::sys_seconds()> now) {
    AuthorityOptions options;
    options.seed = seed;
    options.rules = scenario.authority.rules;
    options.now = std::move(now);
    return options;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

/// Of a card that the authority does not know: a code that it does not know either.
constexpr std::string_view nobodys_code = "00000000";

} // namespace

struct ScenarioAuthority::Parts {
    Parts(const Scenario& whose, std::optional<std::uint64_t> seed,
          std::function<std::chrono::sys_seconds()> now, Trace& events)
        : scenario(whose), trace(events), authority(authority_options(whose, seed, std::move(now))),
          faults(events) {}

    const Scenario& scenario;
    Trace& trace;
    Authority authority;
    AuthorityFaults faults;
    std::map<std::string, std::string> guids; ///< of the cards that it knows, by name
    std::vector<std::string> codes;           ///< that were handed out
    std::mutex mutex;                         ///< of the next
    std::function<void()> on_request;
    std::optional<AuthorityServer> server;
    std::string token; ///< known before there is a server
};

ScenarioAuthority::ScenarioAuthority(const Scenario& scenario, std::optional<std::uint64_t> seed,
                                     std::function<std::chrono::sys_seconds()> now, Trace& trace)
    : parts_(std::make_unique<Parts>(scenario, seed, std::move(now), trace)) {
    parts_->token = draw_token();
}

ScenarioAuthority::~ScenarioAuthority() {
    stop();
}

Authority& ScenarioAuthority::authority() {
    return parts_->authority;
}

void ScenarioAuthority::enrol(const std::vector<MadeCard>& cards) {
    const ScenarioAuthorityPlan& plan = parts_->scenario.authority;
    for (std::size_t i = 0; i < cards.size(); ++i) {
        const std::string& name = parts_->scenario.cards[i].name;
        if (holds(plan.unknown, name) || cards[i].guid.empty()) {
            continue;
        }
        const auto roles = plan.roles.find(name);
        if (roles == plan.roles.end()) {
            parts_->authority.enrol(cards[i], name);
        } else {
            parts_->authority.enrol(cards[i], name, roles->second);
        }
        const std::string guid = apdu::to_hex(cards[i].guid);
        if (holds(plan.revoked, name)) {
            parts_->authority.revoke(guid);
        }
        parts_->guids[name] = guid;
    }
}

void ScenarioAuthority::start(Hand& hand) {
    parts_->faults.set_hand(&hand);
    AuthorityServer::Options options;
    options.token = parts_->token;
    options.on_request = [this] {
        const std::scoped_lock lock(parts_->mutex);
        if (parts_->on_request) {
            parts_->on_request();
        }
    };
    parts_->server.emplace(parts_->authority, parts_->faults, parts_->trace, options);
}

void ScenarioAuthority::set_on_request(std::function<void()> on_request) {
    const std::scoped_lock lock(parts_->mutex);
    parts_->on_request = std::move(on_request);
}

void ScenarioAuthority::stop() {
    parts_->server.reset();
    parts_->faults.set_hand(nullptr);
}

std::map<std::string, std::string> ScenarioAuthority::hand_out(const std::string& folder) {
    const std::string root = parts_->authority.root_pem();
    std::map<std::string, std::string> values{{"authority-url", parts_->server->url()},
                                              {"authority-token", parts_->token},
                                              {"authority-ca", folder + "/root.crt"}};
    write_file(values["authority-ca"], std::string_view(root));
    const std::vector<ScenarioCard>& cards = parts_->scenario.cards;
    for (std::size_t i = 0; i < cards.size(); ++i) {
        const auto guid = parts_->guids.find(cards[i].name);
        std::string code(nobodys_code);
        if (guid != parts_->guids.end()) {
            code = parts_->authority.unlock_code(guid->second, parts_->scenario.authority.unlock_code_age);
            parts_->codes.push_back(code);
        }
        values["unlock-code-" + cards[i].name] = code;
        if (i == 0) {
            values["unlock-code"] = code;
        }
    }
    return values;
}

std::vector<std::string> ScenarioAuthority::secrets() const {
    std::vector<std::string> secrets = parts_->codes;
    secrets.push_back(parts_->token);
    return secrets;
}

void ScenarioAuthority::plan(std::vector<Fault> faults) {
    parts_->faults.plan(std::move(faults));
}

std::vector<Fault> ScenarioAuthority::forget() {
    return parts_->faults.forget();
}

std::vector<std::string> ScenarioAuthority::failures() const {
    return parts_->faults.failures();
}

std::vector<std::string> ScenarioAuthority::notices() const {
    return parts_->faults.notices();
}

} // namespace cardrig::harness
