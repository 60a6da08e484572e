// What may be wrong with spectra and filters: each alone, and together at all redshifts.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "library.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::templates {
namespace {

constexpr double lyman_limit = 912.0;

class Checks {
 public:
  Checks(const Library& library, const LibraryOptions& o) : library_(library), o_(o) {}

  std::vector<Finding> run() {
    for (const Item& item : library_.spectra) alone(item, false);
    for (const Item& item : library_.filters) alone(item, true);
    twins(library_.spectra);
    twins(library_.filters);
    for (const Item& item : library_.spectra)
      if (item.curve) within(item);
    return std::move(findings_);
  }

 private:
  void wrong(std::string text) { findings_.push_back({true, std::move(text)}); }
  void warn(std::string text) { findings_.push_back({false, std::move(text)}); }

  void alone(const Item& item, bool is_filter) {
    const std::string of = is_filter                   ? fmt::format("{} (band {})", item.source, item.band)
                           : item.source == "built in" ? item.name()
                                                       : item.source;
    if (!item.curve) return wrong(item.fault);
    const Curve& curve = *item.curve;
    negative(curve, of, is_filter);
    if (*std::ranges::max_element(curve.value) <= 0.0) return wrong(of + ": 0 everywhere");
    units(curve, of, is_filter);
    if (item.repeated > 0) warn(fmt::format("{}: {} points at the wavelength of the one before (the last counts)", of, item.repeated));
    if (item.is_decreasing) warn(of + ": wavelengths decrease (it is turned round)");
    gaps(curve, of);
    if (is_filter && std::max(curve.value.front(), curve.value.back()) > 0.05 * *std::ranges::max_element(curve.value))
      warn(of + ": does not fall to 0 at its ends (is a part of it missing?)");
  }

  void negative(const Curve& curve, const std::string& of, bool is_filter) {
    const auto first = std::ranges::find_if(curve.value, [](double value) { return value < 0.0; });
    if (first == curve.value.end()) return;
    const auto count = std::ranges::count_if(curve.value, [](double value) { return value < 0.0; });
    wrong(fmt::format("{}: {} negative {}, first {} at {} angstrom (must be >= 0)", of, count, is_filter ? "throughputs" : "fluxes", *first,
                      shortest(curve.wavelength[static_cast<std::size_t>(first - curve.value.begin())])));
  }

  /// No filter or spectrum for photometry of galaxies ends in the far ultraviolet; numbers that small are of other units.
  void units(const Curve& curve, const std::string& of, bool is_filter) {
    const double last = curve.wavelength.back(), scale = is_filter ? peak_of(curve) : last;
    const double least = is_filter ? 1150.0 : 3500.0;
    if (scale >= least) {
      if (is_filter ? scale > 3e6 : curve.wavelength.front() > 1e5)
        wrong(fmt::format("{}: {} to {}: are these angstrom?", of, shortest(curve.wavelength.front()), shortest(last)));
      return;
    }
    const char* unit = scale < 50.0 ? "um" : "nm";
    wrong(fmt::format("{}: wavelengths {} to {} look like {}, and are taken for angstrom (multiply them by {})", of,
                      shortest(curve.wavelength.front()), shortest(last), unit, scale < 50.0 ? "10000" : "10"));
  }

  void gaps(const Curve& curve, const std::string& of) {
    std::vector<double> steps;
    for (std::size_t i = 0; i + 1 < curve.wavelength.size(); ++i) steps.push_back(curve.wavelength[i + 1] - curve.wavelength[i]);
    std::vector<double> sorted = steps;
    std::ranges::sort(sorted);
    const double median = sorted[sorted.size() / 2], peak = *std::ranges::max_element(curve.value);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const double low = curve.wavelength[i], high = curve.wavelength[i + 1];
      // Where nothing is on either side, nothing is missing.
      if (steps.size() < 20 || steps[i] <= 10.0 * median || high <= 1.05 * low ||
          std::max(curve.value[i], curve.value[i + 1]) <= 1e-3 * peak)
        continue;
      return warn(fmt::format("{}: no points from {} to {} angstrom (a straight line there)", of, shortest(low), shortest(high)));
    }
  }

  /// The same curve twice counts twice; a name twice is confusing in models and figures.
  void twins(const std::vector<Item>& items) {
    for (std::size_t i = 0; i < items.size(); ++i)
      for (std::size_t k = 0; k < i; ++k) {
        if (!items[i].curve || !items[k].curve) continue;
        if (is_same(*items[i].curve, *items[k].curve))
          warn(fmt::format("{} and {}: the same curve twice", shown(items[k]), shown(items[i])));
        else if (items[i].name() == items[k].name())
          warn(fmt::format("{} and {}: the same name {}", shown(items[k]), shown(items[i]), items[i].name()));
      }
  }
  static std::string shown(const Item& item) { return item.source == "built in" ? item.name() : item.source; }

  /// Up to a scale.
  static bool is_same(const Curve& a, const Curve& b) {
    if (a.wavelength != b.wavelength) return false;
    const double peak_a = *std::ranges::max_element(a.value), peak_b = *std::ranges::max_element(b.value);
    for (std::size_t i = 0; i < a.value.size(); ++i)
      if (std::abs(a.value[i] / peak_a - b.value[i] / peak_b) > 1e-9) return false;
    return true;
  }

  /// Where a spectrum ends within a filter, or before it, at some redshift.
  void within(const Item& spectrum) {
    const Curve& sed = *spectrum.curve;
    if (*std::ranges::max_element(sed.value) <= 0.0) return;
    std::vector<std::string> red, blue;
    for (const Item& item : library_.filters) {
      if (!item.curve || *std::ranges::max_element(item.curve->value) <= 0.0) continue;
      const Curve filter = used_filter(item);
      const double low = filter.wavelength.front(), high = filter.wavelength.back();
      if (low / (1.0 + o_.z_min) <= sed.wavelength.front() && high / (1.0 + o_.z_min) <= sed.wavelength.front()) {
        wrong(fmt::format("{}: band {} ({} to {} angstrom) sees nothing of it at any redshift from {} to {} (it begins at {} angstrom)",
                          shown(spectrum), item.band, shortest(low), shortest(high), o_.z_min, o_.z_max, shortest(sed.wavelength.front())));
        continue;
      }
      if (low / (1.0 + o_.z_max) >= sed.wavelength.back()) {
        wrong(fmt::format("{}: band {} ({} to {} angstrom) is beyond its end at all redshifts from {} to {} (it ends at {} angstrom)",
                          shown(spectrum), item.band, shortest(low), shortest(high), o_.z_min, o_.z_max, shortest(sed.wavelength.back())));
        continue;
      }
      if (const double z = high / sed.wavelength.back() - 1.0; z > o_.z_min)
        red.push_back(fmt::format("{} (z < {:.2f})", item.band, std::min(z, o_.z_max)));
      // No light passes the Lyman limit, so that a spectrum need not begin before it.
      if (const double z = low / sed.wavelength.front() - 1.0; sed.wavelength.front() > 1.01 * lyman_limit && z < o_.z_max)
        blue.push_back(fmt::format("{} (z > {:.2f})", item.band, std::max(z, o_.z_min)));
    }
    if (!red.empty())
      warn(fmt::format("{}: ends at {} angstrom, within or before {} (it goes on as a line)", shown(spectrum),
                       shortest(sed.wavelength.back()), join(red, ", ")));
    if (!blue.empty())
      warn(fmt::format("{}: begins at {} angstrom, within or behind {} (it is dark before)", shown(spectrum),
                       shortest(sed.wavelength.front()), join(blue, ", ")));
  }

  const Library& library_;
  const LibraryOptions& o_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check(const Library& library, const LibraryOptions& o) { return Checks(library, o).run(); }

}  // namespace skyfold::templates
