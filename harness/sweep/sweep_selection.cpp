#include "harness/sweep/sweep_selection.h"

#include <algorithm>
#include <string_view>

namespace cardrig::harness {

namespace {

/// "prefix" and "prefix half" are said of "prefix half".
bool names_model(std::string_view word, std::string_view model) {
    return model.starts_with(word) && (model.size() == word.size() || model[word.size()] == ' ');
}

/// The first occurrence is searched with and without its number.
bool is_in(const Place& place, const std::regex& expression) {
    if (std::regex_search(place.text(), expression)) {
        return true;
    }
    if (place.occurrence != 1 || place.command.empty()) {
        return false;
    }
    Place named;
    named.where = place.where;
    named.command = place.command;
    named.object = place.object;
    std::string first = named.text();
    first.resize(first.rfind(' ')); // without its moment
    const std::string numbered = first + " #1" + place.text().substr(first.size());
    return std::regex_search(numbered, expression);
}

} // namespace

bool SweepSelection::takes(const SweepPlace& place) const {
    if (!phases.contains(place.phase)) {
        return false;
    }
    const std::string model = place.model();
    const bool wanted = models.empty() || std::ranges::any_of(models, [&](const std::string& word) {
                            return names_model(word, model);
                        });
    return wanted && (!places || is_in(place.place, *places));
}

} // namespace cardrig::harness
