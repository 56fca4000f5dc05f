// A PIV card in use whose power is cut in each of the operations that write, and again during each recovery
// from that. What is left must keep the promises I1 (not bricked), I5 (no torn object) and I6 (passcodes and
// tries).
#pragma once

#include "tests/emulator/cut_bench.h"
#include "tests/emulator/piv_cut_operations.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::tests {

class PivCutBench {
public:
    explicit PivCutBench(emulator::Protection protection);

    /// Cuts the operation at each of its writes in each way; the violations found, each as `<operation> step
    /// 0 write #<n> <tearing>[, <more cuts>]: <promise> ...`. `decorate` breaks the memory, and then
    /// recoveries are not cut; `in_recovery` breaks it while they are.
    [[nodiscard]] std::vector<std::string> sweep(const Operation& operation, const Decorate& decorate = {},
                                                 const Decorate& in_recovery = {});
    /// A wrong passcode was answered, and then the power went: that try is spent.
    [[nodiscard]] std::vector<std::string> answered_try_is_spent(const Decorate& decorate = {});
    /// Offsets and bytes that VERIFY writes before its first sync, with this passcode.
    [[nodiscard]] Bytes first_writes_of_try(std::string_view passcode);
    /// How many writes a card makes that answers this after SELECT, VERIFY and authentication.
    [[nodiscard]] std::uint64_t writes_of(std::string_view command);

    [[nodiscard]] std::uint64_t cuts() const { return bench_.cuts(); }
    [[nodiscard]] std::uint64_t cuts_of_recoveries() const { return bench_.cuts_of_recoveries(); }

private:
    [[nodiscard]] static Setup setup(emulator::Protection protection);
    [[nodiscard]] bool power_on_remains() { return bench_.power_on_again(cut_); }

    void check(const Operation& operation);
    void check_answers();
    void check_objects();
    void check_counter(std::string_view code, emulator::CounterId counter, Shown shown, std::uint8_t limit);
    void check_tries(const Operation& operation);
    void check_statuses_are_gone();
    void check_passcodes();
    void check_global_passcodes();
    void check_holder_gets_in_again();
    /// A torn card answers whatever it likes, but it answers.
    void use_torn();

    [[nodiscard]] std::uint8_t tries(emulator::CounterId counter);
    [[nodiscard]] std::uint8_t tries_before(emulator::CounterId counter) const;
    [[nodiscard]] bool passcode_is_new();
    /// The authentication key, with the passcode verified.
    [[nodiscard]] bool key_signs();
    [[nodiscard]] bool opens(std::string_view code);
    [[nodiscard]] bool opens_globally(std::string_view code);
    [[nodiscard]] bool lets_the_holder_in(std::string_view code);
    void violation(std::string_view promise) { bench_.expect(false, cut_, promise); }

    emulator::Protection protection_;
    CutBench bench_;
    CardSession& session_;
    CutBench::Cut cut_;
};

} // namespace cardrig::tests
