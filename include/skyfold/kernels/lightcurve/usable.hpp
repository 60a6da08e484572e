#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/expression.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::lightcurve {

/// Columns of measurements by what they mean; "" for those that there are not.
struct CurveColumns {
  std::string time, filter, magnitude, error;
  std::string ra, dec, position_error;  ///< degrees; arcsec
};

/// Which measurements count: those of a filter that is asked for, with a time, a magnitude that is none of the values which stand for
/// "none", and for which the condition holds.
struct UseRule {
  std::optional<Condition> where = {};
  std::vector<double> sentinels = {99.0, 37.5};  ///< magnitudes (+-0.1) that stand for none; as NaN, and all above 90 and below -90
  double max_error = 9.0;                        ///< an error from there on, of 0 or below has no weight
  /// Number of the filter by the value of its column, -1 for one that is not asked for; values beyond it are not.
  std::vector<std::int16_t> filter_of = {};
};

/// Measurements that count, as kernels take them; in the order of the table. A buffer: it keeps its memory.
struct UsableMeasurements {
  std::vector<double> mjd, mag, err;            ///< err is NaN for no weight
  std::vector<double> ra, dec, position_error;  ///< empty where the table has none
  std::vector<std::int16_t> filter;
  std::vector<std::int64_t> first;    ///< of each object, [objects + 1]
  std::vector<std::uint8_t> is_used;  ///< of the rows of the table: which ones these are
};

/// Takes the measurements that count out of tables of measurements.
class CurveReader {
 public:
  CurveReader(CurveColumns columns, UseRule rule) : columns_(std::move(columns)), rule_(std::move(rule)) {}

  [[nodiscard]] const CurveColumns& columns() const noexcept { return columns_; }
  /// Columns that tables must have.
  [[nodiscard]] std::vector<std::string> needs() const;
  /// Whether the condition holds, row by row; empty without one.
  [[nodiscard]] std::vector<std::uint8_t> chosen(const Table& measurements) const;
  /// Fills `to` with those of some objects.
  /// @param chosen  what chosen() gave for the table
  /// @param first   row of the table where each object begins, and the end of the last one
  void take(const Table& measurements, std::span<const std::uint8_t> chosen, std::span<const std::int64_t> first,
            UsableMeasurements& to) const;

 private:
  void mark_usable(UsableMeasurements& m, std::span<const std::uint8_t> chosen) const;
  void fill_filters(const Table& measurements, std::size_t begin, std::size_t end, std::vector<std::int16_t>& to) const;

  CurveColumns columns_;
  UseRule rule_;
};

}  // namespace skyfold::lightcurve
