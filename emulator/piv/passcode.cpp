#include "emulator/piv/passcode.h"

#include "emulator/crypto.h"

#include <algorithm>
#include <utility>

namespace cardrig::emulator::piv {

namespace sw = apdu::sw;

namespace {

constexpr std::uint8_t padding = 0xFF;

/// What memory reads as that nothing was ever written to, or that lost it. A torn card without protection may
/// have it where a code should be, and no code is taken for it.
bool is_blank(ByteView stored) {
    const auto all = [&](std::uint8_t value) {
        return std::ranges::all_of(stored, [&](std::uint8_t byte) { return byte == value; });
    };
    return all(erased_byte) || all(0x00);
}

/// An unblocking code is any eight bytes (SP 800-73-4 part 2, 2.4.3), unless the card is made stricter.
bool is_acceptable(ReferenceData which, const PasscodeRules& rules, const ReferenceBlock& replacement) {
    if (which == ReferenceData::unblocking_code && !rules.digits_only) {
        return true;
    }
    return keeps_rules(rules, replacement);
}

} // namespace

bool keeps_rules(const PasscodeRules& rules, const ReferenceBlock& passcode) {
    const auto allowed = [&rules](std::uint8_t c) {
        return rules.digits_only ? c >= '0' && c <= '9' : c != padding;
    };
    const auto* const end = std::ranges::find_if_not(passcode, allowed);
    const auto length = end - passcode.begin();
    return length >= rules.min_length && length <= rules.max_length &&
           std::all_of(end, passcode.end(), [](std::uint8_t c) { return c == padding; });
}

void Passcode::next_command() {
    shown_just_before_ = std::exchange(shown_now_, false);
}

StatusWord Passcode::query() const {
    if (verified_) {
        return sw::success;
    }
    const std::uint8_t tries = store_.counter(passcode_tries);
    return tries == 0 ? sw::authentication_method_blocked : sw::verification_failed(tries);
}

void Passcode::forget() {
    verified_ = false;
    unused_ = false;
    shown_now_ = false;
}

// SP 800-73-4 part 2, 3.2.1. A block in a form that no passcode has is compared like any other and costs a
// try: of the two answers that the clause leaves open, the one that probing clients expect.
StatusWord Passcode::verify(const ReferenceBlock& passcode) {
    const Reference which = reference(ReferenceData::passcode);
    const Attempt made = attempt(which, passcode);
    if (made.outcome != Outcome::right) {
        return refuse(made);
    }
    store_.set_counter(which.tries, which.rules.tries);
    verified_ = true;
    unused_ = true;
    shown_now_ = true;
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
        return refuse(made);
    }
    if (!is_acceptable(reference_data, which.rules, replacement)) {
        store_.set_counter(which.tries, made.tries_before); // nothing changes, not even the counter
        return sw::incorrect_data;
    }
    store_.set_counter(which.tries, which.rules.tries);
    if (replace(which.value, replacement) == CommitResult::not_enough_memory) {
        store_.set_counter(which.tries, made.tries_before);
        return sw::not_enough_memory;
    }
    // SP 800-73-4 part 2, 3.2.2 makes the status of the passcode TRUE. A choice where that leaves one: the
    // use that a key asking each time is good for still wants VERIFY (part 1, table 4b, asks for the passcode
    // to be submitted for it), and one that VERIFY gave before is neither taken nor renewed.
    if (reference_data == ReferenceData::passcode) {
        verified_ = true;
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
        return refuse(made);
    }
    if (!is_acceptable(ReferenceData::passcode, lock.rules, passcode)) {
        store_.set_counter(key.tries, made.tries_before);
        return sw::incorrect_data;
    }
    store_.set_counter(key.tries, key.rules.tries);
    if (replace(lock.value, passcode) == CommitResult::not_enough_memory) {
        store_.set_counter(key.tries, made.tries_before);
        return sw::not_enough_memory;
    }
    store_.set_counter(lock.tries, lock.rules.tries);
    return sw::success; // the verified status stays as it was
}

// SP 800-73-4 part 1, table 4b: "PIN always". Deviates: that table wants VERIFY right before each use,
// because most cards ask for one VERIFY for each use only, and clients read an object in between. The
// configuration holds a card to the letter.
bool Passcode::verified_for_single_use() const {
    return verified_ && (config_.strict_signature_passcode ? shown_just_before_ : unused_);
}

void Passcode::use_up() {
    unused_ = false;
}

Passcode::Reference Passcode::reference(ReferenceData which) const {
    if (which == ReferenceData::unblocking_code) {
        return {unblocking_code_object, unblocking_code_tries, config_.unblocking_code};
    }
    return {passcode_object, passcode_tries, config_.passcode};
}

Passcode::Attempt Passcode::attempt(const Reference& which, const ReferenceBlock& shown) {
    const std::uint8_t tries = store_.counter(which.tries);
    if (tries == 0) {
        return {Outcome::blocked, 0}; // before any comparison
    }
    store_.set_counter(which.tries, static_cast<std::uint8_t>(tries - 1));
    const std::optional<Bytes> expected = store_.read(which.value);
    const bool right = expected && !is_blank(*expected) && equal_in_constant_time(*expected, shown);
    return {right ? Outcome::right : Outcome::wrong, tries};
}

StatusWord Passcode::refuse(const Attempt& attempt) {
    if (attempt.outcome == Outcome::blocked) {
        return sw::authentication_method_blocked;
    }
    forget();
    return sw::verification_failed(static_cast<std::uint8_t>(attempt.tries_before - 1));
}

CommitResult Passcode::replace(ObjectId value, const ReferenceBlock& replacement) {
    Transaction transaction = store_.begin();
    transaction.put(value, Bytes(replacement.begin(), replacement.end()));
    return transaction.commit();
}

} // namespace cardrig::emulator::piv
