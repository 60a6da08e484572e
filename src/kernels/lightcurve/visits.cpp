// The measurements of an object in one visit and filter, joined: means, scatter, and how far they are from the object's mean of all visits,
// which over many objects tells the zero point of a visit.
#include "skyfold/kernels/lightcurve/visits.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <string_view>
#include <unordered_map>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/table/algebra.hpp"
#include "statistic_columns.hpp"
#include "track_buffer.hpp"

namespace skyfold::lightcurve {
namespace {

constexpr std::size_t objects_at_once = 256;
/// Columns of positions.
constexpr std::size_t position_columns = 4;

/// Measurements of one curve, brought together by visit.
class VisitCurve {
 public:
  /// Buffers keep their memory.
  /// @param rows  of the measurements that count, in the table
  void take(const UsableMeasurements& m, std::span<const std::size_t> rows, std::span<const std::int64_t> visits, std::size_t begin,
            std::size_t end) {
    order_.clear();
    for (std::size_t i = begin; i < end; ++i) order_.push_back(i);
    // Stable: within a visit in the order of time.
    std::ranges::stable_sort(order_, {}, [&](std::size_t i) { return visits[rows[i]]; });
    first_.clear();
    for (std::size_t k = 0; k < order_.size(); ++k)
      if (k == 0 || visits[rows[order_[k]]] != visits[rows[order_[k - 1]]]) first_.push_back(k);
    n_of_.resize(end - begin);
    for (std::size_t v = 0; v < first_.size(); ++v) n_of_[first_[v]] = (v + 1 < first_.size() ? first_[v + 1] : order_.size()) - first_[v];
    std::ranges::sort(first_, {}, [&](std::size_t k) { return order_[k]; });
    fill(m.mjd, mjd_);
    fill(m.mag, mag_);
    fill(m.err, err_);
  }
  [[nodiscard]] std::size_t visits() const noexcept { return first_.size(); }
  /// The measurements of a visit, as numbers of those that count.
  [[nodiscard]] std::span<const std::size_t> of(std::size_t visit) const {
    return std::span(order_).subspan(first_[visit], n_of_[first_[visit]]);
  }
  [[nodiscard]] Curve curve(std::size_t visit) const {
    const auto part = [&](const std::vector<double>& v) {
      return v.empty() ? std::span<const double>() : std::span(v).subspan(first_[visit], n_of_[first_[visit]]);
    };
    return {part(mjd_), part(mag_), part(err_)};
  }

 private:
  void fill(const std::vector<double>& from, std::vector<double>& to) const {
    to.clear();
    if (from.empty()) return;
    for (const std::size_t i : order_) to.push_back(from[i]);
  }

  std::vector<std::size_t> order_;       ///< measurements by visit
  std::vector<std::size_t> first_;       ///< where each visit begins there; visits in the order of time
  std::vector<std::size_t> n_of_;        ///< measurements of the visit that begins there
  std::vector<double> mjd_, mag_, err_;  ///< in that order
};

/// Buffers of one thread.
struct Scratch {
  UsableMeasurements used;
  std::vector<std::size_t> rows;  ///< of the table, of the measurements that count
  VisitCurve visits;
  std::vector<Residual> residuals;
  std::vector<PlanePoint> points;
  TrackBuffer track;
};

class VisitMaker {
 public:
  VisitMaker(const ObjectBlock& block, std::span<const std::int64_t> visits, const ObjectOptions& o, bool is_weighted)
      : block_(block), visits_(visits), o_(o), is_weighted_(is_weighted), wants_(wants_of(o.statistics)) {}

  void add(std::size_t row, std::size_t object, Scratch& s, VisitRows& out) const {
    const auto end = static_cast<std::size_t>(s.used.first[object + 1]);
    std::int16_t last = -1;
    for (auto begin = static_cast<std::size_t>(s.used.first[object]); begin < end;) {
      const std::int16_t filter = s.used.filter[begin];
      if (filter < last) throw DataError("measurements of an object are not in the order of their filters (damaged)");
      last = filter;
      std::size_t next = begin + 1;
      while (next < end && s.used.filter[next] == filter) ++next;
      add_curve(row, begin, next, s, out);
      begin = next;
    }
  }

 private:
  void add_curve(std::size_t row, std::size_t begin, std::size_t end, Scratch& s, VisitRows& out) const {
    s.visits.take(s.used, s.rows, visits_, begin, end);
    const auto part = [&](const std::vector<double>& v) {
      return v.empty() ? std::span<const double>() : std::span(v).subspan(begin, end - begin);
    };
    const double mean = middle(describe({part(s.used.mjd), part(s.used.mag), part(s.used.err)}, s));
    const std::string& name = o_.filters[static_cast<std::size_t>(s.used.filter[begin])];
    const std::size_t first = out.rows.rows();
    out.rows.resize(first + s.visits.visits());
    for (std::size_t v = 0; v < s.visits.visits(); ++v) {
      const CurveStatistics statistics = describe(s.visits.curve(v), s);
      const std::span<char> text = out.rows[0].values<char>().subspan((first + v) * out.rows[0].info().width, out.rows[0].info().width);
      std::ranges::fill(text, '\0');
      std::ranges::copy(name, text.begin());
      std::size_t column = 1;
      for (const Statistic statistic : o_.statistics) put_statistic(out.rows[column++], first + v, statistics, statistic);
      put_count(out.rows[column++], first + v, static_cast<std::int64_t>(s.visits.visits()));
      put(out.rows[column++], first + v, middle(statistics) - mean);
      if (o_.motion) put_position(row, v, first + v, column, s, out.rows);
      out.object.push_back(row);
      out.measurement.push_back(s.rows[s.visits.of(v).front()]);
    }
  }

  [[nodiscard]] CurveStatistics describe(const Curve& curve, Scratch& s) const {
    return is_weighted_ ? statistics_of(curve, o_.pair_days, s.residuals, wants_) : unweighted_statistics_of(curve, wants_);
  }
  [[nodiscard]] double middle(const CurveStatistics& s) const { return is_weighted_ ? s.weighted_mean : s.mean; }

  void put_position(std::size_t object, std::size_t visit, std::size_t to, std::size_t column, Scratch& s, Table& out) const {
    s.track.clear();
    for (const std::size_t i : s.visits.of(visit)) s.track.add(s.used, i);
    // A visit is too short for a motion.
    const MotionRule none{std::numeric_limits<double>::infinity(), std::numeric_limits<int>::max()};
    const Motion m = motion_of(s.track.track(), block_.ra[object], block_.dec[object], none, s.points);
    for (const double value : {m.ra, m.dec, m.scatter_arcsec, m.epoch}) put(out[column++], to, value);
  }

  const ObjectBlock& block_;
  std::span<const std::int64_t> visits_;
  const ObjectOptions& o_;
  bool is_weighted_;
  CurveWants wants_;
};

}  // namespace

Schema visit_schema(const ObjectOptions& o) {
  std::size_t width = 1;
  for (const std::string& filter : o.filters) width = std::max(width, filter.size());
  Schema schema = {{"filter", Type::text, width, "", "instr.filter", "filter"}};
  for (const Statistic statistic : o.statistics) schema.push_back(statistic_column(statistic, "", "of the visit: "));
  schema.push_back({"n_visits", Type::i4, 1, "", "meta.number", "visits of the object in this filter"});
  schema.push_back(
      {"visit_offset", Type::f8, 1, "mag", "", "mean magnitude of the visit minus that of all visits of the object in this filter"});
  if (!o.motion) return schema;
  const Schema positions = motion_schema();
  schema.insert(schema.end(), positions.begin(), positions.begin() + position_columns);
  return schema;
}

std::vector<std::int64_t> visit_numbers(const Column& column) {
  const std::size_t n = column.info().bytes_per_row() == 0 ? 0 : column.bytes().size() / column.info().bytes_per_row();
  std::vector<std::int64_t> numbers(n);
  const Type type = column.info().type;
  std::unordered_map<std::string_view, std::int64_t> of_text;
  for (std::size_t i = 0; i < n; ++i) {
    if (type == Type::text)
      numbers[i] = of_text.try_emplace(column.text(i), static_cast<std::int64_t>(of_text.size())).first->second;
    else if (type == Type::f4 || type == Type::f8)
      // Whatever bits a NaN has, it is one value; so are both zeros.
      numbers[i] = std::bit_cast<std::int64_t>(std::isnan(column.number(i)) ? not_measured : column.number(i) + 0.0);
    else
      numbers[i] = column.integer(i);
  }
  return numbers;
}

VisitRows describe_visits(const ObjectBlock& block, std::span<const std::int64_t> visits, const CurveReader& reader, const ObjectOptions& o,
                          int threads) {
  const std::vector<std::uint8_t> chosen = reader.chosen(block.measurements);
  const VisitMaker maker(block, visits, o, !reader.columns().error.empty());
  const std::size_t objects = block.first.size() - 1;
  std::vector<VisitRows> pieces((objects + objects_at_once - 1) / objects_at_once);
  std::vector<Scratch> scratch(static_cast<std::size_t>(threads));
  parallel_for(objects, objects_at_once, threads, [&](std::size_t begin, std::size_t end, int thread) {
    Scratch& mine = scratch[static_cast<std::size_t>(thread)];
    VisitRows& out = pieces[begin / objects_at_once];
    out.rows = Table(visit_schema(o));
    reader.take(block.measurements, chosen, block.first.subspan(begin, end - begin + 1), mine.used);
    mine.rows.clear();
    for (std::size_t i = 0; i < mine.used.is_used.size(); ++i)
      if (mine.used.is_used[i] != 0) mine.rows.push_back(static_cast<std::size_t>(block.first[begin]) + i);
    for (std::size_t row = begin; row < end; ++row) maker.add(row, row - begin, mine, out);
  });
  VisitRows all{Table(visit_schema(o)), {}, {}};
  for (const VisitRows& piece : pieces) {
    append(all.rows, piece.rows);
    all.object.insert(all.object.end(), piece.object.begin(), piece.object.end());
    all.measurement.insert(all.measurement.end(), piece.measurement.begin(), piece.measurement.end());
  }
  return all;
}

}  // namespace skyfold::lightcurve
