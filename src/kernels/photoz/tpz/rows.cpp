// The training objects of a forest: their order, their noisy copies, and what their splits are judged by.
#include "rows.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../common/model.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::tpz {
namespace {

constexpr double least_error = 0.001, greatest_error = 0.3;  // Carrasco Kind & Brunner's code; wider draws would be other galaxies
constexpr std::uint32_t copy_stream = 0x74707a01;
constexpr std::size_t least_objects = 20;

}  // namespace

TrainingRows training_rows(const TrainingSet& set) {
  check_redshifts(set);
  std::vector<std::uint32_t> order;
  double sum = 0.0;
  for (std::uint32_t i = 0; i < set.z.size(); ++i) {
    if (set.photometry.observed[i] == 0 || (!set.weight.empty() && !(set.weight[i] > 0.0))) continue;
    order.push_back(i);
    sum += set.weight.empty() ? 1.0 : set.weight[i];
  }
  if (order.size() < least_objects)
    throw DataError(
        fmt::format("the training set has {} objects with a band and weight (tpz needs at least {})", order.size(), least_objects));
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return std::pair(set.z[a], set.id[a]) < std::pair(set.z[b], set.id[b]); });
  if (set.z[order.front()] == set.z[order.back()])
    throw DataError(fmt::format("all training objects have the redshift {} (there is nothing to learn)", set.z[order.front()]));
  TrainingRows rows;
  for (const std::uint32_t i : order) {
    rows.id.push_back(set.id[i]);
    rows.z.push_back(set.z[i]);
    rows.weight.push_back(set.weight.empty() ? 1.0f : static_cast<float>(set.weight[i] * static_cast<double>(order.size()) / sum));
  }
  rows.photometry = rows_of(set.photometry, order);
  return rows;
}

TrainingRows subset(const TrainingRows& rows, const std::vector<std::uint32_t>& wanted) {
  TrainingRows some;
  for (const std::uint32_t row : wanted) {
    some.id.push_back(rows.id[row]);
    some.z.push_back(rows.z[row]);
    some.weight.push_back(rows.weight[row]);
  }
  some.photometry = rows_of(rows.photometry, wanted);
  return some;
}

std::vector<float> attributes_of(const Photometry& photometry, const FeatureLayer& layer) {
  Features features;
  layer.gather(photometry, features);
  std::vector<float> value(features.value.size());
  std::transform(features.value.begin(), features.value.end(), value.begin(), [](double x) { return static_cast<float>(x); });
  return value;
}

std::vector<float> attributes_of(const TrainingRows& rows, const FeatureLayer& layer, std::uint64_t seed, std::uint32_t copy) {
  if (copy == 0) return attributes_of(rows.photometry, layer);
  Photometry noisy = rows.photometry;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ObjectRandom random(seed ^ mix64(copy), static_cast<std::uint64_t>(rows.id[i]), copy_stream);
    for (std::size_t b = 0; b < noisy.n_bands; ++b) {
      const double draw = random.normal(), error = noisy.mag_err[i * noisy.n_bands + b];
      // A limit has the error 1; it stays where all other limits are.
      if (error > 0.0 && error != 1.0) noisy.mag[i * noisy.n_bands + b] += draw * std::clamp(error, least_error, greatest_error);
    }
  }
  return attributes_of(noisy, layer);
}

forest::Target GrowthTarget::target(const Options& o) const {
  if (o.split == "density") return forest::DensitySums::Target{basis};
  if (o.split == "variance") return forest::SquareSums::Target{y};
  return forest::ClassSums::Target{label, static_cast<std::size_t>(o.classes), o.split == "entropy"};
}

GrowthTarget growth_target(const TrainingRows& rows, const Options& o) {
  GrowthTarget target;
  const double z_min = rows.z.front(), z_max = rows.z.back();
  if (o.split == "density") {
    target.basis = forest::cosine_basis(rows.z, z_min, z_max);
  } else if (o.split == "variance") {
    const double mean = std::accumulate(rows.z.begin(), rows.z.end(), 0.0) / static_cast<double>(rows.size());
    for (const double z : rows.z) target.y.push_back(z - mean);
  } else {
    const double bins = static_cast<double>(o.classes) / (z_max - z_min);
    for (const double z : rows.z)
      target.label.push_back(static_cast<std::uint16_t>(std::min((z - z_min) * bins, static_cast<double>(o.classes - 1))));
  }
  return target;
}

}  // namespace skyfold::tpz
