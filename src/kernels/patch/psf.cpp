// The amplitude of a beam of known shape at a known place, on a constant background: linear least squares in closed form.
#include <cmath>
#include <limits>

#include "skyfold/kernels/patch/fits.hpp"

namespace skyfold {

PsfFit fit_psf(std::span<const double> beam, std::span<const double> value, std::span<const double> weight) noexcept {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  double w = 0.0, wb = 0.0, wbb = 0.0, wv = 0.0, wbv = 0.0;
  const auto weight_of = [&](std::size_t i) { return weight.empty() ? 1.0 : weight[i]; };
  for (std::size_t i = 0; i < value.size(); ++i) {
    const double wi = weight_of(i), wbi = wi * beam[i];
    w += wi, wb += wbi, wbb += wbi * beam[i], wv += wi * value[i], wbv += wbi * value[i];
  }
  const double determinant = w * wbb - wb * wb;
  // Where the beam is flat over all pixels it cannot be told from the background.
  if (value.size() < 3 || !(determinant > 1e-12 * w * wbb)) return {nan, nan, nan};
  PsfFit fit{(w * wbv - wb * wv) / determinant, std::sqrt(w / determinant), (wbb * wv - wb * wbv) / determinant};
  if (!weight.empty()) return fit;
  double squares = 0.0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const double residual = value[i] - fit.amplitude * beam[i] - fit.background;
    squares += residual * residual;
  }
  // Without a variance the residuals tell the noise: two parameters were fitted.
  fit.amplitude_error *= std::sqrt(squares / static_cast<double>(value.size() - 2));
  return fit;
}

}  // namespace skyfold
