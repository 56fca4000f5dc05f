// Any stream of bytes, cut anywhere, gives the payloads that it holds, in order, and nothing else.
#include "harness/vpcd_frame.h"
#include "tests/fuzz/property.h"

#include <algorithm>

using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;
using cardrig::harness::VpcdFrameReader;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    // The first byte says into how long pieces the rest is cut.
    const std::size_t piece = std::size_t{data[0]} + 1;
    const ByteView stream(data + 1, size - 1);
    VpcdFrameReader reader;
    Bytes again;
    const auto take_all = [&reader, &again] {
        while (const auto payload = reader.next()) {
            const auto header = cardrig::harness::vpcd_header(payload->size());
            again.insert(again.end(), header.begin(), header.end());
            again.insert(again.end(), payload->begin(), payload->end());
        }
    };
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        reader.append(stream.subspan(at, std::min(piece, stream.size() - at)));
        take_all();
    }
    fuzz::require(again.size() <= stream.size() && std::ranges::equal(again, stream.first(again.size())),
                  "payloads and their lengths are the stream's beginning");
    const ByteView rest = stream.subspan(again.size());
    const bool whole = rest.size() >= 2 && rest.size() - 2 >= (std::size_t{rest[0]} << 8U | rest[1]);
    fuzz::require(!whole, "no whole payload is held back");
    return 0;
}
