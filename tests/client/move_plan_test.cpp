// From every state that the card can be in, step by step to the end: what is promised holds after each.
#include "scenarios/clients/reference/move_plan.h"

#include <algorithm>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace client = cardrig::client;
using client::Action;
using client::KeyPlace;
using client::KnownCertificate;
using client::PairRow;
using client::PairState;
using client::PlannedStep;

namespace {

constexpr std::size_t most_steps = 40;

using Certificate = std::optional<KnownCertificate>;

KeyPlace place(const std::string& key, const Certificate& certificate = std::nullopt) {
    return {key, certificate};
}
Certificate of(const std::string& key, bool current) {
    return KnownCertificate{key, current, true};
}
/// As the card was when the renewal began.
PairRow old_row(const std::string& name) {
    return {place(name + " old", of(name + " old", false)), {}, {}, true};
}
PairState start() {
    return {{old_row("9A"), old_row("9C")}, {}, false, false};
}
/// Both successors are in their workshops.
PairState made() {
    PairState state = start();
    state.noted = true;
    state.fresh = true;
    for (PairRow& row : state.rows) {
        const std::string name = row.slot.key.substr(0, 2) + " new";
        row.workshop = place(name, of(name, true));
        row.certified = name;
    }
    return state;
}

std::vector<const KeyPlace*> places(const PairState& state) {
    return {&state.rows[0].slot, &state.rows[1].slot, &state.rows[0].workshop, &state.rows[1].workshop,
            &state.attic};
}

/// I4: whose key is nowhere on the card.
bool has_orphan(const PairState& state) {
    const auto all = places(state);
    return std::ranges::any_of(all, [&](const KeyPlace* one) {
        return one->certificate && std::ranges::none_of(all, [&](const KeyPlace* other) {
                   return other->key == one->certificate->key;
               });
    });
}

/// I2, as programs see it that know nothing of workshops.
bool some_slot_works(const PairState& state) {
    return state.rows[0].slot.works() || state.rows[1].slot.works();
}

/// I3: both are of this renewal, or none is.
bool coherent(const PairState& state) {
    const auto current = [](const PairRow& row) {
        return row.slot.certificate && row.slot.certificate->current;
    };
    return current(state.rows[0]) == current(state.rows[1]);
}

bool tidy(const PairState& state) {
    return state.rows[0].workshop.empty() && state.rows[1].workshop.empty() && state.attic.empty() &&
           !state.noted;
}

std::string text(const KeyPlace& one) {
    return "[" + one.key + "/" +
           (one.certificate ? one.certificate->key + (one.certificate->current ? "*" : "") : "") + "]";
}
std::string text(const PairState& state) {
    std::string all;
    for (const KeyPlace* const one : places(state)) {
        all += text(*one);
    }
    return all + " certified " + state.rows[0].certified + "," + state.rows[1].certified +
           (state.noted ? " noted" : "") + (state.fresh ? " fresh" : "");
}

/// All states on the way from this one, itself first; the last is where there is nothing more to do, or
/// nothing that can be done.
std::vector<PairState> way_from(PairState state) {
    std::vector<PairState> way{state};
    while (way.size() <= most_steps) {
        const PlannedStep step = client::next_step(state);
        if (step.action == Action::nothing || step.action == Action::impossible) {
            return way;
        }
        // A step that the card would refuse is no step.
        const PairRow& row = state.rows[step.row];
        const bool into_slot = step.action == Action::move_in || step.action == Action::put_back;
        const bool refused = (into_slot && !row.slot.key.empty()) ||
                             (step.action == Action::stow && !state.attic.key.empty()) ||
                             (step.action == Action::generate && !row.workshop.key.empty()) ||
                             (step.action == Action::move_in && row.workshop.key.empty());
        if (refused) { // a million times it is not: Boost.Test would write each down
            BOOST_FAIL(text(state));
        }
        state = client::after(state, step, step.row == 0 ? "9A made" : "9C made");
        way.push_back(state);
    }
    return way;
}

std::vector<Action> actions_from(PairState state) {
    std::vector<Action> actions;
    for (const PairState& on_the_way : way_from(std::move(state))) {
        actions.push_back(client::next_step(on_the_way).action);
    }
    return actions;
}

/// What one row can be found as: any of its keys and certificates, and of the attic's, anywhere.
std::vector<PairRow> rows(const std::string& name) {
    const std::vector<std::string> keys{"", name + " old", name + " new", name + " stray"};
    const std::vector<Certificate> certificates{std::nullopt, of(name + " old", false),
                                                of(name + " new", true), of(name + " stray", false)};
    std::vector<PairRow> all;
    for (const auto& key : keys) {
        for (const auto& certificate : certificates) {
            for (const auto& aside : keys) {
                for (const auto& aside_certificate : certificates) {
                    // No key is in two slots, and the new one's certificate is one that was issued.
                    if (key.empty() || key != aside) {
                        all.push_back(
                            {place(key, certificate), place(aside, aside_certificate), name + " new", true});
                    }
                }
            }
        }
    }
    return all;
}

/// Calls it for every state: those above, with the attic empty or with a key that was in a slot, and written
/// down by this renewal, by another, or not at all.
template <class Look>
void for_every_state(const Look& look) {
    for (const PairRow& first : rows("9A")) {
        for (const PairRow& second : rows("9C")) {
            for (const char* const attic : {"", "9A old", "9C old", "other"}) {
                for (const bool fresh : {true, false}) {
                    look(PairState{{first, second}, place(attic), true, fresh});
                }
            }
        }
    }
}

bool key_twice(const PairState& state) {
    const auto all = places(state);
    return std::ranges::any_of(all, [&](const KeyPlace* one) {
        return !one->key.empty() &&
               std::ranges::count_if(all, [&](const KeyPlace* other) { return other->key == one->key; }) > 1;
    });
}

} // namespace

namespace cardrig::client {
std::ostream& operator<<(std::ostream& out, Action action) { // for Boost.Test
    return out << static_cast<int>(action);
}
} // namespace cardrig::client

BOOST_AUTO_TEST_SUITE(move_plan)

BOOST_AUTO_TEST_CASE(undisturbed_it_makes_both_before_it_moves_one) {
    const std::vector<Action> expected{Action::note,
                                       Action::generate,
                                       Action::certify,
                                       Action::write_in_workshop,
                                       Action::generate,
                                       Action::certify,
                                       Action::write_in_workshop,
                                       Action::stow,
                                       Action::move_in,
                                       Action::write,
                                       Action::write,
                                       Action::delete_in_slot,
                                       Action::move_in,
                                       Action::erase_in_workshop,
                                       Action::erase_in_workshop,
                                       Action::delete_in_attic,
                                       Action::erase_note,
                                       Action::nothing};
    const auto actions = actions_from(start());
    BOOST_CHECK_EQUAL_COLLECTIONS(actions.begin(), actions.end(), expected.begin(), expected.end());
    const PairState end = way_from(start()).back();
    BOOST_TEST(client::all_finished(end));
    BOOST_TEST(tidy(end));
}

BOOST_AUTO_TEST_CASE(cut_anywhere_it_goes_on_and_makes_nothing_twice) {
    const auto way = way_from(start());
    for (const PairState& cut : way) {
        const auto rest = way_from(cut);
        BOOST_TEST((rest.back() == way.back()));
        // Each step is one that was still to be done.
        BOOST_TEST(rest.size() == static_cast<std::size_t>(way.end() - std::ranges::find(way, cut)));
    }
}

BOOST_AUTO_TEST_CASE(on_the_way_a_slot_works_no_certificate_is_orphaned_and_one_state_is_of_two_renewals) {
    const auto way = way_from(start());
    for (const PairState& state : way) {
        BOOST_TEST_CONTEXT(text(state)) {
            BOOST_TEST(some_slot_works(state));
            BOOST_TEST(!has_orphan(state));
        }
    }
    BOOST_TEST(std::ranges::count_if(way, [](const PairState& state) { return !coherent(state); }) == 1);
}

BOOST_AUTO_TEST_CASE(one_certificate_follows_the_other_with_nothing_between_them) {
    const auto actions = actions_from(made());
    const auto first = std::ranges::find(actions, Action::write);
    BOOST_REQUIRE(first != actions.end());
    BOOST_TEST(*(first + 1) == Action::write);
    BOOST_TEST(std::ranges::count(actions, Action::write) == 2);
}

BOOST_AUTO_TEST_CASE(a_key_whose_answer_was_lost_is_used) {
    PairState state = start();
    state.noted = true;
    state.fresh = true;
    state.rows[0].workshop.key = "9A new";
    BOOST_TEST((client::next_step(state) == PlannedStep{Action::certify, 0}));
    state.rows[0].certified = "9A new"; // and so is a certificate whose answer was
    BOOST_TEST((client::next_step(state) == PlannedStep{Action::write_in_workshop, 0}));
}

BOOST_AUTO_TEST_CASE(what_another_renewal_left_is_cleared_before_anything_is_made) {
    PairState state = made();
    state.fresh = false;
    for (PairRow& row : state.rows) {
        row.workshop.certificate->current = false;
        row.certified.clear();
    }
    const auto actions = actions_from(state);
    const std::vector<Action> expected{Action::erase_in_workshop, Action::delete_in_workshop,
                                       Action::erase_in_workshop, Action::delete_in_workshop, Action::note};
    BOOST_CHECK_EQUAL_COLLECTIONS(actions.begin(), actions.begin() + 5, expected.begin(), expected.end());
}

BOOST_AUTO_TEST_CASE(where_the_successor_of_a_stowed_key_is_lost_the_old_one_comes_back) {
    PairState state = made();
    state.rows[0].slot.key.clear();
    state.attic.key = "9A old";
    state.rows[0].workshop = {};
    BOOST_TEST((client::next_step(state) == PlannedStep{Action::put_back, 0}));
}

BOOST_AUTO_TEST_CASE(where_a_noted_slot_was_given_up_the_new_ones_are_noted_before_anything_is_moved) {
    PairState state = made();
    state.fresh = false;
    const auto actions = actions_from(state);
    BOOST_TEST(actions[0] == Action::note);
    BOOST_TEST(actions[1] == Action::stow);
    BOOST_TEST(client::all_finished(way_from(state).back()));
}

BOOST_AUTO_TEST_CASE(the_key_that_cannot_vouch_is_made_first_and_moved_first) {
    PairState state = start();
    state.rows[1].slot.key = "9C stray"; // another client began there
    const auto way = way_from(state);
    const auto generate = std::ranges::find_if(
        way, [](const PairState& one) { return client::next_step(one).action == Action::generate; });
    BOOST_REQUIRE((generate != way.end()));
    BOOST_TEST(client::next_step(*generate).row == 1U);
    BOOST_TEST(client::all_finished(way.back()));
    BOOST_TEST(std::ranges::all_of(way, some_slot_works));
}

BOOST_AUTO_TEST_CASE(with_nothing_that_vouches_it_is_impossible) {
    PairState state = start();
    state.rows[0].slot.key = "9A stray";
    state.rows[1].slot.key.clear();
    const PairState end = way_from(state).back();
    BOOST_TEST(client::next_step(end).action == Action::impossible);
    BOOST_TEST(end.rows[1].slot.key.empty()); // and nothing but the note was touched
    BOOST_TEST(end.rows[0].slot.key == "9A stray");
}

BOOST_AUTO_TEST_CASE(a_row_that_is_not_of_the_renewal_is_left_alone) {
    PairState state = start();
    state.rows[1].wanted = false;
    const PairState end = way_from(state).back();
    BOOST_TEST(client::finished(end.rows[0]));
    BOOST_TEST((end.rows[1] == state.rows[1]));
    BOOST_TEST(tidy(end));
}

BOOST_AUTO_TEST_CASE(from_every_state_it_comes_to_an_end_and_breaks_nothing_that_was_whole) {
    std::size_t states = 0;
    std::size_t stuck = 0;
    std::size_t broken = 0;
    std::string first_broken;
    for_every_state([&](const PairState& state) {
        if (key_twice(state)) {
            return;
        }
        ++states;
        const auto way = way_from(state);
        const bool possible = client::next_step(way.back()).action == Action::nothing;
        const bool ends =
            way.size() <= most_steps && (!possible || (client::all_finished(way.back()) && tidy(way.back())));
        // What can vouch, or be moved to where it can, is there in each state that a login is possible from.
        const bool may_be_stuck = !some_slot_works(state);
        stuck += possible ? 0 : 1;
        const bool orphaned = !has_orphan(state) && std::ranges::any_of(way, has_orphan);
        const bool lost = some_slot_works(state) && !std::ranges::all_of(way, some_slot_works);
        if (!ends || orphaned || lost || (!possible && !may_be_stuck)) {
            ++broken;
            if (first_broken.empty()) {
                for (const PairState& one : way) {
                    first_broken += text(one) + " -> " +
                                    std::to_string(static_cast<int>(client::next_step(one).action)) + "\n";
                }
            }
        }
    });
    BOOST_TEST(states > 50'000U);
    BOOST_TEST(stuck < states / 2);
    BOOST_TEST(broken == 0U, broken << " of " << states << ", as in\n" << first_broken);
}

BOOST_AUTO_TEST_SUITE_END()
