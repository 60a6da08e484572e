// A classifier for each redshift bin: boosted trees, calibrated on objects that they have not seen. See docs/arborz.md.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string_view>

#include "options.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::arborz {
namespace {

constexpr double held_out_part = 0.25;
constexpr std::uint32_t held_out_stream = 0x61726201;
constexpr std::size_t least_objects_of_part = 20;  // of a bin that is cut since it is wide

/// What all bins are trained with.
struct Samples {
  std::size_t attributes = 0;
  forest::BinnedAttributes binned;  ///< of those that grow trees
  std::vector<float> held_out;      ///< attribute by attribute, padded to vectors of eight
  std::size_t padded_held_out = 0;
  std::vector<std::size_t> bin, held_out_bin;
  std::vector<double> weight, held_out_weight;
};

std::size_t bin_of(std::span<const double> edges, double z) {
  const auto above = std::upper_bound(edges.begin(), edges.end(), z);
  return std::min(static_cast<std::size_t>(std::max<std::ptrdiff_t>(above - edges.begin() - 1, 0)), edges.size() - 2);
}

Samples split(const TrainingSet& set, const FeatureLayer& layer, std::span<const double> edges) {
  Samples s;
  const std::size_t d = s.attributes = layer.size();
  const std::vector<float> value = filled_attributes(set.photometry, layer);
  std::vector<float> growing;
  std::vector<std::size_t> judged;
  for (std::size_t i = 0; i < set.z.size(); ++i) {
    const double weight = set.weight.empty() ? 1.0 : set.weight[i];
    if (!(weight > 0.0) || set.photometry.observed[i] == 0) continue;
    if (ObjectRandom(set.seed, static_cast<std::uint64_t>(set.id[i]), held_out_stream).uniform() < held_out_part) {
      judged.push_back(i);
      s.held_out_bin.push_back(bin_of(edges, set.z[i]));
      s.held_out_weight.push_back(weight);
    } else {
      growing.insert(growing.end(), value.begin() + static_cast<std::ptrdiff_t>(i * d),
                     value.begin() + static_cast<std::ptrdiff_t>((i + 1) * d));
      s.bin.push_back(bin_of(edges, set.z[i]));
      s.weight.push_back(weight);
    }
  }
  s.binned = forest::bin_attributes(growing, d);
  s.padded_held_out = (judged.size() + 7) / 8 * 8;
  s.held_out.assign(s.padded_held_out * d, 0.0f);
  for (std::size_t k = 0; k < judged.size(); ++k)
    for (std::size_t a = 0; a < d; ++a) s.held_out[a * s.padded_held_out + k] = value[judged[k] * d + a];
  return s;
}

/// Trees of one bin, its objects against those outside the gap; both sides have the same weight.
std::vector<forest::SmallTree> grow(const Samples& s, std::size_t bin, const Options& o) {
  std::vector<std::uint8_t> is_signal(s.bin.size());
  std::vector<double> weight = s.weight;
  double signal = 0.0, rest = 0.0;
  for (std::size_t i = 0; i < is_signal.size(); ++i) {
    is_signal[i] = s.bin[i] == bin;
    const std::size_t distance = s.bin[i] > bin ? s.bin[i] - bin : bin - s.bin[i];
    if (!is_signal[i] && distance <= static_cast<std::size_t>(o.gap)) weight[i] = 0.0;
    (is_signal[i] ? signal : rest) += weight[i];
  }
  // A bin none of whose objects grow trees has a sum of 0 everywhere, and what calibration makes of it.
  if (!(signal > 0.0) || !(rest > 0.0)) return {};
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] /= is_signal[i] ? signal : rest;
  return forest::boost(s.binned, is_signal, std::move(weight), static_cast<std::size_t>(o.trees), o.shrinkage);
}

/// A classifier as the bytes of its task's result, and back: slope, offset, number of points, the points, trees.
std::string bytes_of(const BinClassifier& classifier) {
  std::vector<double> numbers = {classifier.slope, classifier.offset, static_cast<double>(classifier.curve.score.size())};
  numbers.insert(numbers.end(), classifier.curve.score.begin(), classifier.curve.score.end());
  numbers.insert(numbers.end(), classifier.curve.probability.begin(), classifier.curve.probability.end());
  std::string bytes(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double));
  return bytes.append(reinterpret_cast<const char*>(classifier.trees.data()), classifier.trees.size() * sizeof(forest::SmallTree));
}
BinClassifier classifier_of(std::string_view bytes) {
  const auto take = [&](std::size_t n) {
    std::vector<double> numbers(n);
    if (n > 0) std::memcpy(numbers.data(), bytes.data(), n * sizeof(double));
    bytes.remove_prefix(n * sizeof(double));
    return numbers;
  };
  const std::vector<double> head = take(3);
  const auto points = static_cast<std::size_t>(head[2]);
  BinClassifier classifier{{}, head[0], head[1], {}};
  classifier.curve.score = take(points);
  classifier.curve.probability = take(points);
  classifier.trees.resize(bytes.size() / sizeof(forest::SmallTree));
  if (!bytes.empty()) std::memcpy(classifier.trees.data(), bytes.data(), bytes.size());
  return classifier;
}

BinClassifier train_bin(const Samples& s, std::size_t bin, const Options& o) {
  BinClassifier classifier{grow(s, bin, o)};
  std::vector<float> sum(s.padded_held_out);
  forest::boosted_sums(classifier.trees, s.held_out.data(), s.padded_held_out, sum.data());
  const std::vector<double> score(sum.begin(), sum.begin() + static_cast<std::ptrdiff_t>(s.held_out_bin.size()));
  std::vector<std::uint8_t> is_signal(score.size());
  for (std::size_t i = 0; i < score.size(); ++i) is_signal[i] = s.held_out_bin[i] == bin;
  if (o.calibration == "isotonic") {
    classifier.curve = fit_isotonic(score, is_signal, s.held_out_weight);
    return classifier;
  }
  const LogisticLine line = fit_logistic(score, is_signal, s.held_out_weight);
  classifier.slope = line.slope;
  classifier.offset = line.offset;
  return classifier;
}

}  // namespace

std::vector<double> bin_edges(std::vector<double> z, const Options& o) {
  std::sort(z.begin(), z.end());
  if (z.front() == z.back())
    throw DataError(fmt::format("all training objects have the redshift {} (there is nothing to learn)", z.front()));
  const auto bins = static_cast<std::size_t>(o.bins);
  if (bins > z.size()) throw DataError(fmt::format("arborz.bins = {} is more than the {} training objects", o.bins, z.size()));
  std::vector<double> edges = {z.front()};
  for (std::size_t b = 1, last = 0; b <= bins; ++b) {
    const std::size_t at = b * z.size() / bins;
    const double edge = b == bins ? z.back() : 0.5 * (z[at - 1] + z[at]);
    if (!(edge > edges.back())) continue;  // many objects of one redshift
    const double low = edges.back();
    const auto by_width = static_cast<std::size_t>(std::ceil((edge - low) / o.width)), by_number = (at - last) / least_objects_of_part;
    const std::size_t parts = std::max<std::size_t>(1, std::min(by_width, by_number));
    for (std::size_t k = 1; k <= parts; ++k)
      edges.push_back(k == parts ? edge : low + (edge - low) * static_cast<double>(k) / static_cast<double>(parts));
    last = at;
  }
  return edges;
}

double BinClassifier::probability(double sum) const noexcept {
  return curve.score.empty() ? 1.0 / (1.0 + std::exp(-(slope * sum + offset))) : curve.at(sum);
}

PlattTargets platt_targets(std::span<const std::uint8_t> is_signal, std::span<const double> weight) {
  double total = 0.0, count[2] = {0.0, 0.0};
  for (const double w : weight) total += w;
  const double scale = total > 0.0 ? static_cast<double>(weight.size()) / total : 1.0;
  for (std::size_t i = 0; i < weight.size(); ++i) count[is_signal[i]] += weight[i] * scale;
  return {{1.0 / (count[0] + 2.0), (count[1] + 1.0) / (count[1] + 2.0)}, {count[0], count[1]}, scale};
}

LogisticLine fit_logistic(std::span<const double> score, std::span<const std::uint8_t> is_signal, std::span<const double> weight) {
  const auto [target, count, scale] = platt_targets(is_signal, weight);
  LogisticLine line{0.0, std::log((count[1] + 1.0) / (count[0] + 1.0))};
  const auto loss_of = [&](const LogisticLine& l) {
    double loss = 0.0;
    for (std::size_t i = 0; i < score.size(); ++i) {
      const double t = target[is_signal[i]], u = l.slope * score[i] + l.offset;
      loss += weight[i] * scale * (std::max(u, 0.0) + std::log1p(std::exp(-std::abs(u))) - t * u);
    }
    return loss;
  };
  double loss = loss_of(line);
  for (int step = 0; step < 100; ++step) {
    double g_slope = 0.0, g_offset = 0.0, h_ss = 1e-10, h_so = 0.0, h_oo = 1e-10;
    for (std::size_t i = 0; i < score.size(); ++i) {
      const double w = weight[i] * scale, p = 1.0 / (1.0 + std::exp(-(line.slope * score[i] + line.offset)));
      const double slope = w * (p - target[is_signal[i]]), curve = w * p * (1.0 - p);
      g_slope += slope * score[i], g_offset += slope;
      h_ss += curve * score[i] * score[i], h_so += curve * score[i], h_oo += curve;
    }
    const double determinant = h_ss * h_oo - h_so * h_so;
    if (!(determinant > 0.0)) break;
    const double d_slope = (h_oo * g_slope - h_so * g_offset) / determinant, d_offset = (h_ss * g_offset - h_so * g_slope) / determinant;
    double part = 1.0, next = loss;
    LogisticLine tried = line;
    // Halved until the loss falls: far from the minimum Newton's step can be too long.
    for (; part > 1e-10; part *= 0.5) {
      tried = {line.slope - part * d_slope, line.offset - part * d_offset};
      next = loss_of(tried);
      if (next < loss) break;
    }
    if (!(next < loss)) break;
    const bool is_done = loss - next < 1e-10 * (1.0 + loss);
    line = tried, loss = next;
    if (is_done) break;
  }
  return line;
}

std::vector<float> filled_attributes(const Photometry& photometry, const FeatureLayer& layer) {
  Features features;
  layer.gather(photometry, features);
  std::vector<float> value(features.value.size());
  std::transform(features.value.begin(), features.value.end(), value.begin(),
                 [](double x) { return std::isnan(x) ? 0.0f : static_cast<float>(x); });
  return value;
}

std::vector<BinClassifier> train_bins(const TrainingSet& set, const FeatureLayer& layer, std::span<const double> edges, const Options& o,
                                      TrainingTasks& tasks) {
  const Samples samples = split(set, layer, edges);
  if (samples.bin.empty() || samples.held_out_bin.empty())
    throw DataError(fmt::format("arborz: {} of {} training objects were drawn to calibrate with (draws go by ids: are they unique?)",
                                samples.held_out_bin.size(), samples.bin.size() + samples.held_out_bin.size()));
  const std::vector<std::string> trained = tasks.run("bins", edges.size() - 1, [&](std::size_t bin, int) {
    const BinClassifier classifier = train_bin(samples, bin, o);
    tasks.tell("bins", bin, 1.0, std::nan(""));
    return bytes_of(classifier);
  });
  std::vector<BinClassifier> classifiers;
  for (const std::string& bytes : trained) classifiers.push_back(classifier_of(bytes));
  return classifiers;
}

}  // namespace skyfold::arborz
