// What a run may take for its own in the slots that a note names, and what is the holder's.
#include "scenarios/clients/reference/noted_slots.h"

#include <optional>
#include <string>

#include <boost/test/unit_test.hpp>

namespace client = cardrig::client;
using client::KeyPlace;
using client::KnownCertificate;
using client::WorkNote;

namespace {

constexpr bool as_asked = true;
constexpr bool fresh = true;

KeyPlace key(const std::string& name) {
    return {name, std::nullopt};
}
/// With a certificate of `certified`; empty: one that cannot be read.
KeyPlace key_with(const std::string& name, const std::string& certified) {
    return {name, KnownCertificate{certified}};
}
WorkNote note() {
    return {"renewal", {0x82, 0x83, 0x84}, {"9A old", "9C old"}, {"9A new", "9C new"}};
}
bool of_workshop(const KeyPlace& found, const std::string& certified = {}) {
    return client::is_of_workshop(found, as_asked, note(), fresh, certified);
}
bool of_attic(const KeyPlace& found) {
    return client::is_of_attic(found, note(), {"9A in slot", "9C in slot"});
}

} // namespace

BOOST_AUTO_TEST_SUITE(noted_slots)

BOOST_AUTO_TEST_CASE(an_empty_slot_can_be_used) {
    BOOST_TEST(of_workshop({}));
    BOOST_TEST(of_attic({}));
}

BOOST_AUTO_TEST_CASE(a_noted_key_is_of_the_renewal_whoever_asks) {
    for (const bool is_fresh : {true, false}) {
        for (const bool asked : {true, false}) {
            BOOST_TEST(client::is_of_workshop(key("9A new"), asked, note(), is_fresh, {}));
            BOOST_TEST(client::is_of_workshop(key_with("9A new", "9A new"), asked, note(), is_fresh, {}));
        }
    }
}

BOOST_AUTO_TEST_CASE(so_is_one_that_the_authority_has_certified_in_it) {
    BOOST_TEST(of_workshop(key("certified"), "certified"));
    BOOST_TEST(of_workshop(key_with("certified", "certified"), "certified"));
    BOOST_TEST(!of_workshop(key_with("certified", "certified"), "another"));
}

BOOST_AUTO_TEST_CASE(
    a_key_without_certificate_is_taken_for_one_whose_note_was_cut_off_in_this_renewal_alone) {
    BOOST_TEST(client::is_of_workshop(key("made"), as_asked, note(), fresh, {}));
    BOOST_TEST(!client::is_of_workshop(key("made"), as_asked, note(), !fresh, {}));
    BOOST_TEST(!client::is_of_workshop(key("imported"), !as_asked, note(), fresh, {}));
}

BOOST_AUTO_TEST_CASE(a_key_of_the_holder_with_its_certificate_is_the_holders) {
    BOOST_TEST(!of_workshop(key_with("archived", "archived")));
    BOOST_TEST(!of_workshop(key_with("archived", "")));
    BOOST_TEST(!of_workshop(key_with("archived", "9A new")));
}

BOOST_AUTO_TEST_CASE(an_old_key_in_a_workshop_was_put_there_by_the_holder) {
    BOOST_TEST(!of_workshop(key_with("9C old", "9C old")));
    BOOST_TEST(!client::is_of_workshop(key("9C old"), !as_asked, note(), fresh, {}));
}

BOOST_AUTO_TEST_CASE(a_certificate_without_key_is_of_the_renewal_where_its_key_is) {
    BOOST_TEST(of_workshop(key_with("", "9A new"))); // the key has been moved into its slot
    BOOST_TEST(of_workshop(key_with("", "certified"), "certified"));
    BOOST_TEST(!of_workshop(key_with("", "archived")));
    BOOST_TEST(!of_workshop(key_with("", "")));
}

BOOST_AUTO_TEST_CASE(beside_a_key_of_the_renewal_a_certificate_of_another_key_is_the_holders) {
    BOOST_TEST(!of_workshop(key_with("9A new", "archived")));
    BOOST_TEST(of_workshop(key_with("9A new", "9C new")));
    BOOST_TEST(of_workshop(key_with("9A new", ""))); // torn while it was written
}

BOOST_AUTO_TEST_CASE(no_key_without_a_name_is_noted) {
    WorkNote empty = note();
    empty.new_keys = {""};
    BOOST_TEST(!client::is_of_workshop(key_with("", ""), as_asked, empty, fresh, {}));
}

BOOST_AUTO_TEST_CASE(in_the_attic_are_old_keys_and_such_as_a_slot_has_the_certificate_of) {
    BOOST_TEST(of_attic(key("9A old")));
    BOOST_TEST(of_attic(key("9C old")));
    BOOST_TEST(of_attic(key("9A in slot")));
    BOOST_TEST(of_attic(key_with("9A old", "archived"))); // the key is; its certificate is left alone
    BOOST_TEST(!of_attic(key("archived")));
    BOOST_TEST(!of_attic(key("9A new")));
    BOOST_TEST(!of_attic(key_with("archived", "9A in slot")));
    BOOST_TEST(!of_attic(key_with("", "9A in slot")));
}

BOOST_AUTO_TEST_CASE(what_is_on_the_card_is_noted_once_each) {
    client::PairState state;
    state.rows[0].slot = key_with("9A old", "9A old");
    state.rows[1].slot = key_with("9C old", "9C old");
    const WorkNote begun = client::note_of(state, "renewal", {0x82, 0x83, 0x84});
    BOOST_TEST((begun == WorkNote{"renewal", {0x82, 0x83, 0x84}, {"9A old", "9C old"}, {}}));

    state.rows[0].workshop = key_with("9A new", "9A new");
    state.rows[1].slot.key.clear();
    state.rows[1].workshop = key_with("", "9C new"); // its key was moved
    state.attic.key = "9C old";
    const WorkNote moved = client::note_of(state, "renewal", {0x82, 0x83, 0x84});
    BOOST_TEST((moved == note()));
}

BOOST_AUTO_TEST_SUITE_END()
