#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace skyfold {

/// One measured redshift of an object.
struct RedshiftMeasurement {
  double z = 0.0;                                         ///< redshift, finite
  double z_err = 0.0;                                     ///< its standard deviation; valid when finite and > 0
  int quality = 0;                                        ///< 0 to 4, 4 the best
  int year = 0;                                           ///< of the survey
  int survey = 0;                                         ///< place of the survey in the order of priority, 0 first; decides last
  std::int64_t row = 0;                                   ///< in the survey; unique there
  double mjd = std::numeric_limits<double>::quiet_NaN();  ///< date of the observation; NaN where not known
};

/// The rules by which one measurement of a group is chosen, in order. Each leaves the best of what the rules before it
/// left.
enum class ChoiceRule : std::uint8_t { only, quality, year, date, error, mean, priority };
inline constexpr std::size_t choice_rules = 7;
/// "only one", "quality", "year", "date", "error", "nearest to mean", "priority and row".
[[nodiscard]] std::string_view name_of(ChoiceRule rule) noexcept;

struct Choice {
  std::size_t measurement = 0;         ///< number in the group
  ChoiceRule rule = ChoiceRule::only;  ///< the one that left it alone
};

/// A redshift made of several.
struct CombinedRedshift {
  double z = 0.0;      ///< mean
  double z_err = 0.0;  ///< of the mean of independent values, sqrt(sum of squares) / n; NaN unless all are valid
};

/// True for a finite number > 0.
[[nodiscard]] bool is_valid_error(double z_err) noexcept;

/// Resolves groups of measurements that are of one object, one group after the other. Holds scratch memory: one object
/// per thread. No result depends on the order of the measurements in a group.
class Resolver {
 public:
  /// The measurement that stands for the group: of the highest quality; of these of the most recent survey; of these the
  /// latest, if all of them have a date; of these the one with the smallest error, if all of them have a valid one; of these the one with
  /// the redshift nearest to the mean of the whole group (equally near within 1e-12: both stay); of these the first by survey and row.
  ///
  /// @param group  at least one measurement
  [[nodiscard]] Choice best(std::span<const RedshiftMeasurement> group);
  [[nodiscard]] CombinedRedshift average(std::span<const RedshiftMeasurement> group);
  /// Largest difference of two redshifts of the group, over 1 + the smaller of the two.
  [[nodiscard]] static double discrepancy(std::span<const RedshiftMeasurement> group) noexcept;

 private:
  [[nodiscard]] double mean(std::span<const RedshiftMeasurement> group);
  template <class Value>
  [[nodiscard]] bool keep_smallest(double tolerance, Value value);

  std::vector<std::size_t> left_;  ///< scratch: measurements that the rules so far left
  std::vector<double> values_;     ///< scratch
};

}  // namespace skyfold
