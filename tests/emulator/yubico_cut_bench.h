// A key token in use whose power is cut in each of the commands that it has beyond the standard and that
// write, and again during each recovery from that. What is left must keep the promises I1 (not bricked), I5
// (no torn object) and I6 (codes and tries), and let the host do it again.
#pragma once

#include "tests/emulator/cut_bench.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::tests {

/// What an operation does to the codes.
enum class Codes : std::uint8_t { stay, get_other_limits, are_reset };

struct TokenOperation {
    std::string name;
    Codes codes = Codes::stay;
    CardStep prepare; ///< with power
    CardStep run;     ///< its writes are cut
};

[[nodiscard]] const std::vector<TokenOperation>& token_operations();
/// By its name; throws std::out_of_range where there is none.
[[nodiscard]] const TokenOperation& token_operation(std::string_view name);

class TokenCutBench {
public:
    explicit TokenCutBench(emulator::Protection protection);

    /// Cuts the operation at each of its writes in each way; the violations found, each as `<operation> step
    /// 0 write #<n> <tearing>[, <more cuts>]: <promise> ...`. `decorate` breaks the memory, and then
    /// recoveries are not cut; `in_recovery` breaks it while they are.
    [[nodiscard]] std::vector<std::string>
    sweep(const TokenOperation& operation, const Decorate& decorate = {}, const Decorate& in_recovery = {});

    /// How many writes a token makes that answers this with administrator and passcode verified.
    [[nodiscard]] std::uint64_t writes_of(std::string_view command);

    [[nodiscard]] std::uint64_t cuts() const { return bench_.cuts(); }
    [[nodiscard]] std::uint64_t cuts_of_recoveries() const { return bench_.cuts_of_recoveries(); }

private:
    void check(const TokenOperation& operation);
    void check_answers();
    void check_tries(const TokenOperation& operation);
    void check_statuses_are_gone();
    void check_codes();
    void check_administrators();
    void check_keys();
    void check_key(const std::string& slot);
    void check_it_can_be_done_again(const TokenOperation& operation);
    void check_change_can_be_done_again(const TokenOperation& operation);
    void check_limits_can_be_set_again(const TokenOperation& operation);
    void check_reset_can_be_done_again();
    /// A torn card answers whatever it likes, but it answers.
    void use_torn();

    [[nodiscard]] const StoreState& before() const { return cut_.before; }
    [[nodiscard]] const StoreState& after() const { return cut_.after; }
    [[nodiscard]] bool power_on_remains() { return bench_.power_on_again(cut_); }
    /// Whether the codes are those from before. Where no code changes, they always are.
    [[nodiscard]] bool codes_are_own() const;
    [[nodiscard]] std::uint8_t passcode_tries() const { return left_.counters.at(0); }
    [[nodiscard]] std::uint8_t unblocking_code_tries() const { return left_.counters.at(1); }
    /// Whether a fresh power-on over the remains takes it.
    [[nodiscard]] bool opens(std::string_view code);
    [[nodiscard]] bool unblocks(std::string_view code);
    void violation(std::string_view promise) { bench_.expect(false, cut_, promise); }

    Setup setup_;
    CutBench bench_;
    CardSession& session_;
    CutBench::Cut cut_;
    StoreState left_;
};

} // namespace cardrig::tests
