// Statistics of every object's measurements, as a farm: objects of a block and their measurements in, a row each out.
#include "skyfold/commands/object_statistics.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "object_work.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/prepare_rows.hpp"
#include "skyfold/run/run.hpp"
#include "statistics_input.hpp"

namespace skyfold {
namespace {

constexpr double measurements_at_once = 1e6;  ///< aimed at, in a block

class StatisticsRun {
 public:
  StatisticsRun(const ObjectStatisticsRun& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    ranks_.together([&] { open_inputs(); });
    std::vector<std::string> products = {o_.output};
    if (!o_.fits.empty()) products.push_back(o_.fits);
    run_.emplace(
        ranks_, context_.options, farm_options(),
        RunSetup{o_.command, program_version, o_.output, products, {o_.catalogue}, &context_.process, {o_.fits}, RunSetup::Reopen::always});
    if (run_->is_complete()) return ExitCode::done;
    prepare();
    std::shared_ptr<ObjectWork> work;
    ranks_.together([&] { work = std::make_shared<ObjectWork>(*in_, product_, context_.threads); });
    run_->farm({o_.command, "objects", o_.partitions_per_job}, partitions_, work);
    finish_product(ranks_, product_, run_->fits_sum());
    std::string summary;
    ranks_.on_first_only([&] { summary = summary_of_product(); });
    run_->publish(products);
    return run_->finish(context_.threads, summary);
  }

 private:
  void open_inputs() {
    in_.emplace(o_.catalogue, o_.curves, o_.statistics);
    schema_ = in_->copied;
    for (const ColumnInfo& column : lightcurve::object_schema(in_->objects)) schema_.push_back(column);
    require_different_names(schema_, o_.catalogue);
    if (ranks_.is_first()) in_->report();
  }

  /// With blocks of fewer objects where these have many measurements, so that memory stays the same.
  RunOptions farm_options() const {
    RunOptions options = context_.run;
    const double objects = measurements_at_once / std::max(in_->measurements_per_object(), 1.0);
    options.farm.block_rows = std::max(1L, std::min(options.farm.block_rows, static_cast<long>(objects)));
    return options;
  }

  void prepare() {
    const PartitionOptions partition =
        suited_partition(o_.partition, context_.options.given("partition.by"), in_->catalogue.layout().ordering);
    ranks_.on_first_only([&] {
      partitions_ = build_partitions(in_->catalogue.ordered_rows(), partition);
      // What takes long are the measurements: jobs of equal numbers of them end together.
      for (Partition& p : partitions_) p.cost = static_cast<double>(p.rows.size() + in_->measurements.rows_of(p.rows).size());
    });
    ranks_.together([&] {
      product_.rows = run_->partial(o_.output);
      product_.fits = o_.fits.empty() ? "" : run_->partial(o_.fits);
      product_.is_fits_along = run_->is_filled_along(o_.fits);
      product_.layout = in_->catalogue.layout();
      product_.layout.schema = schema_;
      product_.layout.creator = creator_of(o_.command);
      product_.layout.product_class = "light_curves";
      product_.layout.provenance =
          provenance_json(o_.command, context_.options,
                          {{o_.catalogue, fmt::format("{}, {} measurements", in_->catalogue.fingerprint(), in_->measurements.rows())}});
    });
    prepare_product(*run_, ranks_, product_, o_.output, "OBJECTS", texts_in(in_->catalogue.reader(), in_->copied));
  }

  /// From the finished product, not from what ranks held: so it is the same after an interruption.
  std::string summary_of_product() const {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    const RowReader product(product_.rows);
    Schema wanted;
    for (const char* name : {"n_measurements", "n_used", "period"})
      if (const auto column = find_column(product.schema(), name)) wanted.push_back(product.schema()[*column]);
    Table block(wanted);
    std::int64_t all = 0, used = 0, objects = 0, periods = 0;
    for (std::int64_t begin = 0; begin < product.rows(); begin += zone_rows) {
      product.read({begin, std::min(begin + zone_rows, product.rows())}, block);
      for (std::size_t i = 0; i < block.rows(); ++i) {
        const std::int64_t of_object = block[0].integer(i);
        if (of_object < 0) continue;  // could not be computed
        all += of_object;
        used += block[1].integer(i);
        objects += block[1].integer(i) > 0;
        if (block.columns() > 2) periods += !std::isnan(block[2].number(i));
      }
    }
    std::string text = fmt::format("{} of {} measurements count; {} of {} objects have some\n", grouped(used), grouped(all),
                                   grouped(objects), grouped(product.rows()));
    if (block.columns() > 2) text += fmt::format("{} objects have a period\n", grouped(periods));
    context_.process.fact("measurements", grouped(all));
    context_.process.fact("measurements that count", grouped(used));
    return text;
  }

  const ObjectStatisticsRun& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<Run> run_;
  std::optional<StatisticsInput> in_;
  Schema schema_;
  std::vector<Partition> partitions_;
  RowProduct product_;
};

}  // namespace

ExitCode make_object_statistics(const ObjectStatisticsRun& o, const CommandContext& context) { return StatisticsRun(o, context).run(); }

}  // namespace skyfold
