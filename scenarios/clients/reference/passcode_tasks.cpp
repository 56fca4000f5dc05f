// The tasks that are about passcodes, and the view of a card.
#include "scenarios/clients/reference/tasks.h"

#include <functional>
#include <map>

#include <fmt/format.h>

namespace cardrig::client {

namespace {

namespace sw = apdu::sw;

/// A new passcode that the card itself finds wrong in form.
bool refused_as_malformed(apdu::StatusWord status) {
    return status == sw::incorrect_data || status == sw::conditions_of_use_not_satisfied;
}

std::string tries_text(const std::optional<unsigned>& tries) {
    if (!tries) {
        return "not told: it was given already";
    }
    return *tries == 0 ? "0, the card is locked" : fmt::format("{}", *tries);
}

/// The card's unblocking code sets the passcode. Where an unlock before this one got as far as the code's
/// change, the next code is the card's. True: it was the next one.
bool reset_passcode(HolderCard& card, const Unlocking& unlocking, const Secret& passcode) {
    apdu::StatusWord status = card.piv().reset_retry_counter(unlocking.code, passcode);
    if (status == sw::success) {
        return false;
    }
    const auto left = tries_left(status);
    // One of the two is right: this one is, then, and gives the card its tries back, however few are left.
    if (left && *left > 0 && unlocking.earlier) {
        status = card.piv().reset_retry_counter(unlocking.next, passcode);
        if (status == sw::success) {
            return true;
        }
    }
    if (refused_as_malformed(status)) {
        throw bad_passcode();
    }
    throw needs_repair(
        fmt::format("the smartcard does not accept its unblocking code ({})", apdu::to_string(status)));
}

/// The passcode, and then the unblocking code. Who is told that this failed is to know which passcode counts.
void unlock_card(HolderCard& card, const Unlocking& unlocking, const Secret& passcode) {
    bool set = false;
    try {
        card.step([&] {
            card.check_whose();
            const bool next_already = reset_passcode(card, unlocking, passcode);
            set = true;
            if (next_already) {
                return;
            }
            // It was seen by this computer: it is not to open the card again.
            const apdu::StatusWord changed =
                card.piv().change_unblocking_code(unlocking.code, unlocking.next);
            if (changed != sw::success) {
                throw cannot_complete(
                    fmt::format("the unblocking code stays as it was ({})", apdu::to_string(changed)));
            }
        });
    } catch (const Failure& failure) {
        if (!set) {
            throw;
        }
        throw Failure(failure.status(),
                      std::string(failure.what()) + ": the new passcode is set; unlock again to finish it");
    }
}

} // namespace

ExitStatus task_change_passcode(Desk& desk) {
    HolderCard card(card_reader(desk));
    say_whose(desk.person, card);
    std::optional<unsigned> tries;
    card.step([&] { tries = card.piv().tries(); });
    if (tries == 0U) {
        throw card_locked();
    }
    if (tries == 1U) {
        desk.person.say("This is the last try: a wrong passcode locks the card");
    }
    const Secret old_one = desk.person.ask_secret("Old passcode: ");
    if (!could_be_passcode(old_one)) {
        throw bad_passcode();
    }
    const Secret new_one = ask_new_passcode(desk.person);
    apdu::StatusWord status = sw::success;
    card.step([&] { status = card.change_passcode(old_one, new_one); });
    if (const auto left = tries_left(status)) {
        desk.person.say(fmt::format("Wrong passcode: {} tries left", *left));
        if (*left == 0) {
            throw card_locked();
        }
        return ExitStatus::step_failed;
    }
    if (refused_as_malformed(status)) {
        throw bad_passcode();
    }
    if (status != sw::success) {
        throw cannot_complete(
            fmt::format("the smartcard does not change its passcode ({})", apdu::to_string(status)));
    }
    desk.person.say("Success: passcode changed");
    return ExitStatus::done;
}

ExitStatus task_unlock(Desk& desk) {
    const std::string reader = card_reader(desk);
    HolderCard card(reader);
    say_whose(desk.person, card);
    refuse_expired(card);
    const Secret code = desk.person.ask_secret("Unlock code: ");
    const Secret passcode = ask_new_passcode(desk.person);
    const Authority authority = connect_authority(desk, reader);
    const std::string guid = card.identity().guid;
    const Unlocking unlocking = authority.unlock(guid, code);
    unlock_card(card, unlocking, passcode);
    bool told = true;
    try {
        authority.unlock_done(guid, code);
    } catch (const Failure&) {
        told = false; // the next unlock tries both codes: the card is as it should be
    }
    desk.person.say("Success: card unlocked");
    if (!told) {
        desk.person.say("The service could not be told so: it learns of it at the next unlock");
    }
    return ExitStatus::done;
}

ExitStatus task_view(Desk& desk) {
    HolderCard card(card_reader(desk));
    say_whose(desk.person, card);
    desk.person.say("Card " + card.identity().guid);
    for (const Slot slot : {Slot::authentication, Slot::signature}) {
        const auto& certificate = card.certificate(slot);
        desk.person.say(certificate ? fmt::format("{} certificate {}, from {} to {}{}", name_of(slot),
                                                  certificate->serial(), date_text(certificate->not_before()),
                                                  date_text(certificate->not_after()),
                                                  certificate->ended(now()) ? ", expired" : "")
                                    : fmt::format("{} has no certificate", name_of(slot)));
    }
    std::optional<unsigned> tries;
    card.step([&] { tries = card.piv().tries(); });
    desk.person.say("Tries left: " + tries_text(tries));
    return ExitStatus::done;
}

ExitStatus run_task(Desk& desk) {
    static const std::map<std::string, std::function<ExitStatus(Desk&)>> tasks{
        {"login", task_login},   {"renew", task_renew},   {"update-card", task_update_card},
        {"assist", task_assist}, {"unlock", task_unlock}, {"change-passcode", task_change_passcode},
        {"view", task_view}};
    return tasks.at(desk.options.task)(desk);
}

} // namespace cardrig::client
