// Statistics by visit: blocks of objects are jobs, whose rows are kept as parts, since how many there are is not known before; in the end
// each rank writes those of some blocks.
#include "visits.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "../common/statistics_input.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/dataset/row_sink.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/kernels/lightcurve/visits.hpp"
#include "skyfold/plan/row_blocks.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr double measurements_at_once = 4e6;  ///< aimed at, in a block
constexpr std::int64_t most_objects = 16'384;
const std::vector<std::string> visit_names = {"visit",      "visit_id",    "visitid", "ccdvisitid", "expid",    "exp_id",
                                              "exposure",   "exposure_id", "expnum",  "image",      "image_id", "imagename",
                                              "image_name", "obsid",       "obs_id",  "frame"};

/// The visits of measurements: their column as it is stored, and as products have it.
struct VisitColumn {
  ColumnInfo stored, shown;
  std::vector<std::string> texts;  ///< by number, where it is stored so
};

VisitColumn visit_column(const Measurements& measurements, const std::string& given) {
  const Schema& schema = measurements.schema();
  const std::string name = given.empty() ? known_column(schema, visit_names) : given;
  if (name.empty())
    throw UsageError(fmt::format("{}: which column of the measurements tells their visit? (name it by --meas.visit)", measurements.path()));
  const auto column = find_column(schema, name);
  if (!column) throw UsageError(describe_missing_column(measurements.path() + " (measurements)", schema, name, "--meas.visit"));
  if (schema[*column].type != Type::text && schema[*column].width != 1)
    throw UsageError(
        fmt::format("{} (measurements): column {} has several numbers in a row (named by --meas.visit)", measurements.path(), name));
  if (given.empty()) log_info(fmt::format("guessed meas.visit = {}", name));
  return {measurements.stored_schema()[*column], schema[*column], measurements.dictionary(name)};
}

/// Values of some measurements' visits, as products have them.
void fill_visits(const VisitColumn& visit, const Column& stored, const std::vector<std::size_t>& rows, Column& to) {
  if (visit.texts.empty()) return gather_rows(stored, rows, to);
  const std::size_t width = to.info().width;
  const std::span<char> chars = to.values<char>();
  std::ranges::fill(chars, '\0');
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::ranges::copy(visit.texts[static_cast<std::size_t>(stored.integer(rows[i]))],
                      chars.begin() + static_cast<std::ptrdiff_t>(i * width));
}

constexpr const char* part_row = "object_row";

/// Columns of a part: the object's row in the catalogue, the visit, the statistics.
Schema part_schema(const StatisticsInput& in, const VisitColumn& visit) {
  Schema schema = {{part_row, Type::i8}, visit.shown};
  for (const ColumnInfo& column : lightcurve::visit_schema(in.objects)) schema.push_back(column);
  return schema;
}

/// Joins the measurements of blocks of objects by visit. Blocks are those of the jobs, never cut.
class VisitWork final : public Work {
 public:
  /// The inputs must outlive this.
  VisitWork(const StatisticsInput& in, const VisitColumn& visit, PartsOf<TableCodec> parts, int threads)
      : in_(in), visit_(visit), parts_(std::move(parts)), threads_(threads) {}

  void read(const Job&, RowRange block, int slot, JobResult& result) override {
    Buffers& mine = slots_[slot];
    if (mine.visits.columns() == 0) mine = {Table(positions()), Table(in_.setup.columns), Table({visit_.stored}), {}, {}, {}, {}};
    in_.catalogue.reader().read(block, mine.objects);
    mine.first = in_.measurements.first_rows(block);
    const RowRange rows{mine.first.front(), mine.first.back()};
    for (std::int64_t& first : mine.first) first -= rows.begin;
    in_.measurements.read(rows, mine.measurements);
    in_.measurements.read(rows, mine.visits);
    result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(mine.objects.schema()) + sizeof(std::int64_t)) +
                         rows.size() * static_cast<std::int64_t>(bytes_per_row(in_.setup.columns) + visit_.stored.bytes_per_row());
    mine.ra.resize(mine.objects.columns() > 0 ? mine.objects.rows() : 0);
    mine.dec.resize(mine.ra.size());
    for (std::size_t i = 0; i < mine.ra.size(); ++i) mine.ra[i] = mine.objects[0].number(i), mine.dec[i] = mine.objects[1].number(i);
  }
  void compute(const Job&, RowRange block, int slot) override {
    Buffers& mine = slots_[slot];
    const lightcurve::VisitRows found =
        lightcurve::describe_visits({mine.measurements, mine.first, mine.ra, mine.dec}, lightcurve::visit_numbers(mine.visits[0]),
                                    in_.setup.reader, in_.objects, threads_);
    mine.out = Table(part_schema(in_, visit_), found.rows.rows());
    for (std::size_t i = 0; i < found.object.size(); ++i)
      mine.out[0].values<std::int64_t>()[i] = block.begin + static_cast<std::int64_t>(found.object[i]);
    fill_visits(visit_, mine.visits[0], found.measurement, mine.out[1]);
    for (std::size_t c = 0; c < found.rows.columns(); ++c) copy_rows(found.rows[c], 0, found.rows.rows(), mine.out[c + 2], 0);
  }
  void write(const Job&, RowRange block, int slot, JobResult& result) override {
    parts_.keep(block, slots_[slot].out, result);
    result.rows += block.size();
  }
  void sync() override { parts_.parts().sync(); }
  void mark_failed(RowRange) override {}  // what is missing would not be seen in a list of visits: the run ends with an error
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return parts_.parts().stored_checksum(block, chained);
  }

 private:
  struct Buffers {
    Table objects, measurements, visits;
    std::vector<std::int64_t> first;  ///< of each object, from the first of the block
    std::vector<double> ra, dec;      ///< of the objects
    Table out;
  };
  [[nodiscard]] Schema positions() const {
    const CatalogueLayout& layout = in_.catalogue.layout();
    if (!in_.objects.motion) return {};
    return {layout.schema[*find_column(layout.schema, layout.roles.ra)], layout.schema[*find_column(layout.schema, layout.roles.dec)]};
  }

  const StatisticsInput& in_;
  const VisitColumn& visit_;
  PartsOf<TableCodec> parts_;
  int threads_;
  Slots<Buffers> slots_;
};

class VisitRun {
 public:
  VisitRun(const ObjectStatisticsRun& o, const std::string& visit, const CommandContext& context)
      : o_(o), context_(context), ranks_(*context.ranks) {
    ranks_.together([&] {
      in_.emplace(o.catalogue, o.curves, o.statistics);
      // Rows without it would tell nothing.
      if (std::ranges::find(in_->objects.statistics, lightcurve::Statistic::n) == in_->objects.statistics.end())
        in_->objects.statistics.insert(in_->objects.statistics.begin(), lightcurve::Statistic::n);
      if (ranks_.is_first()) in_->report();
      visit_ = visit_column(in_->measurements, visit);
      schema_ = in_->copied;
      schema_.push_back(visit_.shown);
      for (const ColumnInfo& column : lightcurve::visit_schema(in_->objects)) schema_.push_back(column);
      require_different_names(schema_, o.catalogue);
    });
    if (!o.fits.empty()) products_.push_back(o.fits);
    run_.emplace(ranks_, context.options, context.run,
                 RunSetup{o.command, program_version, o.output, products_, {o.catalogue}, &context.process, {o.fits}});
  }

  ExitCode run() {
    if (run_->is_complete()) return ExitCode::done;
    find();
    const std::int64_t rows = write(o_.output, "hdf5");
    if (!o_.fits.empty()) write(o_.fits, "fits");
    std::string summary;
    ranks_.on_first_only([&] { summary = summary_of_product(rows); });
    run_->publish(products_);
    return run_->finish(context_.threads, summary);
  }

 private:
  /// Of the catalogue alone, so that parts are the same at every attempt.
  [[nodiscard]] std::int64_t unit_rows() const {
    const double objects = measurements_at_once / std::max(in_->measurements_per_object(), 1.0);
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(objects), 1, most_objects);
  }

  void find() {
    parts_.emplace(run_->parts("visits"), TableCodec{part_schema(*in_, visit_), part_row});
    std::shared_ptr<Work> work;
    ranks_.together([&] { work = std::make_shared<VisitWork>(*in_, visit_, *parts_, context_.threads); });
    TaskInfo task{o_.command, "objects"};
    task.whole_jobs = true;
    task.must_succeed = true;
    run_->farm(task, row_blocks(in_->catalogue.rows(), unit_rows()), work);
  }

  std::int64_t write(const std::string& path, const char* format) {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    RowOutput output;
    output.options = {run_->partial(path), format};
    output.layout = in_->catalogue.layout();
    output.layout.schema = schema_;
    output.layout.creator = creator_of(o_.command);
    output.layout.product_class = "visit_statistics";
    output.layout.provenance =
        provenance_json(o_.command, context_.options,
                        {{o_.catalogue, fmt::format("{}, {} measurements", in_->catalogue.fingerprint(), in_->measurements.rows())}});
    RowSink sink(std::move(output), &ranks_);
    ranks_.each_together([&] {
      const std::vector<Partition> units = row_blocks(in_->catalogue.rows(), unit_rows());
      for (std::size_t unit = static_cast<std::size_t>(ranks_.rank()); unit < units.size(); unit += static_cast<std::size_t>(ranks_.size()))
        parts_->merge(units[unit].rows, [&](RowRange rows, const Table& part) {
          if (part.rows() > 0) sink.add(with_objects(rows, part), static_cast<std::int64_t>(unit));
        });
    });
    return sink.finish();
  }

  /// Rows of a part with the columns of their objects.
  [[nodiscard]] Table with_objects(RowRange objects, const Table& part) const {
    Table all(schema_, part.rows()), read(in_->copied);
    in_->catalogue.reader().read(objects, read);
    std::vector<std::size_t> rows;
    for (const std::int64_t row : part[0].values<std::int64_t>()) rows.push_back(static_cast<std::size_t>(row - objects.begin));
    for (std::size_t c = 0; c < read.columns(); ++c) gather_rows(read[c], rows, all[c]);
    for (std::size_t c = 1; c < part.columns(); ++c) copy_rows(part[c], 0, part.rows(), all[read.columns() + c - 1], 0);
    return all;
  }

  [[nodiscard]] std::string summary_of_product(std::int64_t rows) const {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    const RowReader product(run_->partial(o_.output));
    Table n({product.schema()[*find_column(product.schema(), "n")]});
    std::int64_t used = 0;
    for (std::int64_t begin = 0; begin < product.rows(); begin += zone_rows) {
      product.read({begin, std::min(begin + zone_rows, product.rows())}, n);
      for (const std::int32_t of_visit : n[0].values<std::int32_t>()) used += of_visit;
    }
    context_.process.fact("measurements", grouped(in_->measurements.rows()));
    context_.process.fact("measurements that count", grouped(used));
    return fmt::format("{} of {} measurements count; {} rows of objects, filters and visits\n", grouped(used),
                       grouped(in_->measurements.rows()), grouped(rows));
  }

  const ObjectStatisticsRun& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<StatisticsInput> in_;
  VisitColumn visit_;
  Schema schema_;
  std::vector<std::string> products_ = {o_.output};
  std::optional<Run> run_;
  std::optional<PartsOf<TableCodec>> parts_;
};

}  // namespace

ExitCode make_visit_statistics(const ObjectStatisticsRun& o, const std::string& visit, const CommandContext& context) {
  return VisitRun(o, visit, context).run();
}

}  // namespace skyfold
