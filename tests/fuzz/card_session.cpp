#include "tests/fuzz/card_session.h"

#include "emulator/piv/piv_memory.h"

#include <algorithm>
#include <utility>

namespace fuzz {

namespace apdu = cardrig::apdu;
namespace piv = emulator::piv;
using apdu::ResponseApdu;

namespace {

/// A card that is cut again and again must come up in the end.
constexpr std::size_t most_planned_cuts = 8;
constexpr std::string_view factory_passcode = "123456";

Bytes bytes_of(std::string_view hex) {
    return *apdu::from_hex(hex);
}

} // namespace

CardSession::CardSession(const emulator::CardImage& card, Sabotage sabotage)
    : config_(card.config), sabotage_(std::move(sabotage)), memory_(config_.geometry, card.memory),
      nvm_(memory_) {
    power_on();
}

emulator::Environment CardSession::environment() {
    return {world().crypto(), entropy_, keys_, clock_};
}

void CardSession::arm() {
    if (!cuts_.empty()) {
        nvm_.cut_at(cuts_.front().write, cuts_.front().tearing);
    }
}

void CardSession::plan_cut(std::uint64_t write, const harness::Tearing& tearing) {
    if (cuts_.size() == most_planned_cuts) {
        return;
    }
    cuts_.push_back({write, tearing});
    if (cuts_.size() == 1) {
        arm();
    }
}

void CardSession::power_on() {
    for (;;) {
        card_.reset();
        broken_.reset();
        nvm_.power_on();
        decoder_.reset();
        arm();
        try {
            broken_ = sabotage_.memory ? sabotage_.memory(nvm_) : nullptr;
            emulator::Nvm& nvm = broken_ ? *broken_ : nvm_;
            auto card = emulator::Card::power_on(nvm, config_, environment());
            if (!card && model_ && !model_->judging()) {
                return;
            }
            if (!card) {
                throw BrokenPromise("I1 the card stays mute: " + card.error().message);
            }
            card_ = std::move(*card);
            break;
        } catch (const harness::PowerCut&) {
            ++tally_.cuts_in_recovery;
            power_lost();
        }
    }
    if (model_) {
        model_->powered_on(look());
    } else {
        model_.emplace(config_, world().crypto(), memory_of(card_->store()));
    }
}

/// A memory that nothing is promised about may hold objects that cannot be read.
Memory CardSession::look() const {
    return model_->judging() ? memory_of(card_->store()) : Memory{};
}

void CardSession::power_lost() {
    ++tally_.cuts;
    cuts_.pop_front();
    if (model_) {
        model_->power_cut(keys_.made());
    }
}

void CardSession::power_cycle() {
    cuts_.clear();
    power_on();
    check_fresh();
    check_passcodes();
}

void CardSession::reset() {
    if (!sabotage_.ignores_reset) {
        card_->reset();
    }
    decoder_.reset();
    model_->reset();
    check_fresh();
}

Bytes CardSession::transmit(ByteView command) {
    return sabotage_.answer ? sabotage_.answer(*card_, command) : card_->transmit(command);
}

std::optional<ResponseApdu> CardSession::send(ByteView command) {
    ++tally_.commands;
    keys_.forget_made();
    model_->command(command);
    const std::uint64_t writes = nvm_.writes();
    try {
        Observed observed;
        if (decoder_.command(command).name.empty()) {
            throw BrokenPromise("the decoder has a name for every command");
        }
        observed.answer = transmit(command);
        observed.memory = look();
        observed.writes = nvm_.writes() - writes;
        observed.made_key = keys_.made();
        model_->answer(observed);
        auto response = ResponseApdu::parse(observed.answer);
        decoder_.response(response->status);
        count(command, *response);
        return std::move(*response);
    } catch (const harness::PowerCut&) {
        power_lost();
    }
    power_on();
    check_fresh();
    check_passcodes();
    return std::nullopt;
}

void CardSession::count(ByteView command, const ResponseApdu& response) {
    if (!response.status.ok() || command.size() < 4 || (command[0] & 0x10U) != 0) {
        return;
    }
    const std::uint8_t ins = command[1];
    tally_.verified += ins == 0x20 && command.size() > 5 ? 1U : 0U;
    tally_.changed += ins == 0x24 || ins == 0x2C ? 1U : 0U;
    tally_.written += ins == 0xDB ? 1U : 0U;
    tally_.generated += ins == 0x47 ? 1U : 0U;
    tally_.signed_ += ins == 0x87 && command[3] != 0x9B ? 1U : 0U;
    tally_.authenticated += ins == 0x87 && command[3] == 0x9B && model_->authenticated() ? 1U : 0U;
}

void CardSession::check_fresh() {
    constexpr std::array look{
        "00A4040009A0000003080000100000", // SELECT
        "00200080",                       // is the passcode verified?
        "00CB3FFF035C017E00",             // the discovery object
        "00CB3FFF055C035FC10500",         // a certificate
        "00CB3FFF055C035FC10900",         // what only the holder reads
        "00DB3FFF075C035FC1055300",       // what only the administrator writes
    };
    for (const char* const command : look) {
        if (!alive()) {
            return;
        }
        const auto response = send(bytes_of(command));
        if (!response) {
            return; // cut again: that look starts anew, and this one is over
        }
        if (command == look.front() && !response->status.ok()) {
            throw BrokenPromise("I1 the application cannot be selected");
        }
    }
}

bool CardSession::opens(const harness::FaultyNvm::Remains& remains, std::uint8_t reference,
                        ByteView passcode) {
    emulator::MemoryNvm memory(config_.geometry);
    harness::FaultyNvm nvm(memory);
    nvm.restore(remains);
    auto card = emulator::Card::power_on(nvm, config_, environment());
    if (!card) {
        throw BrokenPromise("I1 a copy of the card stays mute: " + card.error().message);
    }
    const apdu::CommandApdu command(0x00, 0x20, 0x00, reference, Bytes(passcode.begin(), passcode.end()));
    return (*card)->transmit(command.encode()) == Bytes{0x90, 0x00};
}

void CardSession::check_passcodes() {
    if (!model_->judging()) {
        return;
    }
    const harness::FaultyNvm::Remains remains = nvm_.remains();
    check_passcode(remains, 0x80);
    if (config_.piv.global_passcode) {
        check_passcode(remains, 0x00);
    }
}

void CardSession::check_passcode(const harness::FaultyNvm::Remains& remains, std::uint8_t reference) {
    const Bytes current = model_->code(reference);
    if (opens(remains, reference, current) == (model_->tries(reference) == 0)) {
        throw BrokenPromise("I6 the passcode works unless it is blocked");
    }
    std::vector<Bytes> others = model_->old_codes(reference);
    others.push_back(piv::padded_code(factory_passcode));
    for (const Bytes& other : others) {
        if (other != current && opens(remains, reference, other)) {
            throw BrokenPromise("I6 an old passcode works");
        }
    }
}

} // namespace fuzz
