// Which models of annz2 are good, and how much each counts in the PDF. See docs/annz2.md.
#include "weighting.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "../common/nearest_errors.hpp"
#include "../common/sample.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::annz2 {
namespace {

constexpr std::size_t most_bins = 10, least_in_bin = 50, steps = 100, searches = 16, always_kept = 5;
constexpr double outlier = 0.15, least_weight = 0.01;
constexpr std::uint32_t weights_stream = 0x616e3202;

/// Rows in the order of redshift, cut into bins of equal numbers.
std::vector<std::vector<std::uint32_t>> bins_of(std::span<const double> z) {
  std::vector<std::uint32_t> order(z.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return z[i]; });
  const std::size_t bins = std::clamp<std::size_t>(z.size() / least_in_bin, 1, most_bins);
  std::vector<std::vector<std::uint32_t>> parts;
  for (std::size_t b = 0; b < bins; ++b)
    parts.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(b * z.size() / bins),
                       order.begin() + static_cast<std::ptrdiff_t>((b + 1) * z.size() / bins));
  return parts;
}

Merit merit_in(const HeldOutAnswers& held_out, std::span<const std::uint32_t> rows, std::size_t model, std::vector<double>& dz) {
  dz.clear();
  double weight = 0.0, sum = 0.0, far = 0.0;
  for (const std::uint32_t i : rows) {
    dz.push_back((held_out.answer[i * held_out.models + model] - held_out.z[i]) / (1.0 + held_out.z[i]));
    weight += held_out.weight[i];
    sum += held_out.weight[i] * dz.back();
    far += std::abs(dz.back()) > outlier ? held_out.weight[i] : 0.0;
  }
  return {std::abs(sum / weight), 0.5 * (quantile_in_place(dz, 0.84) - quantile_in_place(dz, 0.16)), far / weight};
}

/// Adds to the place of each model how many of them have less of a measure.
void add_places(std::span<const Merit> of_bin, double Merit::*measure, double part, std::span<Merit> merits) {
  for (std::size_t m = 0; m < merits.size(); ++m)
    for (std::size_t other = 0; other < merits.size(); ++other) {
      if (other == m) continue;
      const double mine = of_bin[m].*measure, its = of_bin[other].*measure;
      merits[m].place += part * (its < mine ? 1.0 : its == mine ? 0.5 : 0.0);
    }
}

/// A search's best weights and what they reach: first how far the PIT is from flat, but for what chance alone makes; then the mean place
/// of the models, so that of weights that are as good the one with better models wins.
struct Found {
  std::vector<double> weights;
  double distance = 2.0, place = 0.0;

  [[nodiscard]] bool is_better_than(const Found& other) const noexcept {
    return distance < other.distance || (distance == other.distance && place < other.place);
  }
};

Found search(const Flatness& flatness, std::span<const double> place, std::size_t tries, std::uint64_t seed, std::size_t number) {
  const std::size_t models = place.size();
  ObjectRandom random(seed, number, weights_stream);
  Found best, tried{std::vector<double>(models)};
  for (std::size_t t = 0; t < tries; ++t) {
    if (t <= tries / 2) {
      // Exponential deviates are uniform on the simplex; how much places count is drawn, too.
      const double reach = static_cast<double>(models) * (0.02 + 0.3 * random.uniform());
      for (std::size_t m = 0; m < models; ++m) tried.weights[m] = -std::log(1.0 - random.uniform()) * std::exp(-place[m] / reach);
    } else {
      for (std::size_t m = 0; m < models; ++m)
        tried.weights[m] = best.weights[m] * std::exp(0.3 * random.normal()) + (random.uniform() < 0.05 ? 0.03 * random.uniform() : 0.0);
    }
    prune(tried.weights);
    tried.distance = std::max(flatness.distance(tried.weights), flatness.by_chance());
    tried.place = std::inner_product(place.begin(), place.end(), tried.weights.begin(), 0.0);
    if (tried.is_better_than(best)) best = tried;
  }
  return best;
}

}  // namespace

std::vector<Merit> judge(const HeldOutAnswers& held_out, const std::string& measures) {
  const auto bins = bins_of(held_out.z);
  std::vector<Merit> merits(held_out.models), of_bin(held_out.models);
  std::vector<double> buffer;
  std::vector<double Merit::*> used;
  if (measures == "bias" || measures == "all") used.push_back(&Merit::bias);
  if (measures == "scatter" || measures == "all") used.push_back(&Merit::sigma68);
  if (measures == "outliers" || measures == "all") used.push_back(&Merit::outliers);
  const double share = 1.0 / static_cast<double>(bins.size());
  for (const auto& rows : bins) {
    for (std::size_t m = 0; m < held_out.models; ++m) {
      of_bin[m] = merit_in(held_out, rows, m, buffer);
      merits[m].bias += share * of_bin[m].bias;
      merits[m].sigma68 += share * of_bin[m].sigma68;
      merits[m].outliers += share * of_bin[m].outliers;
    }
    for (const auto measure : used) add_places(of_bin, measure, share / static_cast<double>(used.size()), merits);
  }
  return merits;
}

Flatness::Flatness(const HeldOutAnswers& held_out, std::size_t most)
    : n_(std::min(held_out.size(), most)),
      models_(held_out.models),
      pit_(n_ * models_),
      weight_(held_out.weight.begin(), held_out.weight.begin() + static_cast<std::ptrdiff_t>(n_)) {
  double sum = 0.0;
  for (const double w : weight_) sum += w;
  double squares = 0.0;
  for (double& w : weight_) w /= sum, squares += w * w;
  // The median of Kolmogorov's distribution, for as many objects of equal weight as tell as much.
  by_chance_ = 0.8276 * std::sqrt(squares);
  for (std::size_t i = 0; i < n_; ++i)
    for (std::size_t m = 0; m < models_; ++m) {
      const std::size_t at = i * models_ + m;
      pit_[m * n_ + i] =
          static_cast<float>(0.5 * std::erfc((held_out.answer[at] - held_out.z[i]) / (held_out.scatter[at] * std::numbers::sqrt2)));
    }
}

double Flatness::distance(std::span<const double> weights) const {
  std::vector<float> pit(n_, 0.0f);
  for (std::size_t m = 0; m < models_; ++m) {
    if (!(weights[m] > 0.0)) continue;
    const auto w = static_cast<float>(weights[m]);
    const float* of_model = &pit_[m * n_];
    for (std::size_t i = 0; i < n_; ++i) pit[i] += w * of_model[i];
  }
  double share[steps] = {}, reached = 0.0, farthest = 0.0;
  for (std::size_t i = 0; i < n_; ++i)
    share[std::min(static_cast<std::size_t>(pit[i] * static_cast<float>(steps)), steps - 1)] += weight_[i];
  for (std::size_t k = 0; k < steps; ++k) {
    reached += share[k];
    farthest = std::max(farthest, std::abs(reached - static_cast<double>(k + 1) / static_cast<double>(steps)));
  }
  return farthest;
}

void prune(std::span<double> weights) {
  double sum = 0.0;
  for (const double w : weights) sum += w;
  std::vector<double> ordered(weights.begin(), weights.end());
  std::ranges::sort(ordered, std::greater{});
  const double fifth = ordered[std::min(always_kept, ordered.size()) - 1], least = std::min(least_weight * sum, fifth);
  double left = 0.0;
  for (double& w : weights) left += w = w < least ? 0.0 : w;
  for (double& w : weights) w /= left;
}

std::vector<double> find_weights(const Flatness& flatness, std::span<const Merit> merits, std::size_t tries, std::uint64_t seed,
                                 TrainingTasks& tasks) {
  std::vector<double> place;
  for (const Merit& merit : merits) place.push_back(merit.place);
  const auto found = tasks.run("weights", searches, [&](std::size_t number, int) {
    Found best = search(flatness, place, std::max<std::size_t>(tries / searches, 2), seed, number);
    best.weights.insert(best.weights.end(), {best.distance, best.place});
    return bytes_of(best.weights);
  });
  Found best;
  for (const std::string& bytes : found) {
    std::vector<double> numbers = skyfold::numbers_of(bytes);
    const std::size_t n = place.size();
    const Found one{{numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(n)}, numbers[n], numbers[n + 1]};
    if (one.is_better_than(best)) best = one;
  }
  return best.weights;
}

}  // namespace skyfold::annz2
