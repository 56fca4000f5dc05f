#include "harness/card_diff.h"

#include "harness/card_text.h"
#include "harness/config_text.h"
#include "harness/utc_text.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::CardState;
using emulator::CertificateState;
using emulator::CounterState;
using emulator::ObjectState;
using emulator::SlotState;

std::string certificate_text(const CertificateState& certificate) {
    return fmt::format("serial {}, ends {}", certificate.serial, utc_text(certificate.not_after));
}

/// Collects differences in the order in which they are asked for.
class Comparison final {
public:
    [[nodiscard]] std::vector<CardDifference> take() { return std::move(differences_); }

    void add(std::string subject, std::string change, nlohmann::json before = nullptr,
             nlohmann::json after = nullptr) {
        differences_.push_back({std::move(subject), std::move(change), std::move(before), std::move(after)});
    }

    /// A value that may be shown.
    template <class T>
    void value(std::string_view subject, const T& before, const T& after) {
        if (before != after) {
            add(std::string(subject), fmt::format("{} -> {}", before, after), before, after);
        }
    }

    /// A value that may not, by its digest, and where it cannot be read why.
    struct Secret {
        const std::string& digest;
        const std::optional<std::string>& damage;
    };
    void secret(std::string_view subject, const Secret& before, const Secret& after) {
        if (after.damage && after.damage != before.damage) {
            add(std::string(subject), fmt::format("damaged ({})", *after.damage));
        } else if (before.damage && !after.damage) {
            add(std::string(subject), "no longer damaged");
        } else if (before.digest != after.digest) {
            add(std::string(subject), after.damage ? still_damaged : "changed");
        }
    }

    void counter(const std::string& subject, const CounterState& before, const CounterState& after) {
        value(subject + " tries", before.left, after.left);
        value(subject + " limit of tries", before.limit, after.limit);
    }

    void slot(const SlotState& before, const SlotState& after) {
        const std::string name = key_reference_text(before.reference);
        key(name + " key", before, after);
        certificate(name + " certificate", before, after);
    }

    void object(const std::string& subject, const ObjectState* before, const ObjectState* after) {
        const auto bytes = [](const ObjectState* object) {
            return object == nullptr ? nlohmann::json(nullptr)
                                     : nlohmann::json{{"bytes", object->size}, {"sha256", object->sha256}};
        };
        if (before == nullptr) {
            add(subject, fmt::format("added ({} bytes)", after->size), nullptr, bytes(after));
        } else if (after == nullptr) {
            add(subject, fmt::format("removed ({} bytes)", before->size), bytes(before), nullptr);
        } else if (before->unfinished != after->unfinished) {
            add(subject, after->unfinished ? "not written to its end" : "written to its end", bytes(before),
                bytes(after));
        } else if (before->sha256 != after->sha256) {
            add(subject, fmt::format("replaced ({} bytes -> {} bytes)", before->size, after->size),
                bytes(before), bytes(after));
        }
    }

private:
    static constexpr const char* still_damaged = "replaced (as damaged as before)";

    void key(const std::string& subject, const SlotState& before, const SlotState& after) {
        if (after.key_damage && after.key_damage != before.key_damage) {
            add(subject, fmt::format("damaged ({})", *after.key_damage), key_json(before), nullptr);
        } else if (!before.key && after.key) {
            const std::string_view verb = before.key_damage ? "replaced a damaged one" : "added";
            add(subject, fmt::format("{} ({})", verb, emulator::name(*after.key)), nullptr, key_json(after));
        } else if (before.key && !after.key) {
            add(subject, fmt::format("removed ({})", emulator::name(*before.key)), key_json(before), nullptr);
        } else if (before.key && before.key_sha256 != after.key_sha256) {
            const std::string change = before.key == after.key
                                           ? fmt::format("replaced ({})", emulator::name(*after.key))
                                           : fmt::format("replaced ({} -> {})", emulator::name(*before.key),
                                                         emulator::name(*after.key));
            add(subject, change, key_json(before), key_json(after));
        } else if (before.key && before.passcode_policy != after.passcode_policy) {
            add(subject,
                fmt::format("passcode {} -> {}", policy_text(before.passcode_policy),
                            policy_text(after.passcode_policy)),
                key_json(before), key_json(after));
        } else if (before.key && before.origin != after.origin) {
            const auto word = [](const SlotState& slot) {
                return slot.origin == emulator::piv::KeyOrigin::imported ? "imported" : "generated";
            };
            add(subject, fmt::format("{} -> {}", word(before), word(after)), key_json(before),
                key_json(after));
        } else if (before.key_damage && !after.key_damage && !after.key) {
            add(subject, "removed (damaged)");
        } else if (after.key_damage && before.stored_key_sha256 != after.stored_key_sha256) {
            add(subject, still_damaged);
        }
    }

    [[nodiscard]] static nlohmann::json key_json(const SlotState& slot) {
        return slot.key ? nlohmann::json{{"algorithm", emulator::profile_word(*slot.key)},
                                         {"sha256", slot.key_sha256},
                                         {"origin", slot.origin == emulator::piv::KeyOrigin::imported
                                                        ? "imported"
                                                        : "generated"},
                                         {"passcode", policy_text(slot.passcode_policy)}}
                        : nlohmann::json(nullptr);
    }

    void certificate(const std::string& subject, const SlotState& before, const SlotState& after) {
        const auto json = [](const SlotState& slot) {
            return slot.certificate ? certificate_json(*slot.certificate) : nlohmann::json(nullptr);
        };
        const auto& old_one = before.certificate;
        const auto& new_one = after.certificate;
        std::string change;
        if (after.certificate_damage && after.certificate_damage != before.certificate_damage) {
            change = fmt::format("damaged ({})", *after.certificate_damage);
        } else if (!old_one && new_one) {
            change = fmt::format("{} ({})", before.certificate_damage ? "replaced a damaged one" : "added",
                                 certificate_text(*new_one));
        } else if (old_one && !new_one) {
            change = fmt::format("removed ({})", certificate_text(*old_one));
        } else if (old_one && old_one->sha256 != new_one->sha256) {
            change =
                fmt::format("replaced ({} -> {})", certificate_text(*old_one), certificate_text(*new_one));
        } else if (before.certificate_damage && !after.certificate_damage) {
            change = "removed (damaged)";
        } else if (after.certificate_damage &&
                   before.stored_certificate_sha256 != after.stored_certificate_sha256) {
            change = still_damaged;
        }
        if (!change.empty()) {
            add(subject, change, json(before), json(after));
        }
        // Of its own, because a certificate that stays may lose its key.
        const bool matched = old_one && old_one->matches_key;
        if (new_one && new_one->matches_key != matched && (old_one || !new_one->matches_key)) {
            add(subject, new_one->matches_key ? "now matches its key" : "does not match its key", matched,
                new_one->matches_key);
        }
    }

    std::vector<CardDifference> differences_;
};

void compare_slots(Comparison& comparison, const CardState& before, const CardState& after) {
    std::set<emulator::piv::KeyReference> references;
    for (const CardState* state : {&before, &after}) {
        for (const SlotState& slot : state->slots) {
            references.insert(slot.reference);
        }
    }
    for (const emulator::piv::KeyReference reference : references) {
        SlotState nothing;
        nothing.reference = reference;
        const SlotState* old_one = before.slot(reference);
        const SlotState* new_one = after.slot(reference);
        comparison.slot(old_one == nullptr ? nothing : *old_one, new_one == nullptr ? nothing : *new_one);
    }
}

void compare_objects(Comparison& comparison, const CardState& before, const CardState& after) {
    const auto find = [](const CardState& state, apdu::Tag tag) {
        const auto found = state.objects.find(tag);
        return found == state.objects.end() ? nullptr : &found->second;
    };
    std::set<apdu::Tag> tags;
    for (const CardState* state : {&before, &after}) {
        for (const auto& [tag, object] : state->objects) {
            tags.insert(tag);
        }
    }
    for (const apdu::Tag tag : tags) {
        comparison.object(object_text(tag), find(before, tag), find(after, tag));
    }
}

/// Of what both have, what differs; then what only one of them has.
void compare_configs(Comparison& comparison, const emulator::CardConfig& before,
                     const emulator::CardConfig& after) {
    const std::vector<ConfigFact> old_ones = config_facts(before);
    const std::vector<ConfigFact> new_ones = config_facts(after);
    const auto find = [](const std::vector<ConfigFact>& facts, const std::string& name) {
        const auto found = std::ranges::find(facts, name, &ConfigFact::name);
        return found == facts.end() ? std::string("none") : found->text;
    };
    for (const ConfigFact& fact : old_ones) {
        comparison.value(fact.name, fact.text, find(new_ones, fact.name));
    }
    for (const ConfigFact& fact : new_ones) {
        if (std::ranges::find(old_ones, fact.name, &ConfigFact::name) == old_ones.end()) {
            comparison.value(fact.name, std::string("none"), fact.text);
        }
    }
}

void compare_weak_bits(Comparison& comparison, const emulator::WeakBits& before,
                       const emulator::WeakBits& after) {
    if (before.masks.size() != after.masks.size()) {
        comparison.value("bytes with weak bits", before.masks.size(), after.masks.size());
    } else if (before.masks != after.masks) {
        comparison.add("bytes with weak bits", "others", before.masks.size(), after.masks.size());
    }
}

void compare_global_passcodes(Comparison& comparison, const CardState& before, const CardState& after) {
    const auto counter_json = [](const std::optional<CounterState>& counter) {
        return counter ? nlohmann::json{{"tries-left", counter->left}, {"tries", counter->limit}}
                       : nlohmann::json(nullptr);
    };
    if (before.global_passcode && after.global_passcode) {
        comparison.counter("global passcode", *before.global_passcode, *after.global_passcode);
        comparison.secret("global passcode", {before.global_passcode_digest, before.global_passcode_damage},
                          {after.global_passcode_digest, after.global_passcode_damage});
    } else if (before.global_passcode || after.global_passcode) {
        comparison.add("global passcode", after.global_passcode ? "added" : "removed",
                       counter_json(before.global_passcode), counter_json(after.global_passcode));
    }
}

} // namespace

std::vector<CardDifference> compare_cards(const CardState& before, const CardState& after) {
    Comparison comparison;
    comparison.value("profile", before.profile, after.profile);
    comparison.value("ATR", before.atr, after.atr);
    comparison.value("GUID", before.guid, after.guid);
    comparison.counter("passcode", before.passcode, after.passcode);
    comparison.secret("passcode", {before.passcode_digest, before.passcode_damage},
                      {after.passcode_digest, after.passcode_damage});
    comparison.counter("unblocking code", before.unblocking_code, after.unblocking_code);
    comparison.secret("unblocking code", {before.unblocking_code_digest, before.unblocking_code_damage},
                      {after.unblocking_code_digest, after.unblocking_code_damage});
    compare_global_passcodes(comparison, before, after);
    if (before.management_algorithm && after.management_algorithm) {
        comparison.value("management key algorithm", emulator::name(*before.management_algorithm),
                         emulator::name(*after.management_algorithm));
    }
    comparison.secret("management key", {before.management_key_digest, before.management_key_damage},
                      {after.management_key_digest, after.management_key_damage});
    const auto touch = [](const CardState& state) {
        return std::string(state.management_key_touch ? "asked for" : "not asked for");
    };
    comparison.value("management key touch", touch(before), touch(after));
    compare_slots(comparison, before, after);
    compare_objects(comparison, before, after);
    return comparison.take();
}

std::vector<CardDifference> compare_cards(const ExaminedCard& before, const ExaminedCard& after) {
    Comparison comparison;
    compare_configs(comparison, before.image.config, after.image.config);
    compare_weak_bits(comparison, before.image.weak, after.image.weak);
    std::vector<CardDifference> differences = comparison.take();
    for (CardDifference& difference : compare_cards(before.state, after.state)) {
        differences.push_back(std::move(difference));
    }
    return differences;
}

std::vector<std::string> difference_lines(const std::vector<CardDifference>& differences) {
    std::vector<std::string> lines;
    for (const CardDifference& difference : differences) {
        lines.push_back(fmt::format("{}: {}", difference.subject, difference.change));
    }
    return lines;
}

nlohmann::json differences_json(const std::vector<CardDifference>& differences) {
    nlohmann::json lines = nlohmann::json::array();
    for (const CardDifference& difference : differences) {
        lines.push_back({{"what", difference.subject},
                         {"change", difference.change},
                         {"before", difference.before},
                         {"after", difference.after}});
    }
    return lines;
}

std::vector<std::string> card_differences(const CardState& before, const CardState& after) {
    return difference_lines(compare_cards(before, after));
}

} // namespace cardrig::harness
