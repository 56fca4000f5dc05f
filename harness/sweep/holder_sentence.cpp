#include "harness/sweep/holder_sentence.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::string_view visit = "a visit to the registration authority is needed";

/// What card_phase() says of a key; empty where it says nothing of it by itself.
std::string_view slot_words(std::string_view card_state, std::string_view slot) {
    while (!card_state.empty()) {
        const std::size_t end = std::min(card_state.find("; "), card_state.size());
        const std::string_view part = card_state.substr(0, end);
        if (part.starts_with(slot) && part.size() > slot.size() && part[slot.size()] == ' ') {
            return part.substr(slot.size() + 1);
        }
        card_state.remove_prefix(std::min(end + 2, card_state.size()));
    }
    return {};
}

/// Whether a key and its certificate go together still, or again.
bool usable(std::string_view card_state, std::string_view slot) {
    constexpr auto whole =
        std::to_array<std::string_view>({"as before", "renewed", "new pair", "old key, new certificate"});
    if (card_state.starts_with("as before")) {
        return true;
    }
    return std::ranges::find(whole, slot_words(card_state, slot)) != whole.end();
}

/// What the holder cannot do with a card whose certificate lost its key: "log in"; empty: nothing of the
/// pair is concerned.
std::string lost(std::string_view card_state) {
    const bool log_in = !usable(card_state, "9A");
    const bool sign = !usable(card_state, "9C");
    if (log_in && sign) {
        return "can neither log in nor sign";
    }
    if (log_in) {
        return "cannot log in";
    }
    return sign ? "cannot sign" : "";
}

std::string cannot(const std::string& what, Outcome outcome) {
    if (outcome == Outcome::window) {
        return fmt::format("Until the client is run again, the holder {} with this card; running it again "
                           "mends it.",
                           what);
    }
    if (outcome == Outcome::open) {
        return fmt::format("The holder {} with this card as it is; whether running the client again mends "
                           "it was not tried.",
                           what);
    }
    return fmt::format("The holder {} with this card any more, and running the client again does not "
                       "help: {}.",
                       what, visit);
}

std::string mixed_pair(Outcome outcome) {
    if (outcome == Outcome::window) {
        return "Until the client is run again, one of the holder's two certificates is new and the other is "
               "not; running it again finishes the pair.";
    }
    if (outcome == Outcome::open) {
        return "One of the holder's two certificates is new and the other is not; whether running the client "
               "again finishes the pair was not tried.";
    }
    return "The holder is left with two certificates that do not belong together, and running the client "
           "again does not change that.";
}

std::string orphan(Outcome outcome, std::string_view card_state) {
    if (const std::string what = lost(card_state); !what.empty()) {
        return cannot(what, outcome);
    }
    if (outcome == Outcome::window) {
        return "The holder can log in and sign; until the client is run again, a certificate without a key "
               "is in the way of programs that try it.";
    }
    return fmt::format("The holder can log in and sign; a certificate without a key is in the way of "
                       "programs that try it{}.",
                       outcome == Outcome::open ? "" : ", and running the client again leaves it there");
}

struct Meaning {
    std::string_view part; ///< of how it was broken
    std::string_view sentence;
};

/// The first whose part is in it; the last one has none.
std::string by_how(const std::string& how, std::initializer_list<Meaning> meanings) {
    for (const Meaning& meaning : meanings) {
        if (how.find(meaning.part) != std::string::npos) {
            return std::string(meaning.sentence);
        }
    }
    return how;
}

std::string passcode(const std::string& how) {
    return by_how(
        how,
        {{"tries rose", "Whoever finds the card can guess on: tries come back that were spent."},
         {"verified", "Whoever finds the card can use it without the passcode: it still takes its user for "
                      "its holder."},
         {"factory value", "Whoever finds the card can use it: it takes a passcode that everybody knows."},
         {"0 of the ", "The holder's passcode does not work any more: the card has to be unblocked."},
         {" passcodes that the scenario knows work",
          "A passcode that was changed still works: whoever knows the old one can use the card."},
         {"global passcode", "The passcode that the holder shares with other uses of the card is another "
                             "one, and nobody has changed it."},
         {"", "The card has lost one of its codes, and cannot be used as before: a visit to the "
              "registration authority is needed."}});
}

std::string other_card(const std::string& how) {
    return by_how(how, {{"passcode", "Another card's passcode was tried on the holder's card: tries are "
                                     "gone that nobody mistyped."},
                        {"renew", "A card was changed that nobody wanted changed: its holder finds other "
                                  "keys or certificates on it."},
                        {"", "The holder's card has a certificate that was issued for another card."}});
}

std::string unfinished(const std::string& how) {
    return by_how(how, {{"certificates at the authority",
                         "The holder comes through, but certificates that nobody uses stay valid at the "
                         "authority."},
                        {"", "However often the holder runs the client again, the renewal is not finished: "
                             "somebody has to help before the certificates end."}});
}

std::string endless(const std::string& how) {
    return by_how(
        how, {{" APDUs", "The holder waits, card in the reader, far longer than for an undisturbed run."},
              {" ms", "The holder waits, card in the reader, far longer than for an undisturbed run."},
              {"", "The client does not end by itself: the holder has to break it off, and cannot know "
                   "what became of the card."}});
}

std::string spent_tries(const std::string& how) {
    return by_how(how, {{"the last try", "The holder's passcode is locked by a try that nobody typed: the "
                                         "card has to be unblocked."},
                        {"", "A try of the passcode is gone that the holder did not mistype: so many fewer "
                             "are left until the card is locked."}});
}

} // namespace

std::string holder_sentence(const BrokenPromise& broken, Outcome outcome, std::string_view card_state) {
    const std::string& id = broken.invariant;
    const std::string& how = broken.how;
    if (id == "I1") {
        return "The card does not work any more, whatever is done: the holder needs a new one.";
    }
    if (id == "I2") {
        return cannot("can neither log in nor sign", outcome);
    }
    if (id == "I3") {
        return mixed_pair(outcome);
    }
    if (id == "I4") {
        return orphan(outcome, card_state);
    }
    if (id == "I5") {
        return "What the holder's programs read from the card is not what anybody wrote: a half-written "
               "object passes for a whole one.";
    }
    if (id == "I6") {
        return passcode(how);
    }
    if (id == "I7") {
        return other_card(how);
    }
    if (id == "I8") {
        return "The holder is told that all is done, and finds out only later that it is not.";
    }
    if (id == "I9") {
        return unfinished(how);
    }
    if (id == "I10") {
        return endless(how);
    }
    if (id == "I11") {
        return spent_tries(how);
    }
    return fmt::format("A promise to the holder is broken: {}.", how);
}

} // namespace cardrig::harness
