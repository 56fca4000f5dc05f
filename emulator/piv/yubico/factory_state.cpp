#include "emulator/piv/yubico/factory_state.h"

#include <algorithm>
#include <array>

namespace cardrig::emulator::piv::yubico {

namespace {

namespace sw = apdu::sw;

/// 01 to 08, three times: 24 bytes, whatever the algorithm.
constexpr std::array<std::uint8_t, 24> management_key_bytes{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4,
                                                            5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

void put_codes(Transaction& transaction) {
    transaction.put(passcode_object, padded_code(factory_passcode));
    transaction.put(unblocking_code_object, padded_code(factory_unblocking_code));
}

/// No counter stands above its limit at any time: where it is to fall, it does so first. That takes tries
/// away from the code of now, which is no harm.
void lower_counter(ObjectStore& store, CounterId counter, std::uint8_t limit) {
    store.set_counter(counter, std::min(tries_left(store, counter), limit));
}

/// What a reset takes away: key pairs and data objects, by their numbers, and marks of unfinished ones.
bool goes(ObjectId id) {
    static constexpr auto last_tag = apdu::Tag{0xFF'FFFF};
    const bool is_data = id <= data_object(last_tag) && id != data_object(attestation_certificate_tag);
    const bool is_mark = id >= unfinished_mark(0) && id <= unfinished_mark(last_tag) &&
                         id != unfinished_mark(attestation_certificate_tag);
    const bool is_key = id >= key_object(0x00) && id <= key_object(0xFF) && id != key_object(attestation_key);
    return is_data || is_mark || is_key;
}

} // namespace

Bytes factory_management_key(const YubicoExtensions& token) {
    static constexpr std::array<std::uint8_t, 3> since_aes{5, 7, 0};
    return management_key_content(token.firmware < since_aes ? Algorithm::triple_des : Algorithm::aes192,
                                  management_key_bytes);
}

bool has_factory_management_key(const ObjectStore& store, const YubicoExtensions& token) {
    const std::optional<Bytes> held = store.read(management_key_object);
    return held && equal_in_constant_time(*held, factory_management_key(token));
}

// The order. Counters that have to fall, fall. Then codes and limits change together: the passcode, which the
// host has shown, had all its tries; the unblocking code, which nobody has shown, keeps the few that it had.
// A cut here costs nobody anything: the host can verify the factory passcode and do it again. Only then do
// the counters rise, when the codes that they guarded are gone.
StatusWord set_retry_limits(State& state, const RetryLimits& limits) {
    lower_counter(state.store, passcode_tries, limits.passcode);
    lower_counter(state.store, unblocking_code_tries, limits.unblocking_code);
    Transaction transaction = state.store.begin();
    put_codes(transaction);
    transaction.put(retry_limits_object, {limits.passcode, limits.unblocking_code});
    if (transaction.commit() == CommitResult::not_enough_memory) {
        return sw::not_enough_memory;
    }
    state.passcode.forget(ReferenceData::passcode); // what was verified is the passcode no more
    state.store.set_counter(unblocking_code_tries, limits.unblocking_code);
    state.store.set_counter(passcode_tries, limits.passcode);
    return sw::success;
}

// All goes in one transaction, while both codes are blocked: a cut leaves the card as it was, and the reset
// can be asked for again. Erasing rewrites no more than the tables of the memory, whatever they list, so that
// one transaction takes it. The counters rise last, when the codes are the factory's; between the two, the
// holder has the factory unblocking code to go on with.
StatusWord reset(State& state) {
    Transaction transaction = state.store.begin();
    for (const ObjectId id : state.store.objects()) {
        if (goes(id)) {
            transaction.erase(id);
        }
    }
    put_codes(transaction);
    transaction.put(retry_limits_object, {factory_tries, factory_tries});
    transaction.put(management_key_object, factory_management_key(*state.config.yubico));
    transaction.erase(management_key_touch_object);
    if (transaction.commit() == CommitResult::not_enough_memory) {
        return sw::not_enough_memory;
    }
    state.keys.forget();
    state.passcode.forget(ReferenceData::passcode);
    state.passcode.forget(ReferenceData::global_passcode); // its value stays, but the holder is another
    state.management_key.forget();
    state.store.set_counter(unblocking_code_tries, factory_tries);
    state.store.set_counter(passcode_tries, factory_tries);
    return sw::success;
}

} // namespace cardrig::emulator::piv::yubico
