// Which objects of a training set a network learns from, and which are held out.
#include "sample.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "model.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {

TrainingSample training_sample(const TrainingSet& set, const std::string& algorithm, std::size_t least) {
  check_redshifts(set);
  TrainingSample sample{{}, set.weight.empty() ? std::vector<double>(set.z.size(), 1.0) : set.weight};
  double sum = 0.0;
  for (std::uint32_t i = 0; i < set.z.size(); ++i) {
    if (set.photometry.observed[i] == 0 || !(sample.weight[i] > 0.0)) continue;
    sample.used.push_back(i);
    sum += sample.weight[i];
  }
  if (sample.used.size() < least)
    throw DataError(fmt::format("the training set has {} objects with a band and a weight ({} needs at least {})", sample.used.size(),
                                algorithm, least));
  for (double& w : sample.weight) w *= static_cast<double>(sample.used.size()) / sum;
  return sample;
}

HeldOut hold_out(const TrainingSet& set, std::span<const std::uint32_t> rows, double share, std::size_t most, std::uint32_t stream) {
  std::vector<std::pair<double, std::uint32_t>> draws;
  draws.reserve(rows.size());
  for (const std::uint32_t i : rows) draws.emplace_back(ObjectRandom(set.seed, static_cast<std::uint64_t>(set.id[i]), stream).uniform(), i);
  std::ranges::sort(draws);
  draws.resize(std::min(draws.size(), most));
  HeldOut parts;
  const auto judged = static_cast<std::size_t>(share * static_cast<double>(draws.size()));
  for (std::size_t i = 0; i < draws.size(); ++i) (i < judged ? parts.judged : parts.fit).push_back(draws[i].second);
  return parts;
}

std::string bytes_of(std::span<const double> values) { return {reinterpret_cast<const char*>(values.data()), values.size_bytes()}; }

std::vector<double> numbers_of(const std::string& bytes) {
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

}  // namespace skyfold
