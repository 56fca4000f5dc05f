#include "scenarios/clients/reference/failure.h"

namespace cardrig::client {

Failure cancelled() {
    return {ExitStatus::cancelled, "Cancelled"};
}

Failure card_locked() {
    return {ExitStatus::locked, "Error: the card is locked: it takes an unlock code to use it again"};
}

Failure has_expired() {
    return {ExitStatus::expired, "Error: the certificate has expired: contact the registration authority"};
}

Failure not_yet_due() {
    return {ExitStatus::nothing_due, "Renewal is not yet due"};
}

Failure card_problem(const std::string& why) {
    return {ExitStatus::step_failed, "Error: there was a problem reading the smartcard: " + why};
}

Failure cannot_complete(const std::string& why) {
    return {ExitStatus::step_failed, "Error: the operation cannot be completed: " + why};
}

Failure wrong_card(const std::string& holder, const std::string& why) {
    return {ExitStatus::wrong_card,
            "Error: this is not the smartcard of " + holder + (why.empty() ? "" : ": " + why)};
}

Failure needs_repair(const std::string& why) {
    return {ExitStatus::step_failed,
            "Error: the operation cannot be completed: " + why + ": contact the registration authority"};
}

Failure logged_out(const std::string& why, ExitStatus status) {
    return {status, "Error: you have been logged out" + (why.empty() ? "" : ": " + why)};
}

} // namespace cardrig::client
