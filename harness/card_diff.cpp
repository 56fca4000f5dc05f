#include "harness/card_diff.h"

#include "harness/card_text.h"
#include "harness/utc_text.h"

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

    /// A value that may not.
    void secret(std::string_view subject, const std::string& before, const std::string& after) {
        if (before != after) {
            add(std::string(subject), "changed");
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
        } else if (before->sha256 != after->sha256) {
            add(subject, fmt::format("replaced ({} bytes -> {} bytes)", before->size, after->size),
                bytes(before), bytes(after));
        }
    }

private:
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
        } else if (before.key_damage && !after.key_damage && !after.key) {
            add(subject, "removed (damaged)");
        }
    }

    [[nodiscard]] static nlohmann::json key_json(const SlotState& slot) {
        return slot.key ? nlohmann::json{{"algorithm", emulator::profile_word(*slot.key)},
                                         {"sha256", slot.key_sha256}}
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

} // namespace

std::vector<CardDifference> compare_cards(const CardState& before, const CardState& after) {
    Comparison comparison;
    comparison.value("profile", before.profile, after.profile);
    comparison.value("ATR", before.atr, after.atr);
    comparison.value("GUID", before.guid, after.guid);
    comparison.counter("passcode", before.passcode, after.passcode);
    comparison.secret("passcode", before.passcode_digest, after.passcode_digest);
    comparison.counter("unblocking code", before.unblocking_code, after.unblocking_code);
    comparison.secret("unblocking code", before.unblocking_code_digest, after.unblocking_code_digest);
    comparison.value("management key algorithm", emulator::name(before.management_algorithm),
                     emulator::name(after.management_algorithm));
    comparison.secret("management key", before.management_key_digest, after.management_key_digest);
    compare_slots(comparison, before, after);
    compare_objects(comparison, before, after);
    return comparison.take();
}

std::vector<std::string> card_differences(const CardState& before, const CardState& after) {
    std::vector<std::string> lines;
    for (const CardDifference& difference : compare_cards(before, after)) {
        lines.push_back(fmt::format("{}: {}", difference.subject, difference.change));
    }
    return lines;
}

nlohmann::json card_differences_json(const CardState& before, const CardState& after) {
    nlohmann::json lines = nlohmann::json::array();
    for (const CardDifference& difference : compare_cards(before, after)) {
        lines.push_back({{"what", difference.subject},
                         {"change", difference.change},
                         {"before", difference.before},
                         {"after", difference.after}});
    }
    return lines;
}

} // namespace cardrig::harness
