#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold::lephare {

/// E/S0, Sbc, Scd, irregular.
inline constexpr std::size_t n_types = 4;

/// The type of a template by its colour NUV - K at rest; without a colour (no light in one of the bands) E/S0.
[[nodiscard]] std::size_t type_of(double nuv_k) noexcept;

/// -2 ln P(T, z | i), with the parameters that the VVDS gave (Ilbert et al. 2006, A&A 457, 841, table of the type-dependent N(z)).
class RedshiftPrior {
 public:
  /// @param stride  values of a row, a multiple of the lanes, >= z.size()
  RedshiftPrior(std::span<const double> z, std::size_t stride);

  /// For an object of this magnitude: a row for each type, +infinity where P = 0 and beyond the grid.
  void set(double magnitude);
  [[nodiscard]] const double* row(std::size_t type) const noexcept { return &values_[type * stride_]; }

 private:
  std::size_t size_, stride_;
  AlignedVector<double> z_, log_z_, values_;
};

}  // namespace skyfold::lephare
