// From the leaves of an object to its PDF: which training rows are in them, and the mixture of Gaussians about their redshifts.
#include "shares.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace skyfold::tpz {

void LeafBlock::find(const float* value, std::size_t n, std::size_t attributes) {
  for (std::size_t t = 0; t < trees_.size(); ++t) forest::find_leaves(trees_[t].nodes, value, n, attributes, &leaf_[t * objects]);
}

std::span<const Share> LeafBlock::shares(std::size_t object, const std::function<bool(std::size_t)>& use) {
  sorted_.clear();
  double used = 0.0;
  for (std::size_t t = 0; t < trees_.size(); ++t) {
    if (use && !use(t)) continue;
    const std::span<const std::uint32_t> rows = trees_[t].rows_of(leaf_[t * objects + object]);
    float sum = 0.0f;
    for (const std::uint32_t row : rows) sum += weight_[row];
    used += leaves_are_equal_ ? 1.0 : static_cast<double>(sum);
    const float scale = leaves_are_equal_ ? 1.0f / sum : 1.0f;
    for (const std::uint32_t row : rows) sorted_.push_back((std::uint64_t{row} << 32) | std::bit_cast<std::uint32_t>(weight_[row] * scale));
  }
  std::sort(sorted_.begin(), sorted_.end());
  shares_.clear();
  if (sorted_.empty()) return {};
  const auto scale = static_cast<float>(1.0 / used);
  for (const std::uint64_t entry : sorted_) {
    const auto row = static_cast<std::uint32_t>(entry >> 32);
    const float part = std::bit_cast<float>(static_cast<std::uint32_t>(entry)) * scale;
    if (!shares_.empty() && shares_.back().row == row)
      shares_.back().part += part;
    else
      shares_.push_back({row, part});
  }
  return shares_;
}

/// Robust, as a standard deviation: (z_75 - z_25) / 1.349.
double ShareMixture::spread(std::span<const Share> shares) const noexcept {
  double reached = 0.0, low = z_[shares.back().row], high = low;
  bool has_low = false;
  for (const auto& [row, part] : shares) {
    reached += part;
    if (!has_low && reached >= 0.25) low = z_[row], has_low = true;
    if (reached >= 0.75) {
      high = z_[row];
      break;
    }
  }
  return (high - low) / 1.349;
}

void ShareMixture::group(std::span<const Share> shares, double reach, double variance) {
  centre_.clear(), width_.clear(), weight_.clear();
  for (std::size_t i = 0; i < shares.size();) {
    const double first = z_[shares[i].row];
    double weight = 0.0, sum = 0.0, squares = 0.0;
    for (; i < shares.size() && z_[shares[i].row] - first <= reach; ++i) {
      // About the first one: differences keep their digits.
      const double part = shares[i].part, dz = z_[shares[i].row] - first;
      weight += part;
      sum += part * dz;
      squares += part * dz * dz;
    }
    const double mean = sum / weight;
    centre_.push_back(first + mean);
    width_.push_back(std::sqrt(variance + std::max(squares / weight - mean * mean, 0.0)));
    weight_.push_back(weight);
  }
}

const Mixture& ShareMixture::make(std::span<const Share> shares, double sigma, double scatter) {
  const double added = scatter > 0.0 ? scatter * spread(shares) : 0.0;
  const double variance = sigma * sigma + added * added;
  double reach = 0.25 * std::sqrt(variance);
  group(shares, reach, variance);
  while (centre_.size() > most) group(shares, reach *= 1.4, variance);
  mixture_.set(centre_, width_, weight_);
  return mixture_;
}

}  // namespace skyfold::tpz
