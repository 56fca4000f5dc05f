#include "tests/emulator/piv_card.h"

#include "apdu/ber_tlv.h"
#include "emulator/card_config_rules.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::tests {

using apdu::CommandApdu;
using apdu::ResponseApdu;
using emulator::Algorithm;
namespace piv = emulator::piv;

namespace {

template <class T>
T required(apdu::Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

Bytes padded(std::string_view code) {
    Bytes bytes(code.begin(), code.end());
    bytes.resize(8, 0xFF);
    return bytes;
}

ByteView element(ByteView response, apdu::Tag tag) {
    const auto outer = required(apdu::parse_tlvs(response));
    const auto inner = required(apdu::parse_tlvs(outer.at(0).value));
    return apdu::find_tlv(inner, tag).value();
}

} // namespace

std::string block(std::string_view code) {
    return apdu::to_hex(padded(code));
}

Bytes hex(std::string_view text) {
    return required(apdu::from_hex(text));
}

emulator::PrivateKey PremadeKeys::generate(emulator::CryptoContext& context, Algorithm) {
    const Bytes& der = pkcs8_.at(next_++ % pkcs8_.size());
    return required(emulator::PrivateKey::from_der(context, der));
}

Bytes make_key(Algorithm algorithm) {
    emulator::CryptoContext context;
    emulator::FreshKeys keys;
    return keys.generate(context, algorithm).to_der();
}

Setup::Setup() {
    config.profile = "test";
    config.atr = hex("3B8B0180F9A0000003080000100048");
}

Bytes management_key(Algorithm algorithm) {
    Bytes key(emulator::key_size(algorithm));
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<std::uint8_t>(i % 8 + 1);
    }
    return key;
}

void personalise(emulator::Nvm& nvm, const Setup& setup) {
    const auto store = required(emulator::ObjectStore::format(nvm, setup.config.protection));
    emulator::Transaction transaction = store->begin();
    transaction.put(piv::passcode_object, padded(passcode));
    transaction.put(piv::unblocking_code_object, padded(unblocking_code));
    if (setup.config.piv.global_passcode) {
        transaction.put(piv::global_passcode_object, padded(global_passcode));
    }
    Bytes management = management_key(setup.management_algorithm);
    management.insert(management.begin(), static_cast<std::uint8_t>(setup.management_algorithm));
    transaction.put(piv::management_key_object, management);
    for (const Slot& slot : setup.keys) {
        const piv::StoredKey key{slot.algorithm, piv::KeyOrigin::generated, 0, make_key(slot.algorithm)};
        transaction.put(piv::key_object(slot.reference), key.encode());
    }
    if (transaction.commit() != emulator::CommitResult::committed) {
        throw std::runtime_error("the card's memory is too small");
    }
    store->set_counter(piv::passcode_tries, setup.config.piv.passcode.tries);
    store->set_counter(piv::unblocking_code_tries, setup.config.piv.unblocking_code.tries);
    if (setup.config.piv.global_passcode) {
        store->set_counter(piv::global_passcode_tries, setup.config.piv.global_passcode->tries);
    }
}

CardSession::CardSession(const Setup& setup, emulator::KeySource* keys)
    : setup_(setup), crypto_(setup.seed), keys_(keys != nullptr ? *keys : fresh_keys_) {
    if (const auto fault = emulator::config_fault(setup.config)) {
        throw std::runtime_error(*fault); // a card that nobody could make would be tested
    }
}

apdu::Result<void> CardSession::power_on(emulator::Nvm& nvm) {
    card_.reset();
    auto card = emulator::Card::power_on(nvm, setup_.config, {crypto_, entropy_, keys_, clock_});
    if (!card) {
        return tl::make_unexpected(card.error());
    }
    card_ = std::move(*card);
    return {};
}

PivCard::PivCard(const Setup& setup) : CardSession(setup), memory_(setup.config.geometry) {
    personalise(memory_, setup);
    power_cycle();
}

void PivCard::power_cycle() {
    if (const auto on = power_on(memory_); !on) {
        throw std::runtime_error(on.error().message);
    }
}

ResponseApdu CardSession::send(std::string_view command) {
    return required(ResponseApdu::parse(card_->transmit(hex(command))));
}

ResponseApdu CardSession::send(const CommandApdu& command) {
    return required(ResponseApdu::parse(card_->transmit(command.encode())));
}

ResponseApdu CardSession::chained(const CommandApdu& command, std::size_t block_size) {
    ByteView rest = command.data();
    while (rest.size() > block_size) {
        const ByteView head = rest.first(block_size);
        const auto cla = static_cast<std::uint8_t>(command.cla() | 0x10U);
        const ResponseApdu answer = send(
            CommandApdu(cla, command.ins(), command.p1(), command.p2(), Bytes(head.begin(), head.end())));
        if (answer.status != apdu::sw::success) {
            return answer;
        }
        rest = rest.subspan(block_size);
    }
    ResponseApdu whole = send(CommandApdu(command.cla(), command.ins(), command.p1(), command.p2(),
                                          Bytes(rest.begin(), rest.end()), command.ne()));
    while (whole.status.sw1() == 0x61) {
        const ResponseApdu more = send("00C0000000");
        whole.data.insert(whole.data.end(), more.data.begin(), more.data.end());
        whole.status = more.status;
    }
    return whole;
}

std::uint16_t CardSession::authenticate() {
    return authenticate(setup_.management_algorithm, management_key(setup_.management_algorithm));
}

std::uint16_t CardSession::authenticate(Algorithm algorithm, const Bytes& key) {
    const auto id = static_cast<std::uint8_t>(algorithm);
    const ResponseApdu witness = send(CommandApdu(0x00, 0x87, id, 0x9B, hex("7C028000"), 256));
    if (!witness.status.ok()) {
        return witness.status.value();
    }
    const Bytes proof = emulator::decrypt_block(crypto_, algorithm, key, element(witness.data, 0x80));
    const Bytes challenge(emulator::block_size(algorithm), 0x5A);
    Bytes inner = apdu::make_tlv(0x80, proof);
    apdu::append_tlv(inner, 0x81, challenge);
    const ResponseApdu answer = send(CommandApdu(0x00, 0x87, id, 0x9B, apdu::make_tlv(0x7C, inner), 256));
    if (answer.status.ok() &&
        !std::ranges::equal(element(answer.data, 0x82),
                            emulator::encrypt_block(crypto_, algorithm, key, challenge))) {
        throw UnexpectedAnswer("the card did not show that it has the management key");
    }
    return answer.status.value();
}

ResponseApdu CardSession::get_data(apdu::Tag tag) {
    return chained(CommandApdu(0x00, 0xCB, 0x3F, 0xFF, apdu::make_tlv(0x5C, apdu::encode_tag(tag)), 256));
}

std::uint16_t CardSession::put_data(apdu::Tag tag, ByteView value) {
    return chained(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, put_data_field(tag, value))).status.value();
}

void require_status(std::uint16_t status, std::uint16_t expected) {
    if (status != expected) {
        throw UnexpectedAnswer(fmt::format("{:04X} instead of {:04X}", status, expected));
    }
}

Bytes put_data_field(apdu::Tag tag, ByteView value) {
    if (tag == 0x7E || tag == 0x7F61) {
        return apdu::make_tlv(tag, value);
    }
    Bytes field = apdu::make_tlv(0x5C, apdu::encode_tag(tag));
    apdu::append_tlv(field, 0x53, value);
    return field;
}

} // namespace cardrig::tests
