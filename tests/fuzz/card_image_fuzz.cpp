// Any bytes are a card image or are refused with a reason; an image that was read can be written, looked into
// and powered on, or says why not.
//
// Its digest protects an image from all that a mutation can do. So an input is also taken as a line of
// configuration and a damaged memory (memory_patches.h) and packed into an image with a right digest.
#include "emulator/card.h"
#include "emulator/card_config_rules.h"
#include "emulator/inspection.h"
#include "tests/fuzz/memory_patches.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/small_card.h"

#include <fmt/format.h>

namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using apdu::ByteView;
using emulator::CardImage;

namespace {

/// Powering on more takes too long.
constexpr std::uint32_t most_memory = 1U << 17U;

void check_power_on(const CardImage& image, bool readable) {
    emulator::MemoryNvm nvm(image.config.geometry, image.memory, image.weak);
    const auto card = emulator::Card::power_on(nvm, image.config, fuzz::world().environment());
    if (!card) {
        // What weak bits decide may be decided otherwise the next time.
        fuzz::require(!card.error().message.empty() && (!readable || !image.weak.masks.empty()),
                      "what can be read can be powered on");
        return;
    }
    for (const std::string_view command : {"00A4040005A000000308", "0020008008313233343536FFFF",
                                           "00CB3FFF055C035FC10500", "00CB3FFF055C035FC10200",
                                           "0087119A267C2482008120" // 9A signs what follows
                                           "0101010101010101010101010101010101010101010101010101010101010101"
                                           "00"}) {
        fuzz::require((*card)->transmit(*apdu::from_hex(command)).size() >= 2, "a card answers");
    }
}

void check(ByteView file) {
    const auto image = CardImage::parse(file);
    if (!image) {
        fuzz::require(!image.error().message.empty(), "a refusal says why");
        return;
    }
    fuzz::require(CardImage::begins_like_one(file), "an image begins as one");
    fuzz::require(image->memory.size() == image->config.geometry.size(), "all of the memory is there");
    fuzz::require(!emulator::config_fault(image->config), "the configuration keeps the rules");
    if (image->memory.size() > most_memory) {
        return;
    }
    const auto again = CardImage::parse(image->serialize());
    fuzz::require(again && again->config == image->config && again->memory == image->memory &&
                      again->weak == image->weak,
                  "an image is read as it was written");
    const auto state = emulator::inspect(*image);
    fuzz::require(state || !state.error().message.empty(), "a refusal says why");
    const auto known = emulator::passcode_is(*image, "123456");
    fuzz::require(known.has_value() || !state || state->passcode_damage || !image->weak.masks.empty(),
                  "a card that can be read has a passcode");
    check_power_on(*image, state.has_value());
}

/// The small card with this line of JSON, of version 1 or of version 2 with two bytes of weak bits, and a
/// memory damaged so.
Bytes packed(std::string_view config, ByteView patches) {
    CardImage image = fuzz::small_card();
    const auto layout = emulator::store::Layout::of(image.config.geometry, image.config.protection).value();
    fuzz::MemoryPatches(image.memory, layout).apply(patches);
    const bool first_version = config.find("\"card\"") == std::string_view::npos;
    if (!first_version) {
        image.weak.masks = {{0x20, 0x01}, {0x1234, 0xFF}};
    }
    const Bytes file = image.serialize();
    // Three lines, then the memory as it was deflated.
    std::string_view rest = fuzz::text(file);
    for (int line = 0; line < 3; ++line) {
        rest.remove_prefix(rest.find('\n') + 1);
    }
    const std::string lines = fmt::format("{}\n", config);
    const std::string covered = lines + std::string(rest);
    const Bytes digest =
        emulator::sha256({reinterpret_cast<const std::uint8_t*>(covered.data()), covered.size()});
    const std::string all =
        fmt::format("{}{}\n{}{} {}\n{}", emulator::card_image_magic, first_version ? 1 : 2, lines,
                    apdu::to_hex(digest), rest.size(), rest);
    return {all.begin(), all.end()};
}

} // namespace

/// An image, or a line of configuration (empty for the small card's) and patches.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView input(data, size);
    check(input);
    if (CardImage::begins_like_one(input)) {
        return 0;
    }
    const std::string_view text = fuzz::text(input);
    const std::size_t end = std::min(text.find('\n'), text.size());
    const ByteView patches = input.subspan(std::min(end + 1, size));
    if (end > 0) {
        check(packed(text.substr(0, end), patches));
        return 0;
    }
    CardImage image = fuzz::small_card();
    const auto layout = emulator::store::Layout::of(image.config.geometry, image.config.protection).value();
    fuzz::MemoryPatches(image.memory, layout).apply(patches);
    check(image.serialize());
    return 0;
}
