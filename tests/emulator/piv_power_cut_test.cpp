// Power lost at every memory write of what changes a card, with every kind of tearing: what is left must keep
// the promises I1 (not bricked), I5 (no torn object) and I6 (passcode and tries). The negative controls break
// the memory beneath the card, and the same check has to see it.
#include "emulator/store/layout.h"
#include "harness/faulty_nvm.h"
#include "tests/emulator/piv_card.h"
#include "tests/emulator/store_sweep.h"

#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace test = cardrig::tests;
namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
namespace piv = emulator::piv;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;
using emulator::Algorithm;
using emulator::Nvm;
using harness::FaultyNvm;
using test::CardSession;

namespace {

constexpr std::string_view factory_passcode = test::passcode;
constexpr std::string_view old_passcode = "24681357";
constexpr std::string_view new_passcode = "654321";
constexpr std::string_view wrong_passcode = "999999";
constexpr std::string_view new_unblocking_code = "ABCDEFGH";
constexpr std::string_view wrong_unblocking_code = "99999999";
constexpr std::uint8_t all_tries = 3;
constexpr cardrig::apdu::Tag certificate = 0x5FC105;
constexpr auto select_piv = "00A4040009A00000030800001000";

Bytes certificate_object(std::size_t size, std::uint8_t fill) {
    return piv::certificate_container(Bytes(size, fill));
}

/// What an operation shows of a code: what may happen to its tries.
enum class Shown {
    nothing, ///< they stay as they are
    wrong,   ///< one is spent, or not yet
    right,   ///< one is spent, or not yet, or all are there again
};

struct Operation {
    std::string name;
    Shown passcode = Shown::nothing;
    Shown unblocking_code = Shown::nothing;
    bool unblocks = false;                     ///< all tries come back, but with the new passcode only
    std::function<void(CardSession&)> prepare; ///< with power
    std::function<void(CardSession&)> run;     ///< its writes are cut
};

void require_status(std::uint16_t status, std::uint16_t expected) {
    if (status != expected) {
        throw std::runtime_error(fmt::format("{:04X} instead of {:04X}", status, expected));
    }
}

void nothing(CardSession&) {}

void lose_one_try(CardSession& card) {
    require_status(card.verify(wrong_passcode), 0x63C2);
}

void block_passcode(CardSession& card) {
    for (std::uint8_t spent = 0; spent < all_tries; ++spent) {
        (void)card.verify(wrong_passcode);
    }
    require_status(card.status("00200080"), 0x6983);
}

void authenticate(CardSession& card) {
    lose_one_try(card);
    require_status(card.authenticate(), 0x9000);
}

std::string unblock_command(std::string_view code) {
    return "002C008010" + test::block(code) + test::block(new_passcode);
}

void lose_one_unblocking_try(CardSession& card) {
    require_status(card.status(unblock_command(wrong_unblocking_code)), 0x63C2);
}

Operation passcode_change() {
    return {.name = "passcode change",
            .passcode = Shown::right,
            .prepare = lose_one_try,
            .run = [](CardSession& card) {
                require_status(
                    card.status("0024008010" + test::block(old_passcode) + test::block(new_passcode)),
                    0x9000);
            }};
}

Operation unblocking_code_change() {
    return {.name = "unblocking-code change",
            .unblocking_code = Shown::right,
            .prepare = lose_one_unblocking_try,
            .run = [](CardSession& card) {
                require_status(card.status("0024008110" + test::block(test::unblocking_code) +
                                           test::block(new_unblocking_code)),
                               0x9000);
            }};
}

void unblock_card(CardSession& card) {
    require_status(card.status(unblock_command(test::unblocking_code)), 0x9000);
}

Operation unblock_of_blocked() {
    return {.name = "unblock",
            .unblocking_code = Shown::right,
            .unblocks = true,
            .prepare = block_passcode,
            .run = unblock_card};
}

Operation unblock_with_tries_left() {
    return {.name = "unblock with tries left",
            .unblocking_code = Shown::right,
            .unblocks = true,
            .prepare =
                [](CardSession& card) {
                    lose_one_try(card);
                    lose_one_unblocking_try(card);
                },
            .run = unblock_card};
}

Operation wrong_unblock() {
    return {.name = "wrong unblock",
            .unblocking_code = Shown::wrong,
            .prepare = lose_one_unblocking_try,
            .run = [](CardSession& card) {
                require_status(card.status(unblock_command(wrong_unblocking_code)), 0x63C1);
            }};
}

Operation key_generation() {
    return {.name = "key generation", .prepare = authenticate, .run = [](CardSession& card) {
                require_status(card.status("0047009A05AC0380011100"), 0x9000);
            }};
}

Operation certificate_write() {
    return {.name = "certificate write", .prepare = authenticate, .run = [](CardSession& card) {
                require_status(card.put_data(certificate, certificate_object(900, 0x22)), 0x9000);
            }};
}

Operation certificate_deletion() {
    return {.name = "certificate deletion", .prepare = authenticate, .run = [](CardSession& card) {
                require_status(card.put_data(certificate, {}), 0x9000);
            }};
}

Operation wrong_try() {
    return {.name = "wrong try", .passcode = Shown::wrong, .prepare = nothing, .run = lose_one_try};
}

Operation right_try() {
    return {.name = "right try",
            .passcode = Shown::right,
            .prepare = lose_one_try,
            .run = [](CardSession& card) { require_status(card.verify(old_passcode), 0x9000); }};
}

/// Stands between card and memory in a negative control.
using Decorate = std::function<std::unique_ptr<Nvm>(Nvm&)>;

/// Remembers offsets and bytes of what is written until the first sync.
class RecordingNvm final : public Nvm {
public:
    explicit RecordingNvm(Nvm& memory) : memory_(memory) {}

    [[nodiscard]] const Bytes& until_first_sync() const { return written_; }
    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { memory_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override {
        if (!synced_) {
            for (unsigned shift = 0; shift < 32; shift += 8) {
                written_.push_back(static_cast<std::uint8_t>(offset >> shift));
            }
            written_.insert(written_.end(), bytes.begin(), bytes.end());
        }
        memory_.write(offset, bytes);
    }
    void sync() override {
        synced_ = synced_ || !written_.empty();
        memory_.sync();
    }

private:
    Nvm& memory_;
    Bytes written_;
    bool synced_ = false;
};

/// A card in use, and everything that a cut at one of an operation's writes may leave.
class Bench {
public:
    Bench() : session_(setup(), &keys_) {
        test::personalise(memory_, setup());
        require_power(faulty_);
        require_status(
            session_.status("0024008010" + test::block(factory_passcode) + test::block(old_passcode)),
            0x9000);
        require_status(session_.authenticate(), 0x9000);
        require_status(session_.put_data(certificate, certificate_object(700, 0x11)), 0x9000);
        session_.power_off();
        in_use_ = faulty_.remains();
    }

    /// Cuts the operation at each of its writes in each way; the violations found.
    std::vector<std::string> sweep(const Operation& operation, const Decorate& decorate = {}) {
        violations_.clear();
        const std::uint64_t writes = undisturbed(operation, decorate);
        for (std::uint64_t write = 1; write <= writes; ++write) {
            for (const harness::Tearing& tearing : harness::all_tearings()) {
                place_ = fmt::format("{} write #{} {}", operation.name, write, tearing.text());
                cut(operation, decorate, write, tearing);
                check(operation);
                ++cuts_;
            }
        }
        return violations_;
    }

    /// A wrong passcode was answered, and then the power went: that try is spent.
    std::vector<std::string> answered_try_is_spent(const Decorate& decorate = {}) {
        violations_.clear();
        place_ = "after a wrong try";
        const std::uint8_t before = all_tries;
        start(wrong_try(), decorate);
        lose_one_try(session_);
        lose_power();
        if (const auto card = power_on_remains(); card && tries() >= before) {
            violation("I6 the answer was learnt and cost nothing");
        }
        return violations_;
    }

    /// What VERIFY writes before its first sync, with this passcode.
    Bytes first_writes_of_try(std::string_view passcode) {
        start(wrong_try(), {});
        RecordingNvm recording(faulty_);
        require_power(recording);
        (void)session_.verify(passcode);
        session_.power_off();
        return recording.until_first_sync();
    }

    [[nodiscard]] std::uint64_t cuts() const { return cuts_; }

private:
    static test::Setup setup() {
        test::Setup setup;
        setup.config.geometry = {64, 4, 64};
        setup.keys = {{0x9A, Algorithm::p256}};
        return setup;
    }

    void require_power(Nvm& nvm) {
        if (const auto on = session_.power_on(nvm); !on) {
            throw std::runtime_error(on.error().message);
        }
    }

    /// The card in use, prepared; then what breaks it, if anything does, is put in.
    void start(const Operation& operation, const Decorate& decorate) {
        session_.power_off();
        faulty_.restore(in_use_);
        decorated_ = decorate ? decorate(faulty_) : nullptr;
        require_power(decorated_ ? *decorated_ : faulty_);
        operation.prepare(session_);
        before_ = test::state_of(session_.card().store());
    }

    std::uint64_t undisturbed(const Operation& operation, const Decorate& decorate) {
        start(operation, decorate);
        const std::uint64_t first = faulty_.writes();
        operation.run(session_);
        after_ = test::state_of(session_.card().store());
        return faulty_.writes() - first;
    }

    void cut(const Operation& operation, const Decorate& decorate, std::uint64_t write,
             const harness::Tearing& tearing) {
        start(operation, decorate);
        faulty_.cut_at(write, tearing);
        bool gone = false;
        try {
            operation.run(session_);
        } catch (const harness::PowerCut&) {
            gone = true;
        }
        if (!gone) {
            throw std::runtime_error(place_ + ": the operation has fewer writes than it had");
        }
        lose_power();
    }

    void lose_power() {
        session_.power_off();
        decorated_.reset();
        remains_ = faulty_.remains();
    }

    /// Every look at what is left begins from what was left, without a decorator.
    bool power_on_remains() {
        session_.power_off();
        faulty_.restore(remains_);
        if (const auto on = session_.power_on(faulty_); !on) {
            violation("I1 mute: " + on.error().message);
            return false;
        }
        return true;
    }

    void check(const Operation& operation) {
        if (!power_on_remains()) {
            return;
        }
        check_answers();
        check_objects();
        check_tries(operation);
        check_statuses_are_gone();
        check_passcodes();
        check_holder_gets_in_again();
    }

    void check_answers() {
        if (session_.status(select_piv) != 0x9000 || session_.get_data(0x7E).status.value() != 0x9000) {
            violation("I1 the application does not answer");
        }
        const bool certificate_there = session_.card().store().contains(piv::data_object(certificate));
        if (session_.get_data(certificate).status.value() != (certificate_there ? 0x9000 : 0x6A82)) {
            violation("I1 the certificate cannot be read");
        }
    }

    void check_objects() {
        const test::StoreState state = test::state_of(session_.card().store());
        if (state.objects != before_.objects && state.objects != after_.objects) {
            violation("I5 objects are neither those before nor those after");
        }
    }

    [[nodiscard]] std::uint8_t tries() { return session_.card().store().counter(piv::passcode_tries); }

    [[nodiscard]] bool passcode_is_new() {
        return session_.card().store().read(piv::passcode_object) != before_.objects.at(piv::passcode_object);
    }

    /// One power cut costs no more than the one try that was made.
    void check_counter(std::string_view code, int left, int before, Shown shown) {
        const int least = shown == Shown::nothing ? before : before - 1;
        const int most = shown == Shown::right ? all_tries : before;
        if (left < least || left > most) {
            violation(fmt::format("I6 {} tries for the {}, {} before", left, code, before));
        }
    }

    void check_tries(const Operation& operation) {
        const bool all_are_back = operation.unblocks && passcode_is_new() && tries() == all_tries;
        if (!all_are_back) {
            check_counter("passcode", tries(), before_.counters.at(0), operation.passcode);
        }
        check_counter("unblocking code", session_.card().store().counter(piv::unblocking_code_tries),
                      before_.counters.at(1), operation.unblocking_code);
    }

    void check_statuses_are_gone() {
        if (session_.status("00200080") == 0x9000) {
            violation("I6 the passcode is still verified");
        }
        if (session_.put_data(certificate, Bytes(3)) != 0x6982) {
            violation("I6 the administrator is still authenticated");
        }
    }

    /// Whether a fresh power-on over the remains takes it.
    bool opens(std::string_view passcode) {
        return power_on_remains() && session_.verify(passcode) == 0x9000;
    }

    void check_passcodes() {
        const bool blocked = tries() == 0;
        const int working = static_cast<int>(opens(old_passcode)) + static_cast<int>(opens(new_passcode));
        if (working != (blocked ? 0 : 1)) {
            violation(fmt::format("I6 {} of old and new passcode work", working));
        }
        if (opens(factory_passcode)) {
            violation("I6 the factory passcode works");
        }
    }

    /// Whether a fresh power-on over the remains takes it, and then the passcode that it gives.
    bool lets_the_holder_in(std::string_view code) {
        return power_on_remains() && session_.status(unblock_command(code)) == 0x9000 &&
               session_.verify(new_passcode) == 0x9000;
    }

    void check_holder_gets_in_again() {
        const bool with_new = lets_the_holder_in(new_unblocking_code);
        const bool with_old = lets_the_holder_in(test::unblocking_code);
        if (with_new == with_old) {
            violation(with_new ? "I6 old and new unblocking code work"
                               : "I6 the unblocking code does not let the holder in");
        }
        if (!with_old && !lets_the_holder_in(new_unblocking_code)) {
            return;
        }
        if (session_.status("0087119A267C2482008120" + std::string(64, '5')) != 0x9000) {
            violation("I1 the key does not sign");
        }
    }

    void violation(const std::string& what) { violations_.push_back(place_ + ": " + what); }

    emulator::MemoryNvm memory_{setup().config.geometry};
    FaultyNvm faulty_{memory_};
    test::PremadeKeys keys_{{test::make_key(Algorithm::p256)}};
    CardSession session_;
    std::unique_ptr<Nvm> decorated_;
    FaultyNvm::Remains in_use_;
    FaultyNvm::Remains remains_;
    test::StoreState before_;
    test::StoreState after_;
    std::string place_;
    std::vector<std::string> violations_;
    std::uint64_t cuts_ = 0;
};

/// Loses every write into certain regions.
class LosingNvm final : public Nvm {
public:
    LosingNvm(Nvm& memory, std::vector<emulator::store::Region> regions)
        : memory_(memory), regions_(std::move(regions)) {}

    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { memory_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override {
        if (std::ranges::none_of(regions_,
                                 [offset](const auto& region) { return region.contains(offset); })) {
            memory_.write(offset, bytes);
        }
    }
    void sync() override { memory_.sync(); }

private:
    Nvm& memory_;
    std::vector<emulator::store::Region> regions_;
};

/// Keeps writes into certain regions to itself, where they are gone with the power.
class DelayingNvm final : public Nvm {
public:
    DelayingNvm(Nvm& memory, std::vector<emulator::store::Region> regions)
        : memory_(memory), regions_(std::move(regions)) {}

    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
        memory_.read(offset, out);
        for (const auto& [at, byte] : delayed_) {
            if (at >= offset && at - offset < out.size()) {
                out[at - offset] = byte;
            }
        }
    }
    void write(std::uint32_t offset, ByteView bytes) override {
        if (std::ranges::none_of(regions_,
                                 [offset](const auto& region) { return region.contains(offset); })) {
            memory_.write(offset, bytes);
            return;
        }
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            delayed_[offset + static_cast<std::uint32_t>(i)] = bytes[i];
        }
    }
    void sync() override { memory_.sync(); }

private:
    Nvm& memory_;
    std::vector<emulator::store::Region> regions_;
    std::map<std::uint32_t, std::uint8_t> delayed_;
};

emulator::store::Layout layout_of(const Nvm& nvm) {
    return emulator::store::Layout::of(nvm.geometry()).value();
}

std::unique_ptr<Nvm> without_commit_record(Nvm& nvm) {
    const auto layout = layout_of(nvm);
    return std::make_unique<LosingNvm>(nvm, std::vector{layout.commit_record});
}

std::unique_ptr<Nvm> without_journal(Nvm& nvm) {
    const auto layout = layout_of(nvm);
    return std::make_unique<LosingNvm>(nvm, std::vector{layout.journal});
}

std::unique_ptr<Nvm> with_counters_written_late(Nvm& nvm) {
    const auto layout = layout_of(nvm);
    return std::make_unique<DelayingNvm>(nvm, std::vector{layout.counters[0], layout.counters[1]});
}

bool mentions(const std::vector<std::string>& violations, std::string_view promise) {
    return std::ranges::any_of(
        violations, [promise](const std::string& each) { return each.find(promise) != std::string::npos; });
}

std::vector<Operation> operations() {
    return {passcode_change(),    unblocking_code_change(),
            unblock_of_blocked(), unblock_with_tries_left(),
            wrong_unblock(),      key_generation(),
            certificate_write(),  certificate_deletion(),
            wrong_try(),          right_try()};
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_power_cut)

BOOST_AUTO_TEST_CASE(no_cut_breaks_a_promise) {
    Bench bench;
    for (const Operation& operation : operations()) {
        for (const std::string& violation : bench.sweep(operation)) {
            BOOST_ERROR(violation);
        }
    }
    BOOST_TEST_MESSAGE(bench.cuts() << " cuts");
    BOOST_TEST(bench.cuts() > operations().size() * harness::all_tearings().size());
}

BOOST_AUTO_TEST_CASE(a_try_that_was_answered_is_spent) {
    BOOST_TEST(Bench().answered_try_is_spent().empty());
}

// Else whoever watches the memory would learn the answer in time to cut the power and save the try.
BOOST_AUTO_TEST_CASE(a_try_is_taken_before_the_passcode_matters) {
    Bench bench;
    const Bytes with_wrong = bench.first_writes_of_try(wrong_passcode);
    BOOST_TEST(!with_wrong.empty());
    BOOST_TEST(bench.first_writes_of_try(old_passcode) == with_wrong);
}

BOOST_AUTO_TEST_CASE(control_a_memory_that_loses_commit_records_is_seen) {
    Bench bench;
    BOOST_TEST(mentions(bench.sweep(certificate_write(), without_commit_record), "I5"));
    BOOST_TEST(!bench.sweep(passcode_change(), without_commit_record).empty());
    BOOST_TEST(!bench.sweep(key_generation(), without_commit_record).empty());
}

BOOST_AUTO_TEST_CASE(control_a_memory_that_loses_the_journal_is_seen) {
    Bench bench;
    BOOST_TEST(!bench.sweep(certificate_write(), without_journal).empty());
    BOOST_TEST(!bench.sweep(unblock_of_blocked(), without_journal).empty());
}

BOOST_AUTO_TEST_CASE(control_a_counter_written_after_the_answer_is_seen) {
    BOOST_TEST(mentions(Bench().answered_try_is_spent(with_counters_written_late), "I6"));
}

BOOST_AUTO_TEST_SUITE_END()
