#pragma once

#include <string>
#include <vector>

#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/kernels/lightcurve/objects.hpp"
#include "skyfold/kernels/lightcurve/usable.hpp"

namespace skyfold {

class OptionSet;

/// Which measurements make the light curves of objects; section `meas` of the configuration.
struct CurveOptions {
  std::string time, filter, magnitude, error, ra, dec, position_error;  ///< columns; "" = as import found them, or by a usual name
  std::vector<std::string> filters;                                     ///< names; empty: all
  std::string use;                                                      ///< condition on measurements
  std::vector<double> sentinels = lightcurve::UseRule().sentinels;
  double max_error = lightcurve::UseRule().max_error;
};
void describe(OptionSet& option, CurveOptions& o);

/// The same for the measurements of a catalogue.
struct CurveSetup {
  lightcurve::CurveReader reader;
  std::vector<std::string> filters;  ///< in the order in which measurements of an object stand; one "all" without a column of filters
  Schema columns;                    ///< that the reader needs, as they are stored
  std::vector<std::string> guesses;  ///< lines to be said
};
/// Throws UsageError for a column or filter that is not there, and where no magnitude is found.
[[nodiscard]] CurveSetup curve_setup(const Measurements& measurements, const CurveOptions& o);

/// What is calculated of each object's light curves; sections `pairs`, `motion`, `period`.
struct ObjectStatisticsOptions {
  std::vector<std::string> statistics;  ///< names; empty: all
  double pair_days = 0.1;
  bool motion = true;
  double min_span_days = 365.25;
  long min_n = 3;
  std::string period = "none";  ///< none, shared, separate
  long harmonics = 2, period_min_n = 10;
  double min_period = 0.1, max_period = 0.0, samples_per_peak = 5.0, max_frequencies = 2e6;
};
void describe(OptionSet& option, ObjectStatisticsOptions& o);
/// Section `period` alone, but for whether periods are wanted.
void describe_period(OptionSet& option, ObjectStatisticsOptions& o);
[[nodiscard]] lightcurve::PeriodOptions period_options(const ObjectStatisticsOptions& o);
/// @param has_positions  measurements have them, and objects
[[nodiscard]] lightcurve::ObjectOptions object_options(const ObjectStatisticsOptions& o, const CurveSetup& setup, bool has_positions);

}  // namespace skyfold
