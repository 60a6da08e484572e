// The columns of statistics: names, units, and the values that stand in them.
#include "statistic_columns.hpp"

#include <algorithm>
#include <array>

namespace skyfold::lightcurve {
namespace {

struct StatisticColumn {
  const char* name;
  Type type;
  const char *unit, *description;
};
constexpr std::array<StatisticColumn, n_statistics> statistic_columns = {{
    {"n", Type::i4, "", "measurements that count"},
    {"mean", Type::f8, "mag", "mean magnitude"},
    {"weighted_mean", Type::f8, "mag", "mean magnitude, weighted by 1/error^2"},
    {"weighted_mean_err", Type::f4, "mag", "standard error of the weighted mean"},
    {"rms", Type::f4, "mag", "standard deviation about the mean, over n - 1"},
    {"chi2", Type::f4, "", "chi-square of a constant"},
    {"stetson_j", Type::f4, "", "Stetson's index J"},
    {"von_neumann", Type::f4, "", "mean squared difference of successive measurements over the variance"},
    {"amplitude", Type::f4, "mag", "largest minus smallest magnitude"},
    {"mjd_first", Type::f8, "d", "time of the first measurement that counts"},
    {"mjd_last", Type::f8, "d", "time of the last measurement that counts"},
}};

double value_of(const CurveStatistics& s, Statistic statistic) {
  switch (statistic) {
    case Statistic::n:
      return s.n;
    case Statistic::mean:
      return s.mean;
    case Statistic::weighted_mean:
      return s.weighted_mean;
    case Statistic::weighted_mean_err:
      return s.weighted_mean_err;
    case Statistic::rms:
      return s.rms;
    case Statistic::chi2:
      return s.chi2;
    case Statistic::stetson_j:
      return s.stetson_j;
    case Statistic::von_neumann:
      return s.von_neumann;
    case Statistic::amplitude:
      return s.amplitude;
    case Statistic::mjd_first:
      return s.mjd_first;
    case Statistic::mjd_last:
      return s.mjd_last;
  }
  return not_measured;
}

}  // namespace

void put(Column& column, std::size_t row, double value) {
  if (column.info().type == Type::f8)
    column.values<double>()[row] = value;
  else
    column.values<float>()[row] = static_cast<float>(value);
}
void put_count(Column& column, std::size_t row, std::int64_t value) {
  column.values<std::int32_t>()[row] = static_cast<std::int32_t>(value);
}

const std::vector<std::string>& statistic_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const StatisticColumn& column : statistic_columns) all.emplace_back(column.name);
    return all;
  }();
  return names;
}

ColumnInfo statistic_column(Statistic statistic, const std::string& prefix, const std::string& about) {
  const StatisticColumn& c = statistic_columns[static_cast<std::size_t>(statistic)];
  return {.name = prefix + c.name, .type = c.type, .unit = c.unit, .description = about + c.description};
}

CurveWants wants_of(std::span<const Statistic> statistics) noexcept {
  const auto has = [&](Statistic wanted) { return std::ranges::find(statistics, wanted) != statistics.end(); };
  return {has(Statistic::rms), has(Statistic::von_neumann), has(Statistic::chi2), has(Statistic::stetson_j)};
}

Schema motion_schema() {
  return {{"pos_ra", Type::f8, 1, "deg", "pos.eq.ra;stat.mean", "weighted mean of the measurements' right ascensions"},
          {"pos_dec", Type::f8, 1, "deg", "pos.eq.dec;stat.mean", "weighted mean of the measurements' declinations"},
          {"pos_scatter", Type::f4, 1, "arcsec", "stat.stdev;pos.eq", "rms of a coordinate about the mean position, over n - 1"},
          {"pos_epoch", Type::f8, 1, "d", "time.epoch", "MJD of the mean position"},
          {"pm_ra", Type::f4, 1, "mas/yr", "pos.pm;pos.eq.ra", "proper motion in right ascension, with cos(dec)"},
          {"pm_dec", Type::f4, 1, "mas/yr", "pos.pm;pos.eq.dec", "proper motion in declination"},
          {"pm_ra_err", Type::f4, 1, "mas/yr", "stat.error;pos.pm;pos.eq.ra", "standard error of pm_ra"},
          {"pm_dec_err", Type::f4, 1, "mas/yr", "stat.error;pos.pm;pos.eq.dec", "standard error of pm_dec"}};
}

void put_statistic(Column& column, std::size_t row, const CurveStatistics& statistics, Statistic statistic) {
  if (statistic == Statistic::n)
    put_count(column, row, statistics.n);
  else
    put(column, row, value_of(statistics, statistic));
}

}  // namespace skyfold::lightcurve
