// An elliptical Gaussian on a constant background by least squares (Levenberg-Marquardt: Marquardt 1963, J. SIAM 11, 431), with the
// analytic Jacobian and the flux's error from the full covariance.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "../common/eigen.hpp"
#include "skyfold/kernels/patch/fits.hpp"

namespace skyfold {
namespace {

constexpr int n_parameters = 7;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
enum Parameter { amplitude, centre_x, centre_y, shape_xx, shape_xy, shape_yy, background };

using Parameters = Eigen::Matrix<double, n_parameters, 1>;
using Curvature = Eigen::Matrix<double, n_parameters, n_parameters>;

/// The function to be minimised near one place.
struct Normal {
  double chi2 = 0.0;
  Parameters gradient = Parameters::Zero();  ///< J^T W r
  Curvature curvature = Curvature::Zero();   ///< J^T W J
};

// The shape is the inverse covariance, so the widths are real only while it is positive definite.
bool is_ellipse(const Parameters& p) {
  return p[shape_xx] > 0.0 && p[shape_yy] > 0.0 && p[shape_xx] * p[shape_yy] > p[shape_xy] * p[shape_xy];
}

double weight_of(const FitPixels& pixels, std::size_t i) { return pixels.weight.empty() ? 1.0 : pixels.weight[i]; }

double chi2_of(const FitPixels& pixels, const Parameters& p) {
  double chi2 = 0.0;
  for (std::size_t i = 0; i < pixels.value.size(); ++i) {
    const double dx = pixels.x[i] - p[centre_x], dy = pixels.y[i] - p[centre_y];
    const double g = std::exp(-0.5 * (p[shape_xx] * dx * dx + 2.0 * p[shape_xy] * dx * dy + p[shape_yy] * dy * dy));
    const double residual = pixels.value[i] - p[amplitude] * g - p[background];
    chi2 += weight_of(pixels, i) * residual * residual;
  }
  return chi2;
}

Normal normal_of(const FitPixels& pixels, const Parameters& p) {
  Normal normal;
  Parameters row;
  for (std::size_t i = 0; i < pixels.value.size(); ++i) {
    const double dx = pixels.x[i] - p[centre_x], dy = pixels.y[i] - p[centre_y];
    const double g = std::exp(-0.5 * (p[shape_xx] * dx * dx + 2.0 * p[shape_xy] * dx * dy + p[shape_yy] * dy * dy));
    const double scaled = p[amplitude] * g, w = weight_of(pixels, i), residual = pixels.value[i] - scaled - p[background];
    row << g, scaled * (p[shape_xx] * dx + p[shape_xy] * dy), scaled * (p[shape_xy] * dx + p[shape_yy] * dy), -0.5 * scaled * dx * dx,
        -scaled * dx * dy, -0.5 * scaled * dy * dy, 1.0;
    normal.chi2 += w * residual * residual;
    for (int j = 0; j < n_parameters; ++j) {
      normal.gradient[j] += w * row[j] * residual;
      // The lower triangle only; the matrix is symmetric.
      for (int k = 0; k <= j; ++k) normal.curvature(j, k) += w * row[j] * row[k];
    }
  }
  normal.curvature.triangularView<Eigen::StrictlyUpper>() = normal.curvature.transpose();
  return normal;
}

/// The beam itself, with the amplitude and background that fit best.
Parameters start(const FitPixels& pixels) {
  double w = 0.0, wb = 0.0, wbb = 0.0, wv = 0.0, wbv = 0.0;
  for (std::size_t i = 0; i < pixels.value.size(); ++i) {
    const double wi = weight_of(pixels, i), b = std::exp(-0.5 * (pixels.x[i] * pixels.x[i] + pixels.y[i] * pixels.y[i]));
    w += wi, wb += wi * b, wbb += wi * b * b, wv += wi * pixels.value[i], wbv += wi * b * pixels.value[i];
  }
  const double determinant = w * wbb - wb * wb;
  Parameters p;
  p << (w * wbv - wb * wv) / determinant, 0.0, 0.0, 1.0, 0.0, 1.0, (wbb * wv - wb * wbv) / determinant;
  return p;
}

struct Minimum {
  Parameters at;
  FitStatus status = FitStatus::step_limit;
  int iterations = 0;
};

/// True when a step changes nothing that matters: lengths are in sigmas of the beam, heights in amplitudes.
bool is_tiny(const Parameters& step, double height) {
  constexpr double tiny = 1e-9;
  const double lengths = step.segment<5>(centre_x).cwiseAbs().maxCoeff();
  return lengths < tiny && std::max(std::abs(step[amplitude]), std::abs(step[background])) < tiny * std::abs(height);
}

/// Damping grows tenfold after a step that does not improve the fit and falls tenfold after one that does. Parameters are
/// scaled by the diagonal of the curvature, so units do not matter.
Minimum minimise(const FitPixels& pixels, int most_iterations) {
  constexpr double enough = 1e-9, largest_damping = 1e12;
  Minimum minimum{start(pixels)};
  Normal normal = normal_of(pixels, minimum.at);
  double damping = 1e-3;
  while (minimum.iterations < most_iterations) {
    ++minimum.iterations;
    Curvature damped = normal.curvature;
    damped.diagonal() += damping * normal.curvature.diagonal();
    const Parameters step = damped.ldlt().solve(normal.gradient);
    if (!step.allFinite()) return {minimum.at, FitStatus::not_determined, minimum.iterations};
    const Parameters next = minimum.at + step;
    // A step out of the ellipses counts as one that makes things worse: damping shortens it.
    const double chi2 = is_ellipse(next) ? chi2_of(pixels, next) : std::numeric_limits<double>::infinity();
    const double gain = normal.chi2 - chi2, promised = step.dot(normal.gradient);
    if (gain >= 0.0) {
      minimum.at = next;
      if (promised <= enough * normal.chi2 || is_tiny(step, next[amplitude])) return {next, FitStatus::converged, minimum.iterations};
      normal = normal_of(pixels, next);
      damping = std::max(0.1 * damping, 1e-12);
    } else {
      if (promised <= enough * normal.chi2 || is_tiny(step, minimum.at[amplitude]))
        return {minimum.at, FitStatus::converged, minimum.iterations};  // only rounding is left
      damping *= 10.0;
      if (damping > largest_damping) return {minimum.at, FitStatus::not_determined, minimum.iterations};
    }
  }
  return minimum;
}

/// Widths and direction of the ellipse: eigenvalues of the inverse of ((a, b), (b, d)).
void set_shape(const Parameters& p, GaussianFit& fit) {
  const double mean = 0.5 * (p[shape_xx] + p[shape_yy]), half = 0.5 * (p[shape_xx] - p[shape_yy]);
  const double root = std::hypot(half, p[shape_xy]);
  fit.sigma_1 = 1.0 / std::sqrt(mean - root);
  fit.sigma_2 = 1.0 / std::sqrt(mean + root);
  // The larger axis is the eigenvector of mean - root; (x, y) = (east, north), so atan2(x, y) is from north through east.
  fit.angle = 0.5 * std::atan2(-2.0 * p[shape_xy], p[shape_xx] - p[shape_yy]);
}

/// Errors from the inverse curvature at the minimum, times the residuals' variance where the weights are unknown.
bool set_errors(const FitPixels& pixels, const Parameters& p, const Normal& normal, GaussianFit& fit) {
  const Eigen::LDLT<Curvature> solver(normal.curvature);
  const Curvature covariance = solver.solve(Curvature::Identity());
  const double scale = pixels.weight.empty() ? normal.chi2 / static_cast<double>(pixels.value.size() - n_parameters) : 1.0;
  const double determinant = p[shape_xx] * p[shape_yy] - p[shape_xy] * p[shape_xy];
  Parameters slope = Parameters::Zero();  // of ln(volume) = ln A + ln 2 pi - ln(determinant) / 2
  slope[amplitude] = 1.0 / p[amplitude];
  slope[shape_xx] = -0.5 * p[shape_yy] / determinant;
  slope[shape_xy] = p[shape_xy] / determinant;
  slope[shape_yy] = -0.5 * p[shape_xx] / determinant;
  fit.volume = p[amplitude] * 2.0 * std::numbers::pi / std::sqrt(determinant);
  fit.volume_error = std::abs(fit.volume) * std::sqrt(scale * slope.dot(covariance * slope));
  fit.x_error = std::sqrt(scale * covariance(centre_x, centre_x));
  fit.y_error = std::sqrt(scale * covariance(centre_y, centre_y));
  return covariance.allFinite() && covariance(centre_x, centre_x) > 0.0 && covariance(centre_y, centre_y) > 0.0;
}

// A centre outside of the pixels, or a width that they cannot show, in units of the beam, is noise that was fitted.
bool is_physical(const FitPixels& pixels, const GaussianFit& fit) {
  double reach2 = 0.0;
  for (std::size_t i = 0; i < pixels.x.size(); ++i) reach2 = std::max(reach2, pixels.x[i] * pixels.x[i] + pixels.y[i] * pixels.y[i]);
  return fit.x * fit.x + fit.y * fit.y <= reach2 && fit.sigma_2 >= 0.2 && fit.sigma_1 <= 5.0;
}

}  // namespace

GaussianFit fit_gaussian(const FitPixels& pixels, int most_iterations) {
  GaussianFit fit{FitStatus::too_few_pixels, 0, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan};
  // With as many parameters as pixels the fit is exact and its errors are undefined.
  if (pixels.value.size() <= n_parameters) return fit;
  const Minimum minimum = minimise(pixels, most_iterations);
  const Parameters& p = minimum.at;
  fit.status = minimum.status;
  fit.iterations = minimum.iterations;
  if (fit.status == FitStatus::not_determined || !p.allFinite() || !is_ellipse(p)) {
    fit.status = FitStatus::not_determined;
    return fit;
  }
  const Normal normal = normal_of(pixels, p);
  fit.chi2 = normal.chi2;
  fit.amplitude = p[amplitude];
  fit.x = p[centre_x];
  fit.y = p[centre_y];
  fit.background = p[background];
  set_shape(p, fit);
  if (!set_errors(pixels, p, normal, fit))
    fit.status = FitStatus::not_determined;
  else if (!is_physical(pixels, fit))
    fit.status = FitStatus::not_physical;
  return fit;
}

}  // namespace skyfold
