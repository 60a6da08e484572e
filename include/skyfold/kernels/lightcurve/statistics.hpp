#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace skyfold::lightcurve {

inline constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/// A sum whose rounding errors are added up, too (Neumaier 1974, ZAMM 54, 39): as exact as if done in twice the digits.
class CompensatedSum {
 public:
  void add(double x) noexcept {
    const double sum = sum_ + x;
    // Both orders of size without a branch (Knuth's two-sum).
    const double x_taken = sum - sum_;
    rest_ += (sum_ - (sum - x_taken)) + (x - x_taken);
    sum_ = sum;
  }
  [[nodiscard]] double value() const noexcept { return sum_ + rest_; }

 private:
  double sum_ = 0.0, rest_ = 0.0;
};

/// Measurements of one object in one filter, in the order of time; all count.
struct Curve {
  std::span<const double> mjd;  ///< days, increasing
  std::span<const double> mag;  ///< finite
  std::span<const double> err;  ///< of mag; not above 0, or not finite: has no weight. Empty: none has one
};

/// What a curve is like; NaN for what too few measurements tell nothing about.
struct CurveStatistics {
  std::int32_t n = 0;
  double mean = not_measured;
  double weighted_mean = not_measured;      ///< by 1/err^2; of measurements with errors, as all that follows from it
  double weighted_mean_err = not_measured;  ///< (sum of 1/err^2)^-1/2
  double rms = not_measured;                ///< about the mean, over n - 1
  double chi2 = not_measured;               ///< of a constant: sum ((mag - weighted_mean) / err)^2
  double stetson_j = not_measured;          ///< see stetson_j
  double von_neumann = not_measured;        ///< mean squared difference of successive measurements over rms^2: 2 for noise
  double amplitude = not_measured;          ///< largest - smallest
  double mjd_first = not_measured, mjd_last = not_measured;
};

/// A measurement as Stetson's index takes it.
struct Residual {
  double mjd = 0.0;
  double delta = 0.0;  ///< sqrt(n / (n - 1)) (mag - weighted_mean) / err
};

/// Stetson's (1996, PASP 108, 851) index J = sum w_k sgn(P_k) sqrt|P_k| / sum w_k.
///
/// Pairing: in the order of time a measurement and the next one are a pair, P = delta delta' with weight 1, when they are at most
/// `pair_days` apart; both are then used up. One that finds no partner stands alone, P = delta^2 - 1 with weight 1/2.
/// @param residuals  in the order of time; NaN for fewer than two
[[nodiscard]] double stetson_j(std::span<const Residual> residuals, double pair_days) noexcept;

/// Adds the residuals of a curve about its weighted mean to `residuals`; none when fewer than two measurements have errors.
void add_residuals(const Curve& curve, double weighted_mean, std::vector<Residual>& residuals);

/// Statistics that cost a pass of their own: those that are not wanted are NaN.
struct CurveWants {
  bool rms = true, von_neumann = true, chi2 = true, stetson_j = true;
};

/// Statistics of a curve.
/// @param residuals  is given them, for stetson_j
[[nodiscard]] CurveStatistics statistics_of(const Curve& curve, double pair_days, std::vector<Residual>& residuals,
                                            const CurveWants& wants = {});
/// Those that need no errors alone: mean, rms, von_neumann, amplitude and times.
[[nodiscard]] CurveStatistics unweighted_statistics_of(const Curve& curve, const CurveWants& wants = {}) noexcept;

}  // namespace skyfold::lightcurve
