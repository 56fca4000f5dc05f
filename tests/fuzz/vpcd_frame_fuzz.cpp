// A stream is cut into the payloads that it was made of, wherever it was cut before; any stream gives the
// same payloads in one piece and in many.
#include "harness/vpcd_frame.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/property.h"

#include <vector>

namespace apdu = cardrig::apdu;
namespace harness = cardrig::harness;
using apdu::ByteView;

namespace {

std::vector<apdu::Bytes> payloads(ByteView stream, std::size_t piece) {
    harness::VpcdFrameReader reader;
    std::vector<apdu::Bytes> found;
    while (!stream.empty()) {
        reader.append(fuzz::take(stream, piece));
        while (auto payload = reader.next()) {
            found.push_back(std::move(*payload));
        }
    }
    fuzz::require(!reader.next(), "nothing is left where nothing came");
    return found;
}

} // namespace

/// The first byte is the size of the pieces, the rest the stream.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteView stream(data, size);
    const std::size_t piece = 1U + fuzz::take_byte(stream);
    const auto whole = payloads(stream, stream.size() + 1);
    fuzz::require(payloads(stream, piece) == whole, "pieces make no difference");

    apdu::Bytes written;
    for (const apdu::Bytes& payload : whole) {
        const auto header = harness::vpcd_header(payload.size());
        written.insert(written.end(), header.begin(), header.end());
        written.insert(written.end(), payload.begin(), payload.end());
        fuzz::require(payload.size() == 1 || harness::vpcd_request(payload) == harness::VpcdRequest::command,
                      "only a lone byte controls");
    }
    fuzz::require(written.size() <= stream.size() &&
                      std::equal(written.begin(), written.end(), stream.begin()),
                  "payloads are written as they were read");
    const std::size_t rest = stream.size() - written.size();
    fuzz::require(rest < harness::vpcd_header_size ||
                      rest < harness::vpcd_header_size +
                                 (std::size_t{stream[written.size()]} << 8U | stream[written.size() + 1]),
                  "only a payload that is cut off is held back");
    return 0;
}
