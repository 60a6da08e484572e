#pragma once

#include <memory>

#include "layout.hpp"

namespace skyfold::gpz {

/// Precision of the prior of the noise's weights u: a weak one, so that noise does not follow single objects.
inline constexpr double noise_prior = 0.1;

/// What a model of these parameters says of the weights w: normal, of mean `mean` and covariance (root^T root).
struct Posterior {
  std::vector<double> mean;  ///< [terms]
  std::vector<double> root;  ///< [terms x terms], lower triangular, row-major
};

/// The evidence of a sparse Gaussian process with noise that depends on the object (Almosallam et al. 2016, MNRAS 462, 726), the weights w
/// integrated out:
///
///   ln E = sum_i o_i (ln b_i - b_i (y_i - phi_i w)^2) / 2 - w A w / 2 + ln|A| / 2 - ln|S| / 2 - noise_prior |u|^2 / 2,
///   S = sum_i o_i b_i phi_i phi_i^T + A,  w = S^-1 sum_i o_i b_i y_i phi_i
///
/// with the precisions b_i of the noise, A = diag of the precisions of w, and the objects' weights o_i.
class Evidence {
 public:
  Evidence(const Layout& layout, const Rows& rows, int threads);
  ~Evidence();
  Evidence(const Evidence&) = delete;
  Evidence& operator=(const Evidence&) = delete;

  /// -ln E / sum of weights, without constants, and its gradient; infinity where S is not positive definite.
  /// Sums run over blocks of a fixed size in their order: bits do not depend on threads.
  [[nodiscard]] double value(std::span<const double> parameters, std::span<double> gradient);
  /// The posterior of w. Throws DataError where there is none.
  [[nodiscard]] Posterior posterior(std::span<const double> parameters);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Coefficients of |G_j (x - p_j)|^2 in the monomials of x, shape [basis x monomials].
[[nodiscard]] std::vector<double> quadratic_forms(const Layout& layout, std::span<const double> parameters);

}  // namespace skyfold::gpz
