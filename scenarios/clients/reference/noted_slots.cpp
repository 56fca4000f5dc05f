#include "scenarios/clients/reference/noted_slots.h"

#include <algorithm>

namespace cardrig::client {

namespace {

bool has(const std::vector<KeyId>& keys, const KeyId& key) {
    return !key.empty() && std::ranges::find(keys, key) != keys.end();
}

void add(std::vector<KeyId>& keys, const KeyId& key) {
    if (!key.empty() && !has(keys, key)) {
        keys.push_back(key);
    }
}

} // namespace

bool is_of_workshop(const KeyPlace& found, bool as_asked, const WorkNote& note, bool fresh,
                    const KeyId& certified) {
    const auto known = [&](const KeyId& key) {
        return has(note.new_keys, key) || (!key.empty() && key == certified);
    };
    if (found.empty()) {
        return true;
    }
    if (!found.certificate) {
        // One that was made right before the power was cut is not in the note yet.
        return known(found.key) || (fresh && as_asked);
    }
    const KeyId& certificate = found.certificate->key;
    if (found.key.empty()) {
        return known(certificate); // its key is in its slot
    }
    // A certificate that cannot be read may be half of the one that was being written.
    return known(found.key) && (certificate.empty() || certificate == found.key || known(certificate));
}

bool is_of_attic(const KeyPlace& found, const WorkNote& note, const std::vector<KeyId>& slot_certificates) {
    return found.empty() || has(note.old_keys, found.key) || has(slot_certificates, found.key);
}

WorkNote note_of(const PairState& state, const std::string& renewal,
                 const std::array<KeyReference, 3>& slots) {
    WorkNote note{renewal, slots, {}, {}};
    for (const PairRow& row : state.rows) {
        add(note.old_keys, row.slot.key);
        add(note.new_keys, row.workshop.key);
        if (row.workshop.certificate) {
            add(note.new_keys, row.workshop.certificate->key);
        }
    }
    add(note.old_keys, state.attic.key);
    return note;
}

} // namespace cardrig::client
