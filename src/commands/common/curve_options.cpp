// Options about measurements and light curves, and what they mean for the measurements of a catalogue.
#include "skyfold/commands/curve_options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"

namespace skyfold {
namespace {

using lightcurve::Statistic;

constexpr std::int64_t most_filter_values = 65'536;

const std::vector<std::string> magnitude_names = {"mag", "magnitude", "mag_vega", "magvega", "psfmag", "mag_psf", "mag_auto", "m"};
const std::vector<std::string> error_names = {"mag_err",     "magerr",     "mag_error",  "magnitude_error", "err",         "e_mag",
                                              "magvega_err", "magvegaerr", "psfmag_err", "psfmagerr",       "mag_psf_err", "sigma"};

/// A column of measurements: the one that is named, else what import found, else by a usual name; "" for none.
struct ColumnFinder {
  const Measurements& measurements;
  std::vector<std::string>& guesses;

  std::string operator()(const char* option, const std::string& given, const std::string& role,
                         const std::vector<std::string>& names) const {
    const Schema& schema = measurements.stored_schema();
    const std::string name = fmt::format("meas.{}", option);
    if (given == "none") return "";
    std::string found = !given.empty() ? given : role;
    if (found.empty() && !names.empty()) {
      found = known_column(schema, names);
      if (!found.empty()) guesses.push_back(fmt::format("guessed {} = {}", name, found));
    }
    if (found.empty()) return "";
    const auto column = find_column(schema, found);
    if (!column) throw UsageError(describe_missing_column(measurements.path() + " (measurements)", schema, found, "--" + name));
    if (schema[*column].type == Type::text || schema[*column].width != 1)
      throw UsageError(fmt::format("{} (measurements): column {} is no number (named by --{})", measurements.path(), found, name));
    return found;
  }
};

/// Names of filters by the value of their column.
std::map<std::int64_t, std::string> filter_names(const Measurements& measurements, const std::string& column, const CurveOptions& o) {
  std::map<std::int64_t, std::string> names;
  const std::vector<std::string>& texts = measurements.dictionary(column);
  for (std::size_t i = 0; i < texts.size(); ++i) names[static_cast<std::int64_t>(i)] = texts[i];
  if (!names.empty()) return names;
  if (o.filters.empty())
    throw UsageError(
        fmt::format("{} (measurements): column {} has numbers of filters (say which by --meas.filters)", measurements.path(), column));
  for (const std::string& text : o.filters) {
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0 || value >= most_filter_values)
      throw UsageError(
          fmt::format("--meas.filters {} (column {} has whole numbers; must be 0 to {})", text, column, most_filter_values - 1));
    names[value] = text;
  }
  return names;
}

/// Numbers the filters that are asked for, in the order of their values.
void choose_filters(const Measurements& measurements, const std::string& column, const CurveOptions& o, lightcurve::UseRule& rule,
                    std::vector<std::string>& filters) {
  if (column.empty()) {
    if (!o.filters.empty())
      throw UsageError(
          fmt::format("--meas.filters (the measurements of {} have no column of filters; name it by --meas.filter)", measurements.path()));
    rule.filter_of = {0};
    filters = {"all"};
    return;
  }
  const auto names = filter_names(measurements, column, o);
  for (const std::string& wanted : o.filters)
    if (std::ranges::none_of(names, [&](const auto& filter) { return filter.second == wanted; })) {
      std::vector<std::string> all;
      for (const auto& [value, name] : names) all.push_back(name);
      throw UsageError(
          fmt::format("--meas.filters {} ({} has no measurements in it; filters are {})", wanted, measurements.path(), join(all, ", ")));
    }
  for (const auto& [value, name] : names) {
    if (!o.filters.empty() && std::ranges::find(o.filters, name) == o.filters.end()) continue;
    rule.filter_of.resize(static_cast<std::size_t>(value) + 1, -1);
    rule.filter_of.back() = static_cast<std::int16_t>(filters.size());
    filters.push_back(name);
  }
}

/// The schema that conditions see: texts as texts, but for filters, which are read by number.
Schema condition_schema(const Measurements& measurements, const std::string& filter) {
  Schema schema = measurements.schema();
  for (std::size_t i = 0; i < schema.size(); ++i)
    if (schema[i].name == filter) schema[i] = measurements.stored_schema()[i];
  return schema;
}

}  // namespace

void describe(OptionSet& option, CurveOptions& o) {
  option("meas.time", o.time, "column of times, MJD; empty: as import found it");
  option("meas.filter", o.filter, "column of filters; empty: as import found it; none: all measurements are of one");
  option("meas.magnitude", o.magnitude, "column of magnitudes; empty: by a usual name (mag, magnitude, mag_vega, ...)");
  option("meas.error", o.error, "column of their errors; empty: by a usual name; none: no errors, and nothing that needs them");
  option("meas.ra", o.ra, "column of the measurements' right ascensions, degrees; empty: as import found it; none: no positions");
  option("meas.dec", o.dec, "column of their declinations, degrees");
  option("meas.position-error", o.position_error, "column of the error of each coordinate, arcsec; empty: all weigh the same");
  option("meas.filters", o.filters, "filters to take; empty: all");
  option("meas.use", o.use, "condition that measurements must meet (docs/conditions.md), e.g. 'flag == 0'; empty: none");
  option("meas.sentinels", o.sentinels, "magnitudes (+-0.1) that stand for none, besides NaN, all above 90 and all below -90");
  option("meas.max-error", o.max_error, "errors from there on have no weight, as those that are not above 0").range(0, 1e30).unit("mag");
}

CurveSetup curve_setup(const Measurements& measurements, const CurveOptions& o) {
  std::vector<std::string> guesses;
  const ColumnFinder find{measurements, guesses};
  const MeasurementRoles& roles = measurements.roles();
  lightcurve::CurveColumns c;
  c.time = find("time", o.time, roles.time, {"mjd"});
  c.filter = find("filter", o.filter, roles.filter, {});
  c.magnitude = find("magnitude", o.magnitude, "", magnitude_names);
  c.error = find("error", o.error, "", error_names);
  c.ra = find("ra", o.ra, roles.ra, {});
  c.dec = find("dec", o.ra == "none" && o.dec.empty() ? "none" : o.dec, roles.dec, {});
  c.position_error = find("position-error", o.position_error, "", {});
  for (const auto& [name, column] : {std::pair{"time", c.time}, std::pair{"magnitude", c.magnitude}})
    if (column.empty())
      throw UsageError(
          fmt::format("{}: which column of the measurements is the {}? (name it by --meas.{})", measurements.path(), name, name));
  if (c.ra.empty() != c.dec.empty()) throw UsageError("--meas.ra and --meas.dec belong together (give both, or none)");
  if (c.ra.empty()) refuse_idle_options("positions of measurements", {{"meas.position-error", !c.position_error.empty()}});
  lightcurve::UseRule rule;
  std::vector<std::string> filters;
  choose_filters(measurements, c.filter, o, rule, filters);
  rule.sentinels = o.sentinels;
  rule.max_error = o.max_error;
  const Schema seen = condition_schema(measurements, c.filter);
  if (!trim(o.use).empty()) rule.where.emplace(o.use, seen, measurements.path() + " (--meas.use)");
  CurveSetup setup{lightcurve::CurveReader(c, rule), filters, {}, guesses};
  for (const std::string& name : setup.reader.needs()) setup.columns.push_back(seen[*find_column(seen, name)]);
  return setup;
}

void describe_period(OptionSet& option, ObjectStatisticsOptions& o) {
  option("period.harmonics", o.harmonics, "harmonics of the periodic curve").range(1, lightcurve::max_harmonics);
  option("period.min", o.min_period, "shortest period").range(1e-6, 1e6).unit("days");
  option("period.max", o.max_period, "longest period; 0: the span of an object's measurements").range(0, 1e9).unit("days");
  option("period.samples-per-peak", o.samples_per_peak, "frequencies looked at in the width of a peak, 1 / span").range(1, 100);
  option("period.max-frequencies", o.max_frequencies, "an object that needs more gets no period, and a flag").range(1, 1e9);
  option("period.min-n", o.period_min_n, "measurements that a period needs").range(4, 1e6);
}

void describe(OptionSet& option, ObjectStatisticsOptions& o) {
  option("statistics", o.statistics, fmt::format("statistics of each filter: {}; empty: all", join(lightcurve::statistic_names(), ", ")))
      .one_of(lightcurve::statistic_names());
  option("pairs.days", o.pair_days, "measurements at most so far apart are a pair of Stetson's J").range(0, 1e4).unit("days");
  option("motion", o.motion, "mean positions, their scatter, and proper motions, where measurements have positions");
  option("motion.min-span", o.min_span_days, "span of epochs that a proper motion needs").range(0, 1e6).unit("days");
  option("motion.min-n", o.min_n, "positions that a proper motion needs").range(3, 1e6);
  option("period", o.period, "periods of the objects: none; shared: one curve for all filters, each with its mean; separate: one for each")
      .one_of({"none", "shared", "separate"});
  describe_period(option, o);
}

lightcurve::PeriodOptions period_options(const ObjectStatisticsOptions& o) {
  lightcurve::PeriodOptions p;
  p.harmonics = static_cast<int>(o.harmonics);
  p.model = o.period == "separate" ? lightcurve::BandModel::separate : lightcurve::BandModel::shared;
  p.search.min_period_days = o.min_period;
  p.search.max_period_days = o.max_period;
  p.search.samples_per_peak = o.samples_per_peak;
  p.search.max_frequencies = static_cast<std::int64_t>(o.max_frequencies);
  p.search.min_n = static_cast<int>(o.period_min_n);
  if (o.max_period > 0.0 && o.max_period < o.min_period)
    throw UsageError(fmt::format("period.max = {} (must be at least period.min, {})", shortest(o.max_period), shortest(o.min_period)));
  return p;
}

lightcurve::ObjectOptions object_options(const ObjectStatisticsOptions& o, const CurveSetup& setup, bool has_positions) {
  lightcurve::ObjectOptions all;
  all.filters = setup.filters;
  const std::vector<std::string>& names = lightcurve::statistic_names();
  const bool has_errors = !setup.reader.columns().error.empty();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_asked = std::ranges::find(o.statistics, names[i]) != o.statistics.end();
    const bool needs_errors = lightcurve::needs_errors(static_cast<Statistic>(i));
    if (is_asked && needs_errors && !has_errors)
      throw UsageError(fmt::format("--statistics {} needs errors (name their column by --meas.error)", names[i]));
    if (is_asked || (o.statistics.empty() && (has_errors || !needs_errors))) all.statistics.push_back(static_cast<Statistic>(i));
  }
  all.pair_days = o.pair_days;
  if (o.motion && has_positions) all.motion = lightcurve::MotionRule{o.min_span_days, static_cast<int>(o.min_n)};
  if (o.period != "none") all.period = period_options(o);
  return all;
}

}  // namespace skyfold
