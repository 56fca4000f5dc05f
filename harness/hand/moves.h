// Which card is where, and what a move does to that. Used by the hand alone, under its `state` lock.
#pragma once

#include "harness/hand/hand.h"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace cardrig::harness {

class Moves final {
public:
    /// Both outlive it.
    Moves(const HandOptions& options, Trace& trace);

    /// By its name; empty is the first. Throws RequestError.
    [[nodiscard]] std::size_t card_named(std::string_view name) const;
    [[nodiscard]] std::optional<std::size_t> index_of(const ReaderCard* card) const;
    /// The reader that a card is in.
    [[nodiscard]] std::optional<std::size_t> reader_with(std::size_t card) const;
    /// The reader that an effect is about: the one that it names, else that of `card` (where it is, or was),
    /// else the first. Throws RequestError.
    [[nodiscard]] std::size_t reader_meant(const Effect& effect, std::optional<std::size_t> card) const;
    /// The card in the reader that an effect is about. Throws RequestError where there is none.
    [[nodiscard]] std::size_t card_meant(const Effect& effect, std::optional<std::size_t> card) const;

    /// Throws RequestError where a card or a reader does not exist.
    void check_names(const Fault& fault) const;

    /// Of Target::reader. Returns the reader that it was done to. `card` is the one at whose place it
    /// happens, if any. Throws RequestError where it makes no sense; nothing has happened then.
    std::size_t move(const Effect& effect, std::optional<std::size_t> card);

private:
    [[nodiscard]] Reader& reader(std::size_t index) const { return *options_.readers[index].reader; }
    [[nodiscard]] const std::string& card_name(std::size_t index) const { return options_.cards[index].name; }
    [[nodiscard]] std::size_t card_to_insert(const Effect& effect, std::size_t reader) const;
    [[nodiscard]] std::optional<std::size_t> first_outside(std::optional<std::size_t> but) const;
    void insert(std::size_t reader, std::size_t card);
    void remove(std::size_t reader);
    void swap(const Effect& effect, std::size_t reader);
    void unplug(std::size_t reader);
    void plug(std::size_t reader);
    void trace(std::string_view event, std::size_t reader, std::optional<std::size_t> card);
    void note_where();

    const HandOptions& options_;
    Trace& trace_;
    std::vector<std::optional<std::size_t>> last_; ///< the card that is in each reader, or was there last
};

} // namespace cardrig::harness
