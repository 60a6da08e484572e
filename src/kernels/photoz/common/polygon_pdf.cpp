// A PDF on the grid of a model, on the grid that is asked for.
#include "polygon_pdf.hpp"

#include <algorithm>
#include <cmath>

#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {

std::int32_t write_polygon(const std::vector<double>& z, std::span<const double> probability, const std::vector<double>& pdf_grid,
                           float* pdf) {
  const double step = (z.back() - z.front()) / static_cast<double>(z.size() - 1), pdf_step = pdf_grid[1] - pdf_grid[0];
  const auto density = [&](double at) {
    const double x = (at - z.front()) / step;
    if (x < -1e-9 || x > static_cast<double>(z.size() - 1) + 1e-9) return 0.0;
    const auto below = static_cast<std::size_t>(std::clamp(x, 0.0, static_cast<double>(z.size() - 2)));
    const double part = std::clamp(x - static_cast<double>(below), 0.0, 1.0);
    return ((1.0 - part) * probability[below] + part * probability[below + 1]) / step;
  };
  double sum = 0.0;
  for (std::size_t i = 0; i < pdf_grid.size(); ++i) {
    const double value = density(pdf_grid[i]);
    pdf[i] = static_cast<float>(value);
    sum += (i == 0 || i + 1 == pdf_grid.size() ? 0.5 : 1.0) * value * pdf_step;
  }
  double on_grid = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i)
    if (z[i] >= pdf_grid.front() - 0.5 * step && z[i] <= pdf_grid.back() + 0.5 * step) on_grid += probability[i];
  if (!(sum > 0.0)) {
    // Between two points of a coarse grid, or beyond: all of it at the nearest one.
    const auto peak = std::ranges::max_element(probability) - probability.begin();
    const double x = (z[static_cast<std::size_t>(peak)] - pdf_grid.front()) / pdf_step;
    const auto nearest = static_cast<std::size_t>(std::clamp(std::nearbyint(x), 0.0, static_cast<double>(pdf_grid.size() - 1)));
    pdf[nearest] = static_cast<float>((nearest == 0 || nearest + 1 == pdf_grid.size() ? 2.0 : 1.0) / pdf_step);
  }
  for (std::size_t i = 0; i < pdf_grid.size() && sum > 0.0; ++i) pdf[i] = static_cast<float>(pdf[i] / sum);
  return on_grid < 0.5 ? photoz_pdf_off_grid : 0;
}

}  // namespace skyfold
