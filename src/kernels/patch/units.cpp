// Map units in MJy/sr: thermodynamic temperatures by the black body's derivative at the CMB (Fixsen 2009, ApJ 707, 916) or by the
// band-integrated values of Planck HFI (Planck 2013 results IX, A&A 571, A9).
#include "skyfold/kernels/patch/units.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double planck_constant = 6.62607015e-34;  // J s
constexpr double boltzmann = 1.380649e-23;          // J / K
constexpr double light_speed = 299792458.0;         // m / s
constexpr double t_cmb = 2.7255;                    // K
constexpr double mjy = 1e-20;                       // W m^-2 Hz^-1

/// The unit in small letters, without anything but letters and digits.
std::string plain(const std::string& unit) {
  std::string text = lower(unit);
  std::erase_if(text, [](unsigned char c) { return std::isalnum(c) == 0; });
  return text;
}

/// Kelvins of a temperature unit: K_CMB, Kcmb, K, mK, uK, "mK,thermodynamic", ...
std::optional<double> kelvins_of(std::string text) {
  for (const std::string_view ending : {"thermodynamic", "cmb"})
    if (text.ends_with(ending)) text.resize(text.size() - ending.size());
  for (const auto& [name, size] :
       {std::pair{"k", 1.0}, {"kelvin", 1.0}, {"mk", 1e-3}, {"millik", 1e-3}, {"uk", 1e-6}, {"microk", 1e-6}, {"muk", 1e-6}})
    if (text == name) return size;
  return std::nullopt;
}

std::optional<double> mjy_sr_of(const std::string& text) {
  for (const auto& [name, size] :
       {std::pair{"mjysr", 1.0}, {"mjysr1", 1.0}, {"kjysr", 1e-3}, {"kjysr1", 1e-3}, {"jysr", 1e-6}, {"jysr1", 1e-6}})
    if (text == name) return size;
  return std::nullopt;
}

}  // namespace

double mjy_sr_per_kcmb(double frequency_ghz) noexcept {
  const double nu = frequency_ghz * 1e9, x = planck_constant * nu / (boltzmann * t_cmb), e = std::exp(x);
  return 2.0 * planck_constant * nu * nu * nu / (light_speed * light_speed) * e / ((e - 1.0) * (e - 1.0)) * x / t_cmb / mjy;
}

double planck_mjy_sr_per_kcmb(double channel_ghz) noexcept {
  for (const auto& [channel, value] :
       {std::pair{100.0, 244.1}, {143.0, 371.74}, {217.0, 483.690}, {353.0, 287.450}, {545.0, 58.04}, {857.0, 2.27}})
    if (channel == channel_ghz) return value;
  return 0.0;
}

double mjy_sr_per_unit(const std::string& unit, const std::string& conversion, double frequency_ghz) {
  const std::string text = plain(unit);
  if (text.empty()) throw UsageError("no unit (needed for fluxes; give --map.unit)");
  // In small letters MJy and mJy are alike, and nine orders of magnitude apart: the first letter as written decides.
  if (const auto intensity = mjy_sr_of(text)) return trim(unit).starts_with('m') ? 1e-9 * *intensity : *intensity;
  const auto kelvins = kelvins_of(text);
  if (!kelvins) throw UsageError(fmt::format("unit '{}' (fluxes need K_CMB, mK_CMB, uK_CMB or MJy/sr; give --map.unit)", unit));
  if (const auto number = parse_double(conversion)) {
    if (!(*number > 0.0) || std::isinf(*number)) throw UsageError(fmt::format("conversion = {} (must be > 0)", conversion));
    return *kelvins * *number;
  }
  if (conversion != "delta" && conversion != "planck")
    throw UsageError(fmt::format("conversion = '{}' (must be delta, planck or a number of MJy/sr per K_CMB)", conversion));
  if (!(frequency_ghz > 0.0))
    throw UsageError(fmt::format("no frequency (needed for conversion {}; give --channel.frequency)", conversion));
  if (conversion == "delta") return *kelvins * mjy_sr_per_kcmb(frequency_ghz);
  const double tabulated = planck_mjy_sr_per_kcmb(frequency_ghz);
  if (tabulated == 0.0)
    throw UsageError(fmt::format("conversion planck has no value at {} GHz (100, 143, 217, 353, 545, 857 have)", frequency_ghz));
  return *kelvins * tabulated;
}

}  // namespace skyfold
