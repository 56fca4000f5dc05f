#include "harness/exec_cards.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "harness/profile.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

std::size_t count_readers(const ExecCardsRequest& request) {
    if (request.cards.empty() && request.spares.empty() && !request.readers) {
        throw RequestError(
            "no card: give one with --card, as in `cardrig exec --card piv-staff -- opensc-tool -n`");
    }
    const std::size_t needed = std::max(request.cards.size(), request.reader_names.size());
    const std::size_t count = request.readers.value_or(std::max<std::size_t>(needed, 1));
    if (count < request.cards.size()) {
        throw RequestError(
            fmt::format("--readers {}: there are {} cards; one that is to be in no reader is given "
                        "with --spare",
                        count, request.cards.size()));
    }
    if (count < request.reader_names.size()) {
        throw RequestError(
            fmt::format("--readers {}: there are {} names for readers", count, request.reader_names.size()));
    }
    return count;
}

/// Also of a file that is not there yet.
std::filesystem::path place_of(const std::string& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path));
}

void check_images(const ExecCardsRequest& request) {
    const std::size_t cards = request.cards.size() + request.spares.size();
    if (request.images.size() > cards) {
        throw RequestError(fmt::format("{} images for {} cards: --image is for the card at the same place",
                                       request.images.size(), cards));
    }
    for (auto image = request.images.begin(); image != request.images.end(); ++image) {
        const auto is_same = [&image](const std::string& other) {
            return place_of(other) == place_of(*image);
        };
        if (std::any_of(request.images.begin(), image, is_same)) {
            throw RequestError(fmt::format("--image {}: two cards cannot be saved in one file", *image));
        }
    }
}

} // namespace

ExecCards::ExecCards(ExecCardsRequest request, Trace& trace)
    : request_(std::move(request)), reader_count_(count_readers(request_)) {
    check_images(request_);
    for (const std::string& origin : request_.cards) {
        make(origin, static_cast<int>(cards_.size()), trace);
    }
    for (const std::string& origin : request_.spares) {
        make(origin, -1, trace);
    }
}

void ExecCards::make(const std::string& origin, int reader, Trace& trace) {
    MakeOptions options;
    options.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const bool one_of_many = request_.cards.size() + request_.spares.size() > 1;
    cards_.push_back(
        std::make_unique<RiggedCard>(reader, open_card(origin, options), request_.seed, trace,
                                     one_of_many ? std::to_string(cards_.size() + 1) : std::string()));
}

std::vector<RigReaderPlan> ExecCards::readers() const {
    std::vector<RigReaderPlan> plans(reader_count_);
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (i < request_.reader_names.size()) {
            plans[i].name = request_.reader_names[i];
        }
        if (i < request_.cards.size()) {
            plans[i].card = cards_[i].get();
        }
    }
    return plans;
}

void ExecCards::save() const {
    for (std::size_t i = 0; i < request_.images.size(); ++i) {
        write_file(request_.images[i], cards_[i]->image().serialize());
    }
}

} // namespace cardrig::harness
