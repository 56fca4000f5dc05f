// Any bytes are data objects or are refused; objects lie inside the bytes and come back from their shortest
// form.
#include "apdu/ber_tlv.h"
#include "tests/fuzz/property.h"

#include <algorithm>

namespace apdu = cardrig::apdu;
using apdu::ByteView;

namespace {

void check_one(ByteView bytes) {
    const auto header = apdu::read_tlv_header(bytes);
    ByteView rest = bytes;
    const auto taken = apdu::take_tlv(rest);
    if (!taken) {
        fuzz::require(rest.data() == bytes.data() && rest.size() == bytes.size(), "a refusal takes nothing");
        fuzz::require(!taken.error().message.empty(), "a refusal says why");
        fuzz::require(!header || header->length > bytes.size() - header->size,
                      "with a good header only a value that is cut off is refused");
        return;
    }
    fuzz::require(header && header->tag == taken->tag && header->length == taken->value.size(),
                  "header and object agree");
    fuzz::require(taken->value.data() == bytes.data() + header->size, "the value follows the header");
    fuzz::require(rest.data() == taken->value.data() + taken->value.size() &&
                      rest.size() + header->size + taken->value.size() == bytes.size(),
                  "exactly the object was taken");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    check_one(bytes);
    const auto objects = apdu::parse_tlvs(bytes);
    if (!objects) {
        return 0;
    }
    apdu::Bytes written;
    for (const apdu::TlvView& object : *objects) {
        apdu::append_tlv(written, object.tag, object.value);
    }
    fuzz::require(written.size() <= size, "no form is shorter than the shortest");
    const auto again = apdu::parse_tlvs(written);
    fuzz::require(again && std::ranges::equal(*again, *objects,
                                              [](const apdu::TlvView& left, const apdu::TlvView& right) {
                                                  return left.tag == right.tag &&
                                                         std::ranges::equal(left.value, right.value);
                                              }),
                  "objects are read as they were written");
    return 0;
}
