#include "apdu/bytes.h"
#include "harness/errors.h"
#include "harness/rig.h"

#include <atomic>
#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using namespace cardrig::harness;

/// Answers at once: 9000 to everything but one command.
class FixedCard final : public ReaderCard {
public:
    explicit FixedCard(std::string_view atr = "3B8B0180F9A0000003080000100048")
        : atr_(cardrig::apdu::from_hex(atr).value()) {}
    void power_on() override { powered_ = !dead_; }
    void power_off() override { powered_ = false; }
    void reset() override { ++resets_; }
    Bytes atr() override { return powered_ ? atr_ : Bytes{}; }
    Answer transmit(ByteView command) override {
        ++commands_;
        if (command.size() > 1 && command[1] == 0xFE) { // leaves the reader
            return tl::make_unexpected(NoAnswer::removed);
        }
        return command.size() > 1 && command[1] == 0xA4 ? Bytes{0x6A, 0x82} : Bytes{0x90, 0x00};
    }
    int commands() const { return commands_; }
    /// Does not start any more.
    void die() { dead_ = true; }
    void revive() { dead_ = false; }

private:
    Bytes atr_;
    std::atomic<bool> powered_ = false;
    std::atomic<bool> dead_ = false;
    std::atomic<int> commands_ = 0;
    std::atomic<int> resets_ = 0;
};

std::vector<RigReaderPlan> one_reader(ReaderCard* card = nullptr) {
    return {{{}, card}};
}

struct Run {
    ClientResult result;
    std::string output;
};

Run run(Rig& rig, std::vector<std::string> argv) {
    Run run;
    ClientCommand command;
    command.argv = std::move(argv);
    command.on_output = [&run](std::string_view chunk) { run.output += chunk; };
    command.limit = std::chrono::seconds(60);
    run.result = rig.run(command);
    return run;
}

} // namespace

BOOST_AUTO_TEST_SUITE(rig)

BOOST_AUTO_TEST_CASE(a_client_reaches_the_card_that_was_inserted) {
    FixedCard card;
    std::string folder;
    {
        Rig rig(one_reader());
        folder = rig.folder();
        BOOST_TEST(!rig.inserted(0));
        rig.insert(0, card);
        BOOST_TEST(rig.inserted(0));
        const Run got = run(rig, {"opensc-tool", "-s", "00CB3FFF"});
        BOOST_TEST(got.output.find("SW1=0x90, SW2=0x00") != std::string::npos, got.output);
        BOOST_TEST(got.result.exit_status.value_or(-1) == 0);
        rig.remove(0);
        BOOST_TEST(!rig.inserted(0));
        rig.insert(0, card);
        BOOST_TEST(rig.inserted(0));
    }
    BOOST_TEST(!std::filesystem::exists(folder));
}

BOOST_AUTO_TEST_CASE(a_card_that_does_not_start_is_out_and_can_come_back) {
    FixedCard card;
    Rig rig(one_reader(&card));
    rig.remove(0);
    card.die();
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(!rig.insert(0, card));
        BOOST_TEST(!rig.inserted(0));
        BOOST_TEST(run(rig, {"opensc-tool", "-s", "00CB3FFF"}).result.exit_status.value_or(-1) != 0);
    }
    card.revive();
    BOOST_TEST(rig.insert(0, card));
    const Run got = run(rig, {"opensc-tool", "-s", "00CB3FFF"});
    BOOST_TEST(got.output.find("SW1=0x90, SW2=0x00") != std::string::npos, got.output);
}

BOOST_AUTO_TEST_CASE(a_card_that_never_starts_is_told) {
    FixedCard card;
    card.die();
    Rig rig(one_reader(&card));
    BOOST_TEST(!rig.inserted(0));
    BOOST_REQUIRE(rig.notices().size() == 1);
    BOOST_TEST(rig.notices().front().find(rig.reader_name(0)) != std::string::npos, rig.notices().front());
    card.revive();
    BOOST_TEST(rig.insert(0, card));
}

BOOST_AUTO_TEST_SUITE_END()
