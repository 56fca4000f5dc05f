#include "tests/harness/rigged_card_fixture.h"

#include "emulator/crypto.h"
#include "emulator/inspection.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace cardrig::test {

using namespace harness;

bool PlayedWorld::happen(RiggedCard& card, const Fault& fault) {
    asked.push_back(fault.effect.text());
    if (act) {
        act(card, fault);
    }
    return befalls;
}

Fault make_fault(const std::string& place, const std::string& effect, std::uint64_t id) {
    Fault fault{Place::parse(place).value(), Effect::parse(effect).value(), id};
    BOOST_TEST_REQUIRE(fault.check().has_value());
    return fault;
}

RiggedCardFixture::RiggedCardFixture(const emulator::CardImage& image) : card(0, image, 7, trace) {
    card.set_on_fault([this](const Fault& fault) { told.push_back(fault.effect.text()); });
    card.power_on();
}

std::string RiggedCardFixture::status(const std::string& command) {
    const auto answer = card.transmit(hex(command));
    if (!answer) {
        return answer.error() == NoAnswer::removed ? "removed" : "no power";
    }
    return answer->size() < 2 ? "short" : apdu::to_hex(apdu::ByteView(*answer).last(2));
}

int RiggedCardFixture::tries() const {
    return emulator::inspect(card.image()).value().passcode.left;
}

std::vector<TraceEvent> RiggedCardFixture::of_kind(const std::string& kind) const {
    std::vector<TraceEvent> found = trace.events();
    std::erase_if(found, [&](const TraceEvent& event) { return event.kind != kind; });
    return found;
}

void authenticate(RiggedCardFixture& rig) {
    const auto answer = rig.send(ask_challenge);
    BOOST_TEST_REQUIRE((answer && answer->size() == 14U)); // 7C 0A 81 08, the challenge, 9000
    emulator::CryptoContext crypto;
    const apdu::Bytes proof =
        emulator::encrypt_block(crypto, emulator::Algorithm::triple_des, hex(staff_card().management_key),
                                apdu::ByteView(*answer).subspan(4, 8));
    BOOST_TEST_REQUIRE(rig.status("0087039B0C7C0A8208" + apdu::to_hex(proof)) == "9000");
}

std::string put(RiggedCardFixture& rig, std::uint16_t size) {
    apdu::Bytes data = hex("5C035FC1205382");
    data.push_back(static_cast<std::uint8_t>(size >> 8U));
    data.push_back(static_cast<std::uint8_t>(size & 0xFFU));
    data.resize(data.size() + size, 0x42);
    std::string status = "nothing was sent";
    for (std::size_t at = 0; at < data.size(); at += 200) {
        const std::size_t length = std::min<std::size_t>(200, data.size() - at);
        apdu::Bytes block = hex(at + length < data.size() ? "10DB3FFF" : "00DB3FFF");
        block.push_back(static_cast<std::uint8_t>(length));
        const auto part = apdu::ByteView(data).subspan(at, length);
        block.insert(block.end(), part.begin(), part.end());
        status = rig.status(apdu::to_hex(block));
        if (status != "9000") {
            break;
        }
    }
    return status;
}

} // namespace cardrig::test
