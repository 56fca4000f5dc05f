// A whole card: whatever it is sent, it answers, keeps its counters, and goes on.
//
// The input is a row of steps: FF is a warm reset, FE a power cycle, FD and two bytes the length of a command
// that follows, any other byte the length itself.
#include "emulator/card.h"
#include "emulator/piv/piv_memory.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/small_card.h"

namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
namespace piv = cardrig::emulator::piv;
using apdu::Bytes;
using apdu::ByteView;

namespace {

/// Rows of empty commands could go on for long.
constexpr int most_steps = 256;

class Session final {
public:
    Session() : config_(fuzz::small_card().config), nvm_(config_.geometry, fuzz::small_card().memory) {
        power_cycle();
    }

    void power_cycle() {
        card_.reset();
        auto card = emulator::Card::power_on(nvm_, config_, fuzz::world().environment());
        fuzz::require(card.has_value(), "the card comes back");
        card_ = std::move(*card);
    }

    void reset() { card_->reset(); }

    void send(ByteView bytes) {
        const Tries before = tries();
        const Bytes answer = card_->transmit(bytes);
        const auto response = apdu::ResponseApdu::parse(answer);
        fuzz::require(response.has_value(), "an answer has at least a status word");
        const auto command = apdu::CommandApdu::parse(bytes);
        if (!command) {
            fuzz::require(answer == Bytes{0x67, 0x00}, "what is malformed has a wrong length");
        } else {
            fuzz::require(response->data.size() <= command->ne().value_or(256),
                          "an answer is no longer than Ne");
        }
        fuzz::require((command && command->extended()) || answer.size() <= 258, "a short answer is short");
        const unsigned kind = response->status.sw1() >> 4U;
        fuzz::require(kind == 0x6 || kind == 0x9, "a status word is 6X or 9X");
        check_tries(before, command && response->status.ok() && shows_code(command->ins()));
    }

    void check_alive() {
        const Bytes answer = card_->transmit(*apdu::from_hex("00A4040005A000000308"));
        fuzz::require(answer.size() > 2 && answer[answer.size() - 2] == 0x90 && answer.back() == 0x00,
                      "the application can be selected");
    }

    /// After the last command, and once more after a power cut.
    void check_end() {
        check_alive();
        power_cycle();
        check_alive();
        for (const piv::KeyReference reference : {piv::authentication_key, piv::signature_key}) {
            const auto stored = card_->store().read(piv::key_object(reference));
            fuzz::require(stored && piv::StoredKey::decode(*stored), "keys are whole");
        }
        const auto passcode = card_->store().read(piv::passcode_object);
        fuzz::require(passcode && passcode->size() == 8, "there is a passcode");
    }

private:
    struct Tries {
        std::uint8_t passcode;
        std::uint8_t unblocking_code;
    };

    [[nodiscard]] Tries tries() const {
        return {card_->store().counter(piv::passcode_tries),
                card_->store().counter(piv::unblocking_code_tries)};
    }

    /// VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER
    static bool shows_code(std::uint8_t ins) { return ins == 0x20 || ins == 0x24 || ins == 0x2C; }

    void check_tries(const Tries& before, bool code_was_right) const {
        const Tries now = tries();
        fuzz::require(now.passcode <= config_.piv.passcode.tries &&
                          now.unblocking_code <= config_.piv.unblocking_code.tries,
                      "tries are never above the limit");
        fuzz::require(code_was_right ||
                          (now.passcode <= before.passcode && now.unblocking_code <= before.unblocking_code),
                      "only a right code gives tries back");
    }

    const emulator::CardConfig& config_;
    emulator::MemoryNvm nvm_;
    std::unique_ptr<emulator::Card> card_;
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteView rest(data, size);
    Session session;
    for (int step = 1; step <= most_steps && !rest.empty(); ++step) {
        const std::uint8_t length = fuzz::take_byte(rest);
        if (length == 0xFF) {
            session.reset();
        } else if (length == 0xFE) {
            session.power_cycle();
        } else if (length == 0xFD) {
            const std::size_t high = fuzz::take_byte(rest);
            session.send(fuzz::take(rest, high << 8U | fuzz::take_byte(rest)));
        } else {
            session.send(fuzz::take(rest, length));
        }
        if (step % 8 == 0) {
            session.check_alive();
        }
    }
    session.check_end();
    return 0;
}
