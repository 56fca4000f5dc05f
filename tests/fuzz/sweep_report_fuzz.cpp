// Any bytes are the report of a sweep or are refused by name; what was read is written as what was read, and
// everything that is made of a report (groups, map, text, JUnit, a merged one) is made of this one too.
#include "harness/sweep/sweep_report.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/refusal.h"

namespace harness = cardrig::harness;

namespace {

void check(harness::SweepReport report) {
    const nlohmann::json written = report.to_json();
    fuzz::require(harness::SweepReport::from_json(written).to_json() == written,
                  "what is written says what was read");
    harness::conclude(report);
    const nlohmann::json concluded = report.to_json();
    harness::conclude(report);
    fuzz::require(report.to_json() == concluded, "what was concluded stays");
    constexpr std::size_t width = 60;
    fuzz::require(harness::text(report, width, false).find('\x1B') == std::string::npos,
                  "a terminal is told nothing that the report did not show");
    static_cast<void>(harness::text(report, 0, true));
    fuzz::require(!harness::junit(report).empty(), "JUnit is written");
    const int status = harness::exit_status(report);
    fuzz::require(status == 0 || status == 1 || status == 4, "an exit status of a sweep");
    fuzz::read_or_refuse("shard", [&] {
        const harness::SweepReport one = harness::merge({report});
        fuzz::require(one.parts() == report.parts(), "one report merged holds its own shards");
    });
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text({data, size});
    std::optional<harness::SweepReport> report;
    fuzz::read_or_refuse("fuzz.json: ", [&] { report = harness::parse_sweep_report(text, "fuzz.json"); });
    if (report) {
        check(std::move(*report));
    }
    return 0;
}
