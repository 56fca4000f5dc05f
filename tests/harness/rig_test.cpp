#include "apdu/bytes.h"
#include "harness/errors.h"
#include "harness/rig.h"
#include "harness/signal_watch.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <semaphore>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <vector>

#include <unistd.h>

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

/// Takes itself out of its reader at a command, and puts another card in.
class SwappingCard final : public ReaderCard {
public:
    void power_on() override {}
    void power_off() override {}
    void reset() override {}
    Bytes atr() override { return cardrig::apdu::from_hex("3B8B0180F9A0000003080000100048").value(); }
    Answer transmit(ByteView /*command*/) override {
        Reader& in = *reader;
        in.remove();
        in.insert(*other);
        return tl::make_unexpected(NoAnswer::removed);
    }

    std::atomic<Reader*> reader = nullptr;
    std::atomic<ReaderCard*> other = nullptr;
};

/// Its first command runs until it is told.
class BusyCard final : public ReaderCard {
public:
    void power_on() override {}
    void power_off() override {}
    void reset() override {}
    Bytes atr() override { return cardrig::apdu::from_hex("3B8B0180F9A0000003080000100048").value(); }
    Answer transmit(ByteView /*command*/) override {
        if (!begun_.exchange(true)) {
            running.release();
            go_on.acquire();
        }
        return Bytes{0x90, 0x00};
    }

    std::binary_semaphore running{0};
    std::binary_semaphore go_on{0};

private:
    std::atomic<bool> begun_ = false;
};

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

/// Whether the card in the first reader answers with this status word.
bool answers(Rig& rig, std::string_view status) {
    const Run got = run(rig, {"opensc-tool", "-s", "00CB3FFF"});
    BOOST_TEST_MESSAGE(got.output);
    return got.result.exit_status == 0 && got.output.find(status) != std::string::npos;
}

/// The private daemon's process.
pid_t daemon_of(const Rig& rig) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline");
        const std::string words(std::istreambuf_iterator<char>(file), {});
        if (words.find(rig.folder() + "/readers") != std::string::npos) {
            return static_cast<pid_t>(std::stoi(entry.path().filename()));
        }
    }
    throw std::runtime_error("there is no daemon");
}

constexpr std::string_view success = "SW1=0x90, SW2=0x00";

/// Most tests hold for both.
using Kinds = std::tuple<std::integral_constant<ReaderKind, ReaderKind::rig>,
                         std::integral_constant<ReaderKind, ReaderKind::vpcd>>;

} // namespace

BOOST_AUTO_TEST_SUITE(rig)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_client_reaches_the_card_that_was_inserted, Kind, Kinds) {
    FixedCard card;
    std::string folder;
    {
        Rig rig(one_reader(), {Kind::value, nullptr});
        folder = rig.folder();
        BOOST_TEST(!rig.inserted(0));
        BOOST_TEST(rig.insert(0, card));
        BOOST_TEST(rig.inserted(0));
        BOOST_TEST(answers(rig, success));
        rig.remove(0);
        BOOST_TEST(!rig.inserted(0));
        BOOST_TEST(!answers(rig, success));
        BOOST_TEST(rig.insert(0, card));
        BOOST_TEST(answers(rig, success));
    }
    BOOST_TEST(!std::filesystem::exists(folder));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_card_that_is_taken_out_and_put_back_in_one_breath_is_in, Kind, Kinds) {
    FixedCard card;
    Rig rig(one_reader(&card), {Kind::value, nullptr});
    Reader& reader = rig.reader(0);
    for (int i = 0; i < 3; ++i) {
        reader.remove();
        reader.insert(card);
    }
    BOOST_TEST(reader.settle(std::chrono::seconds(20), [&rig] { rig.check(); }));
    BOOST_TEST(reader.card() == &card);
    BOOST_TEST(answers(rig, success));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_card_comes_back_with_the_reader_that_was_pulled_out, Kind, Kinds) {
    FixedCard card;
    Rig rig(one_reader(&card), {Kind::value, nullptr});
    Reader& reader = rig.reader(0);
    const auto settled = [&] { return reader.settle(std::chrono::seconds(10), [&rig] { rig.check(); }); };
    reader.unplug();
    BOOST_TEST(!reader.plugged());
    BOOST_TEST(settled());
    BOOST_TEST(!answers(rig, success));
    reader.plug();
    BOOST_TEST(reader.plugged());
    BOOST_TEST(settled());
    BOOST_TEST(answers(rig, success));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_card_can_be_swapped_from_within_its_own_command, Kind, Kinds) {
    FixedCard other;
    SwappingCard card;
    Rig rig(one_reader(&card), {Kind::value, nullptr});
    card.reader = &rig.reader(0);
    card.other = &other;
    BOOST_TEST(!answers(rig, success));
    BOOST_TEST(rig.reader(0).settle(std::chrono::seconds(10), [&rig] { rig.check(); }));
    BOOST_TEST(rig.reader(0).card() == &other);
    BOOST_TEST(answers(rig, success));
}

/// Else the end of its old command would switch it off there.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_card_is_in_another_reader_when_its_command_in_the_last_one_has_ended, Kind,
                              Kinds) {
    BusyCard card;
    Rig rig(std::vector<RigReaderPlan>{{{}, &card}, {}}, {Kind::value, nullptr});
    bool settled = true;
    std::thread mover([&] {
        if (card.running.try_acquire_for(std::chrono::seconds(60))) {
            rig.reader(0).remove();
            rig.reader(1).insert(card);
            settled = rig.reader(1).settle(std::chrono::milliseconds(1500), [] {});
        }
        card.go_on.release();
    });
    static_cast<void>(run(rig, {"opensc-tool", "-r", "0", "-s", "00CB3FFF"}));
    mover.join();
    BOOST_TEST(!settled);
    BOOST_TEST(rig.reader(1).settle(std::chrono::seconds(20), [] {}));
    BOOST_TEST(run(rig, {"opensc-tool", "-r", "1", "-s", "00CB3FFF"}).output.find(success) !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_move_that_waits_for_a_daemon_that_has_ended_says_so) {
    FixedCard card;
    Rig rig(one_reader(), {ReaderKind::rig, nullptr});
    BOOST_REQUIRE(kill(daemon_of(rig), SIGKILL) == 0);
    BOOST_CHECK_EXCEPTION(rig.insert(0, card, std::chrono::hours(1)), HostError, [](const HostError& error) {
        BOOST_TEST_MESSAGE(error.what());
        return std::string(error.what()).find("pcscd has ended") != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(a_card_that_does_not_start_is_out_of_vpcd_and_can_come_back) {
    FixedCard card;
    Rig rig(one_reader(&card), {ReaderKind::vpcd, nullptr});
    rig.remove(0);
    card.die();
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(!rig.insert(0, card));
        BOOST_TEST(!rig.inserted(0));
        BOOST_TEST(!answers(rig, success));
    }
    card.revive();
    BOOST_TEST(rig.insert(0, card));
    BOOST_TEST(answers(rig, success));
}

BOOST_AUTO_TEST_CASE(a_card_that_never_starts_is_told_of_vpcd) {
    FixedCard card;
    card.die();
    Rig rig(one_reader(&card), {ReaderKind::vpcd, nullptr});
    BOOST_TEST(!rig.inserted(0));
    BOOST_REQUIRE(rig.notices().size() == 1);
    BOOST_TEST(rig.notices().front().find(rig.reader_name(0)) != std::string::npos, rig.notices().front());
    card.revive();
    BOOST_TEST(rig.insert(0, card));
}

BOOST_AUTO_TEST_CASE(a_card_that_does_not_start_is_mute_in_the_rigs_reader_and_can_come_back) {
    FixedCard card;
    card.die();
    Rig rig(one_reader(&card), {ReaderKind::rig, nullptr});
    BOOST_TEST(rig.inserted(0));
    BOOST_TEST(!answers(rig, success));
    card.revive();
    rig.remove(0);
    BOOST_TEST(rig.insert(0, card));
    BOOST_TEST(answers(rig, success));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_client_can_be_killed_with_all_below_it, Kind, Kinds) {
    FixedCard card;
    Rig rig(one_reader(&card), {Kind::value, nullptr});
    std::promise<void> runs;
    std::string output;
    std::thread killer([&rig, &runs] {
        runs.get_future().wait();
        rig.kill_client();
    });
    ClientCommand command;
    command.argv = {"sh", "-c",
                    "trap '' TERM HUP; setsid sleep 1000 & echo $!; while :; do sleep 1000; done"};
    command.on_output = [&](std::string_view chunk) {
        if (output.find('\n') == std::string::npos && (output += chunk).find('\n') != std::string::npos) {
            runs.set_value();
        }
    };
    command.limit = std::chrono::seconds(60);
    const ClientResult result = rig.run(command);
    killer.join();
    BOOST_TEST(result.signal == SIGKILL);
    BOOST_TEST(!result.exit_status.has_value());
    BOOST_TEST(!result.timed_out);
    BOOST_TEST(!std::filesystem::exists("/proc/" + output.substr(0, output.find('\n'))));
    BOOST_TEST(answers(rig, success)); // the rig goes on
}

BOOST_AUTO_TEST_CASE(killing_a_client_that_does_not_run_kills_nothing) {
    Rig rig(one_reader());
    rig.kill_client();
    BOOST_TEST(run(rig, {"true"}).result.exit_status.value_or(-1) == 0);
    rig.kill_client();
    BOOST_TEST(run(rig, {"true"}).result.exit_status.value_or(-1) == 0);
}

BOOST_AUTO_TEST_CASE(a_signal_is_for_whoever_runs_clients_and_for_nobody_else) {
    const SignalWatch signals;
    Rig rig(one_reader(), {ReaderKind::rig, &signals});
    kill(getpid(), SIGTERM);
    BOOST_CHECK_NO_THROW(rig.check_host());
    BOOST_CHECK_EXCEPTION(rig.check(), Interrupted,
                          [](const Interrupted& stop) { return stop.signal() == SIGTERM; });
    BOOST_CHECK_NO_THROW(rig.check());
}

BOOST_AUTO_TEST_CASE(readers_are_named_as_asked_and_numbered_by_the_daemon) {
    FixedCard card;
    Rig rig(std::vector<RigReaderPlan>{{"Yubico YubiKey OTP+FIDO+CCID", nullptr}, {{}, &card}});
    BOOST_TEST(rig.size() == 2U);
    BOOST_TEST(rig.reader_name(0) == "Yubico YubiKey OTP+FIDO+CCID 00 00");
    BOOST_TEST(rig.reader_name(1) == "Cardrig Virtual Reader 01 00");
    const Run got = run(rig, {"opensc-tool", "-l"});
    BOOST_TEST(got.output.find("No              Yubico YubiKey OTP+FIDO+CCID 00 00\n") != std::string::npos,
               got.output);
    BOOST_TEST(got.output.find("Yes             Cardrig Virtual Reader 01 00\n") != std::string::npos,
               got.output);
    BOOST_TEST(run(rig, {"sh", "-c", "echo \"$CARDRIG_READER|$CARDRIG_READER_2\""}).output ==
               rig.reader_name(0) + "|" + rig.reader_name(1) + "\n");
}

BOOST_AUTO_TEST_CASE(what_no_rig_can_have_is_refused) {
    std::string letters; // 61 of two bytes each
    for (int i = 0; i < 61; ++i) {
        letters += "\u00e9";
    }
    const std::vector<std::string> bad_names{std::string(122, 'x'), letters, "with \"quotes\"", "with\nlines",
                                             "with\ttabs"};
    for (const std::string& name : bad_names) {
        BOOST_CHECK_EXCEPTION(
            Rig(std::vector<RigReaderPlan>{{name, nullptr}}), RequestError, [](const RequestError& error) {
                const std::string text = error.what();
                return text.find("121 bytes") != std::string::npos && text.find("tabs") != std::string::npos;
            });
    }
    const RigOptions vpcd{ReaderKind::vpcd, nullptr};
    BOOST_CHECK_THROW(Rig(std::vector<RigReaderPlan>{{"mine", nullptr}}, vpcd), RequestError);
    BOOST_CHECK_THROW(Rig(std::vector<RigReaderPlan>{}), RequestError);
    BOOST_CHECK_THROW(Rig(std::vector<RigReaderPlan>(3), vpcd), RequestError);
    BOOST_CHECK_THROW(Rig(std::vector<RigReaderPlan>(17)), RequestError);
}

BOOST_AUTO_TEST_CASE(the_longest_name_is_listed_whole) {
    const std::string name(121, 'x');
    Rig rig(std::vector<RigReaderPlan>{{name, nullptr}});
    BOOST_TEST(run(rig, {"opensc-tool", "-l"}).output.find(name + " 00 00\n") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
