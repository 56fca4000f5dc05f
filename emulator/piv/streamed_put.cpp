#include "emulator/piv/streamed_put.h"

#include "emulator/piv/data_objects.h"
#include "emulator/piv/piv_memory.h"

#include <utility>

namespace cardrig::emulator::piv {

namespace sw = apdu::sw;

void StreamedPut::drop() {
    head_.clear();
    target_.reset();
}

StatusWord StreamedPut::take(ByteView block, BlockPosition position) {
    if (position == BlockPosition::first) {
        drop();
    }
    const bool last = position == BlockPosition::last;
    const StatusWord status = advance(block, last);
    if (last || !status.ok()) {
        drop();
    }
    return status;
}

StatusWord StreamedPut::advance(ByteView block, bool last) {
    if (target_) {
        return write(block, last);
    }
    head_.insert(head_.end(), block.begin(), block.end());
    const auto head = read_put_data_head(head_);
    if (!head) {
        return head.error();
    }
    if (!*head) {
        return last ? sw::incorrect_data : sw::success; // the rest of it may be in the next block
    }
    if (const StatusWord status = check(**head); !status.ok()) {
        return status;
    }
    target_ = Target{.tag = (*head)->tag, .length = (*head)->length};
    const Bytes so_far = std::exchange(head_, {});
    return write(ByteView(so_far).subspan((*head)->size), last);
}

StatusWord StreamedPut::check(const PutDataHead& head) const {
    if (!read_rule(config_, head.tag)) {
        return sw::function_not_supported;
    }
    const bool too_long = head.size + std::uint64_t{head.length} > config_.longest_object;
    return too_long ? sw::not_enough_memory : sw::success;
}

/// The value's first bytes, in place of whatever was there.
void StreamedPut::begin(Transaction& transaction, ByteView value) const {
    const std::uint32_t length = target_->length;
    const Bytes mark{
        static_cast<std::uint8_t>(length & 0xFFU), static_cast<std::uint8_t>(length >> 8U & 0xFFU),
        static_cast<std::uint8_t>(length >> 16U & 0xFFU), static_cast<std::uint8_t>(length >> 24U)};
    transaction.put(data_object(target_->tag), Bytes(value.begin(), value.end()));
    transaction.put(unfinished_mark(target_->tag), mark);
}

StatusWord StreamedPut::write(ByteView value, bool last) {
    const std::size_t end = target_->written + value.size();
    if (end > target_->length || (last && end != target_->length)) {
        return sw::incorrect_data;
    }
    Transaction transaction = store_.begin();
    if (!target_->begun) {
        begin(transaction, value);
    } else if (!value.empty()) {
        transaction.write_range(data_object(target_->tag), target_->written, value);
    }
    if (last) {
        transaction.erase(unfinished_mark(target_->tag));
    }
    if (last && target_->length == 0) { // SP 800-73-4 part 2, 3.3.1: an empty value takes the object away
        transaction.erase(data_object(target_->tag));
    }
    if (transaction.commit() == CommitResult::not_enough_memory) {
        return sw::not_enough_memory;
    }
    target_->begun = true;
    target_->written = static_cast<std::uint32_t>(end);
    return sw::success;
}

} // namespace cardrig::emulator::piv
