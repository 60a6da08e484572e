// The options of lephare, and what follows from them alone.
#include "options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::lephare {
namespace {

void describe_library(OptionSet& option, Options& o) {
  option("lephare.templates", o.templates, "spectra of galaxies: cwwsb (built in), or a file that lists files of two columns");
  option("lephare.qso", o.qso, "spectra of quasars: qso (built in), a list, or none");
  option("lephare.stars", o.stars, "spectra of stars: blackbody (built in), a list, or none");
  option("lephare.filters", o.filters,
         "throughputs: lsst or des (built in), files in the order of the bands, or one name with {band} in it; needed to train");
  option("lephare.zmin", o.z_min, "first redshift of the grid").range(0.0, 20.0);
  option("lephare.zmax", o.z_max, "last redshift of the grid").range(0.0, 20.0);
  option("lephare.dz", o.z_step, "step of the grid").range(1e-4, 1.0);
  option("lephare.ebv", o.ebv, "E(B-V) of dust in the galaxies, besides none; empty: no dust").unit("mag").range(0.0, 5.0);
  option("lephare.dust", o.dust, "laws of dust: calzetti, smc, galactic").one_of({"calzetti", "smc", "galactic"});
  option("lephare.dust_templates", o.dust_templates, "first and last template of each law, from 1; empty: all").range(1, 100000);
  option("lephare.lines", o.lines, "emission lines: none, empirical (by the light in the ultraviolet)").one_of({"none", "empirical"});
  option("lephare.line_factors", o.line_factors, "strengths of the lines that are tried, as factors").range(0.0, 100.0);
  option("lephare.igm", o.igm, "hydrogen clouds before the source: madau, none").one_of({"madau", "none"});
}

}  // namespace

void describe_options(OptionSet& option, Options& o) {
  describe_library(option, o);
  option("lephare.prior", o.prior, "prior on redshift by magnitude and type: none, vvds").one_of({"none", "vvds"});
  option("lephare.prior_band", o.prior_band, "band of the prior's magnitude, i; and one for objects that were not detected there");
  option("lephare.err_scale", o.err_scale, "added to the errors in quadrature, one for all bands or one per band; empty: none")
      .unit("mag")
      .range(0.0, 1.0);
  option("lephare.template_error", o.template_error,
         "what galaxies differ by from templates, mag, added to the errors in quadrature; learned: so much that the sample's redshifts lie "
         "within the 68 % intervals of 68 %, without a sample 0.1");
  option("lephare.err_factor", o.err_factor, "factor to all errors").range(1e-3, 1e3);
  option("lephare.zp_offset", o.zp_offset, "added to the magnitudes, one per band; empty: none").unit("mag").range(-5.0, 5.0);
  option("lephare.nondetections", o.nondetections,
         "fit: no flux, with the limit's as error; reject: models brighter than the limit; ignore: the band is left out")
      .one_of({"fit", "reject", "ignore"});
  option("lephare.absolute_limits", o.absolute_limits, "brightest and faintest absolute magnitude of a galaxy; empty: none")
      .unit("mag")
      .range(-40.0, 20.0);
  option("lephare.absolute_band", o.absolute_band, "band of these limits");
  option("lephare.absolute_from", o.absolute_from,
         "absolute magnitudes by the template alone, or moved by what the object differs from it in one band: the same one, the nearest "
         "(whose "
         "correction depends least on the template), or a fixed one (absolute_reference)")
      .one_of({"template", "same", "nearest", "fixed"});
  option("lephare.absolute_reference", o.absolute_reference, "the fixed band");
  option("lephare.pdf", o.pdf, "p(z): bay (of all models), min (of the best model at each redshift)").one_of({"bay", "min"});
  option("lephare.point", o.point, "what z_phot is: best (least chi-square), median, mode (of p(z))").one_of({"best", "median", "mode"});
  option("lephare.shifts", o.shifts, "zero points are shifted by what the sample's objects differ from models at their redshifts");
  option("lephare.shifts_band", o.shifts_band, "band that is not shifted; empty: that of the prior, else the middle one");
  option("lephare.shifts_cap", o.shifts_cap, "greatest shift").unit("mag").range(0.0, 5.0);
  option("lephare.hubble", o.cosmology.hubble, "Hubble's constant").unit("km/s/Mpc").range(1.0, 1000.0);
  option("lephare.omega_matter", o.cosmology.matter, "density of matter").range(0.0, 2.0);
  option("lephare.omega_lambda", o.cosmology.lambda, "density of the cosmological constant").range(0.0, 1.5);
}

std::vector<DustRange> dust_of(const Options& o, std::size_t templates) {
  if (!o.ebv.empty() && o.dust.empty()) throw UsageError("--lephare.ebv needs --lephare.dust: calzetti, smc or galactic");
  if (o.ebv.empty() && !o.dust.empty()) throw UsageError("--lephare.dust needs --lephare.ebv (a law without amounts would do nothing)");
  if (!o.dust_templates.empty() && o.dust_templates.size() != 2 * o.dust.size())
    throw UsageError(fmt::format("--lephare.dust_templates: {} numbers for {} laws (first and last template of each are needed)",
                                 o.dust_templates.size(), o.dust.size()));
  std::vector<DustRange> ranges;
  for (std::size_t i = 0; i < o.dust.size(); ++i) {
    const DustLaw law = o.dust[i] == "calzetti" ? DustLaw::calzetti2000 : o.dust[i] == "smc" ? DustLaw::smc : DustLaw::galactic;
    const double first = o.dust_templates.empty() ? 1.0 : o.dust_templates[2 * i],
                 last = o.dust_templates.empty() ? static_cast<double>(templates) : o.dust_templates[2 * i + 1];
    if (first != std::floor(first) || last != std::floor(last) || first > last || last > static_cast<double>(templates))
      throw UsageError(fmt::format("--lephare.dust_templates: {} to {} (must be numbers of templates, 1 to {})", first, last, templates));
    ranges.push_back({law, o.dust[i], static_cast<std::size_t>(first) - 1, static_cast<std::size_t>(last) - 1});
  }
  return ranges;
}

std::vector<double> grid_of(const Options& o) {
  // Whole steps, so that the points have the digits of the step.
  const auto steps = static_cast<long>(std::floor((o.z_max - o.z_min) / o.z_step + 1e-6));
  if (steps < 2)
    throw UsageError(
        fmt::format("--lephare.zmax {} --lephare.zmin {} --lephare.dz {}: a grid needs three points", o.z_max, o.z_min, o.z_step));
  std::vector<double> z;
  for (long i = 0; i <= steps; ++i) z.push_back(o.z_min + static_cast<double>(i) * o.z_step);
  return z;
}

std::size_t band_of(const char* option, const std::string& band, const std::vector<std::string>& bands) {
  const auto found = std::ranges::find_if(bands, [&](const std::string& name) { return lower(name) == lower(band); });
  if (found == bands.end()) throw UsageError(fmt::format("--{} {}: none of the bands {}", option, band, join(bands, ",")));
  return static_cast<std::size_t>(found - bands.begin());
}

std::vector<std::size_t> prior_bands_of(const Options& o, const std::vector<std::string>& bands) {
  if (o.prior_band.empty() || o.prior_band.size() > 2)
    throw UsageError(
        fmt::format("--lephare.prior_band: {} bands (one, or a second for objects that were not detected in it)", o.prior_band.size()));
  std::vector<std::size_t> places;
  for (const std::string& band : o.prior_band) places.push_back(band_of("lephare.prior_band", band, bands));
  return places;
}

std::size_t shifts_band_of(const Options& o, const std::vector<std::string>& bands) {
  if (!o.shifts_band.empty()) return band_of("lephare.shifts_band", o.shifts_band, bands);
  const auto found =
      std::ranges::find_if(bands, [&](const std::string& name) { return !o.prior_band.empty() && lower(name) == lower(o.prior_band[0]); });
  return found == bands.end() ? bands.size() / 2 : static_cast<std::size_t>(found - bands.begin());
}

std::vector<double> per_band(const char* option, const std::vector<double>& values, std::size_t bands, bool one_for_all) {
  if (values.empty()) return std::vector<double>(bands, 0.0);
  if (values.size() == 1 && one_for_all) return std::vector<double>(bands, values[0]);
  if (values.size() != bands) throw UsageError(fmt::format("--{}: {} values for {} bands", option, values.size(), bands));
  return values;
}

std::optional<double> template_error_of(const Options& o) {
  if (o.template_error == "learned") return std::nullopt;
  const auto number = parse_double(o.template_error);
  if (!number || !(*number >= 0.0 && *number <= 1.0))
    throw UsageError(fmt::format("--lephare.template_error {}: must be learned, or 0 to 1 mag", o.template_error));
  return number;
}

std::array<double, 2> absolute_limits_of(const Options& o) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (o.absolute_limits.empty()) return {-infinity, infinity};
  if (o.absolute_limits.size() != 2 || !(o.absolute_limits[0] < o.absolute_limits[1]))
    throw UsageError("--lephare.absolute_limits: two magnitudes are needed, the brighter one first");
  return {o.absolute_limits[0], o.absolute_limits[1]};
}

}  // namespace skyfold::lephare
