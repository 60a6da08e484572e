// Which objects have features beyond those of all training objects, for algorithms that do not look at neighbours.
#include "feature_range.hpp"

#include <algorithm>
#include <limits>

#include "model.hpp"

namespace skyfold {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace

FeatureRange::FeatureRange(std::size_t features) : low_(features, -infinity), high_(features, infinity) {}

FeatureRange::FeatureRange(std::span<const float> value, std::size_t features) : low_(features, infinity), high_(features, -infinity) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    // Comparisons with NaN are false: missing values leave the range as it is.
    float &low = low_[i % features], &high = high_[i % features];
    low = value[i] < low ? value[i] : low;
    high = value[i] > high ? value[i] : high;
  }
}

FeatureRange FeatureRange::of(const Table& table) {
  FeatureRange range(table.rows());
  if (!table.find("low") || !table.find("high")) return range;
  range.low_ = values_of<float>(table, "low");
  range.high_ = values_of<float>(table, "high");
  return range;
}

void FeatureRange::add_to(Table& table) const {
  add_values(table, {"low", Type::f4, 1, "", "stat.min", "least value of the training objects, as standardised", ""}, low_);
  add_values(table, {"high", Type::f4, 1, "", "stat.max", "greatest value of the training objects, as standardised", ""}, high_);
}

bool FeatureRange::is_outside(const float* value) const noexcept {
  for (std::size_t f = 0; f < low_.size(); ++f)
    if (value[f] < low_[f] || value[f] > high_[f]) return true;
  return false;
}

}  // namespace skyfold
