#include "tests/emulator/piv_cut_bench.h"

#include "emulator/piv/piv_memory.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::tests {

namespace piv = emulator::piv;
using emulator::Algorithm;
using emulator::Nvm;

namespace {

constexpr auto select_piv = "00A4040009A00000030800001000";

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

void put_into_use(CardSession& card) {
    require_status(card.status(fmt::format("0024008010{}{}", block(passcode), block(old_passcode))), 0x9000);
    require_status(card.authenticate(), 0x9000);
    require_status(card.put_data(certificate_there, certificate_of(700, 0x11)), 0x9000);
}

} // namespace

PivCutBench::PivCutBench(emulator::Protection protection)
    : protection_(protection), bench_(setup(protection), put_into_use), session_(bench_.card()) {}

std::vector<std::string> PivCutBench::sweep(const Operation& operation, const Decorate& decorate,
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

std::vector<std::string> PivCutBench::answered_try_is_spent(const Decorate& decorate) {
    bench_.start(operation("wrong try").prepare, decorate);
    lose_one_try(session_);
    bench_.lose_power();
    if (!power_on_remains()) {
        return {"I1 mute"};
    }
    if (tries(piv::passcode_tries) >= all_tries) {
        return {"I6 the answer was learnt and cost nothing"};
    }
    return {};
}

Bytes PivCutBench::first_writes_of_try(std::string_view code) {
    RecordingNvm* recording = nullptr;
    bench_.start(operation("wrong try").prepare, [&](Nvm& memory) {
        auto made = std::make_unique<RecordingNvm>(memory);
        recording = made.get();
        return made;
    });
    (void)session_.verify(code);
    return recording->until_first_sync();
}

std::uint64_t PivCutBench::writes_of(std::string_view command) {
    bench_.start([](CardSession& card) {
        require_status(card.status(select_piv), 0x9000);
        require_status(card.verify(old_passcode), 0x9000);
        require_status(card.authenticate(), 0x9000);
    });
    const std::uint64_t before = bench_.memory().writes();
    (void)session_.status(command);
    return bench_.memory().writes() - before;
}

Setup PivCutBench::setup(emulator::Protection protection) {
    Setup setup;
    setup.config.geometry = {64, 4, 64};
    setup.config.protection = protection;
    setup.config.piv.global_passcode = emulator::PasscodeRules{6, 8, true, all_global_tries};
    setup.keys = {{0x9A, Algorithm::p256}};
    return setup;
}

void PivCutBench::check(const Operation& operation) {
    check_answers();
    check_objects();
    check_tries(operation);
    check_statuses_are_gone();
    check_passcodes();
    check_global_passcodes();
    check_holder_gets_in_again();
    if (protection_ == emulator::Protection::none) {
        use_torn();
    }
}

void PivCutBench::check_answers() {
    if (session_.status(select_piv) != 0x9000 || session_.get_data(0x7E).status.value() != 0x9000) {
        violation("I1 the application does not answer");
    }
    const bool there = session_.card().store().contains(piv::data_object(certificate_there));
    if (session_.get_data(certificate_there).status.value() != (there ? 0x9000 : 0x6A82)) {
        violation("I1 the certificate cannot be read");
    }
}

void PivCutBench::check_objects() {
    const StoreState state = bench_.state();
    if (state.objects != cut_.before.objects && state.objects != cut_.after.objects) {
        violation("I5 objects are neither those before nor those after");
    }
}

std::uint8_t PivCutBench::tries(emulator::CounterId counter) {
    return session_.card().store().counter(counter);
}

std::uint8_t PivCutBench::tries_before(emulator::CounterId counter) const {
    return cut_.before.counters.at(static_cast<std::size_t>(counter));
}

bool PivCutBench::passcode_is_new() {
    return session_.card().store().read(piv::passcode_object) != cut_.before.objects.at(piv::passcode_object);
}

/// One power cut costs no more than the one try that was made.
void PivCutBench::check_counter(std::string_view code, emulator::CounterId counter, Shown shown,
                                std::uint8_t limit) {
    const int before = tries_before(counter);
    const int left = tries(counter);
    const int least = shown == Shown::nothing ? before : before - 1;
    const int most = shown == Shown::right ? limit : before;
    if (left < least || left > most) {
        violation(fmt::format("I6 {} tries for the {}, {} before", left, code, before));
    }
}

void PivCutBench::check_tries(const Operation& operation) {
    const bool all_are_back =
        operation.unblocks && passcode_is_new() && tries(piv::passcode_tries) == all_tries;
    if (!all_are_back) {
        check_counter("passcode", piv::passcode_tries, operation.passcode, all_tries);
    }
    check_counter("unblocking code", piv::unblocking_code_tries, operation.unblocking_code, all_tries);
    check_counter("global passcode", piv::global_passcode_tries, operation.global_passcode, all_global_tries);
}

void PivCutBench::check_statuses_are_gone() {
    if (session_.status("00200080") == 0x9000) {
        violation("I6 the passcode is still verified");
    }
    if (session_.status("00200000") == 0x9000) {
        violation("I6 the global passcode is still verified");
    }
    if (session_.put_data(certificate_there, Bytes(3)) != 0x6982) {
        violation("I6 the administrator is still authenticated");
    }
}

/// Whether a fresh power-on over the remains takes it.
bool PivCutBench::opens(std::string_view code) {
    return power_on_remains() && session_.verify(code) == 0x9000;
}

void PivCutBench::check_passcodes() {
    const bool blocked = tries(piv::passcode_tries) == 0;
    const int working = static_cast<int>(opens(old_passcode)) + static_cast<int>(opens(new_passcode));
    if (working != (blocked ? 0 : 1)) {
        violation(fmt::format("I6 {} of old and new passcode work", working));
    }
    if (opens(passcode)) {
        violation("I6 the factory passcode works");
    }
}

bool PivCutBench::opens_globally(std::string_view code) {
    return power_on_remains() && session_.status("0020000008" + block(code)) == 0x9000;
}

/// No operation blocks it.
void PivCutBench::check_global_passcodes() {
    const int working = static_cast<int>(opens_globally(global_passcode)) +
                        static_cast<int>(opens_globally(new_global_passcode));
    if (working != 1) {
        violation(fmt::format("I6 {} of old and new global passcode work", working));
    }
}

/// Whether a fresh power-on over the remains takes it, and then the passcode that it gives.
bool PivCutBench::lets_the_holder_in(std::string_view code) {
    return power_on_remains() && session_.status(unblock_command(code)) == 0x9000 &&
           session_.verify(new_passcode) == 0x9000;
}

void PivCutBench::check_holder_gets_in_again() {
    const bool with_new = lets_the_holder_in(new_unblocking_code);
    const bool with_old = lets_the_holder_in(unblocking_code);
    if (with_new == with_old) {
        violation(with_new ? "I6 old and new unblocking code work"
                           : "I6 the unblocking code does not let the holder in");
    }
    if (!with_old && !lets_the_holder_in(new_unblocking_code)) {
        return;
    }
    if (!key_signs()) {
        violation("I1 the key does not sign");
    }
}

bool PivCutBench::key_signs() {
    const auto bytes = session_.card().store().read(piv::key_object(piv::authentication_key));
    const auto key = piv::StoredKey::decode(bytes.value_or(Bytes{}));
    if (!key) {
        return false;
    }
    const bool rsa = key->algorithm == Algorithm::rsa2048;
    Bytes request = apdu::make_tlv(0x82, {});
    apdu::append_tlv(request, 0x81, Bytes(rsa ? 256 : 32, 0x55));
    const auto algorithm = static_cast<std::uint8_t>(key->algorithm);
    return session_
        .chained(apdu::CommandApdu(0x00, 0x87, algorithm, piv::authentication_key,
                                   apdu::make_tlv(0x7C, request), 256))
        .status.ok();
}

void PivCutBench::use_torn() {
    if (!power_on_remains()) {
        return;
    }
    for (const auto* const command :
         {"00CB3FFF055C035FC10500", "00CB3FFF035C017E00", "0087119A04", "0087079A047C02820000",
          "0087039B047C02800000", "0087039B047C02810000"}) {
        (void)session_.status(command);
    }
    (void)session_.verify(old_passcode);
    for (const auto* const algorithm : {"11", "07"}) {
        (void)session_.status(fmt::format("0087{}9A267C2482008120{}", algorithm, std::string(64, '5')));
    }
    const auto management = session_.card().store().read(piv::management_key_object);
    if (management != cut_.before.objects.at(piv::management_key_object)) {
        return;
    }
    require_status(session_.authenticate(), 0x9000);
    (void)session_.put_data(certificate_not_there, certificate_of(2000, 0x44));
    (void)session_.status("0047009A05AC0380011100");
    (void)session_.put_data(certificate_there, {});
    (void)session_.put_data(certificate_not_there, {});
}

} // namespace cardrig::tests
