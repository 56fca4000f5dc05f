// What a holder does with the own card: renew it, and update it.
#include "scenarios/clients/reference/tasks.h"

#include <fmt/format.h>

namespace cardrig::client {

namespace {

constexpr std::chrono::seconds card_comes_back{10};
constexpr int asked_again = 3;
constexpr const char* success = "Success: certificate renewed for smartcard";
constexpr const char* finishing = "A renewal was left half finished: finishing it";

/// Only a card that was without power, and somebody who remembers nothing of it, prove the renewal.
void test_login(Desk& desk, const std::string& reader, const CardIdentity& renewed) {
    const unsigned arrivals = desk.context.arrivals(reader);
    for (int asked = 0; desk.context.arrivals(reader) == arrivals; ++asked) {
        if (asked == asked_again) {
            throw cannot_complete("the card was not taken out: whether it works is not known");
        }
        static_cast<void>(desk.person.ask("Take the card out and put it in again, then press Enter: "));
    }
    if (!desk.context.wait_for_card(reader, true, card_comes_back)) {
        throw Failure(ExitStatus::wrong_card, "Error: no smartcard found");
    }
    HolderCard card(reader);
    if (card.identity().guid != renewed.guid) {
        throw wrong_card(renewed.holder.name);
    }
    Authority authority = connect_authority(desk, reader);
    static_cast<void>(log_in(desk, authority, card, desk.options.role, "Passcode: "));
    authority.logout();
}

void show_new_certificates(const Person& person, const HolderCard& card) {
    for (const Slot slot : {Slot::authentication, Slot::signature}) {
        if (const auto& certificate = card.certificate(slot)) {
            person.say(fmt::format("{} certificate {}, until {}", name_of(slot), certificate->serial(),
                                   date_text(certificate->not_after())));
        }
    }
}

/// The passcode again, and the whole pair. `half_finished`: whether an earlier one is gone on with, as far as
/// is known. `beginning`: what is said before anything is touched.
void renew_pair(Desk& desk, const Authority& authority, HolderCard& card, bool& half_finished,
                std::string_view beginning = {}) {
    const TrustAnchors trust(desk.options.trust);
    const Secret passcode = ask_passcode(desk.person, card, "Passcode: ");
    desk.person.say("Do not remove the card");
    if (!beginning.empty()) {
        desk.person.say(beginning);
    }
    run_renewal(desk, authority, card, trust, passcode, half_finished);
}

} // namespace

ExitStatus task_renew(Desk& desk) {
    const std::string reader = card_reader(desk);
    CardIdentity renewed;
    {
        HolderCard card(reader);
        say_whose(desk.person, card);
        Authority authority = connect_authority(desk, reader);
        Session session = log_in(desk, authority, card, desk.options.role, "Passcode: ", time_to_finish);
        if (!session.due && !session.half_finished) {
            authority.logout();
            throw not_yet_due();
        }
        if (session.half_finished) {
            desk.person.say(finishing);
        }
        if (session.due) {
            say_notice(desk.person, card);
        }
        if (!desk.person.confirm("Renew now? [yes/no] ")) {
            throw cancelled();
        }
        renew_pair(desk, authority, card, session.half_finished);
        desk.person.say(success);
        authority.logout();
        renewed = card.identity();
    }
    if (desk.options.test_login) {
        test_login(desk, reader, renewed);
    }
    return ExitStatus::done;
}

ExitStatus task_update_card(Desk& desk) {
    const std::string reader = card_reader(desk);
    CardIdentity renewed;
    {
        HolderCard card(reader);
        Authority authority = connect_authority(desk, reader);
        say_whose(desk.person, card);
        Session session = log_in(desk, authority, card, desk.options.role, "Passcode: ", time_to_finish);
        desk.person.say("Connected to card " + card.identity().guid);
        if (!session.due && !session.half_finished) {
            desk.person.say("No updates available");
            authority.logout();
            return ExitStatus::nothing_due;
        }
        desk.person.say("Updates available");
        if (session.half_finished) {
            desk.person.say(finishing);
        }
        try {
            renew_pair(desk, authority, card, session.half_finished, "Creating card. Write certificates.");
        } catch (const Failure& failure) {
            if (failure.status() != ExitStatus::step_failed && failure.status() != ExitStatus::refused) {
                throw;
            }
            desk.person.say(failure.what());
            // Where it was not the first time, another is unlikely to help.
            throw Failure(
                ExitStatus::step_failed,
                std::string("The operation completed with errors: ") +
                    (session.half_finished ? "contact the registration authority" : "do all of it again"));
        }
        desk.person.say("Both certificates are renewed");
        show_new_certificates(desk.person, card);
        desk.person.say(success);
        authority.logout();
        renewed = card.identity();
    }
    if (desk.options.test_login) {
        test_login(desk, reader, renewed);
    }
    return ExitStatus::done;
}

} // namespace cardrig::client
