#pragma once

#include <string>
#include <vector>

#include "fluxes.hpp"
#include "posterior.hpp"
#include "prior.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold::bpz {

struct Options {
  std::string templates = "cwwsb";
  std::vector<std::string> filters;
  double z_min = 0.01, z_max = 3.5, z_step = 0.01;
  long interpolate = 2;
  std::string prior = "hdfn", prior_band = "i";
  std::vector<double> prior_types = {1.0, 2.0};
  std::string igm = "none", amplitude = "best";
  std::vector<double> zp_offset, zp_error = {0.01};
  bool shifts = false, own_limits = false;
  std::string shifts_band;
  double shifts_cap = 0.15;
  std::string chi2 = "least";
  double smoothing = 0.03, least_part = 0.01, least_error = 0.05, odds = 0.95, least_mag_error = 0.001;
};
void describe_options(OptionSet& option, Options& o);

/// Redshifts of the grid. Throws UsageError for one without two points.
[[nodiscard]] std::vector<double> grid_of(const Options& o);
/// How many of `templates` are of each type. Throws UsageError for more than there are.
[[nodiscard]] std::array<std::size_t, n_types> counts_of_types(const Options& o, std::size_t templates);
[[nodiscard]] Rules rules_of(const Options& o);
/// Rules for magnitudes of these bands. Throws UsageError for lists that do not fit them.
[[nodiscard]] FluxRules flux_rules_of(const Options& o, std::size_t bands);
/// The band whose zero point is not shifted. Throws UsageError when it is none of them.
[[nodiscard]] std::size_t shifts_band_of(const Options& o, const std::vector<std::string>& bands);
/// The place of the prior's magnitude among the bands. Throws UsageError when it is none of them.
[[nodiscard]] std::size_t prior_band_of(const Options& o, const std::vector<std::string>& bands);

}  // namespace skyfold::bpz
