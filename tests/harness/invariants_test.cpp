#include "harness/invariants.h"

#include "emulator/inspection.h"
#include "emulator/piv/piv_memory.h"
#include "tests/harness/test_card.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
namespace emulator = cardrig::emulator;
namespace piv = cardrig::emulator::piv;
using cardrig::test::changed;
using cardrig::test::staff_card;
using emulator::CardImage;
using emulator::ObjectStore;

namespace {

const CardImage& whole() {
    return staff_card().image;
}

CardImage without(const CardImage& image, emulator::ObjectId id) {
    return changed(image, [id](ObjectStore& store) {
        auto transaction = store.begin();
        transaction.erase(id);
        BOOST_CHECK(transaction.commit() == emulator::CommitResult::committed);
    });
}

CardImage with_tries(const CardImage& image, emulator::CounterId counter, std::uint8_t tries) {
    return changed(image, [=](ObjectStore& store) { store.set_counter(counter, tries); });
}

CardImage with_passcode(const CardImage& image, std::string_view passcode) {
    return changed(image, [passcode](ObjectStore& store) {
        auto transaction = store.begin();
        transaction.put(piv::passcode_object, cardrig::test::padded(passcode));
        BOOST_CHECK(transaction.commit() == emulator::CommitResult::committed);
    });
}

TraceEvent verified(const char* text, const char* status) {
    TraceEvent event;
    event.kind = "apdu";
    event.fields = {{"text", text}, {"delivered", true}};
    if (*status != '\0') {
        event.fields["card-status"] = status;
    }
    return event;
}

/// A card that has one, with four tries.
const CardImage& with_global() {
    static const CardImage image = cardrig::test::staff_card_with({{"global-passcode.value", "24681357"},
                                                                   {"global-passcode.tries", "4"}})
                                       .image;
    return image;
}

CardImage with_global_passcode(std::string_view passcode) {
    return changed(with_global(), [passcode](ObjectStore& store) {
        auto transaction = store.begin();
        transaction.put(piv::global_passcode_object, cardrig::test::padded(passcode));
        BOOST_CHECK(transaction.commit() == emulator::CommitResult::committed);
    });
}

/// Whether I6 holds on a card with a global passcode.
bool holds(const CardImage& before, const CardImage& after, const std::vector<TraceEvent>& trace) {
    return !passcode_broken({before, before, after, trace, {staff_card().passcode}, cardrig::test::now()});
}

bool may_rise(emulator::CounterId counter, const std::vector<TraceEvent>& trace) {
    const CardImage before = with_tries(whole(), counter, 1);
    return !passcode_broken({whole(), before, whole(), trace, {staff_card().passcode}, cardrig::test::now()});
}

bool passcode_tries_may_rise(const std::vector<TraceEvent>& trace) {
    return may_rise(piv::passcode_tries, trace);
}

bool unblocking_tries_may_rise(const std::vector<TraceEvent>& trace) {
    return may_rise(piv::unblocking_code_tries, trace);
}

} // namespace

BOOST_AUTO_TEST_SUITE(invariants)

BOOST_AUTO_TEST_CASE(a_whole_card_keeps_every_promise) {
    const std::vector<TraceEvent> nothing;
    for (const Promise& promise :
         check_invariants({whole(), whole(), whole(), nothing, {"123456"}, cardrig::test::now()})) {
        BOOST_TEST(!promise.broken.has_value(), promise.id << ": " << promise.broken.value_or(""));
    }
    BOOST_TEST(card_invariant_ids() == (std::vector<std::string>{"I1", "I2", "I4", "I6", "I7"}),
               boost::test_tools::per_element());
    for (const std::string& id : card_invariant_ids()) {
        BOOST_TEST((std::ranges::find(invariant_ids(), id) != invariant_ids().end()), id);
    }
}

BOOST_AUTO_TEST_CASE(a_damaged_secret_breaks_the_promise_of_the_passcode_alone) {
    const std::vector<TraceEvent> nothing;
    for (const emulator::ObjectId secret :
         {piv::passcode_object, piv::unblocking_code_object, piv::management_key_object}) {
        const CardImage torn = without(whole(), secret);
        for (const Promise& promise :
             check_invariants({whole(), whole(), torn, nothing, {}, cardrig::test::now()})) {
            BOOST_TEST(promise.broken.has_value() == (promise.id == "I6"), promise.id);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_erased_or_zeroed_memory_is_bricked) {
    BOOST_TEST(!bricked(whole()).has_value());
    for (const std::uint8_t filler : {std::uint8_t{0xFF}, std::uint8_t{0x00}}) {
        CardImage image = whole();
        std::fill(image.memory.begin(), image.memory.end(), filler);
        BOOST_TEST_REQUIRE(bricked(image).has_value());
        BOOST_TEST(bricked(image)->find("mute") != std::string::npos);
    }
    CardImage no_atr = whole();
    no_atr.config.atr.clear();
    BOOST_TEST(bricked(no_atr).has_value());
}

BOOST_AUTO_TEST_CASE(continuity_ends_with_the_last_working_certificate) {
    const std::vector<TraceEvent> nothing;
    const auto judged = [&](const CardImage& start, const CardImage& after) {
        return discontinued({start, start, after, nothing, {}, cardrig::test::now()});
    };
    const CardImage one_left = without(whole(), piv::key_object(piv::authentication_key));
    BOOST_TEST(!judged(whole(), one_left).has_value());
    const CardImage none_left = without(one_left, piv::key_object(piv::signature_key));
    BOOST_TEST(judged(whole(), none_left).has_value());
    const CardImage no_certificate =
        without(one_left, piv::data_object(piv::certificate_tag(piv::signature_key).value()));
    BOOST_TEST(judged(whole(), no_certificate).has_value());
    BOOST_TEST(!judged(none_left, none_left).has_value());
    const auto expired = cardrig::test::staff_card_with(
        {{"certificates.9A.expires", "-1 days"}, {"certificates.9C.expires", "-1 days"}});
    BOOST_TEST(judged(whole(), expired.image).has_value());
    // What came to the card meanwhile is not to be lost either.
    const std::vector<TraceEvent> trace;
    const Evidence renewed_and_lost{expired.image, whole(), none_left, trace, {}, cardrig::test::now()};
    BOOST_TEST(discontinued(renewed_and_lost).has_value());
    const Evidence never_there{expired.image, expired.image, none_left, trace, {}, cardrig::test::now()};
    BOOST_TEST(!discontinued(never_there).has_value());
}

BOOST_AUTO_TEST_CASE(a_certificate_needs_its_key_somewhere_on_the_card) {
    BOOST_TEST(!orphaned_certificate(whole()).has_value());
    const CardImage orphaned = without(whole(), piv::key_object(piv::signature_key));
    BOOST_TEST_REQUIRE(orphaned_certificate(orphaned).has_value());
    BOOST_TEST(orphaned_certificate(orphaned)->find("9C") != std::string::npos);
    // The keys of both slots exchanged: each certificate's key is still on the card.
    const CardImage exchanged = changed(whole(), [](ObjectStore& store) {
        const auto first = store.read(piv::key_object(piv::authentication_key)).value();
        const auto second = store.read(piv::key_object(piv::signature_key)).value();
        auto transaction = store.begin();
        transaction.put(piv::key_object(piv::authentication_key), second);
        transaction.put(piv::key_object(piv::signature_key), first);
        BOOST_CHECK(transaction.commit() == emulator::CommitResult::committed);
    });
    BOOST_TEST(!orphaned_certificate(exchanged).has_value());
}

BOOST_AUTO_TEST_CASE(tries_rise_only_with_an_accepted_code) {
    BOOST_TEST(!passcode_tries_may_rise({}));
    BOOST_TEST(!unblocking_tries_may_rise({}));
    BOOST_TEST(!passcode_tries_may_rise({verified("verify passcode", "63C2")}));
    BOOST_TEST(!passcode_tries_may_rise({verified("get-data chuid", "9000")}));
    TraceEvent query = verified("verify passcode", "9000");
    query.fields["detail"] = "query";
    BOOST_TEST(!passcode_tries_may_rise({query}));
    TraceEvent undelivered = verified("verify passcode", "9000");
    undelivered.fields["delivered"] = false;
    BOOST_TEST(!passcode_tries_may_rise({undelivered}));
}

BOOST_AUTO_TEST_CASE(each_command_fills_its_own_counter) {
    struct Case {
        const char* text;
        bool passcode;
        bool unblocking;
    };
    for (const Case& one :
         {Case{"verify passcode", true, false}, Case{"verify global-passcode", false, false},
          Case{"change-reference-data passcode", true, false},
          Case{"change-reference-data unblocking-code", false, true},
          Case{"reset-retry-counter passcode", true, true}}) {
        BOOST_TEST(passcode_tries_may_rise({verified(one.text, "9000")}) == one.passcode, one.text);
        BOOST_TEST(unblocking_tries_may_rise({verified(one.text, "9000")}) == one.unblocking, one.text);
        // The card lost power while it executed the command.
        BOOST_TEST(passcode_tries_may_rise({verified(one.text, "")}) == one.passcode, one.text);
        BOOST_TEST(unblocking_tries_may_rise({verified(one.text, "")}) == one.unblocking, one.text);
    }
}

BOOST_AUTO_TEST_CASE(an_answer_that_was_lost_counts_as_the_card_gave_it) {
    // A fault replaced or swallowed the answer: what the card did is in the trace all the same.
    TraceEvent replaced = verified("verify passcode", "9000");
    replaced.fields["status"] = "63C1";
    BOOST_TEST(passcode_tries_may_rise({replaced}));
    replaced.fields["card-status"] = "63C1";
    replaced.fields["status"] = "9000";
    BOOST_TEST(!passcode_tries_may_rise({replaced}));
}

BOOST_AUTO_TEST_CASE(one_of_the_known_passcodes_works) {
    const std::vector<TraceEvent> nothing;
    const auto judged = [&](const CardImage& before, const CardImage& after,
                            const std::vector<std::string>& passcodes) {
        return passcode_broken({before, before, after, nothing, passcodes, cardrig::test::now()});
    };
    const CardImage other = with_passcode(whole(), "654321");
    BOOST_TEST(!judged(whole(), other, {"123456", "654321"}).has_value());
    BOOST_TEST(judged(whole(), other, {"123456", "111111"}).has_value());
    // Back to a factory value that the card did not have.
    BOOST_TEST(judged(other, whole(), {"123456", "654321"}).has_value());
    BOOST_TEST(!judged(other, other, {"123456", "654321"}).has_value());
}

BOOST_AUTO_TEST_CASE(global_tries_rise_only_with_the_global_passcode) {
    const CardImage before = with_tries(with_global(), piv::global_passcode_tries, 1);
    BOOST_TEST(emulator::inspect(with_global()).value().global_passcode.value().left == 4);
    BOOST_TEST(holds(with_global(), before, {}));
    BOOST_TEST(!holds(before, with_global(), {}));
    for (const char* const accepted : {"verify global-passcode", "change-reference-data global-passcode"}) {
        BOOST_TEST(holds(before, with_global(), {verified(accepted, "9000")}), accepted);
        BOOST_TEST(holds(before, with_global(), {verified(accepted, "")}), accepted);
        BOOST_TEST(!holds(before, with_global(), {verified(accepted, "63C1")}), accepted);
    }
    for (const char* const other :
         {"verify passcode", "change-reference-data passcode", "change-reference-data unblocking-code",
          "reset-retry-counter passcode", "reset-piv", "set-pin-retries"}) {
        BOOST_TEST(!holds(before, with_global(), {verified(other, "9000")}), other);
    }
}

BOOST_AUTO_TEST_CASE(a_global_passcode_stays_or_is_changed_by_command) {
    const std::vector<TraceEvent> changed_it{verified("change-reference-data global-passcode", "9000")};
    const CardImage other = with_global_passcode("13572468");
    BOOST_TEST(holds(with_global(), other, changed_it));
    BOOST_TEST(holds(with_global(), with_global(), changed_it));
    BOOST_TEST(!holds(with_global(), other, {}));
    BOOST_TEST(!holds(with_global(), other, {verified("verify global-passcode", "9000")}));
    BOOST_TEST(!holds(with_global(), other, {verified("change-reference-data passcode", "9000")}));
    // Whatever the command was meant to do, these are not what a holder chose.
    for (const char* const no_choice : {"123456", "12345678"}) {
        const CardImage fallen = with_global_passcode(no_choice);
        BOOST_TEST(!holds(with_global(), fallen, changed_it), no_choice);
        BOOST_TEST(holds(fallen, fallen, {}), no_choice);
    }
    BOOST_TEST(!holds(with_global(), with_global_passcode(""), changed_it)); // as erased memory reads
    BOOST_TEST(!holds(with_global(), without(with_global(), piv::global_passcode_object), changed_it));
}

BOOST_AUTO_TEST_CASE(commands_of_a_key_token_bring_factory_codes_back) {
    const CardImage before = with_tries(with_tries(with_passcode(whole(), "654321"), piv::passcode_tries, 0),
                                        piv::unblocking_code_tries, 0);
    const auto judged = [&](const std::vector<TraceEvent>& trace) {
        return passcode_broken({before, before, whole(), trace, {"654321"}, cardrig::test::now()});
    };
    for (const char* const command : {"reset-piv", "set-pin-retries"}) {
        BOOST_TEST(!judged({verified(command, "9000")}).has_value(), command);
        BOOST_TEST(!judged({verified(command, "")}).has_value(), command);
        BOOST_TEST(judged({verified(command, "6985")}).has_value(), command);
    }
    BOOST_TEST(judged({verified("reset-retry-counter passcode", "9000")}).has_value());
}

BOOST_AUTO_TEST_CASE(no_try_is_spent_by_looking) {
    const std::vector<TraceEvent> nothing;
    const CardImage image = whole();
    static_cast<void>(
        check_invariants({image, image, image, nothing, {"999999", "123456"}, cardrig::test::now()}));
    BOOST_CHECK(image.memory == whole().memory);
    BOOST_TEST(emulator::inspect(image).value().passcode.left == 3);
}

BOOST_AUTO_TEST_SUITE_END()
