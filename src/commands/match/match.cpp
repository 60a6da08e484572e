// The command match: every row of the catalogue is looked for in the index of the spectroscopic sample, on all ranks; the training
// set, which is small, is then put together on rank 0.
#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "pairs.hpp"
#include "report.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/ordered_catalogue.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/dataset/model_photometry.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/plan/row_blocks.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"
#include "skyfold/sky/healpix.hpp"
#include "spec_sample.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

/// One run of match.
class MatchRun {
 public:
  MatchRun(MatchOptions& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    ranks_.together([&] { survey_ = take_survey(o_.survey, o_.bands, o_.flux, o_.extinction); });
    run_.emplace(ranks_, context_.options, context_.run,
                 RunSetup{"match", program_version, o_.output, products(), inputs(), &context_.process, {o_.fits}});
    if (run_->is_complete()) return ExitCode::done;
    open_inputs();
    compute();
    ranks_.on_first_only([&] { reduce(); });
    write();
    return publish();
  }

 private:
  std::vector<std::string> products() const {
    std::vector<std::string> paths = {o_.output};
    if (!o_.fits.empty()) paths.push_back(o_.fits);
    return paths;
  }

  std::vector<std::string> inputs() const {
    std::vector<std::string> paths = {o_.spec, o_.catalogue.path};
    for (const std::string& path : {o_.star_table, o_.zeropoint_table, o_.extinction.map, survey_.path})
      if (!path.empty()) paths.push_back(path);
    return paths;
  }

  TableRoles bands_in(const Schema& schema) const {
    BandOptions bands = o_.bands;
    take_flux_names(o_.flux, bands, schema, o_.catalogue.path);
    return find_roles(schema, {.path = o_.catalogue.path, .magnitude = RoleAsked{"bands.magnitude", bands.magnitude}, .bands = bands});
  }

  /// The catalogue as it is, in whatever order, or the ordered copy of another table.
  std::string order_catalogue() {
    OrderAsked asked;
    asked.is_given = false;
    asked.needs_positions = true;
    asked.output = o_.output;
    // What is wrong with the bands is told before a copy is made, which may take as long as an import.
    asked.check = [&](const CatalogueLayout& layout) { (void)bands_in(layout.schema); };
    return ordered_catalogue(o_.catalogue, asked, context_);
  }

  void open_inputs() {
    ranks_.together([&] {
      const PhaseScope scope(ranks_.clock(), Phase::read);
      read_sample();
    });
    const std::string path = order_catalogue();
    ranks_.together([&] {
      const PhaseScope scope(ranks_.clock(), Phase::read);
      catalogue_.emplace(path);
      const Roles& roles = catalogue_->layout().roles;
      if (roles.ra.empty() || roles.dec.empty()) throw UsageError(o_.catalogue.path + ": no positions, so that nothing can be matched");
      // Before bands are looked for: what the catalogue calls missing is no magnitude of any band.
      take_sentinels(read_corrections(catalogue_->path()), o_.bands);
      const TableRoles found = bands_in(catalogue_->schema());
      if (ranks_.is_first()) say_guesses(found);
      o_.bands = found.bands;
      const ColumnInfo* const id = roles.id.empty() ? nullptr : &catalogue_->schema()[*find_column(catalogue_->schema(), roles.id)];
      const Schema own = training_schema(sample_, id);
      photometry_.emplace(o_, found.columns, *catalogue_);
      if (ranks_.is_first())
        for (const std::string& line : photometry_->lines()) log_info(line);
      add_survey_cut();
      cuts_.emplace(o_, own, *catalogue_, *photometry_, roles.id);
      inputs_.emplace(TrainingInputs{o_, sample_, *catalogue_, *photometry_, *cuts_, roles.id});
      (void)passed_columns(*inputs_, own);  // names that are taken are an error before the work
    });
  }

  /// The survey's cut comes before the user's.
  void add_survey_cut() {
    std::string line;
    const std::string where = condition_for(survey_, photometry_->schema(), catalogue_->path(), line);
    if (!line.empty() && ranks_.is_first()) log_info(line);
    // A run that is repeated from its record has the cut already.
    if (where.empty() || trim(o_.cuts).starts_with(where)) return;
    o_.cuts = trim(o_.cuts).empty() ? where : where + "; " + o_.cuts;
  }

  void read_sample() {
    sample_ = read_spectroscopic_sample(o_, ranks_.is_first());
    // On every rank: the sample is small beside the catalogue, and every block may lie anywhere on the sky.
    index_.emplace(sample_.at("ra").values<double>(), sample_.at("dec").values<double>(), o_.radius_arcsec, context_.threads);
  }

  /// Columns of the catalogue that are read where an object may match, or is compared.
  Schema wanted() const {
    const Roles& roles = catalogue_->layout().roles;
    std::vector<std::string> names = {roles.ra, roles.dec};
    if (!roles.id.empty()) names.push_back(roles.id);
    // Each once, as cuts may name magnitudes.
    for (const auto& list : {photometry_->needs(), cuts_->needs(), o_.keep}) names.insert(names.end(), list.begin(), list.end());
    Schema schema;
    for (const std::string& name : names)
      if (!find_column(schema, name)) schema.push_back(catalogue_->schema()[*find_column(catalogue_->schema(), name)]);
    return schema;
  }

  std::vector<Partition> partitions() const { return row_blocks(catalogue_->rows(), match_block_rows); }

  void compute() {
    const std::shared_ptr<Parts> parts = run_->parts("matches");
    std::shared_ptr<MatchWork> work;
    ranks_.together([&] {
      parts_.emplace(parts, MatchCodec{wanted()});
      const double share =
          std::min(1.0, static_cast<double>(o_.reference_rows) / static_cast<double>(std::max<std::int64_t>(1, catalogue_->rows())));
      work = std::make_shared<MatchWork>(MatchWork::Inputs{*catalogue_, *index_, *photometry_, *cuts_, o_.bands, share}, *parts_,
                                         context_.threads);
    });
    if (ranks_.is_first())
      log_info(fmt::format("{} spectroscopic objects, {} photometric ones", grouped(static_cast<long long>(sample_.rows())),
                           grouped(catalogue_->rows())));
    TaskInfo task{"match", "objects"};
    // A block is kept as one part and never cut: its counts cannot be divided among rows.
    task.whole_jobs = true;
    // A block that failed would be a hole in the training set that nobody sees.
    task.must_succeed = true;
    run_->farm(task, partitions(), work);
  }

  void reduce() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    try {
      training_ = make_training_set(*inputs_, *parts_);
    } catch (const DataError&) {
      // An error of the data: other inputs will be tried next, and what is done is of no use to them.
      run_->discard();
      throw;
    }
  }

  /// Lays out the product and fills it, on rank 0: it is small beside the catalogue.
  void write() {
    run_->once("products", [&] {
      const RowProduct product = describe_product();
      create_product(product, "TRAINING", [&](const auto& use) { use(training_.rows); });
      write_attributes(product.rows, {{"selection", describe_selection(*inputs_)}});
      write_corrections(product.rows, photometry_->record(o_.bands));
      ProductWriter writer(product);
      const Table* tables[] = {&training_.rows};
      JobResult ignored;
      writer.write(0, tables, ignored);
      writer.sync();
    });
    ranks_.on_first_only([&] {
      const RowProduct product = describe_product();
      if (!product.fits.empty() && !product.is_fits_along)
        create_product_fits(product, "TRAINING", [&](const auto& use) { use(training_.rows); });
    });
  }

  RowProduct describe_product() const {
    RowProduct product;
    product.rows = run_->partial(o_.output);
    product.fits = o_.fits.empty() ? "" : run_->partial(o_.fits);
    product.is_fits_along = run_->is_filled_along(o_.fits);
    product.layout.schema = training_.rows.schema();
    product.layout.rows = static_cast<std::int64_t>(training_.rows.rows());
    product.layout.ordering = Ordering::healpix;
    product.layout.roles = {"id", "ra", "dec", ""};
    product.layout.creator = creator_of("match");
    product.layout.product_class = product_class::training_set;
    std::vector<std::pair<std::string, std::string>> identities = {{o_.spec, file_identity(o_.spec)},
                                                                   {catalogue_->path(), catalogue_->fingerprint()}};
    for (const std::string& path : {o_.star_table, o_.zeropoint_table, o_.extinction.map, survey_.path})
      if (!path.empty()) identities.emplace_back(path, file_identity(path));
    product.layout.provenance = provenance_json("match", context_.options, identities);
    return product;
  }

  ExitCode publish() {
    RowProduct product;  // the schema is rank 0's
    ranks_.together([&] {
      product.rows = run_->partial(o_.output);
      product.fits = o_.fits.empty() ? "" : run_->partial(o_.fits);
      product.is_fits_along = run_->is_filled_along(o_.fits);
      product.layout.schema = training_.rows.schema();
      product.layout.rows = static_cast<std::int64_t>(training_.rows.rows());
    });
    // Collective, though rank 0 alone has rows: checksums are shared out among all ranks.
    finish_product(ranks_, product, std::nullopt);
    run_->publish(products());
    std::string lines;
    if (ranks_.is_first()) {
      lines = fmt::format("{}training set {:>21} objects\n", describe_training(*inputs_, training_),
                          grouped(static_cast<long long>(training_.rows.rows())));
      log_training(context_.process, *inputs_, training_);
    }
    return run_->finish(context_.threads, lines);
  }

  MatchOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<Run> run_;
  Table sample_;                   ///< the spectroscopic sample
  std::optional<SkyIndex> index_;  ///< of it
  std::optional<Catalogue> catalogue_;
  TakenSurvey survey_;
  std::optional<MatchPhotometry> photometry_;
  std::optional<Cuts> cuts_;
  std::optional<TrainingInputs> inputs_;
  std::optional<MatchParts> parts_;
  TrainingTable training_;  ///< rank 0
};

class MatchCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, options_);
    skyfold::describe(option, pairs_);
  }
  ExitCode run(const CommandContext& context) override {
    const bool are_pairs = !pairs_.first.empty() || !pairs_.second.empty();
    context.ranks->together([&] { check(context.options, are_pairs); });
    if (are_pairs) return match_pairs(pairs_, options_.output, options_.catalogue.source, context);
    return MatchRun(options_, context).run();
  }

 private:
  /// Options of the one kind of match have no meaning in the other.
  void check(const OptionSet& options, bool are_pairs) const {
    const std::vector<std::string> others = are_pairs ? names_of(MatchOptions()) : names_of(PairOptions());
    for (const std::string& name : others)
      if (name != "output" && !name.starts_with("input.") && options.changed(name))
        throw UsageError(
            fmt::format("--{} {} (it is of the other kind of match)", name, are_pairs ? "with two tables" : "without two tables"));
    const auto need = [](const std::string& value, const char* name, const char* what) {
      if (value.empty()) throw UsageError(fmt::format("--{} is missing ({})", name, what));
    };
    if (are_pairs) {
      need(pairs_.second, "second", "match A B: two tables are matched");
      return need(pairs_.radius, "radius", "largest separation, with its unit: 0.5\", 1'");
    }
    need(options_.spec, "spec", "spectroscopic sample; or two tables: match A B --radius 1\"");
    need(options_.catalogue.path, "catalogue", "photometric objects");
    check_ending("output", options_.output, FileKind::hdf5, "--fits Z.fits writes FITS");
  }
  template <class Options>
  static std::vector<std::string> names_of(Options options) {
    OptionSet set;
    skyfold::describe(set, options);
    return set.names();
  }

  MatchOptions options_;
  PairOptions pairs_;
};

}  // namespace

std::unique_ptr<Command> make_match_command() { return std::make_unique<MatchCommand>(); }

}  // namespace skyfold
