// Synthetic photometry: fluxes of redshifted spectra through filters, with hydrogen clouds between, exact for polygons.
#include "skyfold/kernels/templates/synthetic.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

constexpr double light = 2.99792458e18;  // angstrom / s
constexpr std::size_t points_of_extrapolation = 5;

struct LymanLine {
  double wavelength, strength;
};
// Madau 1995, equations 12 and 15.
constexpr std::array<LymanLine, 4> lyman = {{{1216.0, 3.6e-3}, {1026.0, 1.7e-3}, {973.0, 1.2e-3}, {950.0, 9.3e-4}}};
constexpr double lyman_limit = 912.0;

/// The line through the last points of a spectrum, to where a filter ends, not below 0.
Curve extended(const Curve& sed, double to) {
  Curve curve = sed;
  const std::size_t n = std::min(points_of_extrapolation, sed.wavelength.size()), first = sed.wavelength.size() - n;
  double x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
  for (std::size_t i = first; i < sed.wavelength.size(); ++i) {
    x += sed.wavelength[i] / static_cast<double>(n);
    y += sed.value[i] / static_cast<double>(n);
  }
  for (std::size_t i = first; i < sed.wavelength.size(); ++i) {
    xx += (sed.wavelength[i] - x) * (sed.wavelength[i] - x);
    xy += (sed.wavelength[i] - x) * (sed.value[i] - y);
  }
  const double slope = xy / xx, last = sed.wavelength.back();
  const auto line = [&](double wavelength) { return y + slope * (wavelength - x); };
  const auto add = [&](double wavelength, double value) {
    curve.wavelength.push_back(wavelength);
    curve.value.push_back(std::max(value, 0.0));
  };
  // From the last point the line itself is reached at once; where it crosses zero it ends.
  add(std::nextafter(last, to), line(last));
  if (const double zero = x - y / slope; slope < 0.0 && zero > curve.wavelength.back() && zero < to) add(zero, 0.0);
  add(to, line(to));
  return curve;
}

/// Walks along a curve with increasing wavelengths.
class Walk {
 public:
  Walk(const Curve& curve, double stretch) : curve_(curve), stretch_(stretch) {}

  double at(double wavelength) {
    const double x = wavelength / stretch_;
    const auto& w = curve_.wavelength;
    if (x < w.front() || x > w.back()) return 0.0;
    while (next_ + 1 < w.size() && w[next_] < x) ++next_;
    const double t = (x - w[next_ - 1]) / (w[next_] - w[next_ - 1]);
    return curve_.value[next_ - 1] + t * (curve_.value[next_] - curve_.value[next_ - 1]);
  }

 private:
  const Curve& curve_;
  double stretch_;
  std::size_t next_ = 1;
};

/// Points between which all factors are smooth: of the filter, of the spectrum within it, and where a series of lines begins.
std::vector<double> nodes_of(const Curve& sed, const Curve& filter, double z, bool has_clouds) {
  std::vector<double> of_sed, nodes;
  const double stretch = 1.0 + z, first = filter.wavelength.front(), last = filter.wavelength.back();
  const auto& w = sed.wavelength;
  for (auto i = std::lower_bound(w.begin(), w.end(), first / stretch); i != w.end() && *i * stretch < last; ++i)
    of_sed.push_back(*i * stretch);
  if (has_clouds) {
    for (const LymanLine& line : lyman) of_sed.push_back(line.wavelength * stretch);
    of_sed.push_back(lyman_limit * stretch);
    std::ranges::sort(of_sed);
  }
  std::ranges::set_union(filter.wavelength, of_sed, std::back_inserter(nodes));
  std::erase_if(nodes, [&](double node) { return node < first || node > last; });
  return nodes;
}

double white_flux(const Curve& filter) {
  double sum = 0.0;
  // int T dlam / lam of a polygon, by Simpson: points of a filter are close, and its third derivative is small.
  for (std::size_t i = 1; i < filter.wavelength.size(); ++i) {
    const double a = filter.wavelength[i - 1], b = filter.wavelength[i], step = b - a,
                 slope = (filter.value[i] - filter.value[i - 1]) / step;
    sum += slope * step + (filter.value[i - 1] - slope * a) * std::log1p(step / a);
  }
  return light * sum;
}

bool sees_clouds(const Curve& filter, double z) { return filter.wavelength.front() <= lyman[0].wavelength * (1.0 + z); }

/// int f T IGM lam dlam by Simpson's rule, which is exact for the product of two lines and lam.
/// @param depth  nullptr where no clouds are seen
double photons(const Curve& sed, const Curve& filter, double z, Igm igm, const MadauDepth* depth) {
  const std::vector<double> nodes = nodes_of(sed, filter, z, igm != Igm::none);
  Walk spectrum(sed, 1.0 + z), throughput(filter, 1.0);
  // A hair inside the interval: at its ends series of lines begin.
  const auto value = [&](double wavelength, double inside) {
    const double product = spectrum.at(wavelength) * throughput.at(wavelength) * wavelength;
    return !depth || product == 0.0 ? product : product * std::exp(-(*depth)(inside));
  };
  double sum = 0.0;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const double a = nodes[i - 1], b = nodes[i], middle = 0.5 * (a + b), hair = 1e-9 * (b - a);
    const double left = value(a, a + hair), centre = value(middle, middle), right = value(b, b - hair);
    sum += (b - a) / 6.0 * (left + 4.0 * centre + right);
  }
  return sum;
}

double flux_through(const Curve& sed, const Curve& filter, double z, Igm igm, const MadauDepth* depth) {
  const double to = filter.wavelength.back() / (1.0 + z);
  const bool is_short = sed.wavelength.back() < to;
  return photons(is_short ? extended(sed, to) : sed, filter, z, igm, depth) / white_flux(filter);
}

}  // namespace

double band_flux(const Curve& sed, const Curve& filter, double z, Igm igm) {
  std::optional<MadauDepth> depth;
  if (igm != Igm::none && sees_clouds(filter, z)) depth.emplace(z);
  return flux_through(sed, filter, z, igm, depth ? &*depth : nullptr);
}

double ab_magnitude(const Curve& sed, const Curve& filter) { return -2.5 * std::log10(band_flux(sed, filter, 0.0)) - 48.60; }

MadauDepth::MadauDepth(double z) : y_(1.0 + z) {
  // The maximum lies where the continuum absorbs, between the limit at rest and at z.
  constexpr int steps = 2000;
  at_most_ = lyman_limit * y_;
  greatest_ = 0.0;
  for (int i = 0; i <= steps; ++i) {
    const double wavelength = lyman_limit * (1.0 + z * i / steps);
    if (const double depth = unclamped(wavelength); depth > greatest_) {
      greatest_ = depth;
      at_most_ = wavelength;
    }
  }
}

double MadauDepth::operator()(double wavelength) const noexcept { return wavelength < at_most_ ? greatest_ : unclamped(wavelength); }

double MadauDepth::unclamped(double wavelength) const noexcept {
  double depth = 0.0;
  for (const LymanLine& line : lyman)
    if (wavelength <= line.wavelength * y_) depth += line.strength * std::pow(wavelength / line.wavelength, 3.46);
  if (wavelength > lyman_limit * y_) return depth;
  const double x = wavelength / lyman_limit;
  return depth + 0.25 * std::pow(x, 3.0) * (std::pow(y_, 0.46) - std::pow(x, 0.46)) +
         9.4 * std::pow(x, 1.5) * (std::pow(y_, 0.18) - std::pow(x, 0.18)) -
         0.7 * std::pow(x, 3.0) * (std::pow(x, -1.32) - std::pow(y_, -1.32)) - 0.023 * (std::pow(y_, 1.68) - std::pow(x, 1.68));
}

ModelFluxes model_fluxes(std::span<const Curve> seds, std::span<const Curve> filters, std::vector<double> z, Igm igm, int threads) {
  ModelFluxes models{seds.size(), filters.size(), std::move(z), {}};
  const std::size_t rows = models.z.size();
  models.flux.resize(seds.size() * filters.size() * rows);
  // The clouds of a redshift cost more than all else, and are the same for all spectra.
  std::vector<std::optional<MadauDepth>> clouds(rows);
  if (igm != Igm::none)
    parallel_for(rows, 4, threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i)
        if (std::ranges::any_of(filters, [&](const Curve& filter) { return sees_clouds(filter, models.z[i]); }))
          clouds[i].emplace(models.z[i]);
    });
  parallel_for(models.flux.size(), 16, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      const Curve& filter = filters[i / rows % filters.size()];
      const std::size_t at = i % rows;
      const MadauDepth* depth = clouds[at] && sees_clouds(filter, models.z[at]) ? &*clouds[at] : nullptr;
      models.flux[i] = flux_through(seds[i / rows / filters.size()], filter, models.z[at], igm, depth);
    }
  });
  return models;
}

ModelFluxes interpolated(const ModelFluxes& models, std::size_t n) {
  if (n == 0 || models.templates < 2) return models;
  const std::size_t per_template = models.bands * models.z.size();
  ModelFluxes all{models.templates + (models.templates - 1) * n, models.bands, models.z, {}};
  all.flux.resize(all.templates * per_template);
  for (std::size_t t = 0; t < all.templates; ++t) {
    const std::size_t below = std::min(t / (n + 1), models.templates - 2);
    const double part = static_cast<double>(t) / static_cast<double>(n + 1) - static_cast<double>(below);
    for (std::size_t i = 0; i < per_template; ++i) {
      const double* flux = &models.flux[below * per_template + i];
      all.flux[t * per_template + i] = (1.0 - part) * flux[0] + part * flux[per_template];
    }
  }
  return all;
}

}  // namespace skyfold
