// The command locus: one run, from the options to the published products.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>

#include "inputs.hpp"
#include "plot.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/csv.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/prepare_rows.hpp"
#include "skyfold/run/run.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

/// One run of locus.
class LocusRun {
 public:
  LocusRun(const LocusStageOptions& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    // Before the work: hours of it must not end with "gnuplot is not installed".
    if (!o_.plot.empty()) ranks_.on_first_only(require_gnuplot);
    (void)LocusInputs::mode_of(o_);
    // An order of the targets other than that of the sky is another input, so that attempts by both never share rows.
    paths_ = traversal_paths(o_, context_);
    run_.emplace(ranks_, context_.options, context_.run,
                 RunSetup{"locus", program_version, o_.output, product_paths(), LocusInputs::paths(o_, paths_), &context_.process,
                          derived_paths(), o_.stars.empty() ? RunSetup::Reopen::always : RunSetup::Reopen::when_failed});
    if (run_->is_complete()) return ExitCode::done;
    inputs_.emplace(o_, context_, paths_);
    find_plotted();
    prepare();
    compute();
    return publish();
  }

 private:
  std::vector<std::string> product_paths() const {
    std::vector<std::string> paths = {o_.output};
    for (const std::string& path : {o_.fits, o_.csv, o_.stars, stars_csv()})
      if (!path.empty()) paths.push_back(path);
    for (const std::string& id : o_.plot)
      for (const std::string& path : chart_paths(id)) paths.push_back(path);
    return paths;
  }

  /// The reference stars as text: with both the table of them and text of the pointings.
  std::string stars_csv() const { return o_.csv.empty() || o_.stars.empty() ? "" : path_beside(o_.csv, "stars"); }

  std::vector<std::string> derived_paths() const {
    std::vector<std::string> paths = product_paths();
    // These can be made from the table of pointings, so that a later run of the same command may ask for them.
    std::erase_if(paths, [&](const std::string& path) { return path == o_.output || path == o_.stars || path == stars_csv(); });
    return paths;
  }

  /// P.h5 -> P.ID.svg, where characters of the id that no file name should have are underscores: an id names no folder.
  std::vector<std::string> chart_paths(std::string id) const {
    std::ranges::replace_if(
        id, [](unsigned char c) { return c == '/' || c < 0x20 || c == 0x7f; }, '_');
    std::vector<std::string> paths;
    for (const char* ending : {"svg", "png"})
      if (o_.plot_format == ending || o_.plot_format == "both")
        paths.push_back(std::filesystem::path(o_.output).replace_extension(fmt::format(".{}.{}", id, ending)).string());
    return paths;
  }

  void prepare() {
    product_.rows = run_->partial(o_.output);
    product_.fits = o_.fits.empty() ? "" : run_->partial(o_.fits);
    product_.is_fits_along = run_->is_filled_along(o_.fits);
    product_.layout.schema = inputs_->kernel().gives();
    for (const std::string& name : inputs_->targets().passed()) {
      // The user's names are not changed: a column that is called otherwise in the product would be looked for in vain.
      if (find_column(product_.layout.schema, name))
        throw DataError(fmt::format("{}: its column {} goes into the product, which has a column of that name (--columns.id names another)",
                                    LocusInputs::paths(o_, paths_).front(), name));
      product_.layout.schema.push_back(inputs_->targets().schema()[*find_column(inputs_->targets().schema(), name)]);
    }
    // A row for each target, in the order of the parts: ranks write by position, and the product does not depend on who did what.
    product_.layout.rows = inputs_->targets().rows();
    product_.layout.ordering = inputs_->targets().ordering();
    product_.layout.roles = {inputs_->targets().id(), "ra", "dec", ""};
    product_.layout.creator = creator_of("locus");
    product_.layout.product_class = "pointings";
    product_.layout.provenance = provenance_json("locus", context_.options, inputs_->identities());
    prepare_product(*run_, ranks_, product_, o_.output, "LOCUS", [&](const auto& use) { look_at_texts(use); });
    if (o_.stars.empty()) return;
    references_.emplace(reference_parts(run_->parts("reference stars"), inputs_->stars().has_id()));
  }

  /// Ids of the targets, where they are text.
  void look_at_texts(const std::function<void(const Table&)>& use) const {
    const LocusTargets& targets = inputs_->targets();
    const auto is_text = [&](const std::string& name) { return targets.schema()[*find_column(targets.schema(), name)].type == Type::text; };
    if (std::ranges::none_of(targets.passed(), is_text)) return;
    Table table(targets.schema());
    for (std::size_t part = 0; part < targets.parts().size(); ++part) {
      targets.read(part, table);
      use(table);
    }
  }

  void compute() {
    if (ranks_.is_first())
      log_info(fmt::format("{} targets in {} parts{}", grouped(inputs_->targets().rows()), grouped(std::ssize(inputs_->targets().parts())),
                           inputs_->star_count() > 0 ? fmt::format(", {} stars", grouped(inputs_->star_count())) : ""));
    std::shared_ptr<LocusWork> work;
    ranks_.together([&] {
      work = std::make_shared<LocusWork>(inputs_->kernel(), inputs_->targets(), inputs_->stars(), product_,
                                         references_ ? &*references_ : nullptr, context_.threads);
    });
    TaskInfo task{"locus", "targets"};
    // A part is read with the stars around it: cut into blocks, these would be read again for each.
    task.whole_jobs = true;
    run_->farm(task, inputs_->targets().parts(), work);
  }

  ExitCode publish() {
    // CSV, charts and the table of stars are made from the finished rows, so the order here matters.
    finish_product(ranks_, product_, run_->fits_sum());
    if (references_) put_together(ranks_, *references_, inputs_->targets().rows(), run_->partial(o_.stars), creator_of("locus"));
    ranks_.on_first_only([&] {
      const PhaseScope scope(ranks_.clock(), Phase::consolidate);
      if (!o_.csv.empty()) write_csv(product_.rows, product_.layout.schema, run_->partial(o_.csv), inputs_->bands());
      if (!stars_csv().empty())
        write_csv(run_->partial(o_.stars), reference_schema(inputs_->stars().has_id()), run_->partial(stars_csv()), {});
      for (std::size_t i = 0; i < o_.plot.size(); ++i) draw(o_.plot[i], plotted_[i]);
    });
    const std::string lines = summary();
    run_->publish(product_paths());
    return run_->finish(context_.threads, lines);
  }

  /// How many targets got a pointing, and how good.
  std::string summary() const {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    std::vector<std::int64_t> counts(5);
    ranks_.together([&] {
      const RowReader product(product_.rows, "/object", ZoneCheck::off);
      Table status({product.schema()[*find_column(product.schema(), "status")]});
      for (std::int64_t begin = ranks_.rank() * zone_rows; begin < inputs_->targets().rows(); begin += ranks_.size() * zone_rows) {
        product.read({begin, std::min(begin + zone_rows, inputs_->targets().rows())}, status);
        for (const std::int32_t value : status[0].values<std::int32_t>()) ++counts[static_cast<std::size_t>(std::clamp(value, 0, 4))];
      }
    });
    ranks_.sum(counts);
    return fmt::format("{} pointings; {} targets without reference star, {} without magnitude\n", grouped(counts[0]), grouped(counts[1]),
                       grouped(counts[2]));
  }

  /// Rows of the targets to be drawn, by id or, without ids, by their row numbers; collective, before the work.
  void find_plotted() {
    if (o_.plot.empty()) return;
    const LocusTargets& targets = inputs_->targets();
    const std::string column = targets.id().empty() ? target_row_column : targets.id();
    Table rows(targets.schema());
    plotted_.assign(o_.plot.size(), -1);
    for (const std::string& text : ranks_.run_units(targets.parts().size(), [&](std::size_t part) {
           targets.read(part, rows);
           const Column& ids = rows.at(column);
           std::string found;
           for (std::size_t i = 0; i < rows.rows(); ++i) {
             const std::string id = ids.info().type == Type::text ? std::string(trim(ids.text(i))) : std::to_string(ids.integer(i));
             for (std::size_t k = 0; k < o_.plot.size(); ++k)
               // Any rank may find a target: what each finds goes to all of them as text.
               if (id == o_.plot[k]) found += fmt::format("{} {} ", k, targets.parts()[part].rows.begin + static_cast<std::int64_t>(i));
           }
           return found;
         })) {
      std::istringstream numbers(text);
      std::int64_t row = 0;
      for (std::size_t k = 0; numbers >> k >> row;)
        // The first target with that id, where ids are not unique.
        if (plotted_[k] < 0) plotted_[k] = row;
    }
    for (std::size_t k = 0; k < plotted_.size(); ++k)
      if (plotted_[k] < 0) throw UsageError(fmt::format("--plot {}: there is no such target", o_.plot[k]));
  }

  /// @param row  of the product
  void draw(const std::string& id, std::int64_t row) {
    const auto part =
        std::ranges::find_if(inputs_->targets().parts(), [&](const Partition& p) { return row >= p.rows.begin && row < p.rows.end; });
    Table targets(inputs_->targets().schema());
    inputs_->targets().read(static_cast<std::size_t>(part->id), targets);
    Table one(inputs_->targets().schema());
    gather_known(targets, {static_cast<std::size_t>(row - part->rows.begin)}, one);
    StarBlock stars;
    // The stars are read again: the run keeps none, and a chart shows all of them, not only those of the pointing.
    inputs_->stars().read(static_cast<std::size_t>(part->id), one, stars);
    const FinderChart chart = finder_chart(id, o_.plot_date, o_.locus.band, inputs_->kernel().rules(), inputs_->kernel().targets_of(one)[0],
                                           inputs_->kernel().field_of(stars.stars, context_.threads));
    for (const std::string& path : chart_paths(id)) draw_finder_chart(chart, run_->partial(path));
  }

  const LocusStageOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  TraversalPaths paths_;
  std::optional<Run> run_;
  std::optional<LocusInputs> inputs_;
  RowProduct product_;
  std::optional<ReferenceParts> references_;
  std::vector<std::int64_t> plotted_;  ///< row of each target to be drawn
};

class LocusCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, options_); }
  ExitCode run(const CommandContext& context) override { return LocusRun(options_, context).run(); }

 private:
  LocusStageOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_locus_command() { return std::make_unique<LocusCommand>(); }

}  // namespace skyfold
