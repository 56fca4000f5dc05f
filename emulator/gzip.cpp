#include "emulator/gzip.h"

#include <memory>

#include <zlib.h>

namespace cardrig::emulator {

namespace {

constexpr int gzip_alone = 16; // added to the window's bits: zlib.h, inflateInit2
constexpr std::size_t step = 4096;

struct End {
    void operator()(z_stream* stream) const { inflateEnd(stream); }
};

} // namespace

std::optional<Bytes> gunzip(ByteView file, std::size_t longest) {
    z_stream state{};
    if (inflateInit2(&state, MAX_WBITS + gzip_alone) != Z_OK) {
        return std::nullopt;
    }
    const std::unique_ptr<z_stream, End> stream(&state);
    Bytes input(file.begin(), file.end()); // zlib's pointer is to what may change
    state.next_in = input.data();
    state.avail_in = static_cast<uInt>(input.size());
    Bytes out;
    int status = Z_OK;
    while (status == Z_OK && out.size() <= longest) {
        const std::size_t before = out.size();
        out.resize(before + step);
        state.next_out = out.data() + before;
        state.avail_out = step;
        status = inflate(&state, Z_NO_FLUSH);
        out.resize(before + step - state.avail_out);
    }
    if (status != Z_STREAM_END || state.avail_in != 0 || out.size() > longest) {
        return std::nullopt;
    }
    return out;
}

} // namespace cardrig::emulator
