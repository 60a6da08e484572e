// What survey tables ask of any PDF: the point of least expected loss, the hills of a density on a grid, the shortest interval.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

void PointRisk::set(const RedshiftPdf& pdf) {
  constexpr double gamma = 0.15;
  pdf.sample(z_, probability_);
  scale_.resize(z_.size());
  for (std::size_t i = 0; i < z_.size(); ++i) scale_[i] = 1.0 / (gamma * (1.0 + z_[i]));
}

double PointRisk::at(double z_point) const noexcept {
  constexpr std::size_t lanes = 4;  // sums that do not wait for each other
  double kept[lanes] = {}, all[lanes] = {};
  for (std::size_t i = 0; i < z_.size(); ++i) {
    const double t = (z_point - z_[i]) * scale_[i];
    kept[i % lanes] += probability_[i] / (1.0 + t * t);
    all[i % lanes] += probability_[i];
  }
  return 1.0 - ((kept[0] + kept[1]) + (kept[2] + kept[3])) / ((all[0] + all[1]) + (all[2] + all[3]));
}

double PointRisk::least() const noexcept {
  // The loss is 0.15 (1 + z) wide, so a minimum of its mean cannot hide between places that are much nearer to each other.
  constexpr double apart = 0.02;
  double best = z_.front(), risk = 2.0, low = best, high = best, before = best, last = best;
  bool is_open = false;
  for (std::size_t i = 0; i < z_.size(); ++i) {
    if (i > 0 && i + 1 < z_.size() && z_[i] - last < apart) continue;
    if (is_open) high = z_[i], is_open = false;
    before = last, last = z_[i];
    if (const double here = at(last); here < risk) risk = here, best = last, low = before, high = last, is_open = true;
  }
  // Golden sections, one new value each.
  constexpr double ratio = std::numbers::phi - 1.0;
  double a = high - ratio * (high - low), b = low + ratio * (high - low), at_a = at(a), at_b = at(b);
  for (int step = 0; step < 40 && high - low > 1e-7; ++step) {
    if (at_a < at_b) {
      high = b, b = a, at_b = at_a;
      a = high - ratio * (high - low), at_a = at(a);
    } else {
      low = a, a = b, at_a = at_b;
      b = low + ratio * (high - low), at_b = at(b);
    }
  }
  const double z = 0.5 * (low + high);
  return at(z) < risk ? z : best;
}

std::pair<PdfMode, PdfMode> two_modes(std::span<const double> grid, std::span<const float> density) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<std::ptrdiff_t>(grid.size());
  // The points of a hill that is on the one at `top`.
  const auto hill_of = [&](std::ptrdiff_t top) {
    std::ptrdiff_t first = top, last = top;
    while (first > 0 && density[first] > 0.0f && density[first - 1] <= density[first]) --first;
    while (last + 1 < n && density[last] > 0.0f && density[last + 1] <= density[last]) ++last;
    return std::pair(first, last);
  };
  const auto mode_of = [&](std::ptrdiff_t top) {
    const auto [first, last] = hill_of(top);
    double area = 0.0;
    for (std::ptrdiff_t i = first; i < last; ++i) area += 0.5 * (grid[i + 1] - grid[i]) * (double{density[i]} + density[i + 1]);
    return PdfMode{grid[top], std::min(area, 1.0)};
  };
  const std::ptrdiff_t top = std::ranges::max_element(density) - density.begin();
  const auto [first, last] = hill_of(top);
  // At a minimum between two hills both end; beyond it the next one begins to rise.
  std::ptrdiff_t second = -1;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    if ((i < first || i > last) && density[i] > 0.0f && (second < 0 || density[i] > density[second])) second = i;
  return {mode_of(top), second < 0 ? PdfMode{nan, 0.0} : mode_of(second)};
}

std::pair<double, double> shortest_interval(const RedshiftPdf& pdf, std::span<const double> places, double p) {
  std::pair<double, double> shortest(pdf.quantile(0.5 * (1.0 - p)), pdf.quantile(0.5 * (1.0 + p)));
  const auto take = [&](double low, double high) {
    if (high - low < shortest.second - shortest.first) shortest = {low, high};
  };
  for (const double z : places) {
    const double c = pdf.cumulative(z);
    if (c + p < 1.0) take(z, pdf.quantile(c + p));
    if (c - p > 0.0) take(pdf.quantile(c - p), z);
  }
  return shortest;
}

}  // namespace skyfold
