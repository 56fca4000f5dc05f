#include "tests/benchmarks/figure.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace cardrig::benchmarks {

namespace {

/// Four digits that count, whatever the size.
std::string number(double value) {
    if (value >= 1000) {
        return fmt::format("{:.0f}", value);
    }
    return value >= 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.4g}", value);
}

std::string words(const Aim& aim) {
    const std::string_view what = aim.of == Aim::Of::ratio ? "ratio " : "";
    const std::string_view bound = aim.bound == Aim::Bound::at_most ? "<=" : ">=";
    return fmt::format("{}{} {}", what, bound, number(aim.value));
}

using Row = std::array<std::string, 8>;

Row row(const Figure& figure) {
    const std::optional<double> ratio = figure.ratio();
    const std::optional<bool> met = figure.met();
    return {figure.part,
            figure.name,
            fmt::format("{} {}", number(figure.measured.median()), figure.unit),
            figure.floor ? number(figure.floor->value) : "",
            ratio ? fmt::format("{:.3f}", *ratio) : "",
            ratio ? fmt::format("{:.3f}", *figure.ratio_p10()) : "",
            figure.aim ? words(*figure.aim) : "",
            !met ? "" : (*met ? "yes" : "NO")};
}

} // namespace

Spread::Spread(std::vector<double> samples) : samples_(std::move(samples)) {
    if (samples_.empty()) {
        throw std::logic_error("nothing was measured");
    }
    std::ranges::sort(samples_);
}

double Spread::at(std::size_t percent) const {
    return samples_.at((samples_.size() - 1) * percent / 100);
}

nlohmann::json Spread::to_json() const {
    return {{"n", samples_.size()}, {"min", at(0)},  {"p10", at(10)},
            {"median", median()},   {"p90", at(90)}, {"max", at(100)}};
}

std::optional<double> Figure::ratio() const {
    return floor ? std::optional(measured.median() / floor->value) : std::nullopt;
}

std::optional<double> Figure::ratio_p10() const {
    return floor ? std::optional(measured.at(10) / floor->p10) : std::nullopt;
}

std::optional<bool> Figure::met() const {
    if (!aim) {
        return std::nullopt;
    }
    const double value = aim->of == Aim::Of::value ? measured.median() : ratio().value();
    return aim->bound == Aim::Bound::at_most ? value <= aim->value : value >= aim->value;
}

nlohmann::json Figure::to_json() const {
    nlohmann::json json{{"part", part}, {"name", name}, {"unit", unit}, {"measured", measured.to_json()}};
    if (floor) {
        json["floor"] = {{"value", floor->value}, {"p10", floor->p10}, {"against", floor->against}};
        json["ratio"] = *ratio();
        json["ratio at p10"] = *ratio_p10();
    }
    if (aim) {
        json["aim"] = {{"of", aim->of == Aim::Of::ratio ? "ratio" : "measured"},
                       {"bound", aim->bound == Aim::Bound::at_most ? "at most" : "at least"},
                       {"value", aim->value}};
        json["met"] = *met();
    }
    if (!note.empty()) {
        json["note"] = note;
    }
    return json;
}

std::string table(const std::vector<Figure>& figures) {
    std::vector<Row> rows{{"part", "what", "measured", "floor", "ratio", "at p10", "aim", "met"}};
    for (const Figure& figure : figures) {
        rows.push_back(row(figure));
    }
    std::array<std::size_t, std::tuple_size_v<Row>> widths{};
    for (const Row& each : rows) {
        for (std::size_t i = 0; i < each.size(); ++i) {
            widths.at(i) = std::max(widths.at(i), each.at(i).size());
        }
    }
    std::string text;
    for (const Row& each : rows) {
        std::string line;
        for (std::size_t i = 0; i < each.size(); ++i) {
            const bool is_number = i >= 2 && i <= 5;
            line += is_number ? fmt::format("{:>{}}  ", each.at(i), widths.at(i))
                              : fmt::format("{:<{}}  ", each.at(i), widths.at(i));
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

} // namespace cardrig::benchmarks
