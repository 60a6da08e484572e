// Weights of members that differ between bright and faint objects, where held-out objects show that this is better.
#include "bins.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "weights.hpp"

namespace skyfold::combine {
namespace {

/// Products without the members that get no weight.
Products some_of(const Products& all, const std::vector<std::size_t>& kept) {
  Products some(kept.size());
  some.weight = all.weight;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    some.b[i] = all.b[kept[i]];
    for (std::size_t j = 0; j < kept.size(); ++j) some.q[i * kept.size() + j] = all.q[kept[i] * all.b.size() + kept[j]];
  }
  return some;
}

std::vector<double> best_of(const Products& sums, const std::vector<std::size_t>& kept) {
  const Products some = some_of(sums.mean(), kept);
  const std::vector<double> found = best_weights(some.q, some.b);
  std::vector<double> weights(sums.b.size(), 0.0);
  for (std::size_t i = 0; i < kept.size(); ++i) weights[kept[i]] = found[i];
  return weights;
}

/// Loss of each part, summed over its objects with a magnitude, by weights in n bins that the others gave.
std::vector<double> losses(const BinnedProducts& products, std::size_t n, const std::vector<std::size_t>& kept) {
  std::vector<double> loss(products.parts(), 0.0);
  const std::size_t each = finest_bins / n;
  for (std::size_t part = 0; part < products.parts(); ++part)
    for (std::size_t bin = 0; bin < finest_bins; bin += each) {
      const Products others = products.sum(bin, bin + each, part);
      if (!(others.weight > 0.0)) continue;
      const std::vector<double> weights = best_of(others, kept);
      for (std::size_t k = bin; k < bin + each; ++k) loss[part] += loss_of(weights, products.of(part, k).q, products.of(part, k).b);
    }
  return loss;
}

bool has_objects(const BinnedProducts& products, std::size_t n) {
  const std::size_t each = finest_bins / n;
  for (std::size_t bin = 0; bin < finest_bins; bin += each)
    if (!(products.sum(bin, bin + each).weight > 0.0)) return false;
  return true;
}

}  // namespace

void Products::add(const Products& other) {
  for (std::size_t i = 0; i < q.size(); ++i) q[i] += other.q[i];
  for (std::size_t i = 0; i < b.size(); ++i) b[i] += other.b[i];
  weight += other.weight;
}

Products Products::mean() const {
  Products mean = *this;
  for (double& value : mean.q) value /= weight;
  for (double& value : mean.b) value /= weight;
  return mean;
}

BinnedProducts::BinnedProducts(std::size_t members, std::size_t parts)
    : members_(members), cells_(parts * (finest_bins + 1), Products(members)) {}

Products BinnedProducts::sum(std::size_t first, std::size_t last, std::size_t without) const {
  Products sum(members_);
  for (std::size_t part = 0; part < parts(); ++part)
    for (std::size_t bin = first; bin < last && part != without; ++bin) sum.add(of(part, bin));
  return sum;
}

const std::vector<double>& BinnedWeights::of(double magnitude) const noexcept {
  if (bins.empty() || !std::isfinite(magnitude)) return all;
  std::size_t k = 0;
  while (k + 1 < up_to.size() && magnitude > up_to[k]) ++k;
  return bins[k];
}

BinnedWeights binned_weights(const BinnedProducts& products, std::span<const double> edges, double least) {
  const Products whole = products.sum(0, finest_bins + 1);
  if (!(whole.weight > 0.0)) throw DataError("combine: no held-out object has a PDF of every member");
  std::vector<std::size_t> kept;
  for (std::size_t m = 0; m < products.members(); ++m) kept.push_back(m);
  BinnedWeights found;
  const auto take = [&](std::size_t n) {
    found.all = best_of(whole, kept);
    found.bins.clear(), found.up_to.clear();
    const std::size_t each = finest_bins / n;
    for (std::size_t bin = 0; n > 1 && bin < finest_bins; bin += each) {
      found.bins.push_back(best_of(products.sum(bin, bin + each), kept));
      found.up_to.push_back(bin + each < finest_bins ? edges[bin + each - 1] : std::numeric_limits<double>::infinity());
    }
  };
  std::size_t bins = 1;
  std::vector<double> loss = losses(products, 1, kept);
  const double with_magnitude = products.sum(0, finest_bins).weight;
  for (const std::size_t n : {std::size_t{2}, finest_bins}) {
    if (!has_objects(products, n)) break;
    const std::vector<double> its = losses(products, n, kept);
    double sum = 0.0, squares = 0.0;
    for (std::size_t part = 0; part < its.size(); ++part) {
      const double gain = loss[part] - its[part];
      sum += gain, squares += gain * gain;
    }
    const auto parts = static_cast<double>(its.size());
    // Sums over parts: their scatter is the error of one part, that of the sum the root of their number as large.
    const double error = std::sqrt(std::max(0.0, squares - sum * sum / parts) / (parts - 1.0) * parts);
    if (!(sum > error)) continue;
    found.gain += sum / with_magnitude;
    bins = n, loss = its;
  }
  take(bins);
  // Members that are worth too little cost more than they give.
  std::vector<std::size_t> worthwhile;
  for (const std::size_t m : kept) {
    double mean = found.bins.empty() ? found.all[m] : 0.0;
    for (const std::vector<double>& weights : found.bins) mean += weights[m] / static_cast<double>(found.bins.size());
    if (mean >= least) worthwhile.push_back(m);
  }
  kept = worthwhile;
  take(bins);
  return found;
}

std::size_t binned_band(const std::vector<std::string>& bands) {
  for (const char* wanted : {"i", "I", "r", "R"})
    if (const auto found = std::ranges::find(bands, wanted); found != bands.end()) return static_cast<std::size_t>(found - bands.begin());
  return bands.size() / 2;
}

}  // namespace skyfold::combine
