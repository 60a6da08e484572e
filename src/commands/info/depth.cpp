// The depth of a survey as its users quote it before there are simulations: the magnitude at which the counts turn over.
#include "depth.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skyfold {

void DepthHistogram::add(double magnitude) {
  const auto bin = static_cast<std::int64_t>(std::floor(magnitude / bin_));
  if (counts_.empty()) first_ = bin;
  // Grown to both sides as magnitudes come: a map of a survey has a hundred thousand of these, and most span ten magnitudes.
  if (bin < first_) {
    counts_.insert(counts_.begin(), static_cast<std::size_t>(first_ - bin), 0);
    first_ = bin;
  }
  const auto place = static_cast<std::size_t>(bin - first_);
  if (place >= counts_.size()) counts_.resize(place + 1);
  ++counts_[place];
  ++objects_;
}

double DepthHistogram::peak() const {
  if (counts_.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto fullest = std::max_element(counts_.begin(), counts_.end()) - counts_.begin();
  // To a millionth: 199.5 x 0.1 is 19.950000000000003.
  return std::round((static_cast<double>(first_ + fullest) + 0.5) * bin_ * 1e6) / 1e6;
}

}  // namespace skyfold
