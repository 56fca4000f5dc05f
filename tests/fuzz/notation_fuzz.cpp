// Places, effects, tearings and the places of a sweep: what was read is written in a form that says the same.
#include "harness/fault.h"
#include "harness/sweep/sweep_place.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/property.h"

namespace apdu = cardrig::apdu;
namespace harness = cardrig::harness;

namespace harness_equality {

bool same(const harness::Place& left, const harness::Place& right) {
    return left == right;
}
bool same(const harness::Tearing& left, const harness::Tearing& right) {
    return left == right;
}
bool same(const harness::SweepPlace& left, const harness::SweepPlace& right) {
    return left == right;
}
bool same(const harness::Effect& left, const harness::Effect& right) {
    return left == right;
}

} // namespace harness_equality

namespace {

template <class Notation>
std::optional<Notation> check(std::string_view text) {
    const auto read = Notation::parse(text);
    if (!read) {
        fuzz::require(!read.error().message.empty(), "a refusal says why");
        return std::nullopt;
    }
    const std::string written = read->text();
    const auto again = Notation::parse(written);
    fuzz::require(again && harness_equality::same(*again, *read), "what is written says what was read");
    fuzz::require(again->text() == written, "one thing has one form");
    return *read;
}

} // namespace

/// A place; behind a newline, an effect.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text({data, size});
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view rest = text.substr(std::min(end + 1, text.size()));
    if (const auto whole = check<harness::SweepPlace>(text)) {
        fuzz::require(!whole->model().empty(), "each place has a model");
    }
    const auto place = check<harness::Place>(text.substr(0, end));
    const auto effect = check<harness::Effect>(rest);
    static_cast<void>(check<harness::Tearing>(rest));
    if (place && effect) {
        const auto fits = harness::Fault{*place, *effect, 0}.check();
        fuzz::require(fits || !fits.error().message.empty(), "a refusal says why");
    }
    return 0;
}
