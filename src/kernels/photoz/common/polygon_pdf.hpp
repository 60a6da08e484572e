#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skyfold {

/// Values of the polygon through the points of a model's grid, of unit integral by trapezes.
///
/// @param z            even steps
/// @param probability  at these, sum 1
/// @param pdf_grid     even steps
/// @param pdf          is given, shape of pdf_grid
/// @returns photoz_pdf_off_grid when less than half of the probability lies on the grid, else 0
[[nodiscard]] std::int32_t write_polygon(const std::vector<double>& z, std::span<const double> probability,
                                         const std::vector<double>& pdf_grid, float* pdf);

}  // namespace skyfold
