#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace skyfold {

/// What a code that fits templates makes of an object whose redshift is known. One for each thread.
class KnownRedshiftFit {
 public:
  virtual ~KnownRedshiftFit() = default;

  /// The model that fits best at the object's redshift.
  ///
  /// @param shift  to be taken off the object's magnitudes first, mag, shape [bands]
  /// @param model  is given the model's magnitudes on the scale of the object's; NaN where there is none
  virtual void fit(std::size_t object, std::span<const double> shift, std::span<double> model) = 0;
};
using MakeKnownRedshiftFit = std::function<std::unique_ptr<KnownRedshiftFit>()>;

struct ShiftRules {
  std::size_t reference = 0;  ///< band whose shift is 0: only colours tell of shifts
  double cap = 0.15;          ///< mag; a shift is not greater
};

/// By how much the magnitudes of a survey differ from those of templates at known redshifts.
struct ZeroPointShifts {
  std::vector<double> shift;         ///< mag, to be taken off, shape [bands]
  std::vector<double> uncapped;      ///< what the last round found
  std::vector<double> error;         ///< of the median; NaN for a band with fewer than two objects
  std::vector<std::size_t> objects;  ///< that told of a band in the last round
  int rounds = 0;
  bool has_settled = false;

  /// "u -0.150 (capped, -0.270), g 0.012 +- 0.001, i 0: 9,812 objects, 3 rounds"
  [[nodiscard]] std::string line(const std::vector<std::string>& bands) const;
  /// What a user must know: bands that are capped or have too few objects, rounds that did not settle; "" for nothing.
  [[nodiscard]] std::string warning(const std::vector<std::string>& bands) const;
};

/// Rounds of: the best model of each object with the shifts so far; the shift of a band is the median of observed less model magnitude,
/// of objects for which that is within 1 mag, less that of the reference band. Ends when shifts change by less than 0.02 mag in the mean
/// and 0.03 in each band, after 10 rounds at most. A band that fewer than 10 objects tell of is not shifted.
///
/// @param magnitude  observed, shape [objects x bands]; NaN where it does not count
/// @param threads    the result does not depend on it
/// Throws DataError when too few objects tell of the reference band.
[[nodiscard]] ZeroPointShifts zero_point_shifts(std::span<const double> magnitude, std::size_t bands, const MakeKnownRedshiftFit& make,
                                                const ShiftRules& rules, int threads);

}  // namespace skyfold
