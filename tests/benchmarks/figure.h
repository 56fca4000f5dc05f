// What a benchmark found: samples, what they are held against, and what is aimed at.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::benchmarks {

/// Samples in order of size; at least one.
class Spread {
public:
    explicit Spread(std::vector<double> samples);
    /// The sample below which so many per cent of the others lie; 0 to 100.
    [[nodiscard]] double at(std::size_t percent) const;
    [[nodiscard]] double median() const { return at(50); }
    [[nodiscard]] const std::vector<double>& samples() const { return samples_; }
    [[nodiscard]] nlohmann::json to_json() const;

private:
    std::vector<double> samples_;
};

struct Aim {
    enum class Of : std::uint8_t { ratio, value }; ///< measured median by floor, or the median itself
    enum class Bound : std::uint8_t { at_most, at_least };
    Of of = Of::ratio;
    Bound bound = Bound::at_most;
    double value = 0;
};

/// What was measured in the same run under the same conditions, and cannot be undercut.
struct Floor {
    double value = 0;    ///< in the figure's unit
    double p10 = 0;      ///< the same of the tenth of all samples that was disturbed least
    std::string against; ///< in words

    Floor(double median, double tenth, std::string words)
        : value(median), p10(tenth), against(std::move(words)) {}
    Floor(const Spread& spread, std::string words)
        : Floor(spread.median(), spread.at(10), std::move(words)) {}
};

struct Figure {
    std::string part;
    std::string name;
    std::string unit;
    Spread measured;
    std::optional<Floor> floor;
    std::optional<Aim> aim;
    std::string note; ///< what a reader has to know besides; may be empty

    /// None without a floor.
    [[nodiscard]] std::optional<double> ratio() const;
    /// Of the tenth percentiles: holds still on a machine that is busy otherwise.
    [[nodiscard]] std::optional<double> ratio_p10() const;
    /// None without an aim.
    [[nodiscard]] std::optional<bool> met() const;
    [[nodiscard]] nlohmann::json to_json() const;
};

/// A line for each figure, with a heading.
[[nodiscard]] std::string table(const std::vector<Figure>& figures);

/// How much to do. Brief: just enough for every figure to have a sample.
struct Effort {
    bool brief = false;
    std::string command; ///< path of cardrig
    std::string stamp;   ///< path of the program that tells when it was started

    [[nodiscard]] std::size_t samples(std::size_t usual) const { return brief ? 2 : usual; }
};

} // namespace cardrig::benchmarks
