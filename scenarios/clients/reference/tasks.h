// What the client can be asked for.
#pragma once

#include "scenarios/clients/reference/authority.h"
#include "scenarios/clients/reference/holder_card.h"
#include "scenarios/clients/reference/options.h"
#include "scenarios/clients/reference/pcsc.h"
#include "scenarios/clients/reference/person.h"

#include <chrono>
#include <memory>
#include <string>

namespace cardrig::client {

/// What every task has at hand.
struct Desk {
    const Options& options;
    Person person;
    PcscContext context;
};

[[nodiscard]] ExitStatus run_task(Desk& desk);

[[nodiscard]] ExitStatus task_login(Desk& desk);
[[nodiscard]] ExitStatus task_renew(Desk& desk);
[[nodiscard]] ExitStatus task_update_card(Desk& desk);
[[nodiscard]] ExitStatus task_assist(Desk& desk);
[[nodiscard]] ExitStatus task_unlock(Desk& desk);
[[nodiscard]] ExitStatus task_change_passcode(Desk& desk);
[[nodiscard]] ExitStatus task_view(Desk& desk);

// --- what several of them do

/// The reader that was named, or the only one that has a card. Throws Failure.
[[nodiscard]] std::string card_reader(const Desk& desk);
/// By its whole name, or by how it begins where no other does. Throws Failure.
[[nodiscard]] std::string named_reader(const Desk& desk, const std::string& name);
/// The authority, which comes back later by waiting for the card in `reader` to leave instead.
[[nodiscard]] Authority connect_authority(const Desk& desk, const std::string& reader);
[[nodiscard]] std::chrono::sys_seconds now();
void say_whose(const Person& person, const HolderCard& card);
/// A new passcode, typed twice. Throws Failure: no good, or not the same.
[[nodiscard]] Secret ask_new_passcode(const Person& person);

struct Session {
    Login login;
    bool due = false;
    bool half_finished = false; ///< a renewal was begun, and not ended
};

/// For so long after the end the authority is asked whether a renewal that was begun in date may be finished:
/// the card does not tell without a passcode.
inline constexpr std::chrono::hours time_to_finish{12};

/// Passcode, challenge, login. Throws Failure. `grace`: how long ago the certificates may have ended.
[[nodiscard]] Session log_in(const Desk& desk, Authority& authority, HolderCard& card,
                             const std::string& role, std::string_view question,
                             std::chrono::seconds grace = {});
/// Whether the authority has a renewal of this device that was begun and not ended: it alone knows of a key
/// that was made in place of one whose certificate is as it was.
[[nodiscard]] bool renewal_is_open(const Authority& authority, const std::string& guid);
/// Where it is due: when it ends.
void say_notice(const Person& person, const HolderCard& card);
/// Expired by this computer's clock: nobody begins to renew it.
void refuse_expired(const HolderCard& card, std::chrono::seconds grace = {});

/// The pair, in the way that was asked for. `half_finished`: that it was begun before has been said, or is by
/// the end. Throws Failure.
void run_renewal(const Desk& desk, const Authority& authority, HolderCard& card, const TrustAnchors& trust,
                 const Secret& passcode, bool& half_finished);

} // namespace cardrig::client
