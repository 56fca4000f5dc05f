#include "tests/harness/bad_cards.h"

#include "emulator/piv/piv_memory.h"
#include "emulator/store/layout.h"
#include "tests/harness/test_card.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace cardrig::test {

namespace {

namespace piv = emulator::piv;
using apdu::Bytes;
using apdu::ByteView;
using emulator::Nvm;

class BadNvm : public Nvm {
public:
    explicit BadNvm(Nvm& memory) : memory_(memory) {}
    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    /// What was held back reads as if it were there.
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override {
        memory_.read(offset, out);
        for (const auto& [at, bytes] : held_) {
            for (std::size_t i = 0; i < bytes.size(); ++i) {
                if (at + i >= offset && at + i < offset + out.size()) {
                    out[at + i - offset] = bytes[i];
                }
            }
        }
    }
    void write(std::uint32_t offset, ByteView bytes) override { memory_.write(offset, bytes); }
    void sync() override { memory_.sync(); }

protected:
    [[nodiscard]] emulator::store::Layout layout() const {
        return emulator::store::Layout::of(memory_.geometry(), emulator::Protection::journal).value();
    }
    [[nodiscard]] bool is_counter(std::uint32_t offset) const {
        const auto layout = this->layout();
        return layout.counters[0].contains(offset) || layout.counters[1].contains(offset);
    }
    void hold(std::uint32_t offset, ByteView bytes) {
        held_.emplace_back(offset, Bytes(bytes.begin(), bytes.end()));
    }
    void let_go() {
        for (const auto& [at, bytes] : std::exchange(held_, {})) {
            memory_.write(at, bytes);
        }
    }

    Nvm& memory_;
    std::vector<std::pair<std::uint32_t, Bytes>> held_;
};

class SpendsAfterwards final : public BadNvm {
public:
    using BadNvm::BadNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        if (is_counter(offset)) {
            hold(offset, bytes);
            return;
        }
        if (!held_.empty()) {
            let_go();
            memory_.sync();
        }
        memory_.write(offset, bytes);
    }
};

/// Loses the commit record of transactions that write a key, or of all others.
class InPlace final : public BadNvm {
public:
    InPlace(Nvm& memory, bool keys) : BadNvm(memory), keys_(keys) {}
    void write(std::uint32_t offset, ByteView bytes) override {
        const auto layout = this->layout();
        if (layout.journal.contains(offset)) {
            has_key_ = has_key_ || begins_key(bytes);
        }
        if (!layout.commit_record.contains(offset)) {
            memory_.write(offset, bytes);
            return;
        }
        const bool is_commit = bytes[0] == 'C';
        if (!is_commit || has_key_ != keys_) {
            memory_.write(offset, bytes);
        }
        has_key_ = has_key_ && is_commit;
    }

private:
    /// See piv::StoredKey.
    [[nodiscard]] static bool begins_key(ByteView page) {
        return page.size() > 5 && page[0] == 1 &&
               page[2] == static_cast<std::uint8_t>(piv::KeyOrigin::generated) && page[3] == 0 &&
               page[4] == 0x30;
    }
    bool keys_;
    bool has_key_ = false;
};

class RemembersVerified final : public BadNvm {
public:
    using BadNvm::BadNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        if (!is_counter(offset)) {
            memory_.write(offset, bytes);
            return;
        }
        if (absorbs_) {
            hold(offset, bytes);
            return;
        }
        memory_.write(offset, bytes);
        const std::uint8_t tries = bytes[8 + static_cast<std::size_t>(piv::passcode_tries)];
        if (tries > last_tries_) {
            memory_.write(note(), Bytes{1});
        }
        last_tries_ = tries;
    }
    [[nodiscard]] bool is_noted() const {
        Bytes found(1);
        memory_.read(note(), found);
        return found.front() == 1;
    }
    void absorb() { absorbs_ = true; }

private:
    /// The journal's last page, which nothing else comes to.
    [[nodiscard]] std::uint32_t note() const {
        const auto journal = layout().journal;
        return journal.offset + journal.size - memory_.geometry().page_size;
    }
    bool absorbs_ = false;
    std::uint8_t last_tries_ = piv::most_tries;
};

/// Until a transaction of its own, every write to home waits for the commit record to be cleared.
class RecoversOnce final : public BadNvm {
public:
    using BadNvm::BadNvm;
    void write(std::uint32_t offset, ByteView bytes) override {
        const auto layout = this->layout();
        in_use_ = in_use_ || layout.journal.contains(offset);
        if (!in_use_ && layout.home.contains(offset)) {
            hold(offset, bytes);
            return;
        }
        memory_.write(offset, bytes);
        if (layout.commit_record.contains(offset)) {
            memory_.sync();
            let_go();
        }
    }

private:
    bool in_use_ = false;
};

class SmallerBlocks final : public BadNvm {
public:
    SmallerBlocks(Nvm& memory, const emulator::NvmGeometry& geometry) : BadNvm(memory), geometry_(geometry) {}
    [[nodiscard]] emulator::NvmGeometry geometry() const override { return geometry_; }

private:
    emulator::NvmGeometry geometry_;
};

template <class Memory, class... Values>
harness::CardMaker over(Values... values) {
    harness::CardMaker maker;
    maker.decorate = [values...](Nvm& memory) -> std::unique_ptr<Nvm> {
        return std::make_unique<Memory>(memory, values...);
    };
    return maker;
}

bool commit_record_is_erased(const Nvm& memory) {
    const auto layout = emulator::store::Layout::of(memory.geometry(), emulator::Protection::journal).value();
    Bytes record(16);
    memory.read(layout.commit_record.offset, record);
    return std::ranges::all_of(record, [](std::uint8_t byte) { return byte == emulator::erased_byte; });
}

void start_anew(Nvm& memory) {
    const auto store = emulator::ObjectStore::mount(memory);
    if (!store) {
        return;
    }
    auto transaction = (*store)->begin();
    for (const emulator::ObjectId id : (*store)->objects()) {
        if (id != piv::management_key_object) {
            transaction.erase(id);
        }
    }
    transaction.put(piv::passcode_object, padded("123456"));
    transaction.put(piv::unblocking_code_object, padded("12345678"));
    if (transaction.commit() == emulator::CommitResult::committed) {
        (*store)->set_counter(piv::passcode_tries, 3);
        (*store)->set_counter(piv::unblocking_code_tries, 3);
    }
}

} // namespace

harness::CardMaker spends_tries_afterwards() {
    return over<SpendsAfterwards>();
}

harness::CardMaker writes_keys_in_place() {
    return over<InPlace>(true);
}

harness::CardMaker writes_length_first() {
    return over<InPlace>(false);
}

harness::CardMaker remembers_verified(const std::string& passcode) {
    harness::CardMaker maker = over<RemembersVerified>();
    maker.power_on = [passcode](Nvm& memory, const emulator::CardConfig& config,
                                const emulator::Environment& environment) {
        auto card = emulator::Card::power_on(memory, config, environment);
        auto& bad = dynamic_cast<RemembersVerified&>(memory);
        if (card && bad.is_noted()) {
            bad.absorb();
            (void)(*card)->transmit(apdu::CommandApdu(0x00, 0x20, 0x00, 0x80, padded(passcode)).encode());
        }
        return card;
    };
    return maker;
}

harness::CardMaker recovers_once() {
    return over<RecoversOnce>();
}

harness::CardMaker starts_anew_when_empty() {
    harness::CardMaker maker;
    maker.power_on = [](Nvm& memory, const emulator::CardConfig& config,
                        const emulator::Environment& environment) {
        if (commit_record_is_erased(memory)) {
            start_anew(memory);
        }
        return emulator::Card::power_on(memory, config, environment);
    };
    return maker;
}

harness::CardMaker believes_in(const emulator::NvmGeometry& geometry) {
    return over<SmallerBlocks>(geometry);
}

} // namespace cardrig::test
