// A row for each object: statistics of every filter, of all together, position, motion, period.
#include "skyfold/kernels/lightcurve/objects.hpp"

#include <algorithm>
#include <cctype>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "statistic_columns.hpp"
#include "track_buffer.hpp"

namespace skyfold::lightcurve {
namespace {

constexpr std::size_t objects_at_once = 256;

/// Where the columns of object_schema begin.
enum Place : std::size_t { n_measurements, n_used, first_time, last_time, joint_stetson_j, of_filters };
constexpr std::size_t motion_columns = 8;

/// Buffers of one thread.
struct Scratch {
  UsableMeasurements used;
  std::vector<Curve> curves;
  std::vector<Residual> residuals, joint;
  std::vector<PlanePoint> points;
  TrackBuffer track;
  std::vector<double> power;
};

class ObjectRows {
 public:
  /// @param is_weighted  there are errors
  ObjectRows(const ObjectBlock& block, const ObjectOptions& o, bool is_weighted, Table& out)
      : block_(block), o_(o), out_(out), is_weighted_(is_weighted), wants_(wants_of(o.statistics)) {}

  void fill(std::size_t row, std::size_t object, Scratch& s) const {
    curves_of(s.used, object, s.curves);
    const auto begin = static_cast<std::size_t>(s.used.first[object]), end = static_cast<std::size_t>(s.used.first[object + 1]);
    put_count(out_[n_measurements], row, block_.first[row + 1] - block_.first[row]);
    put_count(out_[n_used], row, static_cast<std::int64_t>(end - begin));
    fill_filters(row, begin, s);
    std::size_t next = of_filters + o_.filters.size() * o_.statistics.size();
    if (o_.motion) fill_motion(row, begin, end, next, s), next += motion_columns;
    if (o_.period) fill_period(row, next, s);
  }

 private:
  void fill_filters(std::size_t row, std::size_t begin, Scratch& s) const {
    double first = not_measured, last = not_measured;
    s.joint.clear();
    std::size_t filter = 0;
    const CurveStatistics none;
    const auto put_all = [&](const CurveStatistics& statistics) {
      for (std::size_t k = 0; k < o_.statistics.size(); ++k) {
        Column& column = out_[of_filters + filter * o_.statistics.size() + k];
        put_statistic(column, row, statistics, o_.statistics[k]);
      }
      ++filter;
    };
    for (const Curve& curve : s.curves) {
      const auto number = static_cast<std::size_t>(s.used.filter[begin]);
      begin += curve.mag.size();
      if (number < filter) throw DataError("measurements of an object are not in the order of their filters (damaged)");
      while (filter < number) put_all(none);
      const CurveStatistics statistics =
          is_weighted_ ? statistics_of(curve, o_.pair_days, s.residuals, wants_) : unweighted_statistics_of(curve, wants_);
      if (is_weighted_) add_joint(s);
      first = std::fmin(first, statistics.mjd_first);
      last = std::fmax(last, statistics.mjd_last);
      put_all(statistics);
    }
    while (filter < o_.filters.size()) put_all(none);
    const auto is_earlier = [](const Residual& a, const Residual& b) { return a.mjd < b.mjd; };
    if (!std::is_sorted(s.joint.begin(), s.joint.end(), is_earlier)) std::stable_sort(s.joint.begin(), s.joint.end(), is_earlier);
    put(out_[first_time], row, first);
    put(out_[last_time], row, last);
    put(out_[joint_stetson_j], row, stetson_j(s.joint, o_.pair_days));
  }

  static void add_joint(Scratch& s) {
    if (s.joint.empty())
      s.joint.swap(s.residuals);
    else
      s.joint.insert(s.joint.end(), s.residuals.begin(), s.residuals.end());
  }

  void fill_motion(std::size_t row, std::size_t begin, std::size_t end, std::size_t column, Scratch& s) const {
    s.track.clear();
    for (std::size_t i = begin; i < end; ++i) s.track.add(s.used, i);
    const Motion m = motion_of(s.track.track(), block_.ra[row], block_.dec[row], *o_.motion, s.points);
    for (const double value : {m.ra, m.dec, m.scatter_arcsec, m.epoch, m.pm_ra, m.pm_dec, m.pm_ra_err, m.pm_dec_err})
      put(out_[column++], row, value);
  }

  void fill_period(std::size_t row, std::size_t column, Scratch& s) const {
    const Period p = find_period(Periodogram(s.curves, o_.period->harmonics, o_.period->model), o_.period->search, s.power);
    put(out_[column], row, p.days);
    put(out_[column + 1], row, p.power);
    put(out_[column + 2], row, p.false_alarm);
    out_[column + 3].values<std::uint8_t>()[row] = p.flags;
  }

  const ObjectBlock& block_;
  const ObjectOptions& o_;
  Table& out_;
  bool is_weighted_;
  CurveWants wants_;
};

std::string column_prefix(const std::string& filter) {
  std::string prefix = filter;
  for (char& c : prefix)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return prefix + "_";
}

}  // namespace

bool needs_errors(Statistic statistic) noexcept {
  return statistic == Statistic::weighted_mean || statistic == Statistic::weighted_mean_err || statistic == Statistic::chi2 ||
         statistic == Statistic::stetson_j;
}

Schema object_schema(const ObjectOptions& o) {
  Schema schema = {{"n_measurements", Type::i4, 1, "", "meta.number", "measurements of the object"},
                   {"n_used", Type::i4, 1, "", "meta.number", "of these, measurements that count"},
                   {"mjd_first", Type::f8, 1, "d", "time.epoch;stat.min", "time of the first measurement that counts"},
                   {"mjd_last", Type::f8, 1, "d", "time.epoch;stat.max", "time of the last measurement that counts"},
                   {"stetson_j", Type::f4, 1, "", "src.var.index", "Stetson's index J of all filters together"}};
  for (const std::string& filter : o.filters)
    for (const Statistic statistic : o.statistics) schema.push_back(statistic_column(statistic, column_prefix(filter), filter + ": "));
  if (o.motion)
    for (const ColumnInfo& column : motion_schema()) schema.push_back(column);
  if (o.period)
    for (const ColumnInfo& column :
         Schema{{"period", Type::f8, 1, "d", "time.period", "period of the highest peak of the periodogram"},
                {"period_power", Type::f4, 1, "", "", "part of chi-square that the periodic curve takes away"},
                {"period_fap", Type::f8, 1, "", "stat.fap", "chance that noise has so high a peak"},
                {"period_flags", Type::u1, 1, "", "meta.code", "1 too few measurements, 2 too many frequencies, 4 no variation"}})
      schema.push_back(column);
  return schema;
}

void curves_of(const UsableMeasurements& m, std::size_t object, std::vector<Curve>& curves) {
  curves.clear();
  const auto end = static_cast<std::size_t>(m.first[object + 1]);
  for (auto begin = static_cast<std::size_t>(m.first[object]); begin < end;) {
    std::size_t next = begin + 1;
    while (next < end && m.filter[next] == m.filter[begin]) ++next;
    const auto part = [&](const std::vector<double>& v) {
      return v.empty() ? std::span<const double>() : std::span(v).subspan(begin, next - begin);
    };
    curves.push_back({part(m.mjd), part(m.mag), part(m.err)});
    begin = next;
  }
}

void describe_objects(const ObjectBlock& block, const CurveReader& reader, const ObjectOptions& o, Table& out, int threads) {
  const std::vector<std::uint8_t> chosen = reader.chosen(block.measurements);
  const ObjectRows rows(block, o, !reader.columns().error.empty(), out);
  std::vector<Scratch> scratch(static_cast<std::size_t>(threads));
  // Objects with a period take a thousand times longer: few at once, so that all threads have some to the end.
  parallel_for(out.rows(), o.period ? 16 : objects_at_once, threads, [&](std::size_t begin, std::size_t end, int thread) {
    Scratch& mine = scratch[static_cast<std::size_t>(thread)];
    reader.take(block.measurements, chosen, block.first.subspan(begin, end - begin + 1), mine.used);
    for (std::size_t row = begin; row < end; ++row) rows.fill(row, row - begin, mine);
  });
}

void mark_failed_objects(const ObjectOptions& o, Table& out) {
  const std::size_t n = object_schema(o).size();
  for (std::size_t c = 0; c < n; ++c) {
    Column& column = out[c];
    if (column.info().type == Type::i4)
      std::ranges::fill(column.values<std::int32_t>(), -1);
    else if (column.info().type == Type::u1)
      std::ranges::fill(column.values<std::uint8_t>(), std::uint8_t{255});
    else
      for (std::size_t row = 0; row < out.rows(); ++row) put(column, row, not_measured);
  }
}

}  // namespace skyfold::lightcurve
