// From fluxes and asinh magnitudes to magnitudes: names, zero points by units, and the two formulas.
#include "skyfold/table/fluxes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const double pogson = 2.5 / std::log(10.0);
constexpr double greatest_significance = 1000.0;

/// AB magnitude of one unit of flux, -2.5 log10(unit / 3631 Jy) to the digits that surveys use.
struct FluxUnit {
  const char* name;  ///< lower case
  double zeropoint;
};
constexpr FluxUnit flux_units[] = {
    {"njy", 31.4},        {"nanojansky", 31.4}, {"ujy", 23.9},         {"microjy", 23.9}, {"\xc2\xb5jy", 23.9},
    {"\xce\xbcjy", 23.9}, {"mjy", 16.4},        {"millijansky", 16.4}, {"jy", 8.9},       {"jansky", 8.9},
    {"nmgy", 22.5},       {"nanomaggy", 22.5},  {"nanomaggies", 22.5}, {"maggy", 0.0},    {"maggies", 0.0},
};

std::optional<double> zeropoint_of_unit(const std::string& unit) {
  for (const FluxUnit& known : flux_units)
    if (lower(trim(unit)) == known.name) return known.zeropoint;
  return std::nullopt;
}

/// Fluxes of Rubin's tables have nJy, and of some copies no unit.
bool is_rubin_flux(const std::string& pattern) {
  constexpr const char* kinds[] = {"gaap", "cmodel", "psf", "kron", "sersic", "free", "ap", "calib"};
  const std::string name = lower(pattern);
  return name.starts_with("{band}_") && name.ends_with("flux") &&
         std::any_of(std::begin(kinds), std::end(kinds), [&](const char* kind) { return name.starts_with(std::string("{band}_") + kind); });
}

std::vector<double> one_per_band(const std::vector<double>& given, std::size_t bands) {
  return given.size() == 1 ? std::vector<double>(bands, given.front()) : given;
}

double guessed_zeropoint(const std::string& column, const std::string& pattern, const Schema& schema, const std::string& source,
                         std::string& why) {
  const std::string& unit = schema[*find_column(schema, column)].unit;
  if (const auto zeropoint = zeropoint_of_unit(unit)) {
    why = "unit " + unit;
    return *zeropoint;
  }
  if (unit.empty() && is_rubin_flux(pattern)) {
    why = "nJy, as Rubin's tables";
    return 31.4;
  }
  throw UsageError(
      fmt::format("{}: no zero point of the fluxes {} is known{} (give --bands.flux_zeropoint, the AB magnitude of a flux of 1)", source,
                  column, unit.empty() ? "" : fmt::format(" by their unit '{}'", unit)));
}

}  // namespace

void describe(OptionSet& option, FluxOptions& o) {
  option("bands.flux", o.flux, "name of columns of fluxes, in place of magnitudes");
  option("bands.flux_error", o.flux_error, "name of the columns of their errors");
  option("bands.flux_zeropoint", o.flux_zeropoint, "AB magnitude of a flux of 1: one, or one per band; empty: by the unit of the columns")
      .unit("mag");
  option("bands.hyperbolic", o.hyperbolic, "the magnitudes are asinh magnitudes with this softening b of each band").range(1e-30, 1.0);
}

std::string FluxScale::line() const {
  if (!softening.empty()) return fmt::format("asinh magnitudes {}", flux);
  const bool is_one = std::all_of(zeropoint.begin(), zeropoint.end(), [&](double value) { return value == zeropoint.front(); });
  std::vector<std::string> values;
  for (const double value : zeropoint) values.push_back(shortest(value));
  return fmt::format("fluxes {}, zero point {} mag", flux, is_one ? values.front() : join(values, ","));
}

void take_flux_names(const FluxOptions& o, BandOptions& bands, const Schema& schema, const std::string& source) {
  if (!o.hyperbolic.empty() && !o.flux.empty()) throw UsageError("--bands.flux and --bands.hyperbolic exclude each other");
  if (o.flux.empty())
    refuse_idle_options("--bands.flux", {{"bands.flux_error", !o.flux_error.empty()}, {"bands.flux_zeropoint", !o.flux_zeropoint.empty()}});
  if (o.flux.empty()) return;
  const bool is_taken = bands.magnitude == o.flux && bands.error == o.flux_error;  // what a record of this run says
  if (!is_taken && (!bands.magnitude.empty() || !bands.error.empty()))
    throw UsageError("--bands.flux excludes --bands.magnitude and --bands.error (fluxes have --bands.flux_error)");
  bands.magnitude = o.flux;
  bands.error = o.flux_error;
  if (bands.bands.empty()) bands.bands = bands_named(o.flux, schema);
  if (bands.bands.empty())
    throw UsageError(fmt::format("{}: no column is called as --bands.flux = {} says, for any of the usual bands", source, o.flux));
}

FluxScale flux_scale(const FluxOptions& o, const BandOptions& bands, const BandColumns& columns, const Schema& schema,
                     const std::string& source, std::string& guess) {
  FluxScale scale{bands.magnitude, bands.error, {}, o.hyperbolic};
  const std::size_t n = bands.bands.size();
  if (!o.hyperbolic.empty() && o.hyperbolic.size() != n)
    throw UsageError(fmt::format("--bands.hyperbolic: {} values for {} bands", o.hyperbolic.size(), n));
  if (!o.hyperbolic.empty()) {
    scale.zeropoint.assign(n, 0.0);
    return scale;
  }
  if (o.flux_zeropoint.size() > 1 && o.flux_zeropoint.size() != n)
    throw UsageError(fmt::format("--bands.flux_zeropoint: {} values for {} bands", o.flux_zeropoint.size(), n));
  scale.zeropoint = one_per_band(o.flux_zeropoint, n);
  if (!scale.zeropoint.empty()) return scale;
  std::string why;
  for (const std::string& column : columns.magnitude)
    scale.zeropoint.push_back(guessed_zeropoint(column, bands.magnitude, schema, source, why));
  guess = fmt::format("guessed bands.flux_zeropoint = {} ({})", shortest(scale.zeropoint.front()), why);
  return scale;
}

MeasuredMagnitude magnitude_of(double flux, double flux_error, double zeropoint) noexcept {
  const bool has_error = flux_error > 0.0 && std::isfinite(flux_error);
  if (flux > 0.0) return {zeropoint - 2.5 * std::log10(flux), has_error ? pogson * (flux_error / flux) : nan};
  if (std::isnan(flux)) return {nan, nan};
  return {undetected, has_error ? zeropoint - 2.5 * std::log10(flux_error) : nan};
}

MeasuredMagnitude magnitude_of_asinh(double asinh_mag, double asinh_err, double softening) noexcept {
  const double x = std::sinh(-asinh_mag / pogson - std::log(softening));
  // df/dm = 2b cosh(...) / pogson: the error of the flux in units of the zero point.
  return magnitude_of(2.0 * softening * x, asinh_err / pogson * (2.0 * softening) * std::sqrt(1.0 + x * x), 0.0);
}

double magnitude_of_negative(double flux, double flux_error) noexcept {
  return of_negative_flux + std::min(-flux / flux_error, greatest_significance);
}

double negative_significance(double magnitude) noexcept {
  return magnitude > of_negative_flux && magnitude <= of_negative_flux + greatest_significance ? of_negative_flux - magnitude : 0.0;
}

}  // namespace skyfold
