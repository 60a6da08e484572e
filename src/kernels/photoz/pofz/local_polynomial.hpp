#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../common/feature_rows.hpp"

namespace skyfold::pofz {

/// Number of coefficients of a polynomial of an order in so many variables: 1 + p + p (p + 1) / 2 + ...
[[nodiscard]] std::size_t coefficients(std::size_t variables, int order) noexcept;

/// Redshift of an object by a polynomial in features that is fitted to its neighbours by weighted least squares. One per thread.
class LocalPolynomial {
 public:
  /// @param order  at most, 0 to 3: an object whose neighbours are fewer than twice the coefficients gets a lower one
  LocalPolynomial(const FeatureRows& rows, int order, double ridge) : rows_(rows), order_(order), ridge_(ridge) {}

  /// The polynomial's value at the object, kept within the redshifts of the neighbours.
  /// @param feature  of the object, shape [n_features]; those of `mask` are used, and all neighbours have them
  [[nodiscard]] double value(std::span<const Neighbour> neighbours, const double* feature, std::uint64_t mask);
  /// Order of the last fit.
  [[nodiscard]] int used_order() const noexcept { return used_order_; }

 private:
  void make_terms(std::span<const Neighbour> neighbours, const double* feature);
  void add_products(std::size_t first, std::size_t end, std::size_t padded_neighbours);
  [[nodiscard]] double solve(std::size_t n);

  const FeatureRows& rows_;
  int order_, used_order_ = 0;
  double ridge_;
  std::vector<std::uint32_t> features_;   ///< used by the object
  std::vector<std::size_t> last_factor_;  ///< of each term: products go on from there, so that each is made once
  std::vector<double> terms_, weighted_;  ///< [coefficients x padded neighbours], [padded neighbours]
  std::vector<double> z_, weight_;        ///< [padded neighbours]; weight 0 where padded
  std::vector<double> normal_, right_;    ///< normal equations
};

}  // namespace skyfold::pofz
