// Which of several redshifts of one object is taken: by quality, year, date, error, nearness to the mean, priority. The first rule that
// leaves one decides.
#include "skyfold/kernels/samples/resolve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace skyfold {
namespace {

/// Two redshifts of a pair are equally far from their mean, whatever the rounding says.
constexpr double mean_tolerance = 1e-12;

/// The sum in increasing order, so that the order of the values does not matter.
double ordered_sum(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

std::string_view name_of(ChoiceRule rule) noexcept {
  constexpr std::string_view names[choice_rules] = {"only one", "quality", "year", "date", "error", "nearest to mean", "priority and row"};
  return names[static_cast<std::size_t>(rule)];
}

bool is_valid_error(double z_err) noexcept { return std::isfinite(z_err) && z_err > 0.0; }

/// Leaves those of `left_` with the smallest value; true when one is left.
template <class Value>
bool Resolver::keep_smallest(double tolerance, Value value) {
  double smallest = std::numeric_limits<double>::infinity();
  for (const std::size_t i : left_) smallest = std::min(smallest, value(i));
  std::erase_if(left_, [&](std::size_t i) { return value(i) > smallest + tolerance; });
  return left_.size() == 1;
}

double Resolver::mean(std::span<const RedshiftMeasurement> group) {
  values_.clear();
  for (const RedshiftMeasurement& m : group) values_.push_back(m.z);
  return ordered_sum(values_) / static_cast<double>(group.size());
}

Choice Resolver::best(std::span<const RedshiftMeasurement> group) {
  if (group.size() == 1) return {};
  left_.resize(group.size());
  std::iota(left_.begin(), left_.end(), std::size_t{0});
  if (keep_smallest(0.0, [&](std::size_t i) { return -1.0 * group[i].quality; })) return {left_[0], ChoiceRule::quality};
  if (keep_smallest(0.0, [&](std::size_t i) { return -1.0 * group[i].year; })) return {left_[0], ChoiceRule::year};
  // A measurement without a date is neither earlier nor later than another.
  const bool all_have_dates = std::all_of(left_.begin(), left_.end(), [&](std::size_t i) { return std::isfinite(group[i].mjd); });
  if (all_have_dates && keep_smallest(0.0, [&](std::size_t i) { return -group[i].mjd; })) return {left_[0], ChoiceRule::date};
  // Errors are compared only where all have one: a missing error is not a large one.
  const bool all_have_errors = std::all_of(left_.begin(), left_.end(), [&](std::size_t i) { return is_valid_error(group[i].z_err); });
  if (all_have_errors && keep_smallest(0.0, [&](std::size_t i) { return group[i].z_err; })) return {left_[0], ChoiceRule::error};
  const double centre = mean(group);
  if (keep_smallest(mean_tolerance, [&](std::size_t i) { return std::abs(group[i].z - centre); })) return {left_[0], ChoiceRule::mean};
  const auto first = std::min_element(left_.begin(), left_.end(), [&](std::size_t a, std::size_t b) {
    return group[a].survey != group[b].survey ? group[a].survey < group[b].survey : group[a].row < group[b].row;
  });
  return {*first, ChoiceRule::priority};
}

CombinedRedshift Resolver::average(std::span<const RedshiftMeasurement> group) {
  const double z = mean(group);
  values_.clear();
  for (const RedshiftMeasurement& m : group) {
    if (!is_valid_error(m.z_err)) return {z, std::numeric_limits<double>::quiet_NaN()};
    values_.push_back(m.z_err * m.z_err);
  }
  return {z, std::sqrt(ordered_sum(values_)) / static_cast<double>(group.size())};
}

double Resolver::discrepancy(std::span<const RedshiftMeasurement> group) noexcept {
  const auto [low, high] = std::ranges::minmax_element(group, {}, &RedshiftMeasurement::z);
  return (high->z - low->z) / (1.0 + low->z);
}

}  // namespace skyfold
