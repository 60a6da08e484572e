#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/commands/curve_options.hpp"

namespace skyfold::lightcurves {

/// Whether and how phases are added.
struct Folding {
  bool is_asked = false;
  std::optional<double> period_days;  ///< none: each object's own
  double epoch = 0.0;                 ///< MJD of phase 0
  lightcurve::PeriodOptions search;
};

/// Rows of light curves: a row for each measurement, by filter and time, with id, filter, time, magnitude, error, whether it counts, more
/// columns of the measurements, period and phase.
class CurveRows {
 public:
  /// All must outlive this. Throws UsageError for a column that is not there.
  CurveRows(const Catalogue& catalogue, const Measurements& measurements, const CurveSetup& setup, const Folding& folding,
            const std::vector<std::string>& more);

  [[nodiscard]] const Schema& schema() const noexcept { return schema_; }
  /// Adds the rows of an object, given by its row in the catalogue.
  void append(std::int64_t object, Table& to);
  /// Of the last object: its id, or its row from 1, and its period; NaN for none.
  [[nodiscard]] const std::string& name_of_last() const noexcept { return name_; }
  [[nodiscard]] double period_of_last() const noexcept { return period_; }
  /// The column that says which measurements count, and the one of phases; "" for none.
  [[nodiscard]] const std::string& used() const noexcept { return used_; }
  [[nodiscard]] const std::string& phase() const noexcept { return phase_; }

 private:
  void add(const ColumnInfo& column);
  [[nodiscard]] std::string free_name(const std::string& name) const;
  void find_period();

  const Catalogue& catalogue_;
  const Measurements& measurements_;
  const CurveSetup& setup_;
  Folding folding_;
  Schema schema_;
  std::string used_, period_column_, phase_;
  Table id_, stored_, shown_;
  lightcurve::UsableMeasurements usable_;
  std::vector<lightcurve::Curve> curves_;
  std::vector<double> scratch_;
  std::string name_;
  double period_ = lightcurve::not_measured;
};

}  // namespace skyfold::lightcurves
