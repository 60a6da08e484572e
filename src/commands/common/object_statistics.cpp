// Statistics of every object's measurements, as a farm: objects of a block and their measurements in, a row each out.
#include "skyfold/commands/object_statistics.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "object_work.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/prepare_rows.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

constexpr double measurements_at_once = 4e6;  ///< aimed at, in a block

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
    ranks_.together(
        [&] { work = std::make_shared<ObjectWork>(*catalogue_, *measurements_, *setup_, objects_, copied_, product_, context_.threads); });
    run_->farm({o_.command, "objects", o_.partitions_per_job}, partitions_, work);
    finish_product(ranks_, product_, run_->fits_sum());
    std::string summary;
    ranks_.on_first_only([&] { summary = summary_of_product(); });
    run_->publish(products);
    return run_->finish(context_.threads, summary);
  }

 private:
  void open_inputs() {
    const Attributes attributes = read_attributes(o_.catalogue);
    if (!is_catalogue(attributes))
      throw DataError(o_.catalogue + ": is no catalogue of skyfold (import makes one, and import --measurements adds to it)");
    require_objects(o_.catalogue, attributes);
    catalogue_.emplace(o_.catalogue, attributes);
    measurements_.emplace(o_.catalogue);
    setup_.emplace(curve_setup(*measurements_, o_.curves));
    const CatalogueLayout& layout = catalogue_->layout();
    const auto is_number = [&](const std::string& name) {
      const auto column = find_column(layout.schema, name);
      return column && layout.schema[*column].type != Type::text;
    };
    const bool has_positions = !setup_->reader.columns().ra.empty() && is_number(layout.roles.ra) && is_number(layout.roles.dec);
    objects_ = object_options(o_.statistics, *setup_, has_positions);
    copied_ = copied_columns();
    std::vector<std::string> names;
    for (const Schema& schema : {copied_, lightcurve::object_schema(objects_)})
      for (const ColumnInfo& column : schema) {
        // FITS names have no case.
        if (std::ranges::find(names, lower(column.name)) != names.end())
          throw UsageError(fmt::format("{}: the product would have two columns {} (filters or columns of objects are called alike)",
                                       o_.catalogue, column.name));
        names.push_back(lower(column.name));
      }
    if (!ranks_.is_first()) return;
    for (const std::string& line : setup_->guesses) log_info(line);
    log_info(fmt::format("{}: {} objects, {} measurements, filters {}", o_.catalogue, grouped(catalogue_->rows()),
                         grouped(measurements_->rows()), join(setup_->filters, ", ")));
  }

  /// What identifies an object and its place.
  Schema copied_columns() const {
    const CatalogueLayout& layout = catalogue_->layout();
    Schema copied;
    for (const std::string& name :
         {layout.roles.id, layout.roles.ra, layout.roles.dec, layout.roles.tile, layout.attribute, std::string(healpix_column)})
      if (const auto column = find_column(layout.schema, name); column && !find_column(copied, name))
        copied.push_back(layout.schema[*column]);
    return copied;
  }

  /// With blocks of fewer objects where these have many measurements, so that memory stays the same.
  RunOptions farm_options() const {
    RunOptions options = context_.run;
    const double per_object =
        static_cast<double>(measurements_->rows()) / static_cast<double>(std::max<std::int64_t>(catalogue_->rows(), 1));
    const double objects = measurements_at_once / std::max(per_object, 1.0);
    options.farm.block_rows = std::max(1L, std::min(options.farm.block_rows, static_cast<long>(objects)));
    return options;
  }

  void prepare() {
    const PartitionOptions partition =
        suited_partition(o_.partition, context_.options.given("partition.by"), catalogue_->layout().ordering);
    ranks_.on_first_only([&] {
      partitions_ = build_partitions(catalogue_->ordered_rows(), partition);
      // What takes long are the measurements: jobs of equal numbers of them end together.
      for (Partition& p : partitions_) p.cost = static_cast<double>(p.rows.size() + measurements_->rows_of(p.rows).size());
    });
    ranks_.together([&] {
      product_.rows = run_->partial(o_.output);
      product_.fits = o_.fits.empty() ? "" : run_->partial(o_.fits);
      product_.is_fits_along = run_->is_filled_along(o_.fits);
      product_.layout = catalogue_->layout();
      product_.layout.schema = copied_;
      for (const ColumnInfo& column : lightcurve::object_schema(objects_)) product_.layout.schema.push_back(column);
      product_.layout.creator = creator_of(o_.command);
      product_.layout.product_class = "light_curves";
      product_.layout.provenance =
          provenance_json(o_.command, context_.options,
                          {{o_.catalogue, fmt::format("{}, {} measurements", catalogue_->fingerprint(), measurements_->rows())}});
    });
    prepare_product(*run_, ranks_, product_, o_.output, "OBJECTS", texts_in(catalogue_->reader(), copied_));
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
  std::optional<Catalogue> catalogue_;
  std::optional<Measurements> measurements_;
  std::optional<CurveSetup> setup_;
  lightcurve::ObjectOptions objects_;
  Schema copied_;
  std::vector<Partition> partitions_;
  RowProduct product_;
};

}  // namespace

ExitCode make_object_statistics(const ObjectStatisticsRun& o, const CommandContext& context) { return StatisticsRun(o, context).run(); }

}  // namespace skyfold
