// The command photoz: a model's estimator over all objects of a catalogue, whose product is a catalogue again, with the PDFs in a
// file that the qp library reads.
#include <fmt/core.h>

#include <algorithm>

#include "folder.hpp"
#include "models.hpp"
#include "results.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/ordered_catalogue.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/dataset/survey_preset.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/prepare_rows.hpp"
#include "skyfold/run/run.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

struct PhotozOptions {
  CatalogueInput catalogue;
  ModelOptions models;
  std::string catalogues;
  std::string output, fits, truth, where, pdf_where;
  std::string partitions_per_job = "auto";
  ModelBandOptions bands;
  std::string survey;
  PartitionOptions partition;
};

void describe_photoz(OptionSet& option, PhotozOptions& o) {
  option("catalogue", o.catalogue.path, "objects: a catalogue made by import or mock, or any table that import reads").layout();
  option("catalogues", o.catalogues, "a folder, a pattern or a list of tables instead: each is estimated by itself, without import")
      .layout();
  option("output", o.output, "photo-z of every object, HDF5; of --catalogues the folder of the products")
      .required()
      .layout()
      .writes(FileKind::hdf5);
  option("fits", o.fits, "the same as a FITS binary table").layout().writes(FileKind::fits);
  option("where", o.where, "condition that objects must meet (see docs/conditions.md); the others have no row in the product");
  option("truth", o.truth, "column of known redshifts for the quality line and files of PDFs; empty: the model's, where there is one");
  option("partitions-per-job", o.partitions_per_job, "partitions that a rank takes at a time: auto or a count").layout();
  describe_survey(option, o.survey);
  describe(option, o.bands);
  describe(option, o.partition);
  describe(option, o.models);
  option("pdf.where", o.pdf_where, "condition that objects must meet for their PDF to be kept");
  describe(option, o.catalogue);
}

/// What is no product of skyfold at all gets the reader's own message.
void require_kind(const std::string& path, const std::vector<std::string>& classes, const std::string& option) {
  if (!class_of(path).empty()) require_class(path, classes, option);
}

/// One run of photoz.
class PhotozRun {
 public:
  PhotozRun(PhotozOptions& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    ranks_.together([&] { survey_ = take_survey(o_.survey, o_.bands); });
    ranks_.together([&] {
      for (const std::string& path : o_.models.paths) require_kind(path, {product_class::photoz_model}, "model");
      named_ = name_models(o_.models, o_.output);
    });
    ranks_.on_first_only([&] {
      check_outputs(product_paths(), input_paths(o_.catalogue.path));
      check_run_folder(o_.output);
    });
    // As rank 0 sees it: one that sees another file is told by the run, which all have to reach.
    is_plain_ = ranks_.on_first([&] { return std::string(is_plain_table(o_.catalogue) ? "yes" : ""); }) == "yes";
    // Before the run: a catalogue in another order is a product of its own, and an input of this run. Of a table that is no catalogue
    // the run must know first whether it has changed.
    if (!is_plain_) order_catalogue();
    run_.emplace(ranks_, context_.options, context_.run,
                 RunSetup{"photoz",
                          program_version,
                          o_.output,
                          product_paths(),
                          input_paths(is_plain_ ? o_.catalogue.path : ordered_path_),
                          &context_.process,
                          {o_.fits},
                          RunSetup::Reopen::always});
    if (run_->is_complete()) return ExitCode::done;
    if (is_plain_) order_catalogue();
    open_inputs();
    plan();
    prepare();
    compute();
    return publish();
  }

 private:
  /// The order of the rows decides the product, so that the catalogue in that order is the run's input.
  void order_catalogue() {
    OrderAsked asked;
    asked.partition = o_.partition;
    asked.is_given = context_.options.given("partition.by");
    asked.output = o_.output;
    // The copy takes as long as an import: what is wrong with the options shows before it is made.
    asked.check = [&](const CatalogueLayout& layout) { fit_models(layout); };
    ordered_path_ = ordered_catalogue(o_.catalogue, asked, context_);
  }

  void open_inputs() {
    ranks_.together([&] {
      const PhaseScope scope(ranks_.clock(), Phase::read);
      catalogue_.emplace(ordered_path_);
      partition_ = suited_partition(o_.partition, context_.options.given("partition.by"), catalogue_->layout().ordering);
      fit_models(catalogue_->layout());
      for (const std::string& line : said_) log_info(line);
      if (o_.output.ends_with(".h5"))
        log_info(
            fmt::format("{}: qp and tables_io take .h5 for tables of pandas; what they should open is better called .hdf5", o_.output));
    });
  }

  /// Reads the models, and finds their columns, and those of conditions, in the catalogue.
  void fit_models(const CatalogueLayout& layout) {
    const std::string& path = o_.catalogue.path;
    // The copy of a table has the record of its corrections, too.
    const PhotometricTable table{
        {catalogue_ ? catalogue_->path() : path}, layout.schema, layout.roles.ra, layout.roles.dec, layout.roles.tile};
    models_.clear();
    said_.clear();
    for (const NamedModel& named : named_) {
      models_.push_back(fit_model(o_.models, context_.options, o_.bands, named, table, layout.roles.id));
      // Of models that were trained alike the same is said once.
      for (const std::string& line : models_.back().lines)
        if (std::ranges::find(said_, line) == said_.end()) said_.push_back(line);
    }
    copied_ = copied_columns(o_.models.columns, layout, path);
    std::vector<std::string> names;
    for (const CopiedColumn& column : copied_) names.push_back(column.as.name);
    for (const FittedModel& model : models_)
      for (const ColumnInfo& column : model.visible()) {
        if (std::ranges::find(names, column.name) != names.end())
          throw DataError(fmt::format("{}: its column {} goes into the product, which has a column of that name", path, column.name));
        names.push_back(column.name);
      }
    consensus_ = consensus_of(o_.models, named_);
    if (consensus_)
      for (const ColumnInfo& column : Consensus::columns())
        if (std::ranges::find(names, column.name) != names.end())
          throw UsageError(fmt::format("--consensus: the product has a column {} (--consensus none)", column.name));
    truth_ = truth_column(layout.schema);
    if (std::string line; trim(o_.where).empty()) {
      o_.where = condition_for(survey_, layout.schema, path, line);
      if (!line.empty()) said_.push_back(line);
    }
    choose("where", o_.where, layout.schema, where_);
    if (!has_pdf()) refuse_idle_options("--pdf", {{"pdf.where", !trim(o_.pdf_where).empty()}});
    choose("pdf.where", o_.pdf_where, layout.schema, pdf_where_);
  }

  std::vector<std::string> input_paths(const std::string& catalogue) const {
    std::vector<std::string> paths = {catalogue};
    paths.insert(paths.end(), o_.models.paths.begin(), o_.models.paths.end());
    for (const std::string& path : files_of(o_.bands)) paths.push_back(path);
    if (!survey_.path.empty()) paths.push_back(survey_.path);
    return paths;
  }

  std::vector<std::string> product_paths() const {
    std::vector<std::string> paths = {o_.output};
    if (!o_.fits.empty()) paths.push_back(o_.fits);
    for (const NamedModel& model : named_)
      if (!model.pdf_path.empty()) paths.push_back(model.pdf_path);
    return paths;
  }

  std::string truth_column(const Schema& schema) const {
    if (o_.truth.empty()) {
      for (const FittedModel& fitted : models_)
        if (find_column(schema, fitted.model.redshift)) return fitted.model.redshift;
      return "";
    }
    const auto column = find_column(schema, o_.truth);
    if (!column) throw UsageError(fmt::format("{}: no column {} (named by --truth)", o_.catalogue.path, o_.truth));
    if (schema[*column].type == Type::text)
      throw UsageError(fmt::format("{}: column {} is text (named by --truth)", o_.catalogue.path, o_.truth));
    return o_.truth;
  }

  void choose(const char* option, const std::string& text, const Schema& schema, std::optional<Condition>& condition) const {
    if (!trim(text).empty()) condition.emplace(text, schema, fmt::format("{} (--{})", o_.catalogue.path, option));
  }

  void plan() {
    if (where_)
      ranks_.together([&] { partitions_ = build_partitions(catalogue_->ordered_rows(), partition_); });
    else
      ranks_.on_first_only([&] { partitions_ = build_partitions(catalogue_->ordered_rows(), partition_); });
    choose_objects();
    if (!ranks_.is_first()) return;
    partitions_ = objects_->numbered(partitions_);
    const std::string of_all = where_ ? " of " + grouped(catalogue_->rows()) : "";
    log_info(fmt::format("{}: {}{} objects in {} partitions; model {}", o_.catalogue.path, grouped(objects_->size()), of_all,
                         grouped(std::ssize(partitions_)), models_.front().summary()));
    for (std::size_t i = 1; i < models_.size(); ++i) log_info("  and model " + models_[i].summary());
    if (with_pdf_) log_info(fmt::format("{} of them with a PDF", grouped(with_pdf_->size())));
  }

  /// Counts the objects that conditions choose: the place of every row in the products is known before the run then, too.
  void choose_objects() {
    const PhaseScope scope(ranks_.clock(), Phase::read);
    const auto require = [&](const ChosenRows& chosen, const char* option, const std::string& text) {
      if (chosen.size() == 0 && catalogue_->rows() > 0)
        throw DataError(
            fmt::format("{}: --{} '{}' holds for none of {} objects", o_.catalogue.path, option, trim(text), grouped(catalogue_->rows())));
    };
    if (where_)
      objects_.emplace(ranks_, *catalogue_, *where_, partitions_);
    else
      objects_.emplace(*catalogue_);
    ranks_.together([&] { require(*objects_, "where", o_.where); });
    if (!pdf_where_) return;
    ranks_.together([&] {
      if (where_) choose("pdf.where", fmt::format("({}) and ({})", o_.where, o_.pdf_where), catalogue_->schema(), pdf_where_);
    });
    with_pdf_.emplace(ranks_, *catalogue_, *pdf_where_);
    ranks_.together([&] { require(*with_pdf_, "pdf.where", o_.pdf_where); });
    pdf_objects_ = chosen_for_pdf(*objects_, *with_pdf_);
  }

  /// What files of PDFs tell of their objects, besides the PDFs.
  PdfCopies pdf_copies(const FittedModel& model) const {
    PdfCopies copies;
    copies.estimator = model.named.name.empty() ? model.model.algorithm : model.named.name;
    const auto column = [&](const std::string& name) { return catalogue_->schema()[*find_column(catalogue_->schema(), name)]; };
    if (const std::string& id = catalogue_->layout().roles.id; !id.empty()) copies.id = column(id);
    if (!truth_.empty() && o_.models.ancil == "all") copies.redshift = column(truth_);
    return copies;
  }

  void prepare() {
    ranks_.together([&] { describe_product(); });
    prepare_product(*run_, ranks_, product_, o_.output, "PHOTOZ", texts(), [&] {
      for (const FittedModel& model : models_) {
        const std::string& path = model.named.pdf_path;
        if (path.empty()) continue;
        create_pdf_file(run_->partial(path), model.pdf, model.kernel->gives(), with_pdf_ ? with_pdf_->size() : objects_->size(),
                        pdf_objects(), pdf_copies(model));
        // An interrupted attempt may have laid the file out otherwise: rows are taken over, not the file.
        if (const std::string earlier = run_->earlier(path); !earlier.empty())
          for (const std::string& group : pdf_groups()) take_rows(earlier, run_->partial(path), group);
      }
    });
  }

  /// Of the rows of the product: FITS is laid out for them.
  EachText texts() const {
    if (!where_) return texts_in(catalogue_->reader(), product_.layout.schema);
    Schema columns;
    for (const CopiedColumn& column : copied_)
      if (column.as.type == Type::text) columns.push_back(column.as);
    return [this, columns](const std::function<void(const Table&)>& use) {
      Table block(columns);
      for (std::int64_t begin = 0; begin < objects_->size() && !columns.empty(); begin += zone_rows) {
        objects_->read({begin, std::min(begin + zone_rows, objects_->size())}, block);
        use(block);
      }
    };
  }

  void describe_product() {
    product_.rows = run_->partial(o_.output);
    product_.fits = o_.fits.empty() ? "" : run_->partial(o_.fits);
    product_.is_fits_along = run_->is_filled_along(o_.fits);
    // Order and roles are the catalogue's: the product is one, and can be the input of what takes catalogues.
    product_.layout = catalogue_->layout();
    product_.layout.rows = objects_->size();
    product_.layout.schema.clear();
    const auto renamed = [&](std::string& role) {
      for (const CopiedColumn& column : copied_)
        if (column.from == role) return void(role = column.as.name);
      role.clear();
    };
    for (std::string* role :
         {&product_.layout.roles.id, &product_.layout.roles.ra, &product_.layout.roles.dec, &product_.layout.roles.tile})
      renamed(*role);
    for (const CopiedColumn& column : copied_) product_.layout.schema.push_back(column.as);
    // PDFs have files of their own: with hundreds of numbers each they would be most of the product.
    for (const FittedModel& model : models_)
      for (const ColumnInfo& column : model.visible()) product_.layout.schema.push_back(column);
    if (consensus_)
      for (const ColumnInfo& column : Consensus::columns()) product_.layout.schema.push_back(column);
    product_.layout.creator = creator_of("photoz");
    product_.layout.product_class = product_class::photoz;
    std::vector<std::pair<std::string, std::string>> identities = {{catalogue_->path(), catalogue_->fingerprint()}};
    for (const std::string& path : input_paths(ordered_path_))
      if (path != ordered_path_) identities.emplace_back(path, file_identity(path));
    product_.layout.provenance = provenance_json("photoz", context_.options, identities);
  }

  void compute() {
    std::shared_ptr<PhotozWork> work;
    ranks_.together([&] {
      std::vector<ModelWork> models;
      for (const FittedModel& model : models_)
        models.push_back({*model.kernel, model.corrections, model.named.pdf_path.empty() ? "" : run_->partial(model.named.pdf_path)});
      const PdfCopies copies = has_pdf() ? pdf_copies(models_.front()) : PdfCopies();
      work = std::make_shared<PhotozWork>(*objects_, models, consensus_, CopiedRows{copied_, copies, pdf_objects()}, product_,
                                          context_.threads);
    });
    run_->farm({"photoz", "objects", o_.partitions_per_job}, partitions_, work);
  }

  ExitCode publish() {
    finish_product(ranks_, product_, run_->fits_sum());
    for (const NamedModel& model : named_)
      if (!model.pdf_path.empty()) finish_pdf_file(ranks_, run_->partial(model.pdf_path));
    // Before the names are given: a product that cannot be read back is none.
    const std::string quality = describe_product_rows();
    run_->publish(product_paths());
    return run_->finish(context_.threads, quality.empty() ? "" : quality + "\n");
  }

  /// Reads the product once more: counts for its log and, where true redshifts are known, the line about its quality.
  std::string describe_product_rows() const {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    std::vector<ModelResults> results;
    ranks_.together([&] {
      // Written and hashed a moment ago by this run: its zones need no comparison.
      const RowReader product(product_.rows, "/object", ZoneCheck::off);
      Table truth;
      if (!truth_.empty()) truth.add(catalogue_->schema()[*find_column(catalogue_->schema(), truth_)]);
      const PhotozForm form = photoz_form(o_.models.columns);
      for (const FittedModel& model : models_) {
        results.emplace_back(form, models_.size() > 1 ? model.named.name : "", model.named.name);
        if (!model.named.pdf_path.empty()) results.back().watch(model.pdf);
      }
      // Zone by zone in turn; counts are whole numbers, so their sum does not depend on how ranks shared the zones.
      for (std::int64_t begin = ranks_.rank() * zone_rows; begin < objects_->size(); begin += ranks_.size() * zone_rows) {
        const RowRange block{begin, std::min(begin + zone_rows, objects_->size())};
        if (!truth_.empty()) objects_->read(block, truth);
        for (ModelResults& result : results) result.add(product, block, truth_.empty() ? nullptr : &truth[0]);
      }
    });
    context_.process.fact("objects", grouped(objects_->size()));
    std::vector<std::string> lines;
    for (ModelResults& result : results) {
      for (const std::span<std::int64_t> counts : result.all()) ranks_.sum(counts);
      if (const std::string line = result.describe(context_.process); !line.empty()) lines.push_back(line);
    }
    return join(lines, "\n");
  }

  const PdfObjects* pdf_objects() const { return pdf_objects_ ? &*pdf_objects_ : nullptr; }
  bool has_pdf() const { return o_.models.pdf.kind != "none"; }

  PhotozOptions& o_;
  TakenSurvey survey_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<Run> run_;
  PartitionOptions partition_;
  bool is_plain_ = false;     ///< the catalogue is a table of another kind
  std::string ordered_path_;  ///< of the catalogue, or of its copy in the order that the partitions need
  std::optional<Catalogue> catalogue_;
  std::vector<NamedModel> named_;
  std::vector<FittedModel> models_;  ///< the same, ready for the catalogue
  std::optional<Consensus> consensus_;
  std::vector<std::string> said_;  ///< about the photometry
  std::vector<CopiedColumn> copied_;
  std::string truth_;
  std::optional<Condition> where_, pdf_where_;
  std::optional<ChosenRows> objects_;   ///< rows of the product
  std::optional<ChosenRows> with_pdf_;  ///< where not all have one
  std::optional<PdfObjects> pdf_objects_;
  std::vector<Partition> partitions_;  ///< rank 0
  RowProduct product_;
};

class PhotozCommand final : public Command {
 public:
  void describe(OptionSet& option) override { describe_photoz(option, options_); }
  ExitCode run(const CommandContext& context) override {
    if (options_.catalogues.empty() == options_.catalogue.path.empty())
      throw UsageError(options_.catalogues.empty() ? "--catalogue is missing (or --catalogues, for the files of a folder)"
                                                   : "--catalogue and --catalogues exclude each other");
    return options_.catalogues.empty() ? PhotozRun(options_, context).run() : run_on_folder(context);
  }

 private:
  ExitCode run_on_folder(const CommandContext& context) {
    const PartitionOptions usual;  // by value: recorded configurations give all options
    refuse_idle_options("--catalogue", {{"fits", !options_.fits.empty()},
                                        {"truth", !options_.truth.empty()},
                                        {"partition.by", options_.partition.by != usual.by},
                                        {"partition.rows", options_.partition.rows != usual.rows},
                                        {"partition.nside", options_.partition.nside != usual.nside},
                                        {"partition.column", options_.partition.column != usual.column},
                                        {"partition.bins", options_.partition.bins != usual.bins},
                                        {"partitions-per-job", options_.partitions_per_job != "auto"},
                                        {"compress", context.run.compress != "none"}});
    if (options_.models.pdf.kind == "none") refuse_idle_options("--pdf", {{"pdf.where", !trim(options_.pdf_where).empty()}});
    std::string output = options_.output;
    while (output.size() > 1 && output.ends_with('/')) output.pop_back();
    return estimate_folder({options_.catalogues, options_.models, output, options_.where, options_.pdf_where, options_.survey,
                            options_.bands, options_.catalogue},
                           context);
  }

  PhotozOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_photoz_command() { return std::make_unique<PhotozCommand>(); }

}  // namespace skyfold
