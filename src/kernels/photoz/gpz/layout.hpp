#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skyfold::gpz {

/// Sizes of a sparse Gaussian process and where its parameters stand in one vector.
///
/// Basis functions phi_j = exp(-|G_j (x - p_j)|^2 / 2), G_j upper triangular; with them go the features themselves and 1, so that a plane
/// is learned jointly. ln(noise precision) = sum_j u_j phi_j + b.
struct Layout {
  std::size_t basis = 0, features = 0;

  [[nodiscard]] std::size_t factor() const noexcept { return features * (features + 1) / 2; }  ///< numbers of a G_j
  [[nodiscard]] std::size_t monomials() const noexcept { return 1 + features + factor(); }     ///< 1, x_k, x_k x_l (k <= l)
  [[nodiscard]] std::size_t terms() const noexcept { return basis + features + 1; }
  [[nodiscard]] std::size_t centres() const noexcept { return 0; }                                ///< [basis x features] p
  [[nodiscard]] std::size_t factors() const noexcept { return basis * features; }                 ///< [basis x factor] G, row by row
  [[nodiscard]] std::size_t precisions() const noexcept { return factors() + basis * factor(); }  ///< [terms] ln of the weights'
  [[nodiscard]] std::size_t noise() const noexcept { return precisions() + terms(); }             ///< [basis] u
  [[nodiscard]] std::size_t noise_constant() const noexcept { return noise() + basis; }           ///< b
  [[nodiscard]] std::size_t parameters() const noexcept { return noise_constant() + 1; }
};

/// Objects to learn from.
struct Rows {
  std::size_t n = 0;
  std::vector<double> feature;  ///< [n x features]
  std::vector<double> y;        ///< [n] what is learned
  std::vector<double> weight;   ///< [n] > 0: an object counts as so many
};

}  // namespace skyfold::gpz
