#include "tests/emulator/yubico_cut_bench.h"

#include "apdu/ber_tlv.h"
#include "harness/test_authority.h"
#include "tests/emulator/yubico_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace cardrig::tests {

namespace piv = emulator::piv;
using apdu::CommandApdu;
using emulator::Algorithm;
using emulator::Protection;

namespace {

constexpr std::string_view factory_passcode = passcode;
constexpr std::string_view factory_unblocking_code = unblocking_code;
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

const Administrator factory_administrator{Algorithm::aes192, factory_management_key()};
const Administrator own_administrator{Algorithm::aes128, Bytes(16, 0x33)};
const Administrator later_administrator{Algorithm::aes256, Bytes(32, 0x44)};

std::uint16_t log_in(CardSession& card, const Administrator& administrator) {
    return card.authenticate(administrator.algorithm, administrator.key);
}

std::string change(std::string_view reference, std::string_view from, std::string_view to) {
    return fmt::format("002400{}10{}{}", reference, block(from), block(to));
}

std::string unblock(std::string_view code, std::string_view replacement) {
    return fmt::format("002C008010{}{}", block(code), block(replacement));
}

void log_in(CardSession& card) {
    require_status(log_in(card, own_administrator), 0x9000);
}

TokenOperation with_administrator(std::string name, std::string_view command) {
    return {.name = std::move(name),
            .prepare = [](CardSession& card) { log_in(card); },
            .run =
                [command = std::string(command)](CardSession& card) {
                    require_status(card.chained(CommandApdu::parse(hex(command)).value()).status.value(),
                                   0x9000);
                }};
}

std::string import_into(std::string_view slot) {
    const Bytes field = OutsideKey(Algorithm::p256).import_field();
    return fmt::format("00FE11{}{:02X}{}", slot, field.size(), apdu::to_hex(field));
}

TokenOperation import_of_rsa() {
    const Bytes field = OutsideKey(Algorithm::rsa1024).import_field();
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
TokenOperation tries(std::string_view limits) {
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

TokenOperation reset() {
    return {.name = "reset",
            .codes = Codes::are_reset,
            .prepare = [](CardSession& card) { block_codes(card); },
            .run = [](CardSession& card) { require_status(card.status("00FB0000"), 0x9000); }};
}

Setup setup_of(Protection protection) {
    Setup setup = yubico_setup(firmware_5_7);
    setup.config.geometry = {64, 4, 64};
    setup.config.protection = protection;
    setup.keys = {{0x9A, Algorithm::p256}, {0xF9, Algorithm::p256}};
    return setup;
}

/// It has to be one; that its key is another's is no matter here.
Bytes certificate_of_maker() {
    emulator::CryptoContext context;
    emulator::FreshKeys keys;
    const harness::Validity validity{std::chrono::sys_days{},
                                     std::chrono::sys_days{} + std::chrono::years(50)};
    const harness::TestAuthority maker(context, keys, validity);
    return {maker.certificate().begin(), maker.certificate().end()};
}

/// Codes and management key of the holder's own, and objects.
void put_into_use(CardSession& card) {
    require_status(card.status(change("80", factory_passcode, own_passcode)), 0x9000);
    require_status(card.status(change("81", factory_unblocking_code, own_unblocking_code)), 0x9000);
    require_status(log_in(card, factory_administrator), 0x9000);
    require_status(card.put_data(certificate, Bytes(300, 0x11)), 0x9000);
    require_status(card.put_data(0x5FFF00, hex("8103010203")), 0x9000);
    require_status(card.put_data(0x5FFF01, piv::certificate_container(certificate_of_maker())), 0x9000);
    require_status(card.status(set_management_key(own_administrator, "FF")), 0x9000);
}

/// The value of an element of one byte; 0 where there is none.
std::uint8_t byte_of(ByteView elements, apdu::Tag tag) {
    const auto parsed = apdu::parse_tlvs(elements);
    if (!parsed) {
        return 0;
    }
    for (const apdu::TlvView& each : *parsed) {
        if (each.tag == tag && each.value.size() == 1) {
            return each.value.front();
        }
    }
    return 0;
}

} // namespace

const std::vector<TokenOperation>& token_operations() {
    static const std::vector<TokenOperation> all{
        with_administrator("import into an empty slot", import_into("9C")),
        with_administrator("import over a key", import_into("9A")),
        import_of_rsa(),
        with_administrator("new attestation key", "004700F905AC03800111"),
        with_administrator("imported attestation key", import_into("F9")),
        with_administrator("move", "00F6829A"),
        with_administrator("delete", "00F6FF9A"),
        with_administrator("deletion of the attestation key", "00F6FFF9"),
        with_administrator("management key", set_management_key(later_administrator, "FF")),
        with_administrator("management key with touch", set_management_key(later_administrator, "FE")),
        with_administrator("administration data", "00DB3FFF0C5C035FFF0053058103040506"),
        tries("0504"),
        tries("0101"),
        reset()};
    return all;
}

const TokenOperation& token_operation(std::string_view name) {
    const auto found = std::ranges::find(token_operations(), name, &TokenOperation::name);
    if (found == token_operations().end()) {
        throw std::out_of_range(fmt::format("no operation is called '{}'", name));
    }
    return *found;
}

TokenCutBench::TokenCutBench(Protection protection)
    : setup_(setup_of(protection)), bench_(setup_, put_into_use), session_(bench_.card()) {}

std::vector<std::string> TokenCutBench::sweep(const TokenOperation& operation, const Decorate& decorate,
                                              const Decorate& in_recovery) {
    const auto look = [&](const CutBench::Cut& cut) {
        cut_ = cut;
        check(operation);
    };
    std::vector<std::string> violations =
        bench_.sweep(operation.prepare, {operation.run}, look, decorate, in_recovery);
    for (std::string& violation : violations) {
        violation = fmt::format("{} {}", operation.name, violation);
    }
    return violations;
}

std::uint64_t TokenCutBench::writes_of(std::string_view command) {
    bench_.start([](CardSession& card) {
        log_in(card);
        require_status(card.verify(own_passcode), 0x9000);
    });
    const std::uint64_t before = bench_.memory().writes();
    (void)session_.chained(CommandApdu::parse(hex(command)).value());
    return bench_.memory().writes() - before;
}

void TokenCutBench::check(const TokenOperation& operation) {
    left_ = bench_.state();
    if (setup_.config.protection == Protection::none) {
        use_torn();
    }
    if (left_.objects != before().objects && left_.objects != after().objects) {
        violation("I5 objects are neither those before nor those after");
    }
    if (!power_on_remains()) {
        return;
    }
    check_tries(operation);
    check_answers();
    check_statuses_are_gone();
    check_codes();
    check_administrators();
    check_keys();
    check_it_can_be_done_again(operation);
}

void TokenCutBench::check_answers() {
    const bool there = left_.objects.contains(piv::data_object(certificate));
    if (session_.status("00A4040009A00000030800001000") != 0x9000 || session_.status("00FD0000") != 0x9000 ||
        session_.get_data(0x7E).status.value() != 0x9000 || session_.status("00F7009B") != 0x9000) {
        violation("I1 the application does not answer");
    }
    if (session_.get_data(certificate).status.value() != (there ? 0x9000 : 0x6A82)) {
        violation("I1 the certificate cannot be read");
    }
}

bool TokenCutBench::codes_are_own() const {
    const auto held = left_.objects.find(piv::passcode_object);
    return held != left_.objects.end() && held->second == before().objects.at(piv::passcode_object);
}

/// The old codes get no tries back, and lose none but those above a new limit; new ones have as many as
/// the old ones had, or all of theirs. None has more than its limit.
void TokenCutBench::check_tries(const TokenOperation& operation) {
    const piv::RetryLimits limits = piv::retry_limits(session_.card().store(), setup_.config.piv);
    const std::array<std::uint8_t, 2> most{limits.passcode, limits.unblocking_code};
    for (const std::size_t code : {0U, 1U}) {
        const std::uint8_t had = before().counters.at(code);
        const std::uint8_t gets = after().counters.at(code);
        const std::uint8_t left = left_.counters.at(code);
        const bool kept = left <= had && left >= std::min(had, gets);
        const bool fine =
            operation.codes == Codes::stay ? left == had : kept || (!codes_are_own() && left == gets);
        if (!fine || left > most.at(code)) {
            violation(fmt::format("I6 code {} has {} tries; it had {} and gets {}", code, left, had, gets));
        }
    }
}

void TokenCutBench::check_statuses_are_gone() {
    if (session_.status("00200080") == 0x9000) {
        violation("I6 the passcode is still verified");
    }
    if (session_.put_data(certificate, Bytes(3)) != 0x6982) {
        violation("I6 the administrator is still authenticated");
    }
}

bool TokenCutBench::opens(std::string_view code) {
    return power_on_remains() && session_.verify(code) == 0x9000;
}

bool TokenCutBench::unblocks(std::string_view code) {
    return power_on_remains() && session_.status(unblock(code, later_passcode)) == 0x9000 &&
           session_.verify(later_passcode) == 0x9000;
}

/// Of own and factory code, the one that lies there works while it has tries, and the other never does.
void TokenCutBench::check_codes() {
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

void TokenCutBench::check_administrators() {
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
void TokenCutBench::check_keys() {
    for (const std::string slot : {"9A", "9C", "82"}) {
        if (left_.objects.contains(piv::key_object(hex(slot).front())) && power_on_remains()) {
            check_key(slot);
        }
    }
}

void TokenCutBench::check_key(const std::string& slot) {
    const auto metadata = session_.send("00F700" + slot);
    const std::uint8_t algorithm = byte_of(metadata.data, 0x01);
    const std::uint8_t origin = byte_of(metadata.data, 0x03);
    if (origin == 0 || algorithm == 0) {
        violation(fmt::format("I1 key {} is not described", slot));
        return;
    }
    const bool verified = session_.verify(codes_are_own() ? own_passcode : factory_passcode) == 0x9000;
    const bool rsa = algorithm == static_cast<std::uint8_t>(Algorithm::rsa1024);
    Bytes request = apdu::make_tlv(0x82, {});
    apdu::append_tlv(request, 0x81, Bytes(rsa ? 128 : 32, 0x55));
    const CommandApdu sign(0x00, 0x87, algorithm, hex(slot).front(), apdu::make_tlv(0x7C, request), 256);
    if (session_.chained(sign).status.ok() != verified) {
        violation(fmt::format("I1 key {} does not sign", slot));
    }
    // A key that came from outside is not vouched for, and none is without the attestation key.
    const bool vouched = origin == 1 && left_.objects.contains(piv::key_object(0xF9));
    const CommandApdu attest(0x00, 0xF9, hex(slot).front(), 0x00, {}, 256);
    if (session_.chained(attest).status.ok() != vouched) {
        violation(fmt::format("I1 key {} is not vouched for", slot));
    }
}

void TokenCutBench::check_it_can_be_done_again(const TokenOperation& operation) {
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

void TokenCutBench::check_change_can_be_done_again(const TokenOperation& operation) {
    if (left_.objects == after().objects) {
        return;
    }
    log_in(session_);
    operation.run(session_);
    if (bench_.state().objects != after().objects) {
        violation("I1 what was cut cannot be done again");
    }
}

void TokenCutBench::check_limits_can_be_set_again(const TokenOperation& operation) {
    log_in(session_);
    require_status(session_.verify(codes_are_own() ? own_passcode : factory_passcode), 0x9000);
    operation.run(session_);
    if (bench_.state() != after()) {
        violation("I1 limits that were cut cannot be set again");
    }
}

/// Blocked codes can be reset; those that are not are the factory's, and let the holder in.
void TokenCutBench::check_reset_can_be_done_again() {
    if (passcode_tries() == 0 && unblocking_code_tries() == 0) {
        if (session_.status("00FB0000") != 0x9000 || bench_.state() != after()) {
            violation("I1 the reset cannot be done again");
        }
    } else if (session_.status(unblock(factory_unblocking_code, later_passcode)) != 0x9000) {
        violation("I1 neither reset nor usable");
    }
}

void TokenCutBench::use_torn() {
    for (const auto* const command :
         {"00F7009B", "00F7009A", "00F70080", "00F70081", "00F99A0000", "00F9820000", "00FB0000",
          "00CB3FFF055C035FFF0000", "00CB3FFF055C035FFF0100", "00CB3FFF055C035FC10500"}) {
        (void)session_.status(command);
    }
    (void)session_.verify(own_passcode);
    (void)session_.verify(factory_passcode);
    (void)session_.status("0087119A267C2482008120" + std::string(64, '5'));
    const bool in_charge =
        std::ranges::any_of(std::array{&own_administrator, &later_administrator, &factory_administrator},
                            [this](const Administrator* each) { return log_in(session_, *each) == 0x9000; });
    if (in_charge) {
        for (const std::string& command :
             {std::string("00FA0303"), import_into("9C"), std::string("00F6829A"), std::string("00F6FF9A"),
              std::string("004700F905AC03800111"), set_management_key(own_administrator, "FE")}) {
            (void)session_.chained(CommandApdu::parse(hex(command)).value());
        }
    }
    for (int spent = 0; spent < 6; ++spent) {
        (void)session_.verify(wrong_code);
        (void)session_.status(unblock(wrong_code, later_passcode));
    }
    (void)session_.status("00FB0000");
}

} // namespace cardrig::tests
