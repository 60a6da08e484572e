#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/kernels/templates/cosmology.hpp"
#include "skyfold/kernels/templates/dust.hpp"

namespace skyfold::lephare {

struct Options {
  std::string templates = "cwwsb", qso = "qso", stars = "blackbody";
  std::vector<std::string> filters;
  double z_min = 0.0, z_max = 4.0, z_step = 0.01;
  std::vector<double> ebv, dust_templates;
  std::vector<std::string> dust;
  std::string lines = "none", igm = "madau", prior = "none";
  std::vector<std::string> prior_band = {"i"};
  std::vector<double> line_factors = {1.0};
  std::vector<double> err_scale, zp_offset;
  double err_factor = 1.0;
  std::string template_error = "learned";
  std::string nondetections = "fit";
  std::string absolute_band = "r";
  std::vector<double> absolute_limits;
  std::string pdf = "bay", point = "best";
  bool shifts = false;
  std::string shifts_band;
  double shifts_cap = 0.15;
  std::string absolute_from = "template", absolute_reference = "i";
  Cosmology cosmology;
};
void describe_options(OptionSet& option, Options& o);

/// A law of dust, and the templates that it reddens.
struct DustRange {
  DustLaw law;
  std::string name;
  std::size_t first, last;  ///< templates, from 0, both included
};
/// Throws UsageError for ranges that do not fit the laws or the number of templates, and for a grid of E(B-V) without a law.
[[nodiscard]] std::vector<DustRange> dust_of(const Options& o, std::size_t templates);
/// Redshifts of the grid. Throws UsageError for one without three points.
[[nodiscard]] std::vector<double> grid_of(const Options& o);
/// The place of a band that an option names. Throws UsageError when it is none of them.
[[nodiscard]] std::size_t band_of(const char* option, const std::string& band, const std::vector<std::string>& bands);
/// The places of the prior's bands, one or two. Throws UsageError for other numbers of them, or names that are none.
[[nodiscard]] std::vector<std::size_t> prior_bands_of(const Options& o, const std::vector<std::string>& bands);
/// The band that is not shifted. Throws UsageError when the one that is named is none of them.
[[nodiscard]] std::size_t shifts_band_of(const Options& o, const std::vector<std::string>& bands);
/// One value per band of a list that has none, one for all, or one each.
[[nodiscard]] std::vector<double> per_band(const char* option, const std::vector<double>& values, std::size_t bands, bool one_for_all);
/// What galaxies differ by from templates, mag; none: it is to be learned. Throws UsageError for a text that is neither.
[[nodiscard]] std::optional<double> template_error_of(const Options& o);
/// Stands for it where there is no sample to learn it from.
inline constexpr double usual_template_error = 0.1;
/// Faintest and brightest absolute magnitude; without limits the infinities.
[[nodiscard]] std::array<double, 2> absolute_limits_of(const Options& o);

}  // namespace skyfold::lephare
