#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "prior.hpp"

namespace skyfold::bpz {

/// An object whose redshift and, more or less, type are known.
struct TypedObject {
  double magnitude = 0.0, z = 0.0, weight = 1.0;
  std::array<double, n_types> likelihood = {};  ///< of its colours at its redshift by type, any scale, not all 0
};

struct PriorFit {
  PriorParameters parameters;
  std::array<double, n_types> objects = {};  ///< by type, as far as types are known: a sum of probabilities
  std::size_t used = 0;                      ///< objects on the grid
  int rounds = 0;

  /// "9,812 objects, from 18 mag on: early f 0.35, k 0.45, alpha 2.46, z0 0.431, km 0.091 (1,204); ..."
  [[nodiscard]] std::string line() const;
};

/// Parameters by which the sample is likeliest: the maximum of sum w ln sum_T L_T p(T | m) p(z | T, m) with p(z | T, m) normalised on
/// the grid, tails included. By expectation and maximisation (Dempster et al. 1977, JRSS B 39, 1): each object belongs to types in
/// parts, then fractions and each type's p(z | m) are fitted by L-BFGS. m_ref = m_min is the likeliest of the whole magnitudes between the
/// 1 % and the 50 % quantile. A type of fewer than 30 objects keeps its p(z) of `start`.
///
/// Throws DataError for fewer than 100 objects on the grid.
[[nodiscard]] PriorFit fitted_prior(std::span<const TypedObject> objects, const PriorParameters& start, const std::vector<double>& z);

}  // namespace skyfold::bpz
