#include "harness/sweep/store_contents.h"

#include "emulator/piv/piv_memory.h"
#include "harness/sweep/digests.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace piv = emulator::piv;
using emulator::ObjectId;

namespace {

constexpr std::uint32_t kind_of(ObjectId id) {
    return static_cast<std::uint32_t>(id) >> 24U;
}

constexpr std::uint32_t number_of(ObjectId id) {
    return static_cast<std::uint32_t>(id) & 0xFF'FFFFU;
}

/// See emulator/piv/piv_memory.h.
constexpr std::uint32_t data_objects = 0;
constexpr std::uint32_t keys = kind_of(piv::key_object(0));
constexpr std::uint32_t unfinished_marks = kind_of(piv::unfinished_mark(0));

std::string data_object_name(std::uint32_t tag) {
    for (unsigned reference = 0x80; reference <= 0xFF; ++reference) {
        if (piv::slot_certificate_tag(static_cast<piv::KeyReference>(reference)) == tag) {
            return fmt::format("the certificate of {:02X}", reference);
        }
    }
    return fmt::format("object {:X}", tag);
}

} // namespace

StoreContents StoreContents::of(const emulator::ObjectStore& store) {
    StoreContents contents;
    for (const ObjectId id : store.objects()) {
        contents.objects.emplace_back(id, digests::of(store.read(id).value_or(apdu::Bytes{})));
    }
    for (std::uint8_t counter = 0; counter < contents.counters.size(); ++counter) {
        contents.counters.at(counter) = store.counter(emulator::CounterId{counter});
    }
    return contents;
}

std::uint64_t StoreContents::digest() const {
    std::uint64_t digest = digests::of(counters);
    for (const auto& [id, content] : objects) {
        digest = digests::mixed(digests::mixed(digest, static_cast<std::uint32_t>(id)), content);
    }
    return digest;
}

bool StoreContents::contains(ObjectId id) const {
    return std::ranges::any_of(objects, [id](const auto& object) { return object.first == id; });
}

void CommittedValues::add(const StoreContents& contents) {
    ++added_;
    for (const auto& [id, content] : contents.objects) {
        Object& object = objects_[id];
        object.values.insert(content);
        ++object.seen;
    }
}

std::optional<std::string> CommittedValues::torn(const StoreContents& contents) const {
    for (const auto& [id, content] : contents.objects) {
        // Of a mark that there never was, a torn directory speaks.
        const ObjectId mark = kind_of(id) == data_objects ? piv::unfinished_mark(number_of(id)) : id;
        const bool unfinished =
            kind_of(mark) == unfinished_marks && contents.contains(mark) && objects_.contains(mark);
        const auto known = objects_.find(id);
        if (!unfinished && (known == objects_.end() || !known->second.values.contains(content))) {
            return object_name(id) + " is nothing that was ever committed";
        }
    }
    for (const auto& [id, object] : objects_) {
        if (object.seen == added_ && !contents.contains(id)) {
            return object_name(id) + " is gone, and was there all the time";
        }
    }
    return std::nullopt;
}

std::string object_name(ObjectId id) {
    const std::uint32_t number = number_of(id);
    switch (id) {
    case piv::passcode_object:
        return "the passcode";
    case piv::unblocking_code_object:
        return "the unblocking code";
    case piv::global_passcode_object:
        return "the global passcode";
    case piv::management_key_object:
        return "the management key";
    case piv::retry_limits_object:
        return "the object with the limits of the retry counters";
    default:
        break;
    }
    if (kind_of(id) == keys) {
        return fmt::format("the key of {:02X}", number);
    }
    if (kind_of(id) == data_objects) {
        return data_object_name(number);
    }
    return fmt::format("object {:08X}", static_cast<std::uint32_t>(id));
}

} // namespace cardrig::harness
