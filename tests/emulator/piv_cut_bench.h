// A PIV card in use whose power is cut: at each memory write of an operation, in each way, and again during
// each recovery from that. What is left must keep the promises I1 (not bricked), I5 (no torn object) and I6
// (passcode and tries).
#pragma once

#include "harness/faulty_nvm.h"
#include "tests/emulator/piv_card.h"
#include "tests/emulator/piv_cut_operations.h"
#include "tests/emulator/store_sweep.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::tests {

/// The same key pair again and again for each algorithm, so that what GENERATE makes takes no time.
class SameKeys final : public emulator::KeySource {
public:
    [[nodiscard]] emulator::PrivateKey generate(emulator::CryptoContext& context,
                                                emulator::Algorithm algorithm) override;

private:
    std::map<emulator::Algorithm, Bytes> pkcs8_;
};

class PivCutBench {
public:
    explicit PivCutBench(emulator::Protection protection);

    /// Cuts the operation at each of its writes in each way; the violations found, each as `<operation> write
    /// #<n> <tearing>: <promise> ...`. With a decorator, which breaks the memory, recoveries are not cut.
    [[nodiscard]] std::vector<std::string> sweep(const Operation& operation, const Decorate& decorate = {});
    /// A wrong passcode was answered, and then the power went: that try is spent.
    [[nodiscard]] std::vector<std::string> answered_try_is_spent(const Decorate& decorate = {});
    /// Offsets and bytes that VERIFY writes before its first sync, with this passcode.
    [[nodiscard]] Bytes first_writes_of_try(std::string_view passcode);
    /// How many writes a card makes that answers this after SELECT, VERIFY and authentication.
    [[nodiscard]] std::uint64_t writes_of(std::string_view command);

    [[nodiscard]] std::uint64_t cuts() const { return cuts_; }
    [[nodiscard]] std::uint64_t cuts_of_recoveries() const { return cuts_of_recoveries_; }

private:
    [[nodiscard]] static Setup setup(emulator::Protection protection);
    void require_power(emulator::Nvm& nvm);
    void start(const Operation& operation, const Decorate& decorate);
    [[nodiscard]] std::uint64_t undisturbed(const Operation& operation, const Decorate& decorate);
    void cut(const Operation& operation, const Decorate& decorate, std::uint64_t write,
             const harness::Tearing& tearing);
    void cut_recoveries(const Operation& operation);
    void cut_recovery(const harness::FaultyNvm::Remains& from, std::uint64_t write,
                      std::vector<harness::FaultyNvm::Remains>& open);
    void lose_power();
    [[nodiscard]] bool power_on_remains();

    void check(const Operation& operation);
    void check_answers();
    void check_objects();
    void check_counter(std::string_view code, int left, int before, Shown shown);
    void check_tries(const Operation& operation);
    void check_statuses_are_gone();
    void check_passcodes();
    void check_holder_gets_in_again();
    /// A torn card answers whatever it likes, but it answers.
    void use_torn();

    [[nodiscard]] std::uint8_t tries();
    [[nodiscard]] bool passcode_is_new();
    /// The authentication key, with the passcode verified.
    [[nodiscard]] bool key_signs();
    [[nodiscard]] bool opens(std::string_view passcode);
    [[nodiscard]] bool lets_the_holder_in(std::string_view code);
    void violation(const std::string& what);

    emulator::Protection protection_;
    emulator::MemoryNvm memory_;
    harness::FaultyNvm faulty_{memory_};
    SameKeys keys_;
    CardSession session_;
    std::unique_ptr<emulator::Nvm> decorated_;
    harness::FaultyNvm::Remains in_use_;
    harness::FaultyNvm::Remains remains_;
    StoreState before_;
    StoreState after_;
    std::string place_;
    std::vector<std::string> violations_;
    std::set<std::size_t> left_;    ///< what cuts of this operation left, by hash
    std::set<std::size_t> settled_; ///< what recoveries from that came to, by hash
    std::uint64_t cuts_ = 0;
    std::uint64_t cuts_of_recoveries_ = 0;
};

} // namespace cardrig::tests
