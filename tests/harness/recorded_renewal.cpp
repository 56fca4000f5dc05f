#include "tests/harness/recorded_renewal.h"

#include "apdu/decoder.h"
#include "emulator/piv/piv_memory.h"
#include "harness/sweep/card_power.h"
#include "harness/test_authority.h"
#include "tests/harness/test_card.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::test {

namespace {

namespace piv = emulator::piv;
using apdu::Bytes;
using apdu::ByteView;
using apdu::CommandApdu;
using harness::MemoryStep;
using harness::Recording;

/// Memory that tells what it is asked to do.
class TellingNvm final : public emulator::Nvm {
public:
    using Tell = std::function<void(MemoryStep::Kind, std::uint32_t, ByteView)>;
    TellingNvm(emulator::Nvm& memory, Tell tell) : memory_(memory), tell_(std::move(tell)) {}

    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { memory_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override {
        tell_(MemoryStep::Kind::write, offset, bytes);
        memory_.write(offset, bytes);
    }
    void sync() override {
        tell_(MemoryStep::Kind::sync, 0, {});
        memory_.sync();
    }

private:
    emulator::Nvm& memory_;
    Tell tell_;
};

/// A card in use, and what it did so far.
class RecordedCard {
public:
    RecordedCard(const harness::MadeCard& made, const harness::CardMaker& maker)
        : made_(made), memory_(made.image.config.geometry, made.image.memory), power_(maker, now()),
          powered_(power_.on(telling_, made.image.config)) {
        if (!powered_.card) {
            throw std::runtime_error(powered_.card.error().message);
        }
    }

    [[nodiscard]] apdu::ResponseApdu send(const CommandApdu& command) {
        const Bytes bytes = command.encode();
        const apdu::DecodedCommand decoded = decoder_.command(bytes);
        const auto response = apdu::ResponseApdu::parse((*powered_.card)->transmit(bytes)).value();
        decoder_.response(response.status);
        const std::string status = apdu::to_string(response.status);
        harness::TraceEvent event;
        event.number = recording_.events.size() + 1;
        event.kind = "apdu";
        event.reader = 0;
        event.fields = {{"text", decoded.text()},
                        {"detail", decoded.detail},
                        {"delivered", true},
                        {"card-status", status},
                        {"status", status}};
        recording_.events.push_back(std::move(event));
        ++recording_.commands;
        return response;
    }

    /// In blocks, as every card takes it.
    [[nodiscard]] apdu::ResponseApdu chained(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2,
                                             ByteView data) {
        while (data.size() > 255) {
            const ByteView part = data.first(255);
            expect(send({0x10, ins, p1, p2, Bytes(part.begin(), part.end())}), 0x9000);
            data = data.subspan(255);
        }
        return send({0x00, ins, p1, p2, Bytes(data.begin(), data.end()), 256});
    }

    static void expect(const apdu::ResponseApdu& response, unsigned status) {
        if (response.status.value() != status && !(status == 0x9000 && response.status.sw1() == 0x61)) {
            throw std::runtime_error(
                fmt::format("{} instead of {:04X}", apdu::to_string(response.status), status));
        }
    }

    [[nodiscard]] const emulator::ObjectStore& store() const { return (*powered_.card)->store(); }
    void request_is_over() { ++requests_; }

    /// The end: the power is gone.
    [[nodiscard]] Recording finish() {
        powered_.card = apdu::failure("off");
        powered_.between.reset();
        recording_.made = {made_.image};
        recording_.start = recording_.made;
        recording_.end = {{made_.image.config, memory_.bytes(), memory_.weak()}};
        recording_.card_names = {"card"};
        recording_.passcodes = {{made_.passcode}};
        recording_.authority.resize(requests_ + 1);
        recording_.renewed = true;
        recording_.now = now();
        return std::move(recording_);
    }

private:
    void tell(MemoryStep::Kind kind, std::uint32_t offset, ByteView bytes) {
        MemoryStep step;
        step.kind = kind;
        step.number = kind == MemoryStep::Kind::write ? ++writes_ : 0;
        step.offset = offset;
        step.bytes.assign(bytes.begin(), bytes.end());
        step.event = recording_.events.size();
        step.requests = requests_;
        recording_.steps.push_back(std::move(step));
    }

    const harness::MadeCard& made_;
    Recording recording_;
    std::uint64_t writes_ = 0;
    std::size_t requests_ = 0;
    apdu::Decoder decoder_;
    emulator::MemoryNvm memory_;
    TellingNvm telling_{memory_, [this](auto kind, auto offset, auto bytes) { tell(kind, offset, bytes); }};
    harness::CardPower power_;
    harness::CardPower::Powered powered_;
};

void authenticate(RecordedCard& card, const harness::MadeCard& made) {
    emulator::CryptoContext crypto;
    const emulator::Algorithm algorithm = made.management_algorithm;
    const auto id = static_cast<std::uint8_t>(algorithm);
    const Bytes key = hex(made.management_key);
    const auto witness = card.send({0x00, 0x87, id, 0x9B, hex("7C028000"), 256});
    RecordedCard::expect(witness, 0x9000);
    // 7C len 80 len witness
    const ByteView encrypted = ByteView(witness.data).subspan(4);
    Bytes inner = apdu::make_tlv(0x80, emulator::decrypt_block(crypto, algorithm, key, encrypted));
    apdu::append_tlv(inner, 0x81, Bytes(emulator::block_size(algorithm), 0x5A));
    RecordedCard::expect(card.send({0x00, 0x87, id, 0x9B, apdu::make_tlv(0x7C, inner), 256}), 0x9000);
}

void renew(RecordedCard& card, const harness::MadeCard& made, harness::TestAuthority& authority,
           emulator::CryptoContext& crypto, piv::KeyReference slot) {
    const auto before = piv::StoredKey::decode(card.store().read(piv::key_object(slot)).value()).value();
    const Bytes algorithm{static_cast<std::uint8_t>(before.algorithm)};
    RecordedCard::expect(
        card.send({0x00, 0x47, 0x00, slot, apdu::make_tlv(0xAC, apdu::make_tlv(0x80, algorithm)), 256}),
        0x9000);
    const auto stored = piv::StoredKey::decode(card.store().read(piv::key_object(slot)).value()).value();
    const auto key = emulator::PrivateKey::from_der(crypto, stored.pkcs8).value();
    harness::CertificateOrder order;
    order.public_key = key.native();
    order.common_name = made.holder.name;
    order.number = made.holder.number;
    order.validity = {now() - std::chrono::hours(1), now() + std::chrono::hours(24 * 365)};
    order.use = harness::certificate_use(slot);
    const Bytes certificate = authority.issue(order);
    card.request_is_over();
    Bytes data = apdu::make_tlv(0x5C, apdu::encode_tag(piv::certificate_tag(slot).value()));
    apdu::append_tlv(data, 0x53, piv::certificate_container(certificate));
    RecordedCard::expect(card.chained(0xDB, 0x3F, 0xFF, data), 0x9000);
}

} // namespace

harness::ProfileOverrides small_card(const std::string& protection) {
    return {{"certificates.9A.algorithm", "p-256"},
            {"certificates.9C.algorithm", "p-256"},
            {"memory.page", "64"},
            {"memory.pages-per-block", "4"},
            {"memory.blocks", "64"},
            {"memory.protection", protection}};
}

Recording record_renewal(const RenewalScript& script) {
    harness::ProfileOverrides overrides = script.overrides;
    overrides.try_emplace("passcode.value", recorded_passcode);
    harness::MadeCard made = staff_card_with(overrides);
    made.image.config.geometry = script.chip.value_or(made.image.config.geometry);
    RecordedCard card(made, script.maker);
    emulator::CryptoContext crypto;
    emulator::FreshKeys keys;
    harness::TestAuthority authority(crypto, keys,
                                     {now() - std::chrono::hours(24), now() + std::chrono::hours(24 * 3650)});
    RecordedCard::expect(card.send({0x00, 0xA4, 0x04, 0x00, hex("A000000308"), 256}), 0x9000);
    if (script.wrong_try) {
        RecordedCard::expect(card.send({0x00, 0x20, 0x00, 0x80, padded("999999")}), 0x63C2);
    }
    RecordedCard::expect(card.send({0x00, 0x20, 0x00, 0x80, padded(made.passcode)}), 0x9000);
    authenticate(card, made);
    for (std::size_t round = 0; round < script.rounds; ++round) {
        for (const unsigned slot : script.slots) {
            renew(card, made, authority, crypto, static_cast<piv::KeyReference>(slot));
        }
    }
    return card.finish();
}

} // namespace cardrig::test
