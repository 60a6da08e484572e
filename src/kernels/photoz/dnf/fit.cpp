// The local fit of directional neighbourhood fitting: redshift as a plane in magnitudes, up to four passes with outliers left out
// (De Vicente, Sanchez & Sevilla-Noarbe 2016, MNRAS 459, 3078, section 3.1). Normal equations where they are well conditioned,
// QR where they are not.
#include "fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../common/eigen.hpp"
#include "../../common/simd.hpp"

namespace skyfold::dnf {
namespace {

constexpr int passes = 4;
constexpr double clip = 3.0;
/// Below this part of a band's variance left by the bands before it, normal equations lose too many digits.
constexpr double well_conditioned = 1e-8;
/// A direction in which neighbours spread less than this part of their widest one is not measured.
constexpr double rank_tolerance = 1e-7;

SKYFOLD_INLINE Lanes load(const double* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
SKYFOLD_INLINE void store(double* p, const Lanes& v) { std::memcpy(p, &v, sizeof v); }
// Always in this order, so that sums are the same on every processor.
SKYFOLD_INLINE double total(const Lanes& v) { return (v[0] + v[1]) + (v[2] + v[3]); }
SKYFOLD_INLINE double dot(const double* a, const double* b, std::size_t n) {
  Lanes sum = {};
  for (std::size_t i = 0; i < n; i += n_lanes) sum += load(a + i) * load(b + i);
  return total(sum);
}

/// Weighted mean of x, and the weighted deviations from it; all arrays have n (a multiple of the lanes) elements.
SKYFOLD_INLINE double centre_on_mean(const double* x, const double* weight, std::size_t n, double count, double* centred) {
  const double mean = dot(x, weight, n) / count;
  for (std::size_t i = 0; i < n; i += n_lanes) store(centred + i, (load(x + i) - mean) * load(weight + i));
  return mean;
}

/// Products of column `row` of centred with columns 0..row, four at a time: out[column], room for three more.
SKYFOLD_INLINE void products(const double* centred, std::size_t n, std::size_t row, double* out) {
  const double* a = centred + row * n;
  for (std::size_t column = 0; column <= row; column += 4) {
    const double* b[4];
    // Four columns share one reading of `a`; those beyond the row repeat it, and nobody looks at them.
    for (std::size_t k = 0; k < 4; ++k) b[k] = centred + std::min(column + k, row) * n;
    Lanes sum0 = {}, sum1 = {}, sum2 = {}, sum3 = {};
    for (std::size_t i = 0; i < n; i += n_lanes) {
      const Lanes value = load(a + i);
      sum0 += value * load(b[0] + i);
      sum1 += value * load(b[1] + i);
      sum2 += value * load(b[2] + i);
      sum3 += value * load(b[3] + i);
    }
    out[column] = total(sum0);
    out[column + 1] = total(sum1);
    out[column + 2] = total(sum2);
    out[column + 3] = total(sum3);
  }
}

/// Centres magnitudes and redshifts; the lower triangle of the normal equations, right-hand side in row `bands`.
///
/// @param normal  [(bands + 1) x (bands + 4)]: rows have room for `products`
SKYFOLD_CLONES
void normal_equations(const double* mag, std::size_t mag_stride, const double* z, const double* weight, std::size_t n, std::size_t bands,
                      double count, double* centred, double* centre, double* normal) {
  for (std::size_t b = 0; b < bands; ++b) centre[b] = centre_on_mean(mag + b * mag_stride, weight, n, count, centred + b * n);
  centre[bands] = centre_on_mean(z, weight, n, count, centred + bands * n);
  for (std::size_t b = 0; b <= bands; ++b) products(centred, n, b, normal + b * (bands + 4));
}

/// Solves the normal equations by L D L^T in place; false when a pivot is too small against its diagonal.
bool solve_normal(double* normal, std::size_t bands, double* slope) {
  const std::size_t width = bands + 4;
  double* rhs = normal + bands * width;
  for (std::size_t i = 0; i < bands; ++i) {
    double* row = normal + i * width;
    const double diagonal = row[i];
    for (std::size_t j = 0; j < i; ++j)  // row[j] = L_ij D_j
      for (std::size_t k = 0; k < j; ++k) row[j] -= row[k] * normal[j * width + k];
    for (std::size_t j = 0; j < i; ++j) {
      const double scaled = row[j] / normal[j * width + j];
      row[i] -= row[j] * scaled;
      rhs[i] -= row[j] * rhs[j];
      row[j] = scaled;
    }
    // What the bands before it leave of this one's variance is lost in rounding: QR decides then.
    if (!(row[i] > well_conditioned * diagonal)) return false;
    rhs[i] /= row[i];
  }
  for (std::size_t i = bands; i-- > 0;) {
    slope[i] = rhs[i];
    for (std::size_t j = i + 1; j < bands; ++j) slope[i] -= normal[j * width + i] * slope[j];
  }
  return true;
}

/// Residuals of all neighbours; returns the weighted sum of their absolute values.
SKYFOLD_CLONES
double residuals(const double* mag, std::size_t mag_stride, const double* z, const double* weight, std::size_t n, std::size_t bands,
                 const double* centre, const double* slope, double* residual) {
  Lanes sum = {};
  for (std::size_t i = 0; i < n; i += n_lanes) {
    Lanes r = load(z + i) - centre[bands];
    for (std::size_t b = 0; b < bands; ++b) r -= (load(mag + b * mag_stride + i) - centre[b]) * slope[b];
    store(residual + i, r);
    sum += (r < 0.0 ? -r : r) * load(weight + i);
  }
  return total(sum);
}

}  // namespace

void LocalFit::start(const Neighbours& neighbours, std::span<const double> z, std::size_t bands) {
  n_ = neighbours.n;
  stride_ = padded(n_);
  mag_ = neighbours.mag;
  source_stride_ = neighbours.stride;
  if (z_.size() < stride_) {
    for (AlignedVector<double>* buffer : {&z_, &weight_, &residual_}) buffer->resize(stride_);
  }
  if (centred_.size() < stride_ * (bands + 1)) centred_.resize(stride_ * (bands + 1));
  centre_.resize(bands + 1);
  slope_.resize(bands);
  normal_.resize((bands + 1) * (bands + 4) + 4);
  std::copy(z.begin(), z.end(), z_.begin());
  // The padding has weight 0 and finite values: 0 times NaN would spoil every sum.
  std::fill(z_.data() + n_, z_.data() + stride_, 0.0);
  std::fill_n(weight_.data(), n_, 1.0);
  std::fill(weight_.data() + n_, weight_.data() + stride_, 0.0);
}

Estimate LocalFit::fit(const Neighbours& neighbours, std::span<const double> z, std::size_t bands, const double* query,
                       const double* error) {
  start(neighbours, z, bands);
  Estimate estimate{.n = n_, .is_few = n_ <= bands + 1};
  if (estimate.is_few) return mean(estimate);
  for (int pass = 0; pass < passes; ++pass) {
    if (!solve(bands, estimate.n)) {
      estimate.is_deficient = true;
      return mean(estimate);
    }
    const double limit =
        clip / static_cast<double>(estimate.n) *
        residuals(mag_, source_stride_, z_.data(), weight_.data(), stride_, bands, centre_.data(), slope_.data(), residual_.data());
    const auto is_kept = [&](std::size_t i) { return weight_[i] > 0.0 && std::abs(residual_[i]) < limit; };
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n_; ++i) kept += is_kept(i);
    // A plane through as many points as it has parameters has no scatter to tell.
    if (kept == estimate.n || kept <= bands + 1) break;
    for (std::size_t i = 0; i < n_; ++i) weight_[i] = is_kept(i) ? 1.0 : 0.0;
    estimate.n = kept;
  }
  estimate.z = centre_[bands];
  double sum2 = 0.0;
  for (std::size_t b = 0; b < bands; ++b) {
    estimate.z += slope_[b] * (query[b] - centre_[b]);
    estimate.err_param2 += slope_[b] * error[b] * slope_[b] * error[b];
  }
  for (std::size_t i = 0; i < n_; ++i) sum2 += weight_[i] * residual_[i] * residual_[i];
  // Degrees of freedom: neighbours less the plane's parameters.
  estimate.err_fit = std::sqrt(sum2 / static_cast<double>(estimate.n - bands - 1));
  return estimate;
}

bool LocalFit::solve(std::size_t bands, std::size_t n) {
  normal_equations(mag_, source_stride_, z_.data(), weight_.data(), stride_, bands, static_cast<double>(n), centred_.data(), centre_.data(),
                   normal_.data());
  return solve_normal(normal_.data(), bands, slope_.data()) || solve_by_qr(bands);
}

/// Column-pivoting Householder QR of the centred magnitudes; false when they are rank-deficient.
bool LocalFit::solve_by_qr(std::size_t bands) {
  const auto rows = static_cast<Eigen::Index>(stride_), columns = static_cast<Eigen::Index>(bands);
  const Eigen::Map<const Eigen::MatrixXd> design(centred_.data(), rows, columns);
  const Eigen::Map<const Eigen::VectorXd> redshift(centred_.data() + bands * stride_, rows);
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(rows, columns);
  qr.setThreshold(rank_tolerance);
  qr.compute(design);
  if (qr.rank() < columns) return false;
  const Eigen::VectorXd slope = qr.solve(redshift);
  std::copy_n(slope.data(), bands, slope_.data());
  return true;
}

/// Plain mean of the neighbours that still count.
Estimate LocalFit::mean(Estimate estimate) {
  double sum = 0.0, sum2 = 0.0;
  for (std::size_t i = 0; i < n_; ++i) sum += weight_[i] * z_[i];
  estimate.z = sum / static_cast<double>(estimate.n);
  for (std::size_t i = 0; i < n_; ++i) {
    residual_[i] = z_[i] - estimate.z;
    sum2 += weight_[i] * residual_[i] * residual_[i];
  }
  estimate.err_fit = estimate.n > 1 ? std::sqrt(sum2 / static_cast<double>(estimate.n - 1)) : std::numeric_limits<double>::quiet_NaN();
  return estimate;
}

Estimate LocalFit::weighted_mean(const Neighbours& neighbours, std::span<const double> z) {
  start(neighbours, z, 0);
  double mean_distance = 0.0;
  for (const double d2 : neighbours.distance2) mean_distance += std::sqrt(d2);
  mean_distance /= static_cast<double>(n_);
  // At distance 0 the weight 1/d is infinite: then the exact copies alone count, alike.
  const double nearest = neighbours.distance2[neighbours.nearest];
  const bool all_equal = std::all_of(neighbours.distance2.begin(), neighbours.distance2.end(),
                                     [&](double d2) { return d2 == nearest; });  // then none is below the mean
  Estimate estimate;
  double sum_weight = 0.0, sum = 0.0, sum2 = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double distance = std::sqrt(neighbours.distance2[i]);
    const bool is_kept = nearest > 0.0 ? all_equal || distance < mean_distance : distance == 0.0;
    weight_[i] = !is_kept ? 0.0 : nearest > 0.0 ? 1.0 / distance : 1.0;
    sum_weight += weight_[i];
    sum += weight_[i] * z_[i];
    estimate.n += is_kept;
  }
  estimate.z = sum / sum_weight;
  for (std::size_t i = 0; i < n_; ++i) {
    residual_[i] = z_[i] - estimate.z;
    sum2 += weight_[i] * residual_[i] * residual_[i];
  }
  estimate.err_fit = estimate.n > 1 ? std::sqrt(sum2 / sum_weight) : std::numeric_limits<double>::quiet_NaN();
  return estimate;
}

}  // namespace skyfold::dnf
