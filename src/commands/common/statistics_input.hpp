#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/commands/curve_options.hpp"

namespace skyfold {

/// A catalogue with measurements, open, and what is wanted of them.
struct StatisticsInput {
  /// Throws UsageError for options that the catalogue does not suit, DataError for a file that is none.
  StatisticsInput(const std::string& path, const CurveOptions& curves, const ObjectStatisticsOptions& statistics);

  Catalogue catalogue;
  Measurements measurements;
  CurveSetup setup;
  lightcurve::ObjectOptions objects;
  Schema copied;  ///< columns of objects that say which they are and where; they go into products as they are

  [[nodiscard]] double measurements_per_object() const noexcept;
  /// Lines for the log.
  void report() const;
};

/// Throws UsageError when two columns of a product would be called alike; FITS names have no case.
void require_different_names(const Schema& product, const std::string& catalogue);

}  // namespace skyfold
