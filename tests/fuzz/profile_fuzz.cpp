// Any text is a profile or is refused at a place; a profile that was read makes a card, if its memory is
// large enough.
#include "emulator/card_config_rules.h"
#include "harness/profile_reader.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/refusal.h"

namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;

namespace {

/// Laying out more takes too long.
constexpr std::uint32_t most_memory = 1U << 18U;

void check(const harness::Profile& profile) {
    fuzz::require(!profile.title.empty() && !profile.holder.name.empty(), "card and holder have names");
    fuzz::require(!emulator::config_fault(profile.card.config), "the configuration keeps the rules");
    for (const harness::CertificateProfile& certificate : profile.certificates) {
        fuzz::require(certificate.issued < certificate.expires, "a certificate begins before it ends");
    }
    if (profile.card.config.geometry.size() > most_memory) {
        return;
    }
    const auto image = emulator::personalise(profile.card);
    fuzz::require(image || image.error().message.find("too small") != std::string::npos,
                  "a profile that was read makes a card");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::read_or_refuse("fuzz.yaml:", [&] {
        check(harness::read_profile(fuzz::text({data, size}), "fuzz", "fuzz.yaml", {}));
    });
    return 0;
}
