#include "harness/authority/authority_unlocks.h"

#include "emulator/environment.h"
#include "harness/authority/authority_refusal.h"

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr unsigned most_wrong = 3;

std::string eight_digits(emulator::CryptoContext& context) {
    emulator::Bytes drawn(8);
    emulator::ContextEntropy(context).fill(drawn);
    std::uint64_t number = 0;
    for (const std::uint8_t byte : drawn) {
        number = number << 8U | byte;
    }
    return fmt::format("{:08}", number % 100'000'000);
}

emulator::ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

} // namespace

std::string Unlocks::new_code(std::string_view guid, std::chrono::sys_seconds since) {
    Code& code = cards_[std::string(guid)].code;
    code = {eight_digits(context_), since + valid_};
    return code.digits;
}

Unlocks::Card& Unlocks::with_code(std::string_view guid, std::string_view code) {
    const auto found = cards_.find(guid);
    if (found == cards_.end() || found->second.code.digits.empty()) {
        refuse("wrong-code", "there is no unlock code for this device");
    }
    Code& known = found->second.code;
    if (known.wrong >= most_wrong) {
        refuse("wrong-code", "there were too many wrong attempts: a new unlock code is needed");
    }
    if (!emulator::equal_in_constant_time(bytes_of(known.digits), bytes_of(code))) {
        ++known.wrong;
        refuse("wrong-code", "that is not the unlock code of this device");
    }
    return found->second;
}

Unlocks::Grant Unlocks::grant(std::string_view guid, std::string_view code, std::chrono::sys_seconds now) {
    Card& card = with_code(guid, code);
    if (card.code.until < now || card.code.done) {
        refuse("late-code",
               card.code.done ? "this unlock code was used already" : "this unlock code is out of date");
    }
    const bool earlier = card.change_open;
    card.code.granted = true;
    card.change_open = true;
    return {card.generation, earlier};
}

void Unlocks::done(std::string_view guid, std::string_view code) {
    Card& card = with_code(guid, code);
    if (!card.code.granted) {
        refuse("wrong-code", "nothing was unlocked with this code");
    }
    if (!card.code.done) {
        card.code.done = true;
        card.change_open = false;
        ++card.generation;
    }
}

void Unlocks::restore(Kept kept, std::chrono::seconds longer) {
    cards_ = std::move(kept);
    for (auto& [guid, card] : cards_) {
        card.code.until += longer;
    }
}

std::uint32_t Unlocks::generation(std::string_view guid) const {
    const auto found = cards_.find(guid);
    return found == cards_.end() ? 0 : found->second.generation;
}

} // namespace cardrig::harness
