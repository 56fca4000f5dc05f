// The places of a recorded run: each is found again at its event, in a run that does the same.
#include "harness/sweep/sweep_plan.h"

#include "harness/sweep/sweep_words.h"
#include "harness/trace_places.h"
#include "tests/harness/rigged_card_fixture.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace cardrig::test;

namespace {

/// Commands of all kinds that places have to tell apart: alike ones, chains, one that breaks off, some that
/// have no words.
void converse(RiggedCardFixture& rig) {
    const std::vector<const char*> commands{
        "00A404000BA000000308000010000100", // SELECT PIV, whole AID
        ask_tries,
        wrong_passcode,
        right_passcode,
        right_passcode,
        read_chuid,
        "00C0000000",           // GET RESPONSE, once or for nothing
        "00CB3FFF055C035FC1FF", // an object that nobody knows
        "00A40000023F00",       // SELECT by file, for which places have no words
        "80FD0000",             // another class
        "00FE0000",
        "00",                               // no APDU
        "10DB3FFF0A5C035FC12053820190AAAA", // a chain that breaks off
        "00A4040009A00000030800001000",     // SELECT PIV, in short
        "00CB3FFF055C035FC10200",
    };
    for (const char* const command : commands) {
        static_cast<void>(rig.send(command));
    }
    authenticate(rig);
    BOOST_TEST_REQUIRE(put(rig, 500) == "9000");
    BOOST_TEST_REQUIRE(put(rig, 300) == "9000");
    static_cast<void>(rig.send(wrong_passcode));
}

Recording recording_of(const std::vector<TraceEvent>& events) {
    Recording recording;
    recording.card_names = {"card"};
    recording.events = events;
    return recording;
}

/// Index of the command after which the rig noted a fault; none where there was none.
std::optional<std::size_t> struck(const std::vector<TraceEvent>& events) {
    std::optional<std::size_t> command;
    std::size_t commands = 0;
    for (const TraceEvent& event : events) {
        if (event.kind == "apdu") {
            command = commands++;
        } else if (event.kind == "fault") {
            return command;
        }
    }
    return std::nullopt;
}

TraceEvent command_event(const std::string& text, const std::string& card = "") {
    TraceEvent event;
    event.kind = "apdu";
    event.fields = {{"text", text}, {"delivered", true}};
    if (!card.empty()) {
        event.fields["card"] = card;
    }
    return event;
}

TraceEvent request_event(const std::string& request, const std::string& object = "") {
    TraceEvent event;
    event.kind = "authority";
    event.fields = {{"request", request}};
    if (!object.empty()) {
        event.fields["object"] = object;
    }
    return event;
}

std::vector<std::string> texts(const std::vector<PlannedPlace>& places) {
    std::vector<std::string> found;
    std::ranges::transform(places, std::back_inserter(found),
                           [](const PlannedPlace& place) { return place.place.text(); });
    return found;
}

SweepSelection only(const std::string& models, const std::string& places = "") {
    SweepSelection selection;
    selection.models = models_from_words(models);
    if (!places.empty()) {
        selection.places = std::regex(places);
    }
    return selection;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_plan)

BOOST_AUTO_TEST_CASE(every_place_of_a_real_conversation_comes_again_at_its_own_command) {
    RiggedCardFixture recorded;
    converse(recorded);
    const auto commands = recorded.of_kind("apdu");
    const auto places = live_places(recording_of(commands), only("cut-power"));
    BOOST_TEST(places.size() == 2 * commands.size());
    for (const PlannedPlace& planned : places) {
        RiggedCardFixture again;
        again.card.plan({make_fault(planned.place.place.text(), "wait")});
        converse(again);
        const auto at = struck(again.trace.events());
        BOOST_TEST_REQUIRE(at.has_value(), planned.place.text());
        BOOST_TEST(*at == planned.event, planned.place.text());
        BOOST_TEST(*at == planned.position, planned.place.text());
    }
}

BOOST_AUTO_TEST_CASE(a_place_is_said_by_its_meaning) {
    RiggedCardFixture rig;
    converse(rig);
    const auto found = texts(live_places(recording_of(rig.of_kind("apdu")), only("cut-power")));
    const std::set<std::string> all(found.begin(), found.end());
    BOOST_TEST(all.size() == found.size());
    for (const char* const wanted :
         {"live: select piv before: cut-power", "live: select piv #2 after: cut-power",
          "live: verify passcode-status after: cut-power", "live: verify passcode #3 before: cut-power",
          "live: get-data chuid #2 before: cut-power", "live: malformed before: cut-power",
          "live: put-data retired-certificate-20 block 1 before: cut-power",
          "live: put-data retired-certificate-20 #3 block 2 after: cut-power"}) {
        BOOST_TEST((all.contains(wanted)), wanted);
    }
    // What has no words of its own is counted among those of its name.
    BOOST_TEST((all.contains("live: select #2 before: cut-power")));
}

BOOST_AUTO_TEST_CASE(every_text_is_read_back_as_the_same_place) {
    RiggedCardFixture rig;
    converse(rig);
    Recording recording = recording_of(rig.of_kind("apdu"));
    recording.events.push_back(request_event("certificate", "9A"));
    for (const PlannedPlace& planned : live_places(recording, {})) {
        const auto read = SweepPlace::parse(planned.place.text());
        BOOST_TEST_REQUIRE(read.has_value(), planned.place.text());
        BOOST_TEST((*read == planned.place), planned.place.text());
        BOOST_TEST((Fault{planned.place.place, planned.place.effect}.check().has_value()),
                   planned.place.text());
        PlannedPlace expected = planned;
        expected.event = 0; // which stays where it is
        BOOST_TEST((PlannedPlace::from_json(planned.to_json()) == expected));
    }
}

BOOST_AUTO_TEST_CASE(five_effects_at_both_moments_of_each_command_one_effect_after_the_other) {
    const auto places =
        live_places(recording_of({command_event("select piv"), command_event("verify passcode")}), {});
    const auto found = texts(places);
    BOOST_TEST(found.size() == 20U);
    const std::vector<std::string> first(found.begin(), found.begin() + 5);
    const std::vector<std::string> wanted{
        "live: select piv before: cut-power", "live: select piv after: cut-power",
        "live: verify passcode before: cut-power", "live: verify passcode after: cut-power",
        "live: select piv before: kill-client"};
    BOOST_TEST(first == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_request_gets_what_can_be_wrong_with_it) {
    const auto found =
        texts(live_places(recording_of({request_event("login"), request_event("certificate", "9C")}), {}));
    const std::set<std::string> all(found.begin(), found.end());
    for (const char* const wanted :
         {"live: authority login before: fail 503", "live: authority login after: drop",
          "live: authority certificate 9C before: wrong-key",
          "live: authority certificate 9C before: later 1 s", "live: authority login after: kill-client",
          "live: authority login after: truncate 1 byte"}) {
        BOOST_TEST((all.contains(wanted)), wanted);
    }
    for (const char* const unwanted :
         {"live: authority login before: wrong-key", "live: authority certificate 9C after: wrong-key",
          "live: authority login before: truncate 1 byte", "live: authority login before: cut-power"}) {
        BOOST_TEST(!all.contains(unwanted), unwanted);
    }
}

BOOST_AUTO_TEST_CASE(requests_are_counted_as_the_authority_does) {
    const Recording recording =
        recording_of({request_event("certificate", "9A"), request_event("unknown"),
                      request_event("certificate", "82"), request_event("certificate", "9A")});
    const auto places = live_places(recording, only("drop before"));
    const std::vector<std::string> wanted{"live: authority certificate 9A before: drop",
                                          "live: authority certificate #2 before: drop",
                                          "live: authority certificate 9A #2 before: drop"};
    BOOST_TEST(texts(places) == wanted, boost::test_tools::per_element());
    BOOST_TEST(places.back().position == 3U);
}

BOOST_AUTO_TEST_CASE(each_card_counts_for_itself) {
    Recording recording =
        recording_of({command_event("verify passcode", "agent"), command_event("verify passcode", "holder"),
                      command_event("verify passcode", "agent")});
    recording.card_names = {"agent", "holder"};
    const auto found = texts(live_places(recording, only("remove before")));
    const std::vector<std::string> wanted{"live: verify passcode before: remove",
                                          "live: verify passcode before card holder: remove",
                                          "live: verify passcode #2 before: remove"};
    BOOST_TEST(found == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_chain_whose_object_is_told_late_is_counted_without_it) {
    const Recording recording = recording_of({command_event("put-data retired-certificate-20 block 1"),
                                              command_event("put-data retired-certificate-20 block 2"),
                                              command_event("put-data block 1"),
                                              command_event("put-data retired-certificate-20 block 2")});
    const auto found = texts(live_places(recording, only("cut-power after")));
    BOOST_TEST(found.at(1) == "live: put-data retired-certificate-20 block 2 after: cut-power");
    BOOST_TEST(found.at(3) == "live: put-data #2 block 2 after: cut-power");
}

BOOST_AUTO_TEST_CASE(writes_are_cut_by_each_model_one_after_the_other) {
    Recording recording = recording_of({command_event("verify passcode")});
    recording.card_names = {"holder", "agent"};
    recording.steps = {{MemoryStep::Kind::write, 0, 1, 0, {1}, 0, 0},
                       {MemoryStep::Kind::sync, 0, 0, 0, {}, 0, 0},
                       {MemoryStep::Kind::write, 1, 1, 0, {1}, 0, 0}};
    const auto places = memory_places(recording, {});
    BOOST_TEST(places.size() == 2 * all_tearings().size());
    BOOST_TEST(places.front().place.text() == "memory: write #1: " + all_tearings().front().text());
    BOOST_TEST(places.back().place.text() == "memory: write #1 card agent: " + all_tearings().back().text());
    BOOST_TEST(places.back().position == 1U);
    BOOST_TEST(memory_places(recording, only("prefix", "agent")).size() == 4U);
}

BOOST_AUTO_TEST_CASE(shards_are_even_and_together_all) {
    std::vector<int> all(10);
    for (int i = 0; i < 10; ++i) {
        all[static_cast<std::size_t>(i)] = i;
    }
    BOOST_TEST(every_nth(all, {1, 3}) == (std::vector<int>{0, 3, 6, 9}), boost::test_tools::per_element());
    BOOST_TEST(every_nth(all, {3, 3}) == (std::vector<int>{2, 5, 8}), boost::test_tools::per_element());
    BOOST_TEST(every_nth(std::vector<int>{}, {1, 3}).empty());
}

BOOST_AUTO_TEST_CASE(a_selection_searches_the_place_and_not_its_effect) {
    const auto selected = [](const std::string& expression, const char* place) {
        SweepSelection selection;
        selection.places = std::regex(expression);
        return selection.takes(SweepPlace::parse(place).value());
    };
    const char* const place = "live: put-data signature-certificate block 3 before: remove";
    BOOST_TEST(selected("put-data signature", place));
    BOOST_TEST(selected("put-data signature-certificate #1 block 3", place));
    BOOST_TEST(selected("block 3 before$", place));
    BOOST_TEST(!selected("remove", place));
    BOOST_TEST(!selected("live", place));
    BOOST_TEST(selected("^write #57$", "memory: write #57: prefix half"));
    BOOST_TEST(!selected("^write #5$", "memory: write #57: prefix half"));
}

BOOST_AUTO_TEST_CASE(a_model_is_named_whole_or_by_its_first_words) {
    const auto takes = [](const char* models, const char* place) {
        return only(models).takes(SweepPlace::parse(place).value());
    };
    BOOST_TEST(takes("prefix", "memory: write #1: prefix half"));
    BOOST_TEST(takes("prefix half", "memory: write #1: prefix half"));
    BOOST_TEST(!takes("prefix one", "memory: write #1: prefix half"));
    BOOST_TEST(takes("remove,cut-power after", "live: select piv after: cut-power"));
    BOOST_TEST(!takes("cut-power after", "live: select piv before: cut-power"));
    BOOST_TEST(takes("fail", "live: authority login before: fail 503"));
}

BOOST_AUTO_TEST_SUITE_END()
