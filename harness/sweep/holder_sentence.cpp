#include "harness/sweep/holder_sentence.h"

#include "harness/sweep/text_layout.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

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

/// Whether a key and its certificate do not go together any more, as far as anything is said of them.
bool is_lost(std::string_view card_state, std::string_view slot) {
    constexpr auto whole =
        std::to_array<std::string_view>({"as before", "renewed", "new pair", "old key, new certificate"});
    const std::string_view words = slot_words(card_state, slot);
    return !words.empty() && std::ranges::find(whole, words) == whole.end();
}

/// What the holder cannot do with the pair: "cannot log in with the key of 9A"; empty: nothing of it is
/// concerned. A client that knows of a key elsewhere on the card may log in by that.
std::string lost(std::string_view card_state) {
    const bool log_in = is_lost(card_state, "9A");
    const bool sign = is_lost(card_state, "9C");
    if (log_in && sign) {
        return "can neither log in with the key of 9A nor sign with that of 9C";
    }
    if (log_in) {
        return "cannot log in with the key of 9A";
    }
    return sign ? "cannot sign with the key of 9C" : "";
}

std::string cannot(const std::string& what, Outcome outcome) {
    if (outcome == Outcome::window) {
        return fmt::format("Until the client is run again, the holder {}; running it again mends it.", what);
    }
    if (outcome == Outcome::open) {
        return fmt::format("The holder {} as the card is; whether running the client again mends it is not "
                           "known.",
                           what);
    }
    return fmt::format("The holder {} any more, and running the client again did not mend that.", what);
}

/// Of a promise that a client may mend, and of which no more is known than how it is broken.
std::string told(const BrokenPromise& broken, Outcome outcome) {
    if (broken.run > 1) { // what the card was like at the cut says nothing of it
        return fmt::format("When the client had been run again, this was so: {}{}.", broken.how,
                           outcome == Outcome::window ? "; running it once more mended it" : "");
    }
    if (outcome == Outcome::window) {
        return fmt::format("Until the client is run again, this is so: {}.", broken.how);
    }
    return fmt::format("The holder is left with this: {}; {}.", broken.how,
                       outcome == Outcome::open ? "whether running the client again mends it is not known"
                                                : "running the client again did not mend it");
}

std::string mixed_pair(Outcome outcome) {
    if (outcome == Outcome::window) {
        return "Until the client is run again, the holder's two certificates are not of one renewal; running "
               "it again finishes the pair.";
    }
    if (outcome == Outcome::open) {
        return "The holder's two certificates are not of one renewal; whether running the client again "
               "finishes the pair is not known.";
    }
    return "The holder is left with two certificates that are not of one renewal, and running the client "
           "again did not change that.";
}

/// By the card's state only where it is this card's: of several cards the place tells one's.
std::string orphan(const BrokenPromise& broken, Outcome outcome, std::string_view card_state) {
    if (!broken.card.empty()) {
        return told(broken, outcome);
    }
    if (const std::string what = lost(card_state); !what.empty()) {
        return cannot(what, outcome);
    }
    const bool of_pair = broken.how.find("certificate of 9A") != std::string::npos ||
                         broken.how.find("certificate of 9C") != std::string::npos;
    if (of_pair || broken.how.find("certificate of ") == std::string::npos) {
        return told(broken, outcome);
    }
    constexpr std::string_view beside =
        "What the holder logs in and signs with is not concerned; a certificate without a key is in the way "
        "of programs that try it";
    if (outcome == Outcome::window) {
        return fmt::format("{}, until the client is run again.", beside);
    }
    return fmt::format("{}{}.", beside,
                       outcome == Outcome::open ? "" : ", and running the client again left it there");
}

struct Meaning {
    std::string_view part; ///< of how it was broken
    std::string_view sentence;
};

/// The first whose part is in it; where none is, what was seen.
std::string by_how(const std::string& how, std::initializer_list<Meaning> meanings) {
    for (const Meaning& meaning : meanings) {
        if (how.find(meaning.part) != std::string::npos) {
            return std::string(meaning.sentence);
        }
    }
    return fmt::format("The holder is left with this: {}.", how);
}

/// How many of the scenario's passcodes work is said at the end of what was seen.
bool none_works(const std::string& how) {
    constexpr std::string_view none = "0 of the ";
    const std::size_t at = how.find(none);
    return at != std::string::npos && (at == 0 || how[at - 1] == ' ');
}

std::string passcode(const std::string& how) {
    constexpr std::string_view guess =
        "Whoever finds the card can guess on: tries come back that were spent.";
    constexpr std::string_view open =
        "Whoever finds the card can use it without the passcode: it still takes its user for its holder.";
    constexpr std::string_view lost = "The card has lost a code, and what that code opens stays shut.";
    if (none_works(how)) {
        return "The holder's passcode does not work any more.";
    }
    return by_how(how, {{"tries rose", guess},
                        {"has answered that", guess},
                        {"before it had spent a try",
                         "Whoever finds the card can guess without limit: a guess during which the power is "
                         "cut costs no try."},
                        {"verified", open},
                        {"works without a passcode", open},
                        {"factory value",
                         "Whoever finds the card can use it: it takes a passcode that everybody knows."},
                        {" passcodes that the scenario knows work",
                         "The card takes more than one passcode: whoever knows another than the holder's can "
                         "use it, too."},
                        {"global passcode is another",
                         "The passcode that the holder shares with other uses of the card is another one, "
                         "and nobody has changed it."},
                        {"the card has no ", lost},
                        {" is erased", lost}});
}

std::string other_card(const std::string& how) {
    return by_how(how, {{"passcode", "Another card's passcode was tried on the holder's card: tries are "
                                     "gone that nobody mistyped."},
                        {"renew", "A card was changed that nobody wanted changed: its holder finds other "
                                  "keys or certificates on it."},
                        {"", "The holder's card has a certificate that was issued for another card."}});
}

/// I8: what the client says of itself, or that it says nothing.
std::string untrue(const std::string& how) {
    return by_how(how, {{"the client crashed", "The client crashes, and the holder is left to find out what "
                                               "became of the card."},
                        {"that is not so", "The holder is told that all is done, and it is not."}});
}

std::string unfinished(const BrokenPromise& broken) {
    constexpr std::string_view job = "the job is not finished after so many runs: ";
    if (broken.how.starts_with(job)) {
        const std::string why = broken.how.substr(job.size());
        return broken.run < 2
                   ? fmt::format("The holder's job is not done: {}.", why)
                   : fmt::format("The holder's job is not done after the client was run again, {}: {}.",
                                 counted(broken.run - 1, "time"), why);
    }
    return by_how(broken.how,
                  {{"certificates at the authority", "The authority has issued certificates that no card "
                                                     "ever had."}});
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
        return fmt::format("The holder's card does not work when it is powered on: {}.", how);
    }
    if (id == "I2") {
        return broken.run > 1 ? told(broken, outcome)
                              : cannot("can neither log in nor sign with this card", outcome);
    }
    if (id == "I3") {
        return broken.run > 1 ? told(broken, outcome) : mixed_pair(outcome);
    }
    if (id == "I4") {
        return broken.run > 1 ? told(broken, outcome) : orphan(broken, outcome, card_state);
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
        return untrue(how);
    }
    if (id == "I9") {
        return unfinished(broken);
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
