// Any two catalogues: blocks of rows of the first are jobs, and each row is looked for in the second by the tree of the sky. Both are in
// its order, so what a block needs of the second is near together, and memory depends on neither. Pairs are kept as parts; their rows are
// read at the end.
#include "pairs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <numeric>
#include <optional>

#include "skyfold/catalogue/sky_search.hpp"
#include "skyfold/commands/ordered_catalogue.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/output_columns.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/dataset/parts_work.hpp"
#include "skyfold/plan/row_blocks.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"
#include "skyfold/sky/angle_text.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t unit_rows = 16'384;  // of the first table: fixed, so that parts are the same at every attempt
constexpr std::int64_t join_rows = 512;     // gaps that are cheaper to read than to skip
constexpr std::int64_t out_rows = 65'536;   // of an answer that are in memory at a time
constexpr const char *separation = "separation", *second_suffix = "_2";

/// A row of the first table and one of the second; -1: none.
struct RowPair {
  std::int64_t first = 0, second = -1;
  double separation_arcsec = std::numeric_limits<double>::quiet_NaN();
};

/// Positions of some rows of a catalogue.
Table positions(const Catalogue& catalogue, RowRange rows) {
  const Roles& roles = catalogue.layout().roles;
  Table table(
      {catalogue.schema()[*find_column(catalogue.schema(), roles.ra)], catalogue.schema()[*find_column(catalogue.schema(), roles.dec)]});
  catalogue.reader().read(rows, table);
  return table;
}

/// How rows are matched.
struct PairRule {
  double radius_deg = 0.0;
  std::size_t most = 1;  ///< to each row of the first table, the nearest ones
  bool is_symmetric = false;
};

/// Finds the pairs of a block of rows. Main thread only.
class PairSearch {
 public:
  PairSearch(const Catalogue& first, const Catalogue& second, PairRule rule) : catalogue_(first), rule_(rule), second_(second) {
    if (rule.is_symmetric) {
      first_.emplace(first);
      second_catalogue_ = &second;
    }
  }

  /// Rows of the first table, increasing; to each its pairs, nearest first, or one without a second row.
  void find(RowRange rows, std::vector<RowPair>& pairs) {
    const Table places = positions(catalogue_, rows);
    for (std::size_t i = 0; i < places.rows(); ++i) {
      const std::int64_t row = rows.begin + static_cast<std::int64_t>(i);
      second_.near({places[0].number(i), places[1].number(i)}, rule_.radius_deg, found_);
      keep_nearest(found_, rule_.most);
      if (rule_.is_symmetric && !found_.empty() && nearest_first(found_.front().row) != row) found_.clear();
      for (const SkySearch::Near& near : found_) pairs.push_back({row, near.row, near.separation_arcsec});
      if (found_.empty()) pairs.push_back({row});
    }
  }

 private:
  static void keep_nearest(std::vector<SkySearch::Near>& found, std::size_t most) {
    // Of two equally near ones the first in the catalogue comes first.
    std::ranges::sort(found, [](const SkySearch::Near& a, const SkySearch::Near& b) {
      return a.separation_arcsec != b.separation_arcsec ? a.separation_arcsec < b.separation_arcsec : a.row < b.row;
    });
    if (found.size() > most) found.resize(most);
  }
  std::int64_t nearest_first(std::int64_t row) {
    const Table place = positions(*second_catalogue_, {row, row + 1});
    first_->near({place[0].number(0), place[1].number(0)}, rule_.radius_deg, back_);
    keep_nearest(back_, 1);
    return back_.empty() ? -1 : back_.front().row;
  }

  const Catalogue& catalogue_;
  const Catalogue* second_catalogue_ = nullptr;
  PairRule rule_;
  SkySearch second_;
  std::optional<SkySearch> first_;
  std::vector<SkySearch::Near> found_, back_;
};

/// What stands for missing in a column of rows without a second one.
void set_missing(Column& column, std::size_t row) {
  const ColumnInfo& info = column.info();
  for (std::size_t e = 0; e < info.width; ++e) {
    const std::size_t at = row * info.width + e;
    if (info.type == Type::f4) column.values<float>()[at] = std::numeric_limits<float>::quiet_NaN();
    if (info.type == Type::f8) column.values<double>()[at] = std::numeric_limits<double>::quiet_NaN();
    if (info.type == Type::i4) column.values<std::int32_t>()[at] = static_cast<std::int32_t>(*info.null);
    if (info.type == Type::i8) column.values<std::int64_t>()[at] = *info.null;
    if (info.type == Type::u1) column.values<std::uint8_t>()[at] = static_cast<std::uint8_t>(*info.null);
    if (info.type == Type::text) column.values<char>()[at] = '\0';
  }
}

std::int64_t usual_null(Type type) {
  if (type == Type::u1) return 255;
  return type == Type::i4 ? std::numeric_limits<std::int32_t>::min() : std::numeric_limits<std::int64_t>::min();
}

/// The columns of both tables side by side.
struct PairColumns {
  Schema first;                     ///< of the first table
  Schema second;                    ///< of the second one, as its file has them
  std::vector<std::string> called;  ///< what these are called
  Schema all;                       ///< first, second, separation

  PairColumns(const Schema& a, const Schema& b, const std::string& join) : first(a) {
    all = first;
    for (const ColumnInfo& column : b) {
      // The place of the pair is that of the first row.
      if (join == "1not2" || column.name == healpix_column) continue;
      second.push_back(column);
      ColumnInfo info = column;
      while (find_column(all, info.name) || info.name == separation) info.name += second_suffix;
      const bool is_whole = info.type == Type::i4 || info.type == Type::i8 || info.type == Type::u1;
      if (join == "all" && is_whole && !info.null) info.null = usual_null(info.type);
      called.push_back(info.name);
      all.push_back(info);
    }
    if (join == "1not2") return;
    ColumnInfo info{
        .name = separation, .type = Type::f8, .unit = "arcsec", .ucd = "pos.angDistance", .description = "separation of the two positions"};
    while (find_column(all, info.name)) info.name += second_suffix;
    all.push_back(info);
  }
};

/// Reads rows by number, in any order and as often as they are named: runs that are near each other at once.
void read_rows(const Catalogue& catalogue, const std::vector<std::int64_t>& rows, Table& out) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const bool is_ordered = std::ranges::is_sorted(rows);
  if (!is_ordered) std::ranges::stable_sort(order, {}, [&](std::size_t i) { return rows[i]; });
  Table run(out.schema()), in_order(is_ordered ? Schema() : out.schema(), is_ordered ? 0 : rows.size());
  std::vector<std::size_t> places;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    const auto row = [&](std::size_t i) { return rows[order[i]]; };
    while (last + 1 < order.size() && row(last + 1) - row(last) <= join_rows && row(last + 1) - row(first) < out_rows) ++last;
    catalogue.reader().read({row(first), row(last) + 1}, run);
    places.clear();
    for (std::size_t i = first; i <= last; ++i) places.push_back(static_cast<std::size_t>(row(i) - row(first)));
    gather_rows(run, places, is_ordered ? out : in_order, first);
    first = last + 1;
  }
  if (is_ordered) return;
  std::vector<std::size_t> back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) back[order[i]] = i;
  gather_rows(in_order, back, out);
}

/// One run of `match A B`.
class PairRun {
 public:
  PairRun(const PairOptions& o, const std::string& output, const SourceOptions& source, const CommandContext& context)
      : o_(o), output_(output), source_(source), context_(context), ranks_(*context.ranks) {
    ranks_.together([&] {
      format_ = format_of({output, o.format});
      rule_ = rule_of(o);
    });
    run_.emplace(ranks_, context.options, context.run,
                 RunSetup{"match", program_version, output, {output}, {o.first, o.second}, &context.process});
  }

  ExitCode run() {
    if (run_->is_complete()) return ExitCode::done;
    open();
    find();
    const std::int64_t rows = write();
    run_->publish({output_});
    return run_->finish(context_.threads, ranks_.is_first() ? fmt::format("{} rows\nwrote {}\n", grouped(rows), output_) : "");
  }

 private:
  static PairRule rule_of(const PairOptions& o) {
    PairRule rule{parse_radius(o.radius, "--radius"), 1, o.symmetric};
    if (rule.radius_deg > 90.0) throw UsageError(fmt::format("--radius {} (must be at most 90 degrees)", o.radius));
    if (o.find == "all") {
      rule.most = SIZE_MAX;
    } else if (o.find != "nearest") {
      const std::optional<long long> count = parse_integer(o.find);
      if (!count || *count < 1) throw UsageError(fmt::format("--find {} (must be nearest, all, or how many of the nearest)", o.find));
      rule.most = static_cast<std::size_t>(*count);
    }
    if (o.symmetric && o.find != "nearest")
      throw UsageError(fmt::format("--symmetric with --find {} (only the nearest can belong to each other)", o.find));
    return rule;
  }

  [[nodiscard]] std::string ordered(const std::string& path, const std::string& beside) const {
    OrderAsked asked;
    asked.partition.by = "healpix";
    asked.needs_positions = true;
    asked.output = beside;
    CatalogueInput in;
    in.path = path;
    in.source = source_;
    return ordered_catalogue(in, asked, context_);
  }

  void open() {
    const std::string first = ordered(o_.first, output_), second = ordered(o_.second, path_beside(output_, "second"));
    ranks_.together([&] {
      first_.emplace(first);
      second_.emplace(second);
      columns_.emplace(first_->schema(), second_->schema(), o_.join);
      output_columns_.emplace(o_.columns, columns_->all);
      if (format_ != RowFormat::hdf5) return;
      const Roles& roles = first_->layout().roles;
      for (const std::string& name : {roles.id, roles.ra, roles.dec, roles.tile, std::string(healpix_column)})
        if (const auto column = find_column(columns_->first, name)) (void)output_columns_->add(columns_->first[*column]);
    });
    if (ranks_.is_first()) log_info(fmt::format("{} rows, to be found among {}", grouped(first_->rows()), grouped(second_->rows())));
  }

  void find() {
    parts_.emplace(run_->parts("pairs"));
    const std::vector<Partition> blocks = row_blocks(first_->rows(), unit_rows);
    std::shared_ptr<Work> work;
    ranks_.together([&] {
      search_.emplace(*first_, *second_, rule_);
      // Where files are read, on the main thread.
      work = std::make_shared<PartsWork<ListCodec<RowPair>>>(
          *parts_, [this](RowRange rows, std::vector<RowPair>& pairs) { search_->find(rows, pairs); }, nullptr);
    });
    TaskInfo task{"match", "rows"};
    task.whole_jobs = true;
    task.must_succeed = true;
    run_->farm(task, blocks, work);
  }

  /// Rows of all pairs: each rank writes those of some blocks.
  std::int64_t write() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    RowOutput output;
    output.options = {run_->partial(output_), name_of_format()};
    output.layout.schema = output_columns_->schema();
    output.layout.ordering = Ordering::healpix;
    output.layout.roles = first_->layout().roles;
    output.layout.creator = creator_of("match");
    output.layout.provenance =
        provenance_json("match", context_.options, {{o_.first, first_->fingerprint()}, {o_.second, second_->fingerprint()}});
    RowSink sink(std::move(output), &ranks_);
    ranks_.each_together([&] {
      const std::int64_t blocks = (first_->rows() + unit_rows - 1) / unit_rows;
      for (std::int64_t block = ranks_.rank(); block < blocks; block += ranks_.size()) {
        const RowRange rows{block * unit_rows, std::min((block + 1) * unit_rows, first_->rows())};
        parts_->merge(rows, [&](RowRange, std::vector<RowPair> pairs) { add(pairs, block, sink); });
      }
    });
    return sink.finish();
  }

  void add(std::vector<RowPair>& pairs, std::int64_t block, RowSink& sink) const {
    if (o_.join == "1and2") std::erase_if(pairs, [](const RowPair& pair) { return pair.second < 0; });
    if (o_.join == "1not2") std::erase_if(pairs, [](const RowPair& pair) { return pair.second >= 0; });
    for (std::size_t begin = 0; begin < pairs.size(); begin += out_rows)
      sink.add(output_columns_->make(rows_of(std::span(pairs).subspan(begin, std::min<std::size_t>(out_rows, pairs.size() - begin)))),
               block);
  }

  [[nodiscard]] Table rows_of(std::span<const RowPair> pairs) const {
    Table all(columns_->all, pairs.size()), first(columns_->first, pairs.size()), second(columns_->second, pairs.size());
    std::vector<std::int64_t> first_rows, second_rows;
    for (const RowPair& pair : pairs) {
      first_rows.push_back(pair.first);
      second_rows.push_back(std::max<std::int64_t>(pair.second, second_rows.empty() ? 0 : second_rows.back()));
      if (pair.second >= 0) second_rows.back() = pair.second;
    }
    read_rows(*first_, first_rows, first);
    if (second_->rows() > 0 && !columns_->second.empty()) read_rows(*second_, second_rows, second);
    for (std::size_t c = 0; c < first.columns(); ++c) copy_rows(first[c], 0, pairs.size(), all[c], 0);
    for (std::size_t c = 0; c < second.columns(); ++c) {
      Column& to = all.at(columns_->called[c]);
      copy_rows(second[c], 0, pairs.size(), to, 0);
      for (std::size_t i = 0; i < pairs.size(); ++i)
        if (pairs[i].second < 0) set_missing(to, i);
    }
    if (o_.join != "1not2")
      for (std::size_t i = 0; i < pairs.size(); ++i) all[all.columns() - 1].values<double>()[i] = pairs[i].separation_arcsec;
    return all;
  }

  [[nodiscard]] std::string name_of_format() const {
    static const std::pair<RowFormat, const char*> names[] = {{RowFormat::csv, "csv"},
                                                              {RowFormat::ecsv, "ecsv"},
                                                              {RowFormat::fits, "fits"},
                                                              {RowFormat::hdf5, "hdf5"},
                                                              {RowFormat::parquet, "parquet"}};
    return std::ranges::find(names, format_, &std::pair<RowFormat, const char*>::first)->second;
  }

  const PairOptions& o_;
  std::string output_;
  const SourceOptions& source_;
  const CommandContext& context_;
  Ranks& ranks_;
  RowFormat format_ = RowFormat::csv;
  PairRule rule_;
  std::optional<Run> run_;
  std::optional<Catalogue> first_, second_;
  std::optional<PairColumns> columns_;
  std::optional<OutputColumns> output_columns_;
  std::optional<PairSearch> search_;
  std::optional<PartsOf<ListCodec<RowPair>>> parts_;
};

}  // namespace

void describe(OptionSet& option, PairOptions& o) {
  option("first", o.first, "first of two tables to be matched with each other, in place of --spec and --catalogue").positional().layout();
  option("second", o.second, "second one, in which each row of the first is looked for").positional().layout();
  option("radius", o.radius, "largest separation of two tables, with its unit: 0.5\", 1'");
  option("find", o.find, "of two tables: nearest, all, or a whole number, so many of the nearest");
  option("join", o.join, "of two tables: pairs, rows of the first without a match, or all rows of the first")
      .one_of({"1and2", "1not2", "all"});
  option("symmetric", o.symmetric, "of two tables: pairs that are nearest to each other alone");
  option("columns", o.columns, "of two tables: columns, named or calculated ('mag_g - mag_g_2 as dg'); empty: all");
  option("format", o.format, "of two tables: format of the output; auto: by its ending")
      .one_of({"auto", "csv", "ecsv", "fits", "hdf5", "parquet"});
}

ExitCode match_pairs(const PairOptions& o, const std::string& output, const SourceOptions& source, const CommandContext& context) {
  return PairRun(o, output, source, context).run();
}

}  // namespace skyfold
