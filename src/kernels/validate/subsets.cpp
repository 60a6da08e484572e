// Subsets of objects: bins of width or of equal numbers, and what is left when the largest errors are culled.
#include "skyfold/kernels/validate/subsets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace skyfold::validation {
namespace {

/// k with k width <= value < (k + 1) width as the products are rounded: the edges that are reported decide.
double bin_number(double value, double width) {
  double k = std::floor(value / width);
  // A quotient may round across an edge that the product does not.
  if (value < k * width) --k;
  if (value >= (k + 1.0) * width) ++k;
  return k;
}

}  // namespace

std::vector<Bin> bins_of_width(std::span<const double> values, std::span<const std::uint32_t> members, double width) {
  // Only bins that have objects, in order: a single redshift of 50 makes no thousand empty ones.
  std::map<double, Bin> bins;
  for (const std::uint32_t i : members) {
    if (!std::isfinite(values[i])) continue;
    const double k = bin_number(values[i], width);
    Bin& bin = bins[k];
    if (bin.members.empty()) {
      bin.low = k * width;
      bin.high = (k + 1.0) * width;
    }
    bin.members.push_back(i);
  }
  std::vector<Bin> list;
  for (auto& [k, bin] : bins) list.push_back(std::move(bin));
  return list;
}

std::vector<Bin> bins_of_equal_numbers(std::span<const double> values, std::span<const std::uint32_t> members, std::size_t count) {
  std::vector<double> sorted;
  for (const std::uint32_t i : members)
    if (std::isfinite(values[i])) sorted.push_back(values[i]);
  if (sorted.empty() || count == 0) return {};
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> edges;
  for (std::size_t k = 0; k < count; ++k) edges.push_back(sorted[k * sorted.size() / count]);
  // Equal values stay together, so there may be fewer bins than asked for.
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  std::vector<Bin> bins(edges.size());
  for (std::size_t k = 0; k < bins.size(); ++k) {
    bins[k].low = edges[k];
    bins[k].high = k + 1 < edges.size() ? edges[k + 1] : sorted.back();
  }
  for (const std::uint32_t i : members) {
    if (!std::isfinite(values[i])) continue;
    const auto above = std::upper_bound(edges.begin(), edges.end(), values[i]);
    bins[static_cast<std::size_t>(above - edges.begin()) - 1].members.push_back(i);
  }
  return bins;
}

std::vector<std::uint32_t> without_largest(std::span<const double> errors, std::span<const std::uint32_t> members, double fraction) {
  const auto error_of = [&](std::uint32_t i) { return std::isnan(errors[i]) ? std::numeric_limits<double>::infinity() : errors[i]; };
  std::vector<std::size_t> order(members.size());
  for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return error_of(members[a]) < error_of(members[b]); });
  const auto removed = static_cast<std::size_t>(std::floor(fraction * static_cast<double>(members.size())));
  order.resize(members.size() - std::min(removed, members.size()));
  // Back in their own order: culling must not change sums by rounding.
  std::sort(order.begin(), order.end());
  std::vector<std::uint32_t> kept;
  for (const std::size_t k : order) kept.push_back(members[k]);
  return kept;
}

}  // namespace skyfold::validation
