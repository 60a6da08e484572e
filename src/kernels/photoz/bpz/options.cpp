// The options of bpz, and what follows from them alone.
#include "options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::bpz {

void describe_options(OptionSet& option, Options& o) {
  option("bpz.templates", o.templates, "spectra in order of type: cwwsb (built in), or a file that lists files of two columns");
  option("bpz.filters", o.filters,
         "throughputs: lsst or des (built in), files in the order of the bands, or one name with {band} in it; needed to train");
  option("bpz.zmin", o.z_min, "first redshift of the grid").range(0.0, 20.0);
  option("bpz.zmax", o.z_max, "last redshift of the grid").range(0.0, 20.0);
  option("bpz.dz", o.z_step, "step of the grid").range(1e-4, 1.0);
  option("bpz.interpolate", o.interpolate, "mixtures between each template and the next").range(0, 50);
  option("bpz.prior", o.prior, "prior on type and redshift by magnitude: none, hdfn, des-sva1, des-y1, trained (fitted to the sample)")
      .one_of({"none", "hdfn", "des-sva1", "des-y1", "trained"});
  option("bpz.prior_band", o.prior_band, "band of the prior's magnitude");
  option("bpz.prior_types", o.prior_types, "templates of early type and spirals, from the first on; the others are irregulars")
      .range(0, 1000);
  option("bpz.igm", o.igm, "hydrogen clouds before the source: none, madau").one_of({"none", "madau"});
  option("bpz.amplitude", o.amplitude, "brightness of the templates: best, or marginalised").one_of({"best", "marginalised"});
  option("bpz.zp_offset", o.zp_offset, "added to the magnitudes, one per band; empty: none").unit("mag").range(-5.0, 5.0);
  option("bpz.zp_error", o.zp_error,
         "error of the zero points, added in quadrature (half of it to limits): one for all bands or one per band")
      .unit("mag")
      .range(0.0, 1.0);
  option("bpz.shifts", o.shifts, "zero points are shifted by what the sample's objects differ from templates at their redshifts");
  option("bpz.shifts_band", o.shifts_band, "band that is not shifted; empty: that of the prior, else the middle one");
  option("bpz.shifts_cap", o.shifts_cap, "greatest shift").unit("mag").range(0.0, 5.0);
  option("bpz.smoothing", o.smoothing, "p(z) is convolved with exp(-(x / this)^2); 0: it is not").range(0.0, 1.0);
  option("bpz.p_min", o.least_part, "p(z) is 0 below this part of its peak").range(0.0, 0.999);
  option("bpz.min_magerr", o.least_mag_error, "least error of a magnitude").unit("mag").range(0.0, 1.0);
  option("bpz.own_limits", o.own_limits,
         "errors of magnitudes that were not detected are their limiting magnitudes, as in catalogues for BPZ; of fluxes they always are");
  option("bpz.chi2", o.chi2, "column chi2: least, or reduced (over the number of bands of the model less 1), as in BPZ's catalogues")
      .one_of({"least", "reduced"});
  option("bpz.odds", o.odds, "odds are the probability within so many min_rms (1 + z) as hold this of a normal distribution")
      .range(0.01, 0.9999);
  option("bpz.min_rms", o.least_error, "least error of z / (1 + z), of odds and limits").range(0.0, 1.0);
}

std::vector<double> grid_of(const Options& o) {
  // Whole steps, so that the points have the digits of the step: 0.01, 0.02, ... to the last bit.
  const auto steps = static_cast<long>(std::floor((o.z_max - o.z_min) / o.z_step + 1e-6));
  if (steps < 1)
    throw UsageError(fmt::format("--bpz.zmax {} --bpz.zmin {} --bpz.dz {}: a grid needs two points", o.z_max, o.z_min, o.z_step));
  std::vector<double> z;
  for (long i = 0; i <= steps; ++i) z.push_back(o.z_min + static_cast<double>(i) * o.z_step);
  return z;
}

std::array<std::size_t, n_types> counts_of_types(const Options& o, std::size_t templates) {
  if (o.prior_types.size() != 2) throw UsageError("--bpz.prior_types: two numbers are needed, of early types and of spirals");
  std::array<std::size_t, n_types> counts{};
  for (std::size_t i = 0; i < 2; ++i) {
    counts[i] = static_cast<std::size_t>(o.prior_types[i]);
    if (static_cast<double>(counts[i]) != o.prior_types[i])
      throw UsageError(fmt::format("--bpz.prior_types: {} (must be a whole number of templates)", o.prior_types[i]));
  }
  if (counts[0] + counts[1] > templates)
    throw UsageError(fmt::format("--bpz.prior_types {} {}: there are {} templates", counts[0], counts[1], templates));
  counts[2] = templates - counts[0] - counts[1];
  return counts;
}

namespace {

/// Half width in sigma of the interval that holds this part of a normal distribution.
double sigmas_of(double part) {
  double low = 0.0, high = 10.0;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (std::erf(middle * std::numbers::sqrt2 / 2.0) < part ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

Rules rules_of(const Options& o) { return {o.amplitude == "marginalised", o.smoothing, o.least_part, o.least_error, sigmas_of(o.odds)}; }

FluxRules flux_rules_of(const Options& o, std::size_t bands) {
  const auto per_band = [&](const char* option, const std::vector<double>& values, bool one_for_all) {
    if (values.empty()) return std::vector<double>(bands, 0.0);
    if (values.size() == 1 && one_for_all) return std::vector<double>(bands, values[0]);
    if (values.size() != bands) throw UsageError(fmt::format("--{}: {} values for {} bands", option, values.size(), bands));
    return values;
  };
  FluxRules rules{per_band("bpz.zp_offset", o.zp_offset, false), per_band("bpz.zp_error", o.zp_error, true), o.least_mag_error};
  for (double& error : rules.zero_point) error = std::pow(10.0, 0.4 * error) - 1.0;
  return rules;
}

std::size_t shifts_band_of(const Options& o, const std::vector<std::string>& bands) {
  const std::string& name = o.shifts_band.empty() ? o.prior_band : o.shifts_band;
  const auto found = std::ranges::find(bands, name);
  if (found == bands.end() && !o.shifts_band.empty())
    throw UsageError(fmt::format("--bpz.shifts_band {}: none of the bands {}", name, join(bands, ",")));
  return found == bands.end() ? bands.size() / 2 : static_cast<std::size_t>(found - bands.begin());
}

std::size_t prior_band_of(const Options& o, const std::vector<std::string>& bands) {
  const auto found = std::ranges::find(bands, o.prior_band);
  if (found == bands.end())
    throw UsageError(fmt::format("--bpz.prior_band {}: none of the bands {} (the prior needs a magnitude; or --bpz.prior none)",
                                 o.prior_band, join(bands, ",")));
  return static_cast<std::size_t>(found - bands.begin());
}

}  // namespace skyfold::bpz
