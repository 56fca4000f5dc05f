#include "emulator/card.h"

#include "apdu/instructions.h"
#include "emulator/piv/piv_application.h"

#include <algorithm>
#include <utility>

namespace cardrig::emulator {

namespace {

namespace sw = apdu::sw;

constexpr std::uint8_t by_application_identifier = 0x04;

/// What a response can carry that is not asked for with extended length.
constexpr std::size_t short_response = 256;

bool selects_application(const CommandApdu& command) {
    return command.cla() == 0x00 && command.ins() == apdu::ins::select &&
           command.p1() == by_application_identifier;
}

bool is_get_response(const CommandApdu& command) {
    return command.cla() == 0x00 && command.ins() == apdu::ins::get_response;
}

StatusWord get_response_status(const CommandApdu& command) {
    if (command.p1() != 0x00 || command.p2() != 0x00) {
        return sw::incorrect_p1_p2;
    }
    return command.nc() != 0 ? sw::wrong_length : sw::success;
}

} // namespace

Result<std::unique_ptr<Card>> Card::power_on(Nvm& nvm, const CardConfig& config, Environment environment) {
    std::unique_ptr<Card> card(new Card(nvm, config, environment));
    Result<std::unique_ptr<ObjectStore>> store = ObjectStore::mount(card->nvm_, config.protection);
    if (!store) {
        return tl::make_unexpected(store.error());
    }
    card->store_ = std::move(*store);
    card->reset();
    return card;
}

Card::Card(Nvm& nvm, const CardConfig& config, Environment environment)
    : config_(config), pace_(config_.timing, environment.clock), nvm_(nvm, pace_),
      keys_(environment.keys, pace_), environment_{environment.crypto, environment.entropy, keys_,
                                                   environment.clock, &pace_} {}

// Everything volatile is in the applications and in the members set here, so that new ones forget it all.
// SP 800-73-4 part 2, 3.1.1: after a reset, cold or warm, the PIV application is selected.
void Card::reset() {
    chain_.drop();
    pending_.clear();
    global_ = {};
    applications_.clear();
    applications_.push_back(piv::make_application(*store_, config_.piv, environment_, global_));
    selected_ = applications_.front().get();
}

Bytes Card::transmit(ByteView command) {
    return exchange(command).encode();
}

void Card::transmit(ByteView command, Bytes& response) {
    exchange(command).encode_into(response);
}

ResponseApdu Card::exchange(ByteView command) {
    pace_.command(command.size());
    ResponseApdu response = answer(command);
    pace_.answer(response.data.size() + sizeof(std::uint16_t));
    return response;
}

ResponseApdu Card::answer(ByteView bytes) {
    Result<CommandApdu> command = CommandApdu::parse(bytes);
    if (command && is_get_response(*command)) {
        drop_chain();
        return get_response(*command);
    }
    pending_.clear();
    if (!command) {
        drop_chain();
        selected_->other_command();
        return sw::wrong_length;
    }
    const std::optional<ChainPolicy> policy = selected_->chain_policy(command->ins());
    const CommandChain::Step step = chain_.take(std::move(*command), policy);
    const bool block_kept = !step.command && step.command.error().ok();
    if (step.broken_off || (!step.command && !block_kept)) {
        selected_->other_command();
    }
    if (!step.command) {
        return step.command.error();
    }
    if (step.over_long) {
        return selected_->process_over_long(*step.command, *step.over_long);
    }
    if (step.block) {
        return take_block(*step.command, *step.block);
    }
    if (selects_application(*step.command)) {
        return split(select(*step.command), *step.command);
    }
    return split(selected_->process(*step.command), *step.command);
}

void Card::drop_chain() {
    if (chain_.drop()) {
        selected_->other_command();
    }
}

// A block that is refused ends its chain; the refusal is the application's own, so there is nothing to tell
// it.
ResponseApdu Card::take_block(const CommandApdu& block, BlockPosition position) {
    ResponseApdu response = selected_->take_block(block, position);
    if (response.status != sw::success) {
        chain_.drop();
    }
    return split(std::move(response), block);
}

Application* Card::find_application(ByteView aid) const {
    if (selected_->claims(aid)) {
        return selected_;
    }
    const auto found = std::ranges::find_if(
        applications_, [aid](const std::unique_ptr<Application>& each) { return each->claims(aid); });
    return found == applications_.end() ? nullptr : found->get();
}

// SP 800-73-4 part 2, 3.1.1: an identifier that no application has, and a refused SELECT, leave the selected
// application and its security statuses as they were.
ResponseApdu Card::select(const CommandApdu& command) {
    Application* const application = find_application(command.data());
    if (application == nullptr) {
        selected_->other_command();
        return sw::file_or_application_not_found;
    }
    ResponseApdu response = application->select(command);
    if (response.status.ok() && application != selected_) {
        selected_->deselect();
        selected_ = application;
    }
    return response;
}

// ISO/IEC 7816-4, 7.6.1.
ResponseApdu Card::get_response(const CommandApdu& command) {
    ResponseApdu rest{std::exchange(pending_, {}), get_response_status(command)};
    if (rest.status.ok() && rest.data.empty()) {
        rest.status = sw::conditions_of_use_not_satisfied;
    }
    if (!rest.status.ok()) { // a command like any other, then
        selected_->other_command();
        return rest.status;
    }
    return split(std::move(rest), command);
}

// A command without Le gets its data at once, as far as a short answer holds it: hosts on T=0 and some on T=1
// send none.
ResponseApdu Card::split(ResponseApdu whole, const CommandApdu& command) {
    const std::size_t limit = command.ne().value_or(short_response);
    if (whole.data.size() <= limit) {
        return whole;
    }
    const auto cut = whole.data.begin() + static_cast<std::ptrdiff_t>(limit);
    pending_.assign(cut, whole.data.end());
    whole.data.erase(cut, whole.data.end());
    whole.status = sw::bytes_available(pending_.size());
    return whole;
}

} // namespace cardrig::emulator
