#pragma once

namespace skyfold::cmnn {

/// Probability that chi^2 with so many degrees of freedom (a whole number >= 1) is at most x.
[[nodiscard]] double chi_square_cumulative(double x, int degrees) noexcept;
/// The x with that probability, 0 < p < 1, to 1e-12 of itself.
[[nodiscard]] double chi_square_quantile(double p, int degrees) noexcept;

}  // namespace skyfold::cmnn
