// The cards of one `cardrig exec`, and the readers that they begin in.
#pragma once

#include "harness/rig.h"
#include "harness/rigged_card.h"
#include "harness/trace.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What the command line asks for.
struct ExecCardsRequest {
    std::vector<std::string> cards;        ///< profiles or images, each in a reader of its own
    std::vector<std::string> spares;       ///< the same, in no reader
    std::vector<std::string> reader_names; ///< of readers, in order
    std::optional<std::size_t> readers;    ///< how many; none: as many as cards and names need
    std::vector<std::string> images;       ///< where cards are saved, in order, spares after the others
    std::optional<std::uint64_t> seed;
};

class ExecCards final {
public:
    /// Makes the cards. Throws RequestError where what is asked for does not go together.
    ExecCards(ExecCardsRequest request, Trace& trace);

    /// Each with its card.
    [[nodiscard]] std::vector<RigReaderPlan> readers() const;
    /// In order, spares after the others: their names are "1", "2" and so on.
    [[nodiscard]] const std::vector<std::unique_ptr<RiggedCard>>& cards() const { return cards_; }
    /// Writes the images that were asked for. Throws RequestError where one cannot be written.
    void save() const;

private:
    void make(const std::string& origin, int reader, Trace& trace);

    ExecCardsRequest request_;
    std::size_t reader_count_ = 0;
    std::vector<std::unique_ptr<RiggedCard>> cards_;
};

} // namespace cardrig::harness
