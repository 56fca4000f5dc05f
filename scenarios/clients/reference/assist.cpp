// Assisted renewal: an agent's card in the first reader all the time, the holder's in the second.
#include "scenarios/clients/reference/tasks.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::client {

namespace {

constexpr std::chrono::seconds card_comes{10};

struct Readers {
    std::string agent;
    std::string holder;
};

Readers two_readers(const Desk& desk) {
    const std::vector<std::string> all = desk.context.readers();
    const Options& options = desk.options;
    Readers readers;
    if (!options.reader.empty()) {
        readers.agent = named_reader(desk, options.reader);
    } else if (!all.empty()) {
        const bool taken =
            !options.second_reader.empty() && all.front() == named_reader(desk, options.second_reader);
        readers.agent = taken && all.size() > 1 ? all[1] : all.front();
    }
    if (!options.second_reader.empty()) {
        readers.holder = named_reader(desk, options.second_reader);
    } else {
        const auto other =
            std::find_if(all.begin(), all.end(), [&](const auto& name) { return name != readers.agent; });
        readers.holder = other == all.end() ? "" : *other;
    }
    if (readers.agent.empty() || readers.holder.empty() || readers.agent == readers.holder) {
        throw Failure(ExitStatus::wrong_card,
                      "Error: no smartcard found: a second reader is needed for the holder's card");
    }
    if (!desk.context.has_card(readers.agent)) {
        throw Failure(ExitStatus::wrong_card,
                      "Error: no smartcard found in the first reader, which is the agent's");
    }
    return readers;
}

void wait_for_holders_card(const Desk& desk, const std::string& reader, const std::string& name) {
    if (desk.context.has_card(reader)) {
        return;
    }
    static_cast<void>(
        desk.person.ask(fmt::format("Put the card of {} into the second reader, then press Enter: ", name)));
    if (!desk.context.wait_for_card(reader, true, card_comes)) {
        throw Failure(ExitStatus::wrong_card, "Error: no smartcard found in the second reader");
    }
}

bool is_number(const std::string& text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// By what the agent typed, or by the card in the second reader.
HolderRecord find_holder(const Desk& desk, const Authority& authority, const std::string& wanted,
                         const std::string& reader, const HolderCard::Guard& guard) {
    std::vector<HolderRecord> found;
    if (!wanted.empty()) {
        found = authority.directory(is_number(wanted) ? "number" : "name", wanted);
    } else {
        wait_for_holders_card(desk, reader, "the holder");
        found = authority.directory("guid", HolderCard(reader, guard).identity().guid);
    }
    if (found.empty()) {
        throw Failure(ExitStatus::refused, "Error: the service refused: it knows no such holder");
    }
    if (found.size() > 1) {
        throw cannot_complete("more than one holder has this name: give the number");
    }
    return found.front();
}

/// The one to service.
Device newest_device(const HolderRecord& holder) {
    for (const Device& device : holder.devices) {
        if (device.newest) {
            return device;
        }
    }
    if (holder.devices.empty()) {
        throw Failure(ExitStatus::refused,
                      "Error: the service refused: the holder has no smartcard on record");
    }
    const bool all_revoked = std::all_of(holder.devices.begin(), holder.devices.end(),
                                         [](const Device& device) { return device.state == "revoked"; });
    if (all_revoked) {
        throw needs_repair("the holder's smartcard is revoked");
    }
    throw has_expired();
}

void show(const Person& person, const HolderRecord& holder, const Device& device) {
    person.say(fmt::format("Holder: {}, number {}", holder.holder.name, holder.holder.number));
    for (const Device& one : holder.devices) {
        person.say(fmt::format("Card {}{}: {}{}", one.guid, one.label.empty() ? "" : " (" + one.label + ")",
                               one.state, one.guid == device.guid ? ", the newest in date" : ""));
    }
    for (const DeviceCertificate& certificate : device.certificates) {
        person.say(fmt::format("{} certificate until {}", certificate.key, date_text(certificate.not_after)));
    }
}

/// The card in the second reader is that device of that holder.
void check_card(const HolderCard& card, const HolderRecord& holder, const Device& device) {
    const CardIdentity& identity = card.identity();
    if (identity.holder != holder.holder) {
        throw wrong_card(holder.holder.name);
    }
    if (identity.guid != device.guid) {
        throw wrong_card(holder.holder.name, "the holder has a newer one, which is to be renewed");
    }
}

void renew_holders_card(Desk& desk, const Authority& authority, const std::string& wanted,
                        const Readers& readers, const HolderCard::Guard& guard) {
    const HolderRecord holder = find_holder(desk, authority, wanted, readers.holder, guard);
    const Device device = newest_device(holder);
    show(desk.person, holder, device);
    if (!desk.person.confirm("Is this the holder? [yes/no] ")) {
        throw cancelled();
    }
    wait_for_holders_card(desk, readers.holder, holder.holder.name);
    HolderCard card(readers.holder, guard);
    check_card(card, holder, device);
    refuse_expired(card, time_to_finish);
    if (!device.due && !renewal_is_open(authority, device.guid)) {
        throw not_yet_due(); // before the holder is asked for anything
    }
    const TrustAnchors trust(desk.options.trust);
    const Secret passcode = ask_passcode(desk.person, card, "Holder's passcode: ");
    desk.person.say("Do not remove the cards");
    bool half_finished = false;
    run_renewal(desk, authority, card, trust, passcode, half_finished);
    desk.person.say("Success: certificate renewed for smartcard");
}

/// Of a name, what is the same however it is written: small letters, and one sign for each that is no ASCII.
std::string alike(const std::string& name) {
    std::string text;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        } else if (byte >= 0xC0) { // the first of a letter's bytes in UTF-8
            text += '?';
        }
    }
    return text;
}

/// Whom to assist: a name, a number, or nothing where the card is to tell. Asked before the agent's passcode,
/// so that this is not given to the holder's card where the two are in each other's reader.
std::string ask_whom(const Desk& desk, const Holder& agent) {
    std::string wanted = desk.options.holder;
    if (wanted.empty()) {
        wanted = desk.person.ask("Holder (name or number, empty: by card): ");
    }
    if (wanted == "cancel") {
        throw cancelled();
    }
    bool swapped = wanted == agent.name || wanted == agent.number;
    // Nothing, and a part of a name, may mean the card in the first reader, too.
    if (!swapped && alike(agent.name).find(alike(wanted)) != std::string::npos) {
        swapped = !desk.person.confirm(fmt::format("Are you {}? [yes/no] ", agent.name));
    }
    if (swapped) {
        throw wrong_card("an agent", "the holder's card belongs into the second reader");
    }
    return wanted;
}

} // namespace

ExitStatus task_assist(Desk& desk) {
    const Readers readers = two_readers(desk);
    HolderCard agent(readers.agent);
    say_whose(desk.person, agent);
    const RemovalWatch watch(readers.agent);
    Authority authority = connect_authority(desk, readers.holder);
    bool logged_in = false;
    const HolderCard::Guard guard = [&] {
        if (agent.still_there()) {
            return;
        }
        if (logged_in) {
            logged_in = false;
            authority.logout();
        }
        throw logged_out("the agent's card was taken out", ExitStatus::wrong_card);
    };
    desk.person.interrupt_by(watch.removed(), guard);
    const std::string wanted = ask_whom(desk, agent.identity().holder);
    const std::string role = desk.options.role.empty() ? "agent" : desk.options.role;
    static_cast<void>(log_in(desk, authority, agent, role, "Passcode: "));
    logged_in = true;
    try {
        renew_holders_card(desk, authority, wanted, readers, guard);
    } catch (const Failure& failure) {
        if (failure.status() != ExitStatus::wrong_card) {
            guard(); // that the agent is gone explains what else failed
        }
        throw;
    }
    if (logged_in) {
        authority.logout();
    }
    return ExitStatus::done;
}

} // namespace cardrig::client
