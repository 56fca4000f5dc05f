#include "tests/fuzz/card_script.h"

#include "emulator/piv/piv_memory.h"
#include "tests/fuzz/input.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include <fmt/format.h>

namespace fuzz {

namespace apdu = cardrig::apdu;
namespace piv = emulator::piv;
using apdu::CommandApdu;
using emulator::Algorithm;

namespace {

/// Rows of empty commands could go on for long.
constexpr int most_steps = 256;

constexpr std::array<apdu::Tag, 10> tags{0x5FC105, 0x5FC10A, 0x5FC102, 0x5FC109, 0x5FC10C,
                                         0x7E,     0x7F61,   0x5FC103, 0x5FC10D, 0x5FFF00};
constexpr std::array<std::uint8_t, 7> references{0x9A, 0x9C, 0x9D, 0x9E, 0x82, 0x95, 0x9B};

template <class Table>
auto pick(const Table& table, std::uint8_t choice) {
    return table.at(choice % table.size());
}

CommandApdu command(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data,
                    std::optional<std::uint32_t> ne = std::nullopt) {
    return {0x00, ins, p1, p2, std::move(data), ne};
}

Bytes joined(Bytes first, ByteView second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

/// A code to show: mostly the one that works.
Bytes shown_code(const CardSession& session, std::uint8_t reference, std::uint8_t choice) {
    const auto& old = session.model().old_codes(reference);
    switch (choice % 8) {
    case 5:
        return piv::padded_code("999999");
    case 6:
        return old.empty() ? piv::padded_code("123456") : old.at(choice / 8U % old.size());
    case 7:
        return Bytes(piv::code_size, choice);
    default:
        return session.model().code(reference);
    }
}

/// The application's passcode, or for some numbers the card's, where it has one.
std::uint8_t passcode_reference(const CardSession& session, std::uint8_t choice) {
    return session.config().piv.global_passcode && choice % 16 >= 8 ? 0x00 : 0x80;
}

/// A code to set; the last ones break the rules of passcodes.
Bytes new_code(std::uint8_t choice) {
    constexpr std::array<std::string_view, 8> codes{"654321",   "24681357", "1234567", "000000",
                                                    "11223344", "123456",   "12345",   "12ab56"};
    return piv::padded_code(pick(codes, choice));
}

void verify(CardSession& session, ByteView& input) {
    const std::uint8_t choice = take_byte(input);
    const std::uint8_t reference = passcode_reference(session, choice);
    session.send(command(0x20, 0x00, reference, shown_code(session, reference, choice)).encode());
}

void change_passcode(CardSession& session, ByteView& input) {
    const std::uint8_t choice = take_byte(input);
    const std::uint8_t reference = passcode_reference(session, choice);
    const Bytes code = shown_code(session, reference, choice);
    session.send(command(0x24, 0x00, reference, joined(code, new_code(take_byte(input)))).encode());
}

void change_unblocking_code(CardSession& session, ByteView& input) {
    const Bytes code = shown_code(session, 0x81, take_byte(input));
    const std::uint8_t choice = take_byte(input);
    session.send(command(0x24, 0x00, 0x81, joined(code, Bytes(piv::code_size, choice))).encode());
}

void unblock(CardSession& session, ByteView& input) {
    const Bytes code = shown_code(session, 0x81, take_byte(input));
    session.send(command(0x2C, 0x00, 0x80, joined(code, new_code(take_byte(input)))).encode());
}

/// Mutual authentication, or, for odd numbers, of the host alone; wrong for the highest.
void authenticate(CardSession& session, ByteView& input) {
    const std::uint8_t choice = take_byte(input);
    const bool mutual = choice % 2 == 0;
    const Bytes stored = session.model().management_key();
    const auto algorithm = static_cast<Algorithm>(stored.front());
    const apdu::Tag asked = mutual ? 0x80 : 0x81;
    const auto question = session.send(
        command(0x87, stored[0], 0x9B, apdu::make_tlv(0x7C, apdu::make_tlv(asked, {})), 256).encode());
    const auto outer =
        question ? apdu::parse_tlvs(question->data) : apdu::Result<std::vector<apdu::TlvView>>{};
    if (!question || !question->status.ok() || !outer || outer->empty()) {
        return;
    }
    const auto inner = apdu::parse_tlvs(outer->front().value);
    const ByteView key = ByteView(stored).subspan(1);
    const ByteView block = inner.value().front().value;
    Bytes answer = mutual ? emulator::decrypt_block(world().crypto(), algorithm, key, block)
                          : emulator::encrypt_block(world().crypto(), algorithm, key, block);
    if (choice >= 0xE0) {
        answer.back() = static_cast<std::uint8_t>(answer.back() ^ 0x01U);
    }
    Bytes elements = apdu::make_tlv(mutual ? 0x80 : 0x82, answer);
    if (mutual) {
        apdu::append_tlv(elements, 0x81, Bytes(block.size(), choice));
    }
    session.send(command(0x87, stored[0], 0x9B, apdu::make_tlv(0x7C, elements), 256).encode());
}

/// In blocks of a size that the input tells; the last one plain.
void send_in_blocks(CardSession& session, const CommandApdu& whole, std::size_t block_size) {
    ByteView rest = whole.data();
    while (rest.size() > block_size) {
        const ByteView block = take(rest, block_size);
        const CommandApdu part(0x10, whole.ins(), whole.p1(), whole.p2(), Bytes(block.begin(), block.end()));
        if (!session.send(part.encode()) || !session.alive()) {
            return;
        }
    }
    session.send(
        command(whole.ins(), whole.p1(), whole.p2(), Bytes(rest.begin(), rest.end()), whole.ne()).encode());
}

void put_data(CardSession& session, ByteView& input) {
    const apdu::Tag tag = pick(tags, take_byte(input));
    const std::size_t size = std::size_t{take_byte(input)} * 8; // up to 2,040
    const Bytes value(size, take_byte(input));
    const std::size_t block_size = std::max<std::size_t>(1, take_byte(input));
    Bytes data = apdu::make_tlv(tag, value);
    if (tag != 0x7E && tag != 0x7F61) {
        data = apdu::make_tlv(0x5C, apdu::encode_tag(tag));
        apdu::append_tlv(data, 0x53, value);
    }
    send_in_blocks(session, command(0xDB, 0x3F, 0xFF, data), std::max<std::size_t>(block_size, 16));
}

void generate(CardSession& session, ByteView& input) {
    const std::uint8_t reference = pick(references, take_byte(input));
    const std::uint8_t choice = take_byte(input);
    const Bytes algorithm{choice >= 0xF0 ? std::uint8_t{0x07} : std::uint8_t{0x11}};
    Bytes parameters = apdu::make_tlv(0x80, algorithm);
    if (choice % 4 == 3) {
        apdu::append_tlv(parameters, 0xAA, Bytes{static_cast<std::uint8_t>(choice / 4U % 5)});
    }
    session.send(command(0x47, 0x00, reference, apdu::make_tlv(0xAC, parameters), 256).encode());
}

void use_key(CardSession& session, ByteView& input) {
    const std::uint8_t reference = pick(references, take_byte(input));
    const std::uint8_t choice = take_byte(input);
    Bytes elements = apdu::make_tlv(0x82, {});
    apdu::append_tlv(elements, 0x81, Bytes(choice % 40U, choice));
    const CommandApdu whole =
        command(0x87, reference == 0x9B ? 0x08 : 0x11, reference, apdu::make_tlv(0x7C, elements), 256);
    send_in_blocks(session, whole, choice < 0x20 ? 20 : 255);
}

void get_data(CardSession& session, ByteView& input) {
    const apdu::Tag tag = pick(tags, take_byte(input));
    const std::uint32_t ne = take_byte(input);
    session.send(
        command(0xCB, 0x3F, 0xFF, apdu::make_tlv(0x5C, apdu::encode_tag(tag)), ne == 0 ? 256 : ne).encode());
}

void get_response(CardSession& session, ByteView& input) {
    const std::uint32_t ne = take_byte(input);
    session.send(command(0xC0, 0x00, 0x00, {}, ne == 0 ? 256 : ne).encode());
}

void select(CardSession& session, ByteView& input) {
    constexpr std::array<std::string_view, 4> commands{
        "00A4040009A0000003080000100000", "00A4040005A000000308", "00A4040006D27600012401", "00A4040000"};
    session.send(*apdu::from_hex(pick(commands, take_byte(input))));
}

/// A cut, for odd third bytes with a second one soon after, which mostly meets the recovery.
void cut(CardSession& session, ByteView& input) {
    const auto& tearings = harness::all_tearings();
    const std::uint8_t choice = take_byte(input);
    const std::uint8_t tearing = take_byte(input);
    const std::uint8_t again = take_byte(input);
    session.plan_cut(1U + choice % (choice < 0xC0 ? 6U : 64U), tearings.at(tearing % tearings.size()));
    if (again % 2 == 1) {
        session.plan_cut(1U + again / 2U % 4U, tearings.at(tearing / 16U % tearings.size()));
    }
}

void no_longer_verified(CardSession& session, ByteView& /*input*/) {
    session.send(*apdu::from_hex("0020FF80"));
}

void import_key(CardSession& session, ByteView& input) {
    const std::uint8_t reference = pick(references, take_byte(input));
    const std::uint8_t choice = take_byte(input);
    const Bytes scalar(choice % 16 == 0 ? 31U : 32U, static_cast<std::uint8_t>(1U + choice % 200U));
    const CommandApdu whole = command(0xFE, 0x11, reference, apdu::make_tlv(0x06, scalar));
    send_in_blocks(session, whole, choice < 0x20 ? 20 : 255);
}

void set_tries(CardSession& session, ByteView& input) {
    const std::uint8_t passcode = take_byte(input) % 17U;
    session.send(CommandApdu(0x00, 0xFA, passcode, take_byte(input) % 17U).encode());
}

void set_management_key(CardSession& session, ByteView& input) {
    const std::uint8_t choice = take_byte(input);
    Bytes data{0x08, 0x9B, 0x10};
    data.resize(choice % 16 == 0 ? 18U : 19U, choice);
    session.send(command(0xFF, 0xFF, choice % 2 == 0 ? 0xFF : 0xFE, data).encode());
}

/// Wrong codes until passcode and unblocking code are blocked.
void block_codes(CardSession& session, ByteView& /*input*/) {
    constexpr int most = 16;
    const Bytes wrong = piv::padded_code("999990");
    for (int i = 0; i < most && session.alive() && session.model().tries(0x80) > 0; ++i) {
        session.send(command(0x20, 0x00, 0x80, wrong).encode());
    }
    for (int i = 0; i < most && session.alive() && session.model().tries(0x81) > 0; ++i) {
        session.send(command(0x2C, 0x00, 0x80, joined(wrong, wrong)).encode());
    }
}

void reset_token(CardSession& session, ByteView& /*input*/) {
    session.send(*apdu::from_hex("00FB0000"));
}

void move_key(CardSession& session, ByteView& input) {
    const std::uint8_t from = pick(references, take_byte(input));
    const std::uint8_t choice = take_byte(input);
    const std::uint8_t to = choice % 4 == 0 ? std::uint8_t{0xFF} : pick(references, choice);
    session.send(CommandApdu(0x00, 0xF6, to, from).encode());
}

void ask_token(CardSession& session, ByteView& input) {
    constexpr std::array<std::string_view, 7> commands{"00FD000000", "00F8000000", "00F7008000", "00F7008100",
                                                       "00F7009B00", "00F7009A00", "00F99A0000"};
    session.send(*apdu::from_hex(pick(commands, take_byte(input))));
}

void raw(CardSession& session, ByteView& input) {
    const std::size_t high = take_byte(input);
    session.send(take(input, high << 8U | take_byte(input)));
}

void power_cycle(CardSession& session, ByteView& /*input*/) {
    session.power_cycle();
}

void reset(CardSession& session, ByteView& /*input*/) {
    session.reset();
}

struct StepKind {
    std::uint8_t code;
    const char* name;
    void (*run)(CardSession&, ByteView&);
    std::size_t arguments; ///< bytes behind the code
    unsigned often;        ///< in random scripts; the weights are relative
};

constexpr std::array step_kinds{
    StepKind{0xE8, "import key", import_key, 2, 2},
    StepKind{0xE9, "set tries", set_tries, 2, 2},
    StepKind{0xEA, "set management key", set_management_key, 1, 1},
    StepKind{0xEB, "reset token", reset_token, 0, 2},
    StepKind{0xEC, "move key", move_key, 2, 2},
    StepKind{0xED, "ask token", ask_token, 1, 1},
    StepKind{0xEE, "block codes", block_codes, 0, 1},
    StepKind{0xF0, "verify", verify, 1, 12},
    StepKind{0xF1, "change passcode", change_passcode, 2, 4},
    StepKind{0xF2, "change unblocking code", change_unblocking_code, 2, 2},
    StepKind{0xF3, "unblock", unblock, 2, 3},
    StepKind{0xF4, "authenticate", authenticate, 1, 10},
    StepKind{0xF5, "put data", put_data, 4, 12},
    StepKind{0xF6, "generate", generate, 2, 5},
    StepKind{0xF7, "use key", use_key, 2, 6},
    StepKind{0xF8, "get data", get_data, 2, 8},
    StepKind{0xF9, "get response", get_response, 1, 5},
    StepKind{0xFA, "select", select, 1, 2},
    StepKind{0xFB, "power cut", cut, 3, 14},
    StepKind{0xFC, "forget passcode", no_longer_verified, 0, 1},
    StepKind{0xFD, "raw", raw, 0, 0},
    StepKind{0xFE, "power off and on", power_cycle, 0, 1},
    StepKind{0xFF, "reset", reset, 0, 2},
};

void run_step(CardSession& session, ByteView& input) {
    const std::uint8_t code = take_byte(input);
    const auto* const kind = std::ranges::find(step_kinds, code, &StepKind::code);
    if (kind == step_kinds.end()) {
        session.send(take(input, code));
        return;
    }
    try {
        kind->run(session, input);
    } catch (const BrokenPromise& broken) {
        throw BrokenPromise(fmt::format("{}: {}", kind->name, broken.what()));
    }
}

/// Bytes that nobody but the engine decides: no distribution comes in between.
class Dice final {
public:
    explicit Dice(std::uint64_t number) : engine_(number) {}
    std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
    std::uint8_t byte() { return static_cast<std::uint8_t>(engine_() & 0xFFU); }

private:
    std::mt19937_64 engine_;
};

const StepKind& any_kind(Dice& dice) {
    unsigned all = 0;
    for (const StepKind& kind : step_kinds) {
        all += kind.often;
    }
    std::uint64_t drawn = dice.below(all);
    for (const StepKind& kind : step_kinds) {
        if (drawn < kind.often) {
            return kind;
        }
        drawn -= kind.often;
    }
    return step_kinds.front();
}

} // namespace

const std::vector<CardVariant>& card_variants() {
    static const std::vector<CardVariant> variants{
        {"journal", small_card()},
        {"global passcode", small_card([](emulator::CardSpec& spec) {
             spec.config.piv.global_passcode = emulator::PasscodeRules{6, 8, true, 5};
             spec.config.piv.prefers_global_passcode = true;
             spec.global_passcode = "765432";
         })},
        {"streamed", small_card([](emulator::CardSpec& spec) {
             spec.config.piv.put_data = emulator::PutDataMode::streamed;
         })},
        {"shadow",
         small_card([](emulator::CardSpec& spec) { spec.config.protection = emulator::Protection::shadow; })},
        {"no protection",
         small_card([](emulator::CardSpec& spec) { spec.config.protection = emulator::Protection::none; })},
        {"token", small_card([](emulator::CardSpec& spec) {
             spec.config.piv.yubico = emulator::YubicoExtensions{{5, 7, 0}, 12345678};
         })},
    };
    return variants;
}

Run run_script(ByteView script, const Sabotage& sabotage) {
    const CardVariant& variant = pick(card_variants(), take_byte(script));
    Run run;
    int step = 0;
    std::optional<CardSession> session;
    try {
        session.emplace(variant.card, sabotage);
        while (step < most_steps && !script.empty() && session->alive()) {
            ++step;
            run_step(*session, script);
        }
        if (session->alive()) {
            session->power_cycle();
        }
    } catch (const BrokenPromise& broken) {
        run.broken = fmt::format("card {}, step {}: {}", variant.name, step, broken.what());
    }
    if (session) {
        run.tally = session->tally();
    }
    return run;
}

Bytes random_script(std::uint64_t number, std::size_t variant, std::size_t steps) {
    Dice dice(number);
    Bytes script{static_cast<std::uint8_t>(variant)};
    for (std::size_t step = 0; step < steps; ++step) {
        const StepKind& kind = any_kind(dice);
        script.push_back(kind.code);
        for (std::size_t i = 0; i < kind.arguments; ++i) {
            script.push_back(dice.byte());
        }
    }
    return script;
}

} // namespace fuzz
