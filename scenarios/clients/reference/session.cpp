#include "scenarios/clients/reference/tasks.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace cardrig::client {

namespace {

using apdu::Bytes;

constexpr std::chrono::days window{90};

Failure no_card() {
    return {ExitStatus::wrong_card, "Error: no smartcard found"};
}

/// A signature over the challenge, with the certificate that it is of: of 9A, or else of 9C.
struct Proof {
    Slot slot = Slot::authentication;
    Bytes signature;
};

std::optional<Proof> prove(HolderCard& card, const Bytes& challenge, const Secret& passcode,
                           std::chrono::seconds grace) {
    for (const Slot slot : {Slot::authentication, Slot::signature}) {
        const auto& certificate = card.certificate(slot);
        if (!certificate || now() < certificate->not_before() || certificate->ended(now() - grace)) {
            continue;
        }
        std::optional<Bytes> signature;
        card.step([&] { signature = card.sign(slot, certificate->key(), challenge, passcode); });
        if (signature) {
            return Proof{slot, std::move(*signature)};
        }
    }
    return std::nullopt;
}

/// Another certificate on the card than on record, or none at all.
bool differs_from_record(const HolderCard& card, const Device& device) {
    return std::any_of(device.certificates.begin(), device.certificates.end(), [&](const auto& known) {
        const Slot slot = known.key == name_of(Slot::signature) ? Slot::signature : Slot::authentication;
        const auto& certificate = card.certificate(slot);
        return !certificate || certificate->der() != known.certificate;
    });
}

} // namespace

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// --- readers

std::string named_reader(const Desk& desk, const std::string& name) {
    std::vector<std::string> beginning;
    for (const std::string& reader : desk.context.readers()) {
        if (reader == name) {
            return reader;
        }
        if (reader.starts_with(name)) {
            beginning.push_back(reader);
        }
    }
    if (beginning.size() != 1) {
        throw Failure(ExitStatus::wrong_card,
                      fmt::format("Error: no smartcard found: there is {} reader '{}'",
                                  beginning.empty() ? "no" : "more than one", name));
    }
    return beginning.front();
}

std::string card_reader(const Desk& desk) {
    if (!desk.options.reader.empty()) {
        const std::string reader = named_reader(desk, desk.options.reader);
        if (!desk.context.has_card(reader)) {
            throw no_card();
        }
        return reader;
    }
    std::vector<std::string> with_card;
    for (const std::string& reader : desk.context.readers()) {
        if (desk.context.has_card(reader)) {
            with_card.push_back(reader);
        }
    }
    if (with_card.empty()) {
        throw no_card();
    }
    if (with_card.size() > 1) {
        throw Failure(ExitStatus::wrong_card, "Error: more than one smartcard is attached");
    }
    return with_card.front();
}

Authority connect_authority(const Desk& desk, const std::string& reader) {
    const Options& options = desk.options;
    Authority authority({options.authority, options.trust, options.token, options.patience});
    authority.set_pause([&desk, reader](std::chrono::seconds pause) {
        if (desk.context.wait_for_card(reader, false, pause)) {
            throw card_problem("it was taken out while the service was waited for");
        }
    });
    return authority;
}

// --- what is said

void say_whose(const Person& person, const HolderCard& card) {
    const Holder& holder = card.identity().holder;
    person.say(fmt::format("Smartcard of {} ({})", holder.name, holder.number));
}

void say_notice(const Person& person, const HolderCard& card) {
    const auto left = std::chrono::floor<std::chrono::days>(card.ends() - now());
    person.say(fmt::format("Your certificates end on {}, in {} days", date_text(card.ends()),
                           std::max<std::int64_t>(left.count(), 0)));
}

void refuse_expired(const HolderCard& card, std::chrono::seconds grace) {
    const auto& certificate = card.certificate(Slot::authentication);
    if (certificate && certificate->ended(now() - grace)) {
        throw has_expired();
    }
}

Secret ask_new_passcode(const Person& person) {
    Secret passcode = person.ask_secret("New passcode: ");
    if (!good_new_passcode(passcode)) {
        throw bad_passcode();
    }
    if (!(person.ask_secret("New passcode again: ") == passcode)) {
        throw Failure(ExitStatus::step_failed, "Error: the two passcodes are not the same");
    }
    return passcode;
}

bool renewal_is_open(const Authority& authority, const std::string& guid) {
    try {
        static_cast<void>(authority.begin_renewal(guid));
        return true;
    } catch (const Failure& failure) {
        if (failure.status() != ExitStatus::nothing_due) {
            throw;
        }
        return false;
    }
}

// --- login

Session log_in(const Desk& desk, Authority& authority, HolderCard& card, const std::string& role,
               std::string_view question, std::chrono::seconds grace) {
    refuse_expired(card, grace);
    const Secret passcode = ask_passcode(desk.person, card, question);
    Session session;
    bool by_signature_key = false;
    for (bool again = false;; again = true) {
        const Bytes challenge = authority.login_challenge();
        const auto proof = prove(card, challenge, passcode, grace);
        if (!proof) {
            throw needs_repair("no key of the smartcard proves its certificate");
        }
        by_signature_key = proof->slot == Slot::signature;
        try {
            session.login =
                authority.login(challenge, *card.certificate(proof->slot), proof->signature, role);
            break;
        } catch (const Failure& failure) {
            // Spent by a login whose answer was lost: a new one, once.
            if (failure.code() != "challenge" || again) {
                throw;
            }
        }
    }
    const auto& device = session.login.device;
    if (session.login.holder != card.identity().holder || (device && device->guid != card.identity().guid)) {
        throw wrong_card(session.login.holder.name, "the service knows it as somebody else's");
    }
    session.due = device ? device->due : card.ends() - window <= now();
    session.half_finished = by_signature_key || (device ? differs_from_record(card, *device)
                                                        : !card.certificate(Slot::signature));
    desk.person.say("Logged in: " + session.login.holder.name);
    // Who logs in to help others is not served himself.
    if (!session.due && !session.half_finished && session.login.role != "agent") {
        session.half_finished = renewal_is_open(authority, card.identity().guid);
    }
    return session;
}

ExitStatus task_login(Desk& desk) {
    const std::string reader = card_reader(desk);
    HolderCard card(reader);
    say_whose(desk.person, card);
    Authority authority = connect_authority(desk, reader);
    const Session session = log_in(desk, authority, card, desk.options.role, "Passcode: ");
    if (session.due) {
        say_notice(desk.person, card);
    }
    if (session.half_finished) {
        desk.person.say("A renewal was left half finished: renew again to finish it");
    }
    authority.logout();
    return ExitStatus::done;
}

} // namespace cardrig::client
