// The card's non-volatile memory: the only thing that survives loss of power.
//
// The interface is what a memory chip offers, so that whoever stands in for one (a decorator that counts,
// records or loses power) needs nothing else of the card.
#pragma once

#include "apdu/bytes.h"
#include "apdu/result.h"

#include <cstdint>
#include <map>
#include <span>

namespace cardrig::emulator {

using apdu::Bytes;
using apdu::ByteView;

/// A page is programmed as one; a block of pages is what the chip erases as one.
struct NvmGeometry {
    std::uint32_t page_size = 128;     ///< bytes: a power of two, 32 to 4096
    std::uint32_t pages_per_block = 8; ///< 1 to 64
    std::uint32_t blocks = 128;        ///< 32 to 4096

    [[nodiscard]] constexpr std::uint32_t block_size() const { return page_size * pages_per_block; }
    [[nodiscard]] constexpr std::uint32_t size() const { return block_size() * blocks; }
    friend bool operator==(const NvmGeometry&, const NvmGeometry&) = default;
};

/// Fails on a geometry outside the ranges above, naming the value.
[[nodiscard]] apdu::Result<void> check(const NvmGeometry& geometry);

/// Erased memory reads as this.
inline constexpr std::uint8_t erased_byte = 0xFF;

/// Writing may throw a type of the caller's own when the power is cut: nothing in emulator/ catches it, no
/// path that writes is noexcept, and no destructor writes.
class Nvm {
public:
    Nvm() = default;
    Nvm(const Nvm&) = delete;
    Nvm& operator=(const Nvm&) = delete;
    virtual ~Nvm() = default;

    [[nodiscard]] virtual NvmGeometry geometry() const = 0;
    /// Reads `out.size()` bytes; the range lies within the memory.
    virtual void read(std::uint32_t offset, std::span<std::uint8_t> out) const = 0;
    /// Programs bytes within one page; they are safe from a power cut once sync() has returned.
    virtual void write(std::uint32_t offset, ByteView bytes) = 0;
    virtual void sync() = 0;
};

/// Bits of a memory that hold no value: each reading draws them anew, and programming them ends it. What a
/// chip is left with when the power goes while it programs.
struct WeakBits {
    std::map<std::uint32_t, std::uint8_t> masks; ///< by the offset of their byte; no mask is 0
    std::uint64_t state = 0;                     ///< of the stream that they are drawn from

    /// The next byte of the stream.
    [[nodiscard]] std::uint8_t draw();
    friend bool operator==(const WeakBits&, const WeakBits&) = default;
};

/// Plain memory in RAM: what an image is loaded into.
class MemoryNvm final : public Nvm {
public:
    /// Erased memory.
    explicit MemoryNvm(NvmGeometry geometry);
    /// `bytes` has exactly the geometry's size, and the weak bits lie in it.
    MemoryNvm(NvmGeometry geometry, Bytes bytes, WeakBits weak = {});

    [[nodiscard]] NvmGeometry geometry() const override { return geometry_; }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override;
    void write(std::uint32_t offset, ByteView bytes) override;
    void sync() override {}

    [[nodiscard]] const Bytes& bytes() const { return bytes_; }
    /// The raw memory, for what a power cut does to it.
    [[nodiscard]] Bytes& bytes() { return bytes_; }
    [[nodiscard]] const WeakBits& weak() const { return weak_; }
    [[nodiscard]] WeakBits& weak() { return weak_; }

private:
    NvmGeometry geometry_;
    Bytes bytes_;
    mutable WeakBits weak_; ///< reading goes on in the stream
};

} // namespace cardrig::emulator
