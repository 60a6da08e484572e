// Statistics of one light curve: means, scatter, and indices of variability, each in one pass in the order of time.
#include "skyfold/kernels/lightcurve/statistics.hpp"

#include <algorithm>

namespace skyfold::lightcurve {
namespace {

bool has_weight(double err) noexcept { return err > 0.0 && err <= std::numeric_limits<double>::max(); }

/// Mean, rms, von Neumann's ratio, amplitude, first and last: what needs no errors.
void describe_values(const Curve& curve, const CurveWants& wants, CurveStatistics& s) noexcept {
  const std::size_t n = curve.mag.size();
  CompensatedSum sum;
  double smallest = curve.mag[0], largest = curve.mag[0];
  for (const double mag : curve.mag) {
    sum.add(mag);
    smallest = std::min(smallest, mag);
    largest = std::max(largest, mag);
  }
  s.mean = sum.value() / static_cast<double>(n);
  s.amplitude = largest - smallest;
  s.mjd_first = curve.mjd.front();
  s.mjd_last = curve.mjd.back();
  if (n < 2 || !(wants.rms || wants.von_neumann)) return;
  CompensatedSum squares, steps;
  for (const double mag : curve.mag) squares.add((mag - s.mean) * (mag - s.mean));
  if (wants.von_neumann)
    for (std::size_t i = 1; i < n; ++i) steps.add((curve.mag[i] - curve.mag[i - 1]) * (curve.mag[i] - curve.mag[i - 1]));
  s.rms = std::sqrt(squares.value() / static_cast<double>(n - 1));
  // Both are means over n - 1. Equal magnitudes have no scatter to compare with.
  if (wants.von_neumann && squares.value() > 0.0) s.von_neumann = steps.value() / squares.value();
}

/// Weighted mean with its error and chi2.
void describe_weighted(const Curve& curve, const CurveWants& wants, CurveStatistics& s) noexcept {
  CompensatedSum weights, weighted;
  // About the mean, so that no digits are lost to its size.
  for (std::size_t i = 0; i < curve.err.size(); ++i) {
    if (!has_weight(curve.err[i])) continue;
    const double weight = 1.0 / (curve.err[i] * curve.err[i]);
    weights.add(weight);
    weighted.add(weight * (curve.mag[i] - s.mean));
  }
  if (!(weights.value() > 0.0)) return;
  s.weighted_mean = s.mean + weighted.value() / weights.value();
  s.weighted_mean_err = 1.0 / std::sqrt(weights.value());
  if (!wants.chi2) return;
  CompensatedSum chi2;
  for (std::size_t i = 0; i < curve.err.size(); ++i) {
    const double deviation = (curve.mag[i] - s.weighted_mean) / curve.err[i];
    if (has_weight(curve.err[i])) chi2.add(deviation * deviation);
  }
  s.chi2 = chi2.value();
}

}  // namespace

double stetson_j(std::span<const Residual> residuals, double pair_days) noexcept {
  if (residuals.size() < 2) return not_measured;
  CompensatedSum sum;
  double weights = 0.0;
  for (std::size_t i = 0; i < residuals.size();) {
    const bool is_pair = i + 1 < residuals.size() && residuals[i + 1].mjd - residuals[i].mjd <= pair_days;
    const double delta = residuals[i].delta, p = is_pair ? delta * residuals[i + 1].delta : delta * delta - 1.0;
    const double weight = is_pair ? 1.0 : 0.5;
    sum.add(weight * std::copysign(std::sqrt(std::abs(p)), p));
    weights += weight;
    i += is_pair ? 2 : 1;
  }
  return sum.value() / weights;
}

void add_residuals(const Curve& curve, double weighted_mean, std::vector<Residual>& residuals) {
  const auto n = static_cast<std::size_t>(std::count_if(curve.err.begin(), curve.err.end(), has_weight));
  if (n < 2) return;
  const double bias = std::sqrt(static_cast<double>(n) / (static_cast<double>(n) - 1.0));
  std::size_t at = residuals.size();
  residuals.resize(at + n);
  for (std::size_t i = 0; i < curve.err.size(); ++i)
    if (has_weight(curve.err[i])) residuals[at++] = {curve.mjd[i], bias * (curve.mag[i] - weighted_mean) / curve.err[i]};
}

CurveStatistics unweighted_statistics_of(const Curve& curve, const CurveWants& wants) noexcept {
  CurveStatistics s;
  s.n = static_cast<std::int32_t>(curve.mag.size());
  if (!curve.mag.empty()) describe_values(curve, wants, s);
  return s;
}

CurveStatistics statistics_of(const Curve& curve, double pair_days, std::vector<Residual>& residuals, const CurveWants& wants) {
  CurveStatistics s = unweighted_statistics_of(curve, wants);
  residuals.clear();
  if (curve.mag.empty()) return s;
  describe_weighted(curve, wants, s);
  add_residuals(curve, s.weighted_mean, residuals);
  if (wants.stetson_j) s.stetson_j = stetson_j(residuals, pair_days);
  return s;
}

}  // namespace skyfold::lightcurve
