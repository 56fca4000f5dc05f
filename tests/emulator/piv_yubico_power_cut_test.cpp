// Power lost at every memory write of the commands that key tokens have beyond the standard, with every kind
// of tearing: what is left must keep the promises I1 (not bricked), I5 (no torn object) and I6 (codes and
// tries), and let the host do it again.
#include "apdu/ber_tlv.h"
#include "emulator/store/layout.h"
#include "harness/faulty_nvm.h"
#include "harness/test_authority.h"
#include "tests/emulator/broken_memory.h"
#include "tests/emulator/store_sweep.h"
#include "tests/emulator/yubico_card.h"

#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
namespace piv = emulator::piv;
using apdu::Bytes;
using apdu::ByteView;
using apdu::CommandApdu;
using emulator::Algorithm;
using emulator::Nvm;
using emulator::Protection;
using harness::FaultyNvm;
using test::CardSession;
using test::hex;

namespace {

/// The protections that promise I1, I5 and I6.
constexpr std::array promising{Protection::journal};

constexpr std::string_view factory_passcode = test::passcode;
constexpr std::string_view factory_unblocking_code = test::unblocking_code;
constexpr std::string_view own_passcode = "24681357";
constexpr std::string_view own_unblocking_code = "ABCDEFGH";
constexpr std::string_view later_passcode = "654321";
constexpr std::string_view wrong_code = "99999999";
constexpr apdu::Tag certificate = 0x5FC105;

/// A management key, and how the host shows that it has it.
struct Administrator {
    Algorithm algorithm;
    Bytes key;
};

const Administrator factory_administrator{Algorithm::aes192, test::factory_management_key()};
const Administrator own_administrator{Algorithm::aes128, Bytes(16, 0x33)};
const Administrator later_administrator{Algorithm::aes256, Bytes(32, 0x44)};

/// What an operation does to the codes.
enum class Codes { stay, get_other_limits, are_reset };

struct Operation {
    std::string name;
    Codes codes = Codes::stay;
    std::function<void(CardSession&)> prepare; ///< with power
    std::function<void(CardSession&)> run;     ///< its writes are cut
};

void require_status(std::uint16_t status, std::uint16_t expected) {
    if (status != expected) {
        throw std::runtime_error(fmt::format("{:04X} instead of {:04X}", status, expected));
    }
}

std::uint16_t log_in(CardSession& card, const Administrator& administrator) {
    return card.authenticate(administrator.algorithm, administrator.key);
}

std::string change(std::string_view reference, std::string_view from, std::string_view to) {
    return fmt::format("002400{}10{}{}", reference, test::block(from), test::block(to));
}

std::string unblock(std::string_view code, std::string_view passcode) {
    return fmt::format("002C008010{}{}", test::block(code), test::block(passcode));
}

void log_in(CardSession& card) {
    require_status(log_in(card, own_administrator), 0x9000);
}

Operation with_administrator(std::string name, std::string_view command) {
    return {.name = std::move(name),
            .prepare = [](CardSession& card) { log_in(card); },
            .run =
                [command = std::string(command)](CardSession& card) {
                    require_status(card.chained(CommandApdu::parse(hex(command)).value()).status.value(),
                                   0x9000);
                }};
}

std::string import_into(std::string_view slot) {
    const Bytes field = test::OutsideKey(Algorithm::p256).import_field();
    return fmt::format("00FE11{}{:02X}{}", slot, field.size(), apdu::to_hex(field));
}

Operation import_of_rsa() {
    const Bytes field = test::OutsideKey(Algorithm::rsa1024).import_field();
    return {.name = "import of an RSA key",
            .prepare = [](CardSession& card) { log_in(card); },
            .run =
                [field](CardSession& card) {
                    const CommandApdu command(0x00, 0xFE, 0x06, 0x9C, field);
                    require_status(card.chained(command).status.value(), 0x9000);
                }};
}

std::string set_management_key(const Administrator& administrator, std::string_view touch) {
    return fmt::format("00FFFF{}{:02X}{:02X}9B{:02X}{}", touch, 3 + administrator.key.size(),
                       static_cast<unsigned>(administrator.algorithm), administrator.key.size(),
                       apdu::to_hex(administrator.key));
}

/// The unblocking code has lost tries: nothing but knowing it may bring them back.
Operation tries(std::string_view limits) {
    return {.name = fmt::format("tries {}", limits),
            .codes = Codes::get_other_limits,
            .prepare =
                [](CardSession& card) {
                    require_status(card.status(unblock(wrong_code, later_passcode)), 0x63C2);
                    log_in(card);
                    require_status(card.verify(own_passcode), 0x9000);
                },
            .run = [command = fmt::format("00FA{}", limits)](
                       CardSession& card) { require_status(card.status(command), 0x9000); }};
}

Operation reset() {
    return {.name = "reset",
            .codes = Codes::are_reset,
            .prepare = [](CardSession& card) { test::block_codes(card); },
            .run = [](CardSession& card) { require_status(card.status("00FB0000"), 0x9000); }};
}

std::vector<Operation> operations() {
    return {with_administrator("import into an empty slot", import_into("9C")),
            with_administrator("import over a key", import_into("9A")),
            import_of_rsa(),
            with_administrator("new attestation key", "004700F905AC03800111"),
            with_administrator("imported attestation key", import_into("F9")),
            with_administrator("move", "00F6829A"),
            with_administrator("delete", "00F6FF9A"),
            with_administrator("management key", set_management_key(later_administrator, "FF")),
            with_administrator("management key with touch", set_management_key(later_administrator, "FE")),
            with_administrator("administration data", "00DB3FFF0C5C035FFF0053058103040506"),
            tries("0504"),
            tries("0101"),
            reset()};
}

using Decorate = std::function<std::unique_ptr<Nvm>(Nvm&)>;

/// Keeps every change but those of counters to itself, where it is gone with the power: as if the counters
/// had been raised first.
class TransactionsLast final : public test::PassingNvm {
public:
    using PassingNvm::PassingNvm;
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
        inner_.read(offset, out);
        for (const auto& [at, byte] : kept_) {
            if (at >= offset && at - offset < out.size()) {
                out[at - offset] = byte;
            }
        }
    }
    void write(std::uint32_t offset, ByteView bytes) override {
        const auto counters = layout().counters;
        if (counters[0].contains(offset) || counters[1].contains(offset)) {
            inner_.write(offset, bytes);
            return;
        }
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            kept_[offset + static_cast<std::uint32_t>(i)] = bytes[i];
        }
    }

private:
    std::map<std::uint32_t, std::uint8_t> kept_;
};

/// A token in use, and everything that a cut at one of an operation's writes may leave.
class Bench {
public:
    explicit Bench(Protection protection = Protection::journal)
        : setup_(setup(protection)), memory_(setup_.config.geometry), session_(setup_, &keys_) {
        test::personalise(memory_, setup_);
        require_power(faulty_);
        require_status(session_.status(change("80", factory_passcode, own_passcode)), 0x9000);
        require_status(session_.status(change("81", factory_unblocking_code, own_unblocking_code)), 0x9000);
        require_status(log_in(session_, factory_administrator), 0x9000);
        require_status(session_.put_data(certificate, Bytes(300, 0x11)), 0x9000);
        require_status(session_.put_data(0x5FFF00, hex("8103010203")), 0x9000);
        // The attestation key's certificate has to be one; a wrong key in it is no matter here.
        require_status(session_.put_data(0x5FFF01, piv::certificate_container(certificate_of_maker())),
                       0x9000);
        require_status(session_.status(set_management_key(own_administrator, "FF")), 0x9000);
        session_.power_off();
        in_use_ = faulty_.remains();
    }

    /// Cuts the operation at each of its writes in each way; the violations found.
    std::vector<std::string> sweep(const Operation& operation, const Decorate& decorate = {}) {
        violations_.clear();
        seen_.clear();
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

    [[nodiscard]] std::uint64_t cuts() const { return cuts_; }

private:
    static test::Setup setup(Protection protection) {
        test::Setup setup = test::yubico_setup(test::firmware_5_7);
        setup.config.geometry = {64, 4, 64};
        setup.config.protection = protection;
        setup.keys = {{0x9A, Algorithm::p256}, {0xF9, Algorithm::p256}};
        return setup;
    }

    static Bytes certificate_of_maker() {
        emulator::CryptoContext context;
        emulator::FreshKeys keys;
        const harness::Validity validity{std::chrono::sys_days{},
                                         std::chrono::sys_days{} + std::chrono::years(50)};
        const harness::TestAuthority maker(context, keys, validity);
        return {maker.certificate().begin(), maker.certificate().end()};
    }

    void require_power(Nvm& nvm) {
        if (const auto on = session_.power_on(nvm); !on) {
            throw std::runtime_error(on.error().message);
        }
    }

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
        left_ = test::state_of(session_.card().store());
        if (left_.objects != before_.objects && left_.objects != after_.objects) {
            violation("I5 objects are neither those before nor those after");
            return;
        }
        check_tries(operation);
        // The rest depends on what is left alone, and there are few such states.
        if (std::ranges::find(seen_, left_) != seen_.end()) {
            return;
        }
        seen_.push_back(left_);
        check_answers();
        check_statuses_are_gone();
        check_codes();
        check_administrators();
        check_keys();
        check_it_can_be_done_again(operation);
    }

    void check_answers() {
        const bool there = left_.objects.contains(piv::data_object(certificate));
        if (session_.status("00A4040009A00000030800001000") != 0x9000 ||
            session_.status("00FD0000") != 0x9000 || session_.get_data(0x7E).status.value() != 0x9000 ||
            session_.status("00F7009B") != 0x9000) {
            violation("I1 the application does not answer");
        }
        if (session_.get_data(certificate).status.value() != (there ? 0x9000 : 0x6A82)) {
            violation("I1 the certificate cannot be read");
        }
    }

    /// Whether the codes are those from before. Where no code changes, they always are.
    [[nodiscard]] bool codes_are_own() const {
        return left_.objects.at(piv::passcode_object) == before_.objects.at(piv::passcode_object);
    }
    [[nodiscard]] std::uint8_t passcode_tries() const { return left_.counters.at(0); }
    [[nodiscard]] std::uint8_t unblocking_code_tries() const { return left_.counters.at(1); }

    /// The old codes get no tries back, and lose none but those above a new limit; new ones have as many as
    /// the old ones had, or all of theirs. None has more than its limit.
    void check_tries(const Operation& operation) {
        const piv::RetryLimits limits = piv::retry_limits(session_.card().store(), setup_.config.piv);
        const std::array<std::uint8_t, 2> most{limits.passcode, limits.unblocking_code};
        for (const std::size_t code : {0U, 1U}) {
            const std::uint8_t had = before_.counters.at(code);
            const std::uint8_t gets = after_.counters.at(code);
            const std::uint8_t left = left_.counters.at(code);
            const bool kept = left <= had && left >= std::min(had, gets);
            const bool fine =
                operation.codes == Codes::stay ? left == had : kept || (!codes_are_own() && left == gets);
            if (!fine || left > most.at(code)) {
                violation(
                    fmt::format("I6 code {} has {} tries; it had {} and gets {}", code, left, had, gets));
            }
        }
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
    bool unblocks(std::string_view code) {
        return power_on_remains() && session_.status(unblock(code, later_passcode)) == 0x9000 &&
               session_.verify(later_passcode) == 0x9000;
    }

    /// Of own and factory code, the one that lies there works while it has tries, and the other never does.
    void check_codes() {
        const bool own = codes_are_own();
        if (opens(own_passcode) != (own && passcode_tries() > 0) ||
            opens(factory_passcode) != (!own && passcode_tries() > 0)) {
            violation("I6 the wrong passcode works, or none");
        }
        if (unblocks(own_unblocking_code) != (own && unblocking_code_tries() > 0) ||
            unblocks(factory_unblocking_code) != (!own && unblocking_code_tries() > 0)) {
            violation("I6 the wrong unblocking code works, or none");
        }
    }

    void check_administrators() {
        int working = 0;
        for (const Administrator& administrator :
             {own_administrator, later_administrator, factory_administrator}) {
            working += power_on_remains() && log_in(session_, administrator) == 0x9000 ? 1 : 0;
        }
        if (working != 1) {
            violation(fmt::format("I1 {} management keys work", working));
        }
    }

    /// Each key that is there can be used, and those made here are vouched for.
    void check_keys() {
        if (!power_on_remains()) {
            return;
        }
        (void)session_.verify(codes_are_own() ? own_passcode : factory_passcode);
        const bool verified = session_.status("00200080") == 0x9000;
        for (const std::string slot : {"9A", "82"}) {
            if (!left_.objects.contains(piv::key_object(hex(slot).front()))) {
                continue;
            }
            const auto metadata = session_.send("00F700" + slot);
            const bool generated =
                apdu::find_tlv(apdu::parse_tlvs(metadata.data).value(), 0x03)->front() == 1;
            const bool signs =
                session_.status("008711" + slot + "267C2482008120" + std::string(64, '5')) == 0x9000;
            if (signs != verified) {
                violation("I1 key " + slot + " does not sign");
            }
            if (session_.send("00F9" + slot + "00").status.ok() != generated) {
                violation("I1 key " + slot + " is not vouched for");
            }
        }
    }

    void check_it_can_be_done_again(const Operation& operation) {
        if (!power_on_remains()) {
            return;
        }
        switch (operation.codes) {
        case Codes::stay:
            check_change_can_be_done_again(operation);
            return;
        case Codes::get_other_limits:
            check_limits_can_be_set_again(operation);
            return;
        case Codes::are_reset:
            check_reset_can_be_done_again();
            return;
        }
    }

    void check_change_can_be_done_again(const Operation& operation) {
        if (left_.objects == after_.objects) {
            return;
        }
        log_in(session_);
        operation.run(session_);
        if (test::state_of(session_.card().store()).objects != after_.objects) {
            violation("I1 what was cut cannot be done again");
        }
    }

    void check_limits_can_be_set_again(const Operation& operation) {
        log_in(session_);
        require_status(session_.verify(codes_are_own() ? own_passcode : factory_passcode), 0x9000);
        operation.run(session_);
        if (test::state_of(session_.card().store()) != after_) {
            violation("I1 limits that were cut cannot be set again");
        }
    }

    /// Blocked codes can be reset; those that are not are the factory's, and let the holder in.
    void check_reset_can_be_done_again() {
        if (passcode_tries() == 0 && unblocking_code_tries() == 0) {
            if (session_.status("00FB0000") != 0x9000 || test::state_of(session_.card().store()) != after_) {
                violation("I1 the reset cannot be done again");
            }
        } else if (session_.status(unblock(factory_unblocking_code, later_passcode)) != 0x9000) {
            violation("I1 neither reset nor usable");
        }
    }

    void violation(const std::string& what) { violations_.push_back(place_ + ": " + what); }

    test::Setup setup_;
    emulator::MemoryNvm memory_;
    FaultyNvm faulty_{memory_};
    test::PremadeKeys keys_{{test::make_key(Algorithm::p256)}};
    CardSession session_;
    std::unique_ptr<Nvm> decorated_;
    FaultyNvm::Remains in_use_;
    FaultyNvm::Remains remains_;
    test::StoreState before_;
    test::StoreState after_;
    test::StoreState left_;
    std::string place_;
    std::vector<test::StoreState> seen_; ///< left by the cuts of this operation so far
    std::vector<std::string> violations_;
    std::uint64_t cuts_ = 0;
};

bool mentions(const std::vector<std::string>& violations, std::string_view promise) {
    return std::ranges::any_of(
        violations, [promise](const std::string& each) { return each.find(promise) != std::string::npos; });
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_yubico_power_cut)

BOOST_AUTO_TEST_CASE(no_cut_breaks_a_promise) {
    for (const Protection protection : promising) {
        Bench bench(protection);
        for (const Operation& operation : operations()) {
            for (const std::string& violation : bench.sweep(operation)) {
                BOOST_ERROR(violation);
            }
        }
        BOOST_TEST_MESSAGE(bench.cuts() << " cuts");
        BOOST_TEST(bench.cuts() > operations().size() * harness::all_tearings().size());
    }
}

BOOST_AUTO_TEST_CASE(control_a_memory_that_loses_commit_records_is_seen) {
    const auto decorate = [](Nvm& nvm) { return std::make_unique<test::NoCommitRecord>(nvm); };
    Bench bench;
    for (const Operation& operation :
         {with_administrator("move", "00F6829A"), import_of_rsa(), tries("0504"), reset()}) {
        BOOST_TEST(mentions(bench.sweep(operation, decorate), "I5"));
    }
}

// Whoever could raise the counters before the codes change would get tries at codes that nobody has shown.
BOOST_AUTO_TEST_CASE(control_counters_that_rise_before_the_codes_change_are_seen) {
    const auto decorate = [](Nvm& nvm) { return std::make_unique<TransactionsLast>(nvm); };
    Bench bench;
    BOOST_TEST(mentions(bench.sweep(tries("0504"), decorate), "I6"));
    BOOST_TEST(mentions(bench.sweep(reset(), decorate), "I6"));
}

BOOST_AUTO_TEST_SUITE_END()
