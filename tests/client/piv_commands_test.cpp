// What the client makes of a card that answers without sense.
#include "scenarios/clients/reference/channel.h"
#include "scenarios/clients/reference/piv.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
namespace client = cardrig::client;

namespace {

/// Gives the same answer to every command.
class SameAnswer final : public client::Channel {
public:
    explicit SameAnswer(apdu::Bytes answer) : answer_(std::move(answer)) {}
    [[nodiscard]] apdu::Bytes transmit(apdu::ByteView /*command*/,
                                       std::chrono::milliseconds /*limit*/) override {
        ++asked_;
        return answer_;
    }
    [[nodiscard]] bool expects_length_with_data() const override { return true; }
    [[nodiscard]] int asked() const { return asked_; }

private:
    apdu::Bytes answer_;
    int asked_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(piv_commands)

BOOST_AUTO_TEST_CASE(an_answer_that_is_announced_again_and_again_and_never_comes_is_an_error) {
    SameAnswer card({0x61, 0x10});
    client::Piv piv(card);
    BOOST_CHECK_THROW(static_cast<void>(piv.read(client::holder_id_object)), client::CardError);
    BOOST_TEST(card.asked() == 2);
}

BOOST_AUTO_TEST_CASE(an_answer_without_end_is_an_error) {
    SameAnswer card({0x01, 0x02, 0x03, 0x04, 0x61, 0x00});
    client::Piv piv(card);
    BOOST_CHECK_THROW(static_cast<void>(piv.read(client::holder_id_object)), client::CardError);
}

BOOST_AUTO_TEST_SUITE_END()
