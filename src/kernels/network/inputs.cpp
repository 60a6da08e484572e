// Inputs of nets from photometry: standardised features, and bits that tell which bands are missing.
#include "inputs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/photoz/band_flags.hpp"

namespace skyfold::network {
namespace {

constexpr double most_deviations = 6.0, least_error = 1e-4, hidden_bands = 0.3;
constexpr std::uint32_t variation_stream = 0x6e657403;

}  // namespace

Inputs::Inputs(const FeatureOptions& o, const std::vector<std::string>& bands)
    : layer_(o, bands), n_bands_(bands.size()), mean_(layer_.size(), 0.0), deviation_(layer_.size(), 1.0), low_(mean_), high_(mean_) {}

/// Errors span powers of ten: their logarithms are what nets can use.
double Inputs::of_feature(std::size_t feature, double value) const {
  return layer_.is_error(feature) ? std::log(std::max(value, least_error)) : value;
}

void Inputs::standardise_by(const Photometry& training, std::span<const std::uint32_t> of) {
  Features raw;
  layer_.gather(training, raw);
  for (std::size_t f = 0; f < layer_.size(); ++f) {
    double n = 0.0, sum = 0.0, squares = 0.0;
    low_[f] = std::numeric_limits<double>::infinity();
    high_[f] = -low_[f];
    const auto for_each = [&](auto use) {
      for (const std::uint32_t i : of)
        if (raw.present[i] >> f & 1) use(of_feature(f, raw.value[i * layer_.size() + f]));
    };
    for_each([&](double x) {
      n += 1.0;
      sum += x;
      low_[f] = std::min(low_[f], x);
      high_[f] = std::max(high_[f], x);
    });
    mean_[f] = n > 0.0 ? sum / n : 0.0;
    for_each([&](double x) { squares += (x - mean_[f]) * (x - mean_[f]); });
    deviation_[f] = n > 1.0 && squares > 0.0 ? std::sqrt(squares / (n - 1.0)) : 1.0;
  }
}

Table Inputs::table() const {
  Table table = layer_.table();
  std::ranges::copy(mean_, table.at("mean").values<double>().begin());
  std::ranges::copy(deviation_, table.at("deviation").values<double>().begin());
  std::ranges::copy(low_, table.add({"low", Type::f8, 1, "", "stat.min", "least value of the training set", ""}).values<double>().begin());
  std::ranges::copy(high_,
                    table.add({"high", Type::f8, 1, "", "stat.max", "greatest value of the training set", ""}).values<double>().begin());
  return table;
}

void Inputs::restore(const Table& table) {
  FeatureLayer named = layer_;
  named.restore(table);  // for its check of the names alone: the layer itself does not standardise
  for (std::size_t f = 0; f < layer_.size(); ++f) {
    mean_[f] = table.at("mean").number(f);
    deviation_[f] = table.at("deviation").number(f);
    low_[f] = table.at("low").number(f);
    high_[f] = table.at("high").number(f);
    if (!std::isfinite(mean_[f]) || !(deviation_[f] > 0.0)) throw DataError("the model's inputs have no means and deviations (damaged)");
  }
}

void Inputs::fill(const Features& features, std::span<const std::uint32_t> observed, std::span<const std::uint32_t> rows,
                  std::span<double> input) const {
  const std::size_t n = layer_.size();
  std::ranges::fill(input, 0.0);
  for (std::size_t o = 0; o < rows.size(); ++o) {
    const std::size_t row = rows[o];
    for (std::size_t f = 0; f < n; ++f)
      if (features.present[row] >> f & 1)
        input[f * chunk + o] =
            std::clamp((of_feature(f, features.value[row * n + f]) - mean_[f]) / deviation_[f], -most_deviations, most_deviations);
    for (std::size_t b = 0; b < n_bands_; ++b) input[(n + b) * chunk + o] = observed[row] >> b & 1 ? 0.0 : 1.0;
  }
}

bool Inputs::is_outside(const Features& features, std::size_t row) const {
  const std::size_t n = layer_.size();
  for (std::size_t f = 0; f < n; ++f) {
    if (!(features.present[row] >> f & 1)) continue;
    const double value = of_feature(f, features.value[row * n + f]);
    if (value < low_[f] || value > high_[f]) return true;
  }
  return false;
}

std::int32_t Inputs::flags(const Photometry& photometry, const Features& features, std::size_t row) const {
  return band_flags(layer_, photometry, row) | (is_outside(features, row) ? photoz_outside_coverage : 0);
}

void Inputs::make_places(Features& features) const {
  const std::size_t n = layer_.size();
  for (std::size_t row = 0; row < features.n_objects; ++row)
    for (std::size_t f = 0; f < n; ++f) {
      double& value = features.value[row * n + f];
      if (layer_.is_error(f)) {
        value = std::numeric_limits<double>::quiet_NaN();
        features.present[row] &= ~(std::uint64_t{1} << f);
      } else if (features.present[row] >> f & 1) {
        value = (value - mean_[f]) / deviation_[f];
      }
    }
}

// The layer says which bands a feature has, not with what sign: it is asked for the features of one magnitude in each band.
std::vector<double> Inputs::slopes() const {
  Photometry unit;
  unit.n_objects = unit.n_bands = n_bands_;
  unit.mag.assign(n_bands_ * n_bands_, 0.0);
  unit.mag_err.assign(n_bands_ * n_bands_, 1.0);
  unit.observed.assign(n_bands_, ~std::uint32_t{0});
  for (std::size_t b = 0; b < n_bands_; ++b) unit.mag[b * n_bands_ + b] = 1.0;
  Features features;
  layer_.gather(unit, features);
  const std::size_t n = layer_.size();
  std::vector<double> slopes(n * n_bands_, 0.0);
  for (std::size_t f = 0; f < n; ++f)
    for (std::size_t b = 0; b < n_bands_; ++b)
      if (!layer_.is_error(f)) slopes[f * n_bands_ + b] = features.value[b * n + f] / deviation_[f];
  return slopes;
}

VariedInputs::VariedInputs(const Inputs& inputs, const Photometry& all, std::span<const std::int64_t> id, const Variation& variation,
                           std::uint64_t seed, std::uint64_t number)
    : inputs_(inputs), all_(all), id_(id), variation_(variation), seed_(seed), number_(number) {
  some_.n_bands = all.n_bands;
}

void VariedInputs::fill(std::span<const std::uint32_t> rows, std::size_t epoch, std::span<double> input) {
  const std::size_t n = all_.n_bands;
  some_.n_objects = rows.size();
  some_.mag.resize(rows.size() * n);
  some_.mag_err.resize(rows.size() * n);
  some_.observed.resize(rows.size());
  std::uint32_t numbers[chunk];
  for (std::size_t o = 0; o < rows.size(); ++o) {
    numbers[o] = static_cast<std::uint32_t>(o);
    std::copy_n(&all_.mag[rows[o] * n], n, &some_.mag[o * n]);
    std::copy_n(&all_.mag_err[rows[o] * n], n, &some_.mag_err[o * n]);
    some_.observed[o] = all_.observed[rows[o]];
    if (variation_.hide > 0.0 || variation_.noise > 0.0) vary(o, id_[rows[o]], epoch);
  }
  inputs_.layer().gather(some_, features_);
  inputs_.fill(features_, some_.observed, std::span<const std::uint32_t>(numbers, rows.size()), input);
}

void VariedInputs::vary(std::size_t object, std::int64_t id, std::size_t epoch) {
  const std::size_t n = all_.n_bands;
  ObjectRandom random(mix64(seed_ ^ mix64(number_ << 32 ^ epoch)), static_cast<std::uint64_t>(id), variation_stream);
  if (random.uniform() < variation_.hide) {
    std::uint32_t left = some_.observed[object];
    for (std::size_t b = 0; b < n; ++b)
      if (random.uniform() < hidden_bands) left &= ~(std::uint32_t{1} << b);
    if (left != 0) some_.observed[object] = left;  // of nothing nothing could be learned
  }
  if (!(variation_.noise > 0.0)) return;
  for (std::size_t b = 0; b < n; ++b) {
    const double error = some_.mag_err[object * n + b], deviate = random.normal();
    // The error of a limit is not that of a measurement.
    if (error > 0.0 && error < 1.0) some_.mag[object * n + b] += variation_.noise * error * deviate;
  }
}

}  // namespace skyfold::network
