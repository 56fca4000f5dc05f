#include "harness/hand/moves.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

std::size_t number_of(std::size_t reader) {
    return reader + 1;
}

} // namespace

Moves::Moves(const HandOptions& options, Trace& trace)
    : options_(options), trace_(trace), last_(options.readers.size()) {
    note_where();
}

/// Cards also leave by themselves: what was last known of them counts until they are put in elsewhere.
void Moves::note_where() {
    for (std::size_t i = 0; i < last_.size(); ++i) {
        if (const auto card = index_of(reader(i).card())) {
            last_[i] = card;
        }
    }
}

std::size_t Moves::card_named(std::string_view name) const {
    if (name.empty() && !options_.cards.empty()) {
        return 0;
    }
    std::vector<std::string> names;
    for (std::size_t i = 0; i < options_.cards.size(); ++i) {
        if (card_name(i) == name) {
            return i;
        }
        names.push_back(card_name(i));
    }
    throw RequestError(fmt::format("there is no card '{}'; there are: {}", name, fmt::join(names, ", ")));
}

std::optional<std::size_t> Moves::index_of(const ReaderCard* card) const {
    for (std::size_t i = 0; card != nullptr && i < options_.cards.size(); ++i) {
        if (options_.cards[i].card == card) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<std::size_t> Moves::reader_with(std::size_t card) const {
    for (std::size_t i = 0; i < options_.readers.size(); ++i) {
        if (reader(i).card() == options_.cards[card].card) {
            return i;
        }
    }
    return std::nullopt;
}

std::size_t Moves::reader_meant(const Effect& effect, std::optional<std::size_t> card) const {
    if (options_.readers.empty()) {
        throw RequestError("there is no reader");
    }
    if (effect.reader) {
        if (*effect.reader == 0 || *effect.reader > options_.readers.size()) {
            throw RequestError(fmt::format("there is no reader {}; the readers are 1 to {}", *effect.reader,
                                           options_.readers.size()));
        }
        return *effect.reader - 1;
    }
    if (card) {
        if (const auto in = reader_with(*card)) {
            return *in;
        }
        const auto was = std::ranges::find(last_, card);
        if (was != last_.end()) {
            return static_cast<std::size_t>(was - last_.begin());
        }
    }
    return 0;
}

std::size_t Moves::card_meant(const Effect& effect, std::optional<std::size_t> card) const {
    const std::size_t where = reader_meant(effect, card);
    if (const auto in = index_of(reader(where).card())) {
        return *in;
    }
    throw RequestError(
        fmt::format("no card is in reader {}: '{}' wants one", number_of(where), word(effect.verb)));
}

void Moves::check_names(const Fault& fault) const {
    static_cast<void>(card_named(fault.place.card));
    static_cast<void>(card_named(fault.effect.card));
    static_cast<void>(reader_meant(fault.effect, std::nullopt));
}

std::size_t Moves::move(const Effect& effect, std::optional<std::size_t> card) {
    note_where();
    const std::size_t where = reader_meant(effect, card);
    switch (effect.verb) {
    case Verb::insert:
        insert(where, card_to_insert(effect, where));
        break;
    case Verb::remove:
        remove(where);
        break;
    case Verb::swap:
        swap(effect, where);
        break;
    case Verb::unplug:
        unplug(where);
        break;
    case Verb::plug:
        plug(where);
        break;
    default:
        throw RequestError(fmt::format("'{}' moves nothing", effect.text()));
    }
    return where;
}

std::optional<std::size_t> Moves::first_outside(std::optional<std::size_t> but) const {
    for (std::size_t i = 0; i < options_.cards.size(); ++i) {
        if (i != but && !reader_with(i)) {
            return i;
        }
    }
    return std::nullopt;
}

/// As asked, else the one that was last there, else the first that is in no reader.
std::size_t Moves::card_to_insert(const Effect& effect, std::size_t where) const {
    if (const auto in = index_of(reader(where).card())) {
        throw RequestError(fmt::format("card {} is in reader {} already: name another reader, or swap",
                                       card_name(*in), number_of(where)));
    }
    if (!effect.card.empty()) {
        return card_named(effect.card);
    }
    if (last_[where] && !reader_with(*last_[where])) {
        return *last_[where];
    }
    if (const auto card = first_outside(std::nullopt)) {
        return *card;
    }
    throw RequestError("every card is in a reader already");
}

void Moves::insert(std::size_t where, std::size_t card) {
    if (const auto other = reader_with(card)) {
        throw RequestError(
            fmt::format("card {} is in reader {}: take it out first", card_name(card), number_of(*other)));
    }
    trace("inserted", where, card);
    options_.cards[card].card->set_reader(static_cast<int>(where));
    reader(where).insert(*options_.cards[card].card);
    last_[where] = card;
}

void Moves::remove(std::size_t where) {
    const ReaderCard* const in = reader(where).card();
    if (in == nullptr) {
        throw RequestError(fmt::format("no card is in reader {}", number_of(where)));
    }
    trace("removed", where, index_of(in));
    reader(where).remove();
}

void Moves::swap(const Effect& effect, std::size_t where) {
    const ReaderCard* const in = reader(where).card();
    if (in == nullptr) {
        throw RequestError(fmt::format(
            "no card is in reader {} that another could take the place of: insert one", number_of(where)));
    }
    const auto other = effect.card.empty() ? first_outside(index_of(in)) : card_named(effect.card);
    if (!other) {
        throw RequestError("there is no other card: every one is in a reader");
    }
    if (const auto there = reader_with(*other)) {
        throw RequestError(fmt::format("card {} is in reader {}{}", card_name(*other), number_of(*there),
                                       *there == where ? " already" : ": take it out first"));
    }
    remove(where);
    insert(where, *other);
}

void Moves::unplug(std::size_t where) {
    if (!reader(where).plugged()) {
        throw RequestError(fmt::format("reader {} is unplugged already", number_of(where)));
    }
    trace("unplugged", where, std::nullopt);
    reader(where).unplug();
}

void Moves::plug(std::size_t where) {
    if (reader(where).plugged()) {
        throw RequestError(fmt::format("reader {} is plugged in already", number_of(where)));
    }
    trace("plugged", where, std::nullopt);
    reader(where).plug();
}

/// Before it is done: nothing that a client does because of it comes earlier in the trace.
void Moves::trace(std::string_view event, std::size_t where, std::optional<std::size_t> card) {
    if (!options_.traces_moves) {
        return;
    }
    nlohmann::json fields{{"event", event}};
    if (card) {
        fields["card"] = card_name(*card);
    }
    trace_.add("reader", static_cast<int>(where), std::move(fields));
}

} // namespace cardrig::harness
