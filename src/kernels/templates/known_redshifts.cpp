// What all codes that fit templates take from a training set for zero-point shifts, and how shifts pass through tasks.
#include "known_redshifts.hpp"

#include <limits>

namespace skyfold {

bool is_observed(const Photometry& photometry, std::size_t object, std::size_t band) noexcept {
  return (photometry.observed[object] >> band & 1) != 0;
}

double detected_magnitude(const Photometry& photometry, std::span<const double> offset, std::size_t object, std::size_t band) noexcept {
  const std::size_t cell = object * photometry.n_bands + band;
  // A measured error as great as that of a limit tells nothing of a zero point.
  if (!is_observed(photometry, object, band) || !(photometry.mag_err[cell] < error_of_limit))
    return std::numeric_limits<double>::quiet_NaN();
  return photometry.mag[cell] + offset[band];
}

std::vector<double> detected_magnitudes(const Photometry& photometry, std::span<const double> offset) {
  std::vector<double> magnitude(photometry.mag.size());
  for (std::size_t cell = 0; cell < magnitude.size(); ++cell)
    magnitude[cell] = detected_magnitude(photometry, offset, cell / photometry.n_bands, cell % photometry.n_bands);
  return magnitude;
}

std::vector<double> numbers_of_shifts(const ZeroPointShifts& found) {
  std::vector<double> numbers = {static_cast<double>(found.rounds), found.has_settled ? 1.0 : 0.0};
  for (const auto* values : {&found.shift, &found.uncapped, &found.error})
    for (const double value : *values) numbers.push_back(value);
  for (const std::size_t count : found.objects) numbers.push_back(static_cast<double>(count));
  return numbers;
}

ZeroPointShifts shifts_of_numbers(const std::vector<double>& numbers, std::size_t bands) {
  ZeroPointShifts found;
  found.rounds = static_cast<int>(numbers.at(0));
  found.has_settled = numbers.at(1) != 0.0;
  for (std::size_t band = 0; band < bands; ++band) {
    found.shift.push_back(numbers.at(2 + band));
    found.uncapped.push_back(numbers.at(2 + bands + band));
    found.error.push_back(numbers.at(2 + 2 * bands + band));
    found.objects.push_back(static_cast<std::size_t>(numbers.at(2 + 3 * bands + band)));
  }
  return found;
}

}  // namespace skyfold
