#include "emulator/command_chain.h"

#include <utility>

namespace cardrig::emulator {

namespace {

using apdu::CommandApdu;

/// The class without the bit that announces more blocks.
std::uint8_t plain_class(const CommandApdu& command) {
    return static_cast<std::uint8_t>(command.cla() & ~0x10U);
}

bool continues(const CommandApdu& first, const CommandApdu& next) {
    return plain_class(next) == plain_class(first) && next.ins() == first.ins() && next.p1() == first.p1() &&
           next.p2() == first.p2();
}

} // namespace

CommandChain::Step CommandChain::take(CommandApdu command, const std::optional<ChainPolicy>& policy) {
    bool broken_off = false;
    if (blocks_ && !continues(blocks_->first, command)) {
        const std::optional<apdu::StatusWord> answer = blocks_->policy.to_foreign_command;
        broken_off = drop();
        if (answer) {
            return {broken_off, tl::make_unexpected(*answer), std::nullopt, std::nullopt};
        }
    }
    if (!policy || plain_class(command) != 0x00) {
        return {broken_off, std::move(command), std::nullopt, std::nullopt};
    }
    const std::size_t so_far = blocks_ ? blocks_->size : 0;
    if (so_far + command.nc() > policy->limit) {
        broken_off = drop() || broken_off;
        CommandApdu without_data(plain_class(command), command.ins(), command.p1(), command.p2(), {},
                                 command.ne(), command.extended());
        return {broken_off, std::move(without_data), std::nullopt, policy->too_long};
    }
    if (policy->streamed && (blocks_ || command.chained())) {
        const BlockPosition position = advance(command, *policy);
        return {broken_off, std::move(command), position, std::nullopt};
    }
    if (command.chained()) {
        if (!blocks_) {
            blocks_.emplace(Blocks{command, *policy, 0, {}});
            blocks_->data.reserve(policy->limit);
        }
        blocks_->size += command.nc();
        blocks_->data.insert(blocks_->data.end(), command.data().begin(), command.data().end());
        return {broken_off, tl::make_unexpected(apdu::sw::success), std::nullopt, std::nullopt};
    }
    return {broken_off, whole(std::move(command)), std::nullopt, std::nullopt};
}

BlockPosition CommandChain::advance(const CommandApdu& block, const ChainPolicy& policy) {
    if (!blocks_) {
        blocks_.emplace(Blocks{block, policy, block.nc(), {}});
        return BlockPosition::first;
    }
    blocks_->size += block.nc();
    if (block.chained()) {
        return BlockPosition::middle;
    }
    blocks_.reset();
    return BlockPosition::last;
}

CommandApdu CommandChain::whole(CommandApdu last) {
    if (!blocks_) {
        return last;
    }
    apdu::Bytes data = std::move(blocks_->data);
    blocks_.reset();
    data.insert(data.end(), last.data().begin(), last.data().end());
    return {last.cla(), last.ins(), last.p1(), last.p2(), std::move(data), last.ne(), last.extended()};
}

bool CommandChain::drop() {
    return std::exchange(blocks_, std::nullopt).has_value();
}

} // namespace cardrig::emulator
