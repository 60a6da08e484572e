#pragma once

#include <span>

namespace skyfold {

/// Pixels that a model is fitted to; arrays of one length, without missing values.
struct FitPixels {
  std::span<const double> x, y;    ///< toward east and north on the tangent plane, in units of the beam's sigma
  std::span<const double> value;   ///< map unit
  std::span<const double> weight;  ///< 1 / variance; empty: unknown, all equal
};

/// Least squares of A B + c, linear in both.
struct PsfFit {
  double amplitude = 0.0, amplitude_error = 0.0, background = 0.0;  ///< map unit; NaN when not determined
};
/// @param beam    B at the pixels, 1 at the source, shape [n]
/// @param value   shape [n]
/// @param weight  1 / variance, shape [n]; empty: unknown, and taken from the residuals
[[nodiscard]] PsfFit fit_psf(std::span<const double> beam, std::span<const double> value, std::span<const double> weight) noexcept;

/// How a Gaussian fit ended.
enum class FitStatus : int {
  converged = 0,
  step_limit = 1,  ///< still improving when the steps ran out
  too_few_pixels = 2,
  not_determined = 3,  ///< the normal equations are singular
  not_physical = 4,    ///< the centre left the pixels, or a width is not within a fifth and five times the beam's
};

/// An elliptical Gaussian on a constant background. Lengths are in units of the beam's sigma.
struct GaussianFit {
  FitStatus status = FitStatus::not_determined;
  int iterations = 0;
  double amplitude = 0.0, x = 0.0, y = 0.0, background = 0.0;
  double sigma_1 = 0.0, sigma_2 = 0.0;      ///< larger and smaller standard deviation
  double angle = 0.0;                       ///< of the larger axis from north through east, radians, in (-pi/2, pi/2]
  double volume = 0.0, volume_error = 0.0;  ///< integral: amplitude 2 pi sigma_1 sigma_2
  double x_error = 0.0, y_error = 0.0;
  double chi2 = 0.0;  ///< sum of weight x residual^2; weights 1 when unknown
};

/// Levenberg-Marquardt (Marquardt 1963, J. SIAM 11, 431) with the analytic Jacobian, from the beam at (0, 0).
///
/// The model is A exp(-(a dx^2 + 2 b dx dy + d dy^2) / 2) + c: the same ellipses as with two widths and an angle, but regular
/// for round ones, where the angle has no meaning.
[[nodiscard]] GaussianFit fit_gaussian(const FitPixels& pixels, int most_iterations);

}  // namespace skyfold
