#include "tests/emulator/piv_cut_bench.h"

#include "emulator/piv/piv_memory.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::tests {

namespace piv = emulator::piv;
using emulator::Algorithm;
using emulator::Nvm;
using harness::FaultyNvm;

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

std::size_t hash_of(const FaultyNvm::Remains& remains) {
    return std::hash<std::string>{}(fingerprint(remains));
}

} // namespace

emulator::PrivateKey SameKeys::generate(emulator::CryptoContext& context, Algorithm algorithm) {
    auto known = pkcs8_.find(algorithm);
    if (known == pkcs8_.end()) {
        known = pkcs8_.emplace(algorithm, make_key(algorithm)).first;
    }
    return emulator::PrivateKey::from_der(context, known->second).value();
}

PivCutBench::PivCutBench(emulator::Protection protection)
    : protection_(protection), memory_(setup(protection).config.geometry),
      session_(setup(protection), &keys_) {
    personalise(memory_, setup(protection));
    require_power(faulty_);
    require_status(session_.status(fmt::format("0024008010{}{}", block(passcode), block(old_passcode))),
                   0x9000);
    require_status(session_.authenticate(), 0x9000);
    require_status(session_.put_data(certificate_there, certificate_of(700, 0x11)), 0x9000);
    session_.power_off();
    in_use_ = faulty_.remains();
}

std::vector<std::string> PivCutBench::sweep(const Operation& operation, const Decorate& decorate) {
    violations_.clear();
    left_.clear();
    settled_.clear();
    const std::uint64_t writes = undisturbed(operation, decorate);
    for (std::uint64_t write = 1; write <= writes; ++write) {
        for (const harness::Tearing& tearing : harness::all_tearings()) {
            place_ = fmt::format("{} write #{} {}", operation.name, write, tearing.text());
            cut(operation, decorate, write, tearing);
            check(operation);
            ++cuts_;
            if (!decorate && protection_ != emulator::Protection::none) {
                cut_recoveries(operation);
            }
        }
    }
    return violations_;
}

std::vector<std::string> PivCutBench::answered_try_is_spent(const Decorate& decorate) {
    violations_.clear();
    place_ = "after a wrong try";
    start(operation("wrong try"), decorate);
    lose_one_try(session_);
    lose_power();
    if (power_on_remains() && tries() >= all_tries) {
        violation("I6 the answer was learnt and cost nothing");
    }
    return violations_;
}

Bytes PivCutBench::first_writes_of_try(std::string_view code) {
    start(operation("wrong try"), {});
    RecordingNvm recording(faulty_);
    require_power(recording);
    (void)session_.verify(code);
    session_.power_off();
    return recording.until_first_sync();
}

std::uint64_t PivCutBench::writes_of(std::string_view command) {
    session_.power_off();
    faulty_.restore(in_use_);
    require_power(faulty_);
    require_status(session_.status(select_piv), 0x9000);
    require_status(session_.verify(old_passcode), 0x9000);
    require_status(session_.authenticate(), 0x9000);
    const std::uint64_t before = faulty_.writes();
    (void)session_.status(command);
    return faulty_.writes() - before;
}

Setup PivCutBench::setup(emulator::Protection protection) {
    Setup setup;
    setup.config.geometry = {64, 4, 64};
    setup.config.protection = protection;
    setup.keys = {{0x9A, Algorithm::p256}};
    return setup;
}

void PivCutBench::require_power(Nvm& nvm) {
    if (const auto on = session_.power_on(nvm); !on) {
        throw std::runtime_error(on.error().message);
    }
}

/// The card in use, prepared; then what breaks it, if anything does, is put in.
void PivCutBench::start(const Operation& operation, const Decorate& decorate) {
    session_.power_off();
    faulty_.restore(in_use_);
    decorated_ = decorate ? decorate(faulty_) : nullptr;
    require_power(decorated_ ? *decorated_ : faulty_);
    operation.prepare(session_);
    before_ = state_of(session_.card().store());
}

std::uint64_t PivCutBench::undisturbed(const Operation& operation, const Decorate& decorate) {
    start(operation, decorate);
    const std::uint64_t first = faulty_.writes();
    operation.run(session_);
    after_ = state_of(session_.card().store());
    return faulty_.writes() - first;
}

void PivCutBench::cut(const Operation& operation, const Decorate& decorate, std::uint64_t write,
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

/// Cuts the recovery from what is left, and the recovery from that, until nothing comes of it that was not
/// there before. Where a recovery gets to is checked once: what it came from makes no difference any more.
void PivCutBench::cut_recoveries(const Operation& operation) {
    std::vector<FaultyNvm::Remains> open;
    if (left_.insert(hash_of(remains_)).second) {
        open.push_back(remains_);
    }
    while (!open.empty()) {
        const FaultyNvm::Remains from = std::move(open.back());
        open.pop_back();
        faulty_.restore(from);
        const std::uint64_t before = faulty_.writes();
        if (const auto on = session_.power_on(faulty_); !on) {
            violation("I1 mute after a recovery that was cut: " + on.error().message);
            continue;
        }
        session_.power_off();
        const std::uint64_t writes = faulty_.writes() - before;
        if (settled_.insert(hash_of(faulty_.remains())).second) {
            remains_ = from;
            check(operation);
        }
        for (std::uint64_t write = 1; write <= writes; ++write) {
            cut_recovery(from, write, open);
        }
    }
}

void PivCutBench::cut_recovery(const FaultyNvm::Remains& from, std::uint64_t write,
                               std::vector<FaultyNvm::Remains>& open) {
    for (const harness::Tearing& tearing : harness::all_tearings()) {
        session_.power_off();
        faulty_.restore(from);
        faulty_.cut_at(write, tearing);
        try {
            (void)session_.power_on(faulty_);
        } catch (const harness::PowerCut&) {
            ++cuts_of_recoveries_;
            FaultyNvm::Remains left = faulty_.remains();
            if (left_.insert(hash_of(left)).second) {
                open.push_back(std::move(left));
            }
        }
    }
}

void PivCutBench::lose_power() {
    session_.power_off();
    decorated_.reset();
    remains_ = faulty_.remains();
}

/// Every look at what is left begins from what was left, without a decorator.
bool PivCutBench::power_on_remains() {
    session_.power_off();
    faulty_.restore(remains_);
    if (const auto on = session_.power_on(faulty_); !on) {
        violation("I1 mute: " + on.error().message);
        return false;
    }
    return true;
}

void PivCutBench::check(const Operation& operation) {
    if (!power_on_remains()) {
        return;
    }
    check_answers();
    check_objects();
    check_tries(operation);
    check_statuses_are_gone();
    check_passcodes();
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
    const StoreState state = state_of(session_.card().store());
    if (state.objects != before_.objects && state.objects != after_.objects) {
        violation("I5 objects are neither those before nor those after");
    }
}

std::uint8_t PivCutBench::tries() {
    return session_.card().store().counter(piv::passcode_tries);
}

bool PivCutBench::passcode_is_new() {
    return session_.card().store().read(piv::passcode_object) != before_.objects.at(piv::passcode_object);
}

/// One power cut costs no more than the one try that was made.
void PivCutBench::check_counter(std::string_view code, int left, int before, Shown shown) {
    const int least = shown == Shown::nothing ? before : before - 1;
    const int most = shown == Shown::right ? all_tries : before;
    if (left < least || left > most) {
        violation(fmt::format("I6 {} tries for the {}, {} before", left, code, before));
    }
}

void PivCutBench::check_tries(const Operation& operation) {
    const bool all_are_back = operation.unblocks && passcode_is_new() && tries() == all_tries;
    if (!all_are_back) {
        check_counter("passcode", tries(), before_.counters.at(0), operation.passcode);
    }
    check_counter("unblocking code", session_.card().store().counter(piv::unblocking_code_tries),
                  before_.counters.at(1), operation.unblocking_code);
}

void PivCutBench::check_statuses_are_gone() {
    if (session_.status("00200080") == 0x9000) {
        violation("I6 the passcode is still verified");
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
    const bool blocked = tries() == 0;
    const int working = static_cast<int>(opens(old_passcode)) + static_cast<int>(opens(new_passcode));
    if (working != (blocked ? 0 : 1)) {
        violation(fmt::format("I6 {} of old and new passcode work", working));
    }
    if (opens(passcode)) {
        violation("I6 the factory passcode works");
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
    if (management != before_.objects.at(piv::management_key_object)) {
        return;
    }
    require_status(session_.authenticate(), 0x9000);
    (void)session_.put_data(certificate_not_there, certificate_of(2000, 0x44));
    (void)session_.status("0047009A05AC0380011100");
    (void)session_.put_data(certificate_there, {});
    (void)session_.put_data(certificate_not_there, {});
}

void PivCutBench::violation(const std::string& what) {
    violations_.push_back(fmt::format("{}: {}", place_, what));
}

} // namespace cardrig::tests
