// sky-map: statistics of the rows of a catalogue in HEALPix pixels. One pass on all ranks, sums joined in the order of the rows, the table
// of pixels, maps and a picture of it.
#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "options.hpp"
#include "picture.hpp"
#include "product.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/dataset/selection.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"
#include "skyfold/sky/healpix.hpp"
#include "statistics.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

constexpr const char* sky_map_class = "sky_map";

/// Files that are read.
std::vector<std::string> inputs_of(const SkyMapOptions& o) {
  std::vector<std::string> paths = o.region.files();
  paths.insert(paths.begin(), o.catalogue);
  return paths;
}

/// One run of sky-map.
class SkyMapRun {
 public:
  SkyMapRun(const SkyMapOptions& o, const CommandContext& context)
      : o_(o),
        context_(context),
        ranks_(*context.ranks),
        order_(order_of_nside(o.nside)),
        run_(ranks_, context.options, context.run,
             {"sky-map", program_version, o.output, o.products(), inputs_of(o), &context.process, {o.map, o.healsparse, o.plot}}) {}

  ExitCode run() {
    if (run_.is_complete()) return ExitCode::done;
    try {
      open();
      add_up();
      write();
    } catch (const Error& error) {
      if (error.code() == ExitCode::data || error.code() == ExitCode::usage) run_.discard();  // nothing can go on from it
      throw;
    }
    run_.publish(o_.products());
    if (ranks_.is_first())
      for (const std::string& path : o_.products()) context_.process.product(path, sky_map_class, pixels_);
    return run_.finish(context_.threads, fmt::format("pixels       {:>21} of NSide {}\n", grouped(pixels_), o_.nside) + lines_);
  }

 private:
  void open() {
    ranks_.together([&] {
      catalogue_.emplace(o_.catalogue);
      if (catalogue_->rows() == 0) throw DataError(o_.catalogue + ": has no rows");
      statistics_.emplace(o_.statistics, *catalogue_);
      where_ = Selection(o_.where, "--where", catalogue_->schema(), o_.catalogue, {}).condition();
      if (!o_.plot.empty()) {
        require_gnuplot();
        check_plot_column();
      }
      for (const std::string& line : statistics_->guesses()) log_info(line);
    });
  }

  void check_plot_column() const {
    if (o_.plot_column.empty() || o_.plot_column == "n") return;
    std::vector<std::string> names = {"n"};
    for (const MapColumn& column : statistics_->columns()) names.push_back(column.info.name);
    if (std::ranges::find(names, o_.plot_column) == names.end())
      throw UsageError(fmt::format("--plot.column {}: the map has {}", o_.plot_column, join(names, ", ")));
  }

  void add_up() {
    std::shared_ptr<SkyMapWork> work;
    const PartsOf<PixelSumsCodec> parts(run_.parts("pixels"), {statistics_->layout().medians()});
    ranks_.together([&] {
      const std::vector<SkyArea> areas = read_areas(o_.region);
      std::unique_ptr<CatalogueScan> chosen;
      if (where_ || !areas.empty()) chosen = std::make_unique<CatalogueScan>(*catalogue_, where_, rows_in_areas(*catalogue_, areas));
      work =
          std::make_shared<SkyMapWork>(SkyMapWork::Inputs{*catalogue_, *statistics_, std::move(chosen), order_}, parts, context_.threads);
    });
    TaskInfo task{"sky-map", "rows"};
    // Sums of a block cannot be divided among its rows, and a map with holes would lie.
    task.whole_jobs = true;
    task.must_succeed = true;
    run_.farm(task, map_units(catalogue_->rows()), work);
    rows_.emplace(*statistics_, parts, catalogue_->rows(), catalogue_->layout().ordering == Ordering::healpix);
  }

  [[nodiscard]] RowProduct product() const {
    RowProduct product;
    product.rows = run_.partial(o_.output);
    product.layout.schema = map_schema(*statistics_, order_);
    product.layout.rows = pixels_;
    product.layout.ordering = Ordering::healpix;
    product.layout.roles = {"pix", "ra", "dec", ""};
    product.layout.creator = creator_of("sky-map");
    product.layout.product_class = sky_map_class;
    product.layout.provenance = provenance_json("sky-map", context_.options, identities());
    return product;
  }

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> identities() const {
    std::vector<std::pair<std::string, std::string>> all = {{o_.catalogue, catalogue_->fingerprint()}};
    for (const std::string& path : o_.region.files()) all.emplace_back(path, file_identity(path));
    return all;
  }

  void write() {
    ranks_.on_first_only([&] {
      const PhaseScope scope(ranks_.clock(), Phase::consolidate);
      pixels_ = rows_->count();
      if (pixels_ == 0)
        throw DataError(fmt::format("{}: {} holds for none of {} rows", o_.catalogue,
                                    o_.region.is_given() ? "what is asked for" : fmt::format("--where '{}'", trim(o_.where)),
                                    grouped(catalogue_->rows())));
    });
    run_.once("table", [&] {
      const RowProduct table = product();
      create_product(table, "PIXELS", [](const auto&) {});
      write_attributes(table.rows, {{"nside", std::to_string(o_.nside)}, {"pixel_ordering", "NESTED"}});
      ProductWriter writer(table);
      JobResult ignored;
      rows_->each_block(order_, [&](const Table& rows, std::int64_t first_row) {
        const Table* tables[] = {&rows};
        writer.write(first_row, tables, ignored);
      });
      writer.sync();
    });
    finish_product(ranks_, product(), std::nullopt);
    ranks_.on_first_only([&] { write_maps(); });
  }

  /// Made from the table, under their temporary names.
  void write_maps() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    const std::string table = run_.partial(o_.output);
    std::vector<ColumnInfo> columns = {map_schema(*statistics_, order_)[1]};
    for (const MapColumn& column : statistics_->columns()) columns.push_back(column.info);
    const std::string creator = creator_of("sky-map");
    if (!o_.map.empty()) write_healpix_map(run_.partial(o_.map), table, order_, columns, o_.coverage == "full", creator);
    if (!o_.healsparse.empty())
      write_healsparse_map(run_.partial(o_.healsparse), table, order_, order_of_nside(o_.healsparse_nside), columns, creator);
    if (!o_.plot.empty()) lines_ = fmt::format("picture      {}\n", draw_map(run_.partial(o_.plot), table, o_, *statistics_));
  }

  const SkyMapOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  int order_;
  Run run_;
  std::optional<Catalogue> catalogue_;
  std::optional<MapStatistics> statistics_;
  std::optional<Condition> where_;
  std::optional<MapRows> rows_;
  std::int64_t pixels_ = 0;
  std::string lines_;
};

class SkyMapCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, options_); }
  ExitCode run(const CommandContext& context) override {
    check(options_);
    return SkyMapRun(options_, context).run();
  }

 private:
  SkyMapOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_sky_map_command() { return std::make_unique<SkyMapCommand>(); }

}  // namespace skyfold
