// Which objects train: those that pass the cuts, divided into training and validation by their ids, so that neither the order of the
// rows nor the number of files changes who is where. Also the limiting magnitudes that stand in for non-detections.
#include "subsets.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double one_sigma_mag = 1.0857;  // 2.5 / ln 10

/// One value for all, or one each; a limit that is not set lets everything pass.
std::vector<double> each(const std::vector<double>& values, std::size_t n, double none, const char* option, const char* what) {
  if (values.empty()) return std::vector<double>(n, none);
  if (values.size() == 1) return std::vector<double>(n, values[0]);
  if (values.size() != n) throw UsageError(fmt::format("--{}: {} values for {} {}", option, values.size(), n, what));
  return values;
}

/// The cuts on the photometry of an object.
class Cuts {
 public:
  Cuts(const TrainSample& sample, const TrainCuts& o)
      : sample_(sample),
        bands_(sample.photometry.n_bands),
        mag_min_(each(o.mag_min, bands_, -infinity, "cuts.mag_min", "bands")),
        mag_max_(each(o.mag_max, bands_, infinity, "cuts.mag_max", "bands")),
        error_max_(each(o.error_max, bands_, infinity, "cuts.error_max", "bands")),
        colour_min_(each(o.colour_min, bands_ - 1, -infinity, "cuts.colour_min", "colours")),
        colour_max_(each(o.colour_max, bands_ - 1, infinity, "cuts.colour_max", "colours")),
        needed_(o.min_bands == 0 ? static_cast<int>(bands_) : static_cast<int>(o.min_bands)) {
    const std::vector<double> snr_min = each(o.snr_min, bands_, 0.0, "cuts.snr_min", "bands");
    // A limit of signal to noise is one of the error: error = (2.5 / ln 10) / SNR to first order.
    for (std::size_t band = 0; band < bands_; ++band)
      if (snr_min[band] > 0.0) error_max_[band] = std::min(error_max_[band], 2.5 / std::log(10.0) / snr_min[band]);
  }

  bool has_bands(std::size_t i) const { return __builtin_popcount(sample_.photometry.observed[i]) >= needed_; }

  bool magnitudes_pass(std::size_t i) const {
    for (std::size_t band = 0; band < bands_; ++band)
      if (is_measured(i, band) && !(mag(i, band) >= mag_min_[band] && mag(i, band) <= mag_max_[band])) return false;
    return true;
  }

  bool colours_pass(std::size_t i) const {
    for (std::size_t band = 0; band + 1 < bands_; ++band) {
      if (!is_measured(i, band) || !is_measured(i, band + 1)) continue;
      const double colour = mag(i, band) - mag(i, band + 1);
      if (!(colour >= colour_min_[band] && colour <= colour_max_[band])) return false;
    }
    return true;
  }

  bool errors_pass(std::size_t i) const {
    for (std::size_t band = 0; band < bands_; ++band) {
      const double error = sample_.photometry.mag_err[i * bands_ + band];
      if (is_measured(i, band) && (error > error_max_[band] || (std::isnan(error) && std::isfinite(error_max_[band])))) return false;
    }
    return true;
  }

 private:
  double mag(std::size_t i, std::size_t band) const { return sample_.photometry.mag[i * bands_ + band]; }
  bool is_measured(std::size_t i, std::size_t band) const { return !std::isnan(mag(i, band)) && sample_.is_detected(i, band); }

  const TrainSample& sample_;
  std::size_t bands_;
  std::vector<double> mag_min_, mag_max_, error_max_, colour_min_, colour_max_;
  int needed_;
};

}  // namespace

TrainSubsets make_subsets(const TrainSample& sample, const TrainOptions& o) {
  const Cuts cuts(sample, o.cuts);
  TrainSubsets subsets;
  enum Cut { redshift, bands, magnitude, colour, error, selection };
  subsets.cuts = {{"redshift", 0}, {"bands observed", 0}, {"magnitude", 0}, {"colour", 0}, {"error or S/N", 0}, {"cuts.select", 0}};
  std::size_t passed = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const auto failed = [&](Cut cut, bool passes) {
      subsets.cuts[cut].second += !passes;
      return !passes;
    };
    // Each object is counted by the first cut that it fails.
    if (failed(redshift, sample.z[i] >= o.cuts.z_min && sample.z[i] <= o.cuts.z_max)) continue;
    if (failed(bands, cuts.has_bands(i)) || failed(magnitude, cuts.magnitudes_pass(i)) || failed(colour, cuts.colours_pass(i)) ||
        failed(error, cuts.errors_pass(i)) || failed(selection, sample.is_selected[i] != 0))
      continue;
    ++passed;
    ObjectRandom random(static_cast<std::uint64_t>(o.seed), static_cast<std::uint64_t>(sample.id[i]));
    (o.fraction >= 1.0 || random.uniform() < o.fraction ? subsets.training : subsets.held_out).push_back(i);
  }
  if (passed == 0) throw DataError(fmt::format("{}: no object passes the cuts", o.sample.front()));
  if (subsets.training.empty())
    throw DataError(
        fmt::format("{}: no object drawn for training (of {}, train.fraction = {})", o.sample.front(), passed, shortest(o.fraction)));
  if (o.fraction < 1.0 && subsets.held_out.empty())
    throw DataError(fmt::format("{}: no object held out for validation (of {}, train.fraction = {}; with 1 all objects train)",
                                o.sample.front(), passed, shortest(o.fraction)));
  return subsets;
}

std::vector<double> limits_of(const TrainSample& sample, const std::vector<std::size_t>& rows, const TrainOptions& o) {
  constexpr std::size_t enough = 20;
  const Photometry& photometry = sample.photometry;
  std::vector<double> limits;
  for (std::size_t band = 0; band < photometry.n_bands; ++band) {
    std::vector<double> detected, at_one_sigma;
    for (const std::size_t i : rows) {
      const std::size_t cell = i * photometry.n_bands + band;
      if (std::isnan(photometry.mag[cell]) || !sample.is_detected(i, band)) continue;
      detected.push_back(photometry.mag[cell]);
      // The limit is where the flux is as large as its error; the median of the objects within 10 % of that is taken.
      if (std::abs(std::log(photometry.mag_err[cell] / one_sigma_mag)) < 0.1) at_one_sigma.push_back(photometry.mag[cell]);
    }
    if (detected.empty()) throw DataError(fmt::format("{}: band {} has no detection", o.sample.front(), o.bands.bands[band]));
    if (at_one_sigma.size() >= enough)
      limits.push_back(median(at_one_sigma));
    else
      // Too few so faint: the faintest detection, or, where no errors tell good ones from poor ones, the faintest but a tenth.
      limits.push_back(quantile(detected, sample.band_columns.error.empty() ? 0.9 : 1.0));
  }
  return limits;
}

TrainingSet training_set(const TrainSample& sample, const std::vector<std::size_t>& rows, const std::vector<double>& limits) {
  TrainingSet set;
  set.photometry = rows_of(sample.photometry, rows);
  for (const std::size_t i : rows) {
    set.id.push_back(sample.id[i]);
    set.z.push_back(sample.z[i]);
  }
  apply_limits(set.photometry, limits);
  set.has_flux_errors = sample.corrections.scale.is_set();
  return set;
}

Table sample_table(const TrainSample& sample, const std::vector<std::size_t>& rows, const TrainOptions& o) {
  if (sample.columns.columns() > 0) return gather(sample.columns, rows);
  Schema schema = {{o.id.empty() ? "id" : o.id, Type::i8}, {o.redshift, Type::f8}};
  const std::size_t bands = sample.photometry.n_bands;
  const bool has_errors = !sample.band_columns.error.empty();
  for (const auto* names : {&sample.band_columns.magnitude, &sample.band_columns.error})
    for (const std::string& name : *names) schema.push_back({name, Type::f8, 1, "mag"});
  Table table(schema, rows.size());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    table[0].values<std::int64_t>()[k] = sample.id[rows[k]];
    table[1].values<double>()[k] = sample.z[rows[k]];
    for (std::size_t band = 0; band < bands; ++band) {
      table[2 + band].values<double>()[k] = sample.photometry.mag[rows[k] * bands + band];
      if (has_errors) table[2 + bands + band].values<double>()[k] = sample.photometry.mag_err[rows[k] * bands + band];
    }
  }
  return table;
}

}  // namespace skyfold
