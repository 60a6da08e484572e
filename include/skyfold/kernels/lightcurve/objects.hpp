#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/lightcurve/motion.hpp"
#include "skyfold/kernels/lightcurve/periodogram.hpp"
#include "skyfold/kernels/lightcurve/statistics.hpp"
#include "skyfold/kernels/lightcurve/usable.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::lightcurve {

/// Statistics of a filter, in the order of their columns.
enum class Statistic : std::uint8_t {
  n,
  mean,
  weighted_mean,
  weighted_mean_err,
  rms,
  chi2,
  stetson_j,
  von_neumann,
  amplitude,
  mjd_first,
  mjd_last
};
inline constexpr std::size_t n_statistics = 11;
/// Their names, in that order.
[[nodiscard]] const std::vector<std::string>& statistic_names();
/// Whether it is of measurements with errors.
[[nodiscard]] bool needs_errors(Statistic statistic) noexcept;

/// How periods are looked for.
struct PeriodOptions {
  PeriodSearch search;
  int harmonics = 2;
  BandModel model = BandModel::shared;
};

/// What is wanted of each object.
struct ObjectOptions {
  std::vector<std::string> filters;   ///< names, for columns; measurements have their numbers
  std::vector<Statistic> statistics;  ///< of each filter
  double pair_days = 0.1;             ///< see stetson_j
  std::optional<MotionRule> motion;   ///< of measurements with positions
  std::optional<PeriodOptions> period;
};

/// Columns of a row for each object: n_measurements, n_used, mjd_first, mjd_last, stetson_j (of all filters together); FILTER_STATISTIC;
/// with `motion` pos_ra, pos_dec, pos_scatter, pos_epoch, pm_ra, pm_dec and errors; with `period` period, period_power, period_fap,
/// period_flags. Characters of filters' names that are neither letters nor digits become _.
[[nodiscard]] Schema object_schema(const ObjectOptions& o);

/// Objects and their measurements.
struct ObjectBlock {
  const Table& measurements;            ///< has the columns that the reader needs; those of an object by filter, then time
  std::span<const std::int64_t> first;  ///< row where each object begins, and the end of the last one: [objects + 1]
  std::span<const double> ra, dec;      ///< of the objects, degrees; empty without `motion`
};
/// Fills the columns of object_schema in `out`, which has a row for each object. The same whatever the threads and the blocks.
void describe_objects(const ObjectBlock& block, const CurveReader& reader, const ObjectOptions& o, Table& out, int threads);

/// What stands in these columns where it could not be computed: NaN, and -1 for counts.
void mark_failed_objects(const ObjectOptions& o, Table& out);

/// The curves of one object, in the order of its filters.
/// @param object  number in `m`
void curves_of(const UsableMeasurements& m, std::size_t object, std::vector<Curve>& curves);

}  // namespace skyfold::lightcurve
