#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "skyfold/kernels/templates/zero_points.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// A training set tells of a non-detection by its limit with this error, see Photometry::mag_err.
inline constexpr double error_of_limit = 1.0;

[[nodiscard]] bool is_observed(const Photometry& photometry, std::size_t object, std::size_t band) noexcept;
/// The magnitude with the band's offset; NaN where the object was not detected, or has no error.
///
/// @param offset  added to the magnitudes, mag, shape [bands]
[[nodiscard]] double detected_magnitude(const Photometry& photometry, std::span<const double> offset, std::size_t object,
                                        std::size_t band) noexcept;
/// Those of all objects, [objects][bands].
[[nodiscard]] std::vector<double> detected_magnitudes(const Photometry& photometry, std::span<const double> offset);

/// Shifts as the numbers of a task's result, and back.
[[nodiscard]] std::vector<double> numbers_of_shifts(const ZeroPointShifts& found);
[[nodiscard]] ZeroPointShifts shifts_of_numbers(const std::vector<double>& numbers, std::size_t bands);

}  // namespace skyfold
