#include "emulator/piv/passcode.h"

#include "emulator/card_config_rules.h"
#include "emulator/crypto.h"

#include <algorithm>
#include <utility>

namespace cardrig::emulator::piv {

namespace sw = apdu::sw;

namespace {

constexpr std::uint8_t padding = 0xFF;

/// An unblocking code is any eight bytes, unless the card is made stricter.
// Deviates: SP 800-73-4 part 2, 2.4.3 has eight times FF and eight times 00 among them, because the card
// cannot tell those from memory that lost its code, and so would never take them again.
bool is_acceptable(ReferenceData which, const PasscodeRules& rules, const ReferenceBlock& replacement) {
    if (which == ReferenceData::unblocking_code && !rules.digits_only) {
        return !is_blank_code(replacement);
    }
    return keeps_rules(rules, replacement);
}

} // namespace

bool keeps_rules(const PasscodeRules& rules, const ReferenceBlock& passcode) {
    const auto allowed = [&rules](std::uint8_t c) { return is_allowed(rules, c); };
    const auto* const end = std::ranges::find_if_not(passcode, allowed);
    const auto length = end - passcode.begin();
    return length >= rules.min_length && length <= rules.max_length &&
           std::all_of(end, passcode.end(), [](std::uint8_t c) { return c == padding; });
}

void Passcode::next_command() {
    for (Shown* const shown : {&own_shown_, &global_shown_}) {
        shown->just_before = std::exchange(shown->now, false);
    }
}

// SP 800-73-4 part 2, 3.1.1: the statuses of the application's own are FALSE from then on, that of the global
// passcode stays. A signature, though, asks for a VERIFY to this application.
void Passcode::deselect() {
    forget(ReferenceData::passcode);
    global_shown_ = {};
}

StatusWord Passcode::query(ReferenceData which) const {
    if (which == ReferenceData::global_passcode ? global_verified() : verified_) {
        return sw::success;
    }
    const std::uint8_t tries = tries_left(store_, reference(which).tries);
    return tries == 0 ? sw::authentication_method_blocked : sw::verification_failed(tries);
}

void Passcode::forget(ReferenceData which) {
    verified(which) = false;
    shown(which) = {};
}

// SP 800-73-4 part 2, 3.2.1. A block in a form that no passcode has is compared like any other and costs a
// try: of the two answers that the clause leaves open, the one that probing clients expect.
StatusWord Passcode::verify(ReferenceData reference_data, const ReferenceBlock& passcode) {
    const Reference which = reference(reference_data);
    const Attempt made = attempt(which, passcode);
    if (made.outcome != Outcome::right) {
        return refuse(reference_data, made);
    }
    store_.set_counter(which.tries, which.limit);
    verified(reference_data) = true;
    shown(reference_data) = {.unused = true, .now = true};
    return sw::success;
}

// SP 800-73-4 part 2, 3.2.2. The old value was right, so its counter may be full before the new value is
// written: a cut in between leaves the old one with all its tries, and never a new one that is blocked at
// once.
StatusWord Passcode::change(ReferenceData reference_data, const ReferenceBlock& current,
                            const ReferenceBlock& replacement) {
    const Reference which = reference(reference_data);
    const Attempt made = attempt(which, current);
    if (made.outcome != Outcome::right) {
        return refuse(reference_data, made);
    }
    if (!is_acceptable(reference_data, which.rules, replacement)) {
        store_.set_counter(which.tries, made.tries_before); // nothing changes, not even the counter
        return sw::incorrect_data;
    }
    store_.set_counter(which.tries, which.limit);
    if (replace(which.value, replacement) == CommitResult::not_enough_memory) {
        store_.set_counter(which.tries, made.tries_before);
        return sw::not_enough_memory;
    }
    // SP 800-73-4 part 2, 3.2.2 makes the status of the passcode TRUE. A choice where that leaves one: the
    // use that a key asking each time is good for still wants VERIFY (part 1, table 4b, asks for the passcode
    // to be submitted for it), and one that VERIFY gave before is neither taken nor renewed.
    if (reference_data != ReferenceData::unblocking_code) {
        verified(reference_data) = true;
    }
    return sw::success;
}

// SP 800-73-4 part 2, 3.2.3. The order of the three writes: the unblocking code was right, so its own counter
// comes first, lest a cut leaves a holder with neither code. Then the new passcode, and the passcode's
// counter last: a cut in between leaves the new passcode with no more tries than the old one had, and the
// holder unblocks again. The other way round, the old passcode would get its tries back.
StatusWord Passcode::unblock(const ReferenceBlock& unblocking_code, const ReferenceBlock& passcode) {
    const Reference key = reference(ReferenceData::unblocking_code);
    const Reference lock = reference(ReferenceData::passcode);
    const Attempt made = attempt(key, unblocking_code);
    if (made.outcome != Outcome::right) {
        return refuse(ReferenceData::unblocking_code, made);
    }
    if (!is_acceptable(ReferenceData::passcode, lock.rules, passcode)) {
        store_.set_counter(key.tries, made.tries_before);
        return sw::incorrect_data;
    }
    store_.set_counter(key.tries, key.limit);
    if (replace(lock.value, passcode) == CommitResult::not_enough_memory) {
        store_.set_counter(key.tries, made.tries_before);
        return sw::not_enough_memory;
    }
    store_.set_counter(lock.tries, lock.limit);
    return sw::success; // the verified status stays as it was
}

// SP 800-73-4 part 1, table 4b: "PIN always". Deviates: that table wants VERIFY right before each use,
// because most cards ask for one VERIFY for each use only, and clients read an object in between. The
// configuration holds a card to the letter.
bool Passcode::verified_for_single_use() const {
    return (verified_ && good_for_single_use(own_shown_)) ||
           (global_verified() && good_for_single_use(global_shown_));
}

bool Passcode::good_for_single_use(const Shown& shown) const {
    return config_.strict_signature_passcode ? shown.just_before : shown.unused;
}

void Passcode::use_up() {
    own_shown_.unused = false;
    global_shown_.unused = false;
}

bool& Passcode::verified(ReferenceData which) {
    return which == ReferenceData::global_passcode ? global_.passcode_verified : verified_;
}

Passcode::Shown& Passcode::shown(ReferenceData which) {
    return which == ReferenceData::global_passcode ? global_shown_ : own_shown_;
}

Passcode::Reference Passcode::reference(ReferenceData which) const {
    const RetryLimits limits = retry_limits(store_, config_);
    switch (which) {
    case ReferenceData::global_passcode:
        // decode() lets it come up only where there is one.
        return {global_passcode_object, global_passcode_tries, config_.global_passcode.value(),
                config_.global_passcode->tries};
    case ReferenceData::unblocking_code:
        return {unblocking_code_object, unblocking_code_tries, config_.unblocking_code,
                limits.unblocking_code};
    case ReferenceData::passcode:
        break;
    }
    return {passcode_object, passcode_tries, config_.passcode, limits.passcode};
}

Passcode::Attempt Passcode::attempt(const Reference& which, const ReferenceBlock& shown) {
    const std::uint8_t tries = tries_left(store_, which.tries);
    if (tries == 0) {
        return {Outcome::blocked, 0}; // before any comparison
    }
    store_.set_counter(which.tries, static_cast<std::uint8_t>(tries - 1));
    const std::optional<Bytes> expected = store_.read(which.value);
    const bool right = expected && !is_blank_code(*expected) && equal_in_constant_time(*expected, shown);
    return {right ? Outcome::right : Outcome::wrong, tries};
}

StatusWord Passcode::refuse(ReferenceData which, const Attempt& attempt) {
    if (attempt.outcome == Outcome::blocked) {
        return sw::authentication_method_blocked;
    }
    forget(which);
    return sw::verification_failed(static_cast<std::uint8_t>(attempt.tries_before - 1));
}

CommitResult Passcode::replace(ObjectId value, const ReferenceBlock& replacement) {
    Transaction transaction = store_.begin();
    transaction.put(value, Bytes(replacement.begin(), replacement.end()));
    return transaction.commit();
}

} // namespace cardrig::emulator::piv
