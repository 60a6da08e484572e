// The models of a photoz run: what their columns and files of PDFs are called, and the kernel of each for the catalogue at hand.
#include "models.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/pdf_path.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/kernels/photoz/estimator.hpp"

namespace skyfold {
namespace {

bool is_column_name(const std::string& name) {
  const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !name.empty() && std::isalpha(static_cast<unsigned char>(name.front())) != 0 && std::ranges::all_of(name, is_part);
}

std::string algorithm_in(const std::string& path) {
  const Attributes attributes = read_attributes(path);
  const auto found = attributes.find("algorithm");
  // What is no model gets the reader's own message.
  return found != attributes.end() ? found->second : read_model(path).algorithm;
}

void check_names(const std::vector<NamedModel>& models) {
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (models.size() > 1 || !models[i].name.empty())
      if (!is_column_name(models[i].name))
        throw UsageError(
            fmt::format("--model.prefix '{}': not letters, digits and underscores after a letter (columns begin with it)", models[i].name));
    for (std::size_t j = 0; j < i; ++j)
      if (lower(models[i].name) == lower(models[j].name))
        throw UsageError(
            fmt::format("--model: {} and {} are both '{}', so that their columns would have the same names (give one for "
                        "each model: --model.prefix deep,wide)",
                        models[j].path, models[i].path, models[i].name));
  }
}

/// The kernel, with PDFs in the algorithm's own form where the columns need some and none are asked for: its numbers are the best.
PhotozEstimator estimator_of(const ModelOptions& o, const PhotozForm& form, const FittedModel& fitted, const BandColumns& columns) {
  PdfOptions pdf = form.needs_grid ? euclid_grid() : o.pdf;
  if (form.needs_pdf && pdf.kind == "none") pdf.kind = "native";
  return photoz_estimator(fitted.model, columns, pdf);
}

/// What decides a kernel, beside the options of the run.
std::string kernel_key(const NamedModel& named, const BandColumns& columns, const BandOptions& bands, const std::string& id) {
  std::string key = fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n", named.path, named.name, join(columns.magnitude, "\t"),
                                join(columns.error, "\t"), columns.errors_are_limits, bands.nan, bands.inf);
  for (const auto* values : {&bands.nondetection, &bands.missing}) {
    for (const double value : *values) key += shortest(value) + " ";
    key += '\n';
  }
  return key + id;
}

/// Euclid's PDFs have one grid; what is said about another one would do nothing.
void check_grid(const ModelOptions& o, const OptionSet& given, const PhotozForm& form) {
  if (!form.needs_grid) return;
  const PdfOptions grid = euclid_grid();
  if (o.pdf.kind != "none" && o.pdf.kind != "interp")
    throw UsageError(fmt::format("--pdf {}: --columns {} has PDFs on a grid (leave it out, or --pdf interp)", o.pdf.kind, form.name));
  for (const auto& [option, asked, value] : {std::tuple{"pdf.zmin", o.pdf.zmin, grid.zmin}, std::tuple{"pdf.zmax", o.pdf.zmax, grid.zmax},
                                             std::tuple{"pdf.bins", double(o.pdf.bins), double(grid.bins)}})
    if (given.given(option) && asked != value)
      throw UsageError(fmt::format("--{} {}: --columns {} has the grid of {} redshifts from {} to {}", option, shortest(asked), form.name,
                                   grid.bins, shortest(grid.zmin), shortest(grid.zmax)));
}

}  // namespace

void describe(OptionSet& option, ModelOptions& o) {
  option("model", o.paths, "models made by train; several estimate in one pass, into one product").required().layout();
  option("model.prefix", o.prefixes, "what the columns of each model begin with; empty: several models' algorithms");
  option("columns", o.columns, "names and kinds of the columns: skyfold, or those of a survey").one_of(photoz_forms());
  option("consensus", o.consensus, "columns of what several models say together: inverse-variance, or none")
      .one_of({"inverse-variance", "none"});
  option("consensus.sigmas", o.consensus_sigmas, "two models agree when they differ by no more, in errors of their difference")
      .range(0.0, 1e6);
  describe(option, o.pdf);
  option("pdf.ancil", o.ancil,
         "what the file of PDFs has beside them: all (ids, point estimates, quantiles, known redshifts), or ids alone")
      .one_of({"all", "ids"});
  option("pdf.seed", o.seed, "of draws from PDFs (photoz_mc)").range(0.0, 9007199254740992.0);
}

std::vector<NamedModel> name_models(const ModelOptions& o, const std::string& output) {
  const PhotozForm form = photoz_form(o.columns);
  if (!o.prefixes.empty() && o.prefixes.size() != o.paths.size())
    throw UsageError(fmt::format("--model.prefix: {} for {} models", o.prefixes.size(), o.paths.size()));
  if (o.paths.size() > 1 && !form.takes_several)
    throw UsageError(
        fmt::format("--columns {}: {} models, whose columns would have the same names (one model a product)", form.name, o.paths.size()));
  if (!form.takes_several && !o.prefixes.empty())
    throw UsageError(fmt::format("--model.prefix: --columns {} has names without prefix", form.name));
  const bool has_names = o.paths.size() > 1 || form.has_prefix || !o.prefixes.empty();
  std::vector<NamedModel> models;
  for (std::size_t i = 0; i < o.paths.size(); ++i) {
    NamedModel model{o.paths[i], algorithm_in(o.paths[i]), {}, {}};
    if (has_names) model.name = o.prefixes.empty() ? model.algorithm : o.prefixes[i];
    if (o.pdf.kind != "none") model.pdf_path = pdf_path_of(output, o.paths.size() > 1 ? model.name : "");
    models.push_back(std::move(model));
  }
  check_names(models);
  return models;
}

std::optional<Consensus> consensus_of(const ModelOptions& o, const std::vector<NamedModel>& models) {
  if (models.size() < 2 || o.consensus == "none") return std::nullopt;
  std::vector<std::string> prefixes;
  for (const NamedModel& model : models) prefixes.push_back(model.name + "_");
  return Consensus(photoz_form(o.columns), prefixes, o.consensus_sigmas);
}

Schema FittedModel::visible() const {
  Schema schema;
  for (const ColumnInfo& column : kernel->gives())
    if (!is_pdf_column(column.name) && !is_ancillary_column(column.name)) schema.push_back(column);
  return schema;
}

std::string FittedModel::summary() const {
  return fmt::format("{} ({}), bands {}", named.path, model.algorithm, join(model.bands.bands, ","));
}

FittedModel fit_model(const ModelOptions& o, const OptionSet& given, const ModelBandOptions& bands, const NamedModel& named,
                      const PhotometricTable& table, const std::string& id, MadeKernels* made) {
  const PhotozForm form = photoz_form(o.columns);
  check_grid(o, given, form);
  if (form.needs_id && id.empty())
    throw UsageError(fmt::format("{}: no column of ids (--columns {} draws from PDFs by id)", table.paths.front(), form.name));
  FittedModel fitted;
  fitted.named = named;
  fitted.model = read_model(named.path);
  TablePhotometry photometry = model_photometry(bands, fitted.model, named.path, table);
  MadeKernels alone;
  auto& [kernel, pdf] = (made ? *made : alone)[kernel_key(named, photometry.columns, fitted.model.bands, id)];
  if (!kernel) {
    PhotozEstimator plain = estimator_of(o, form, fitted, photometry.columns);
    pdf = plain.pdf;
    ColumnsAsked asked;
    asked.form = form;
    asked.prefix = named.name.empty() ? "" : named.name + "_";
    asked.pdf = pdf;
    asked.keeps_pdf = !named.pdf_path.empty();
    asked.keeps_numbers = asked.keeps_pdf && o.ancil == "all";
    asked.id = id;
    asked.seed = static_cast<std::uint64_t>(o.seed);
    kernel = in_form(asked, std::move(plain.kernel));
  }
  fitted.kernel = kernel;
  fitted.pdf = pdf;
  fitted.corrections = std::move(photometry.corrections);
  fitted.lines = std::move(photometry.lines);
  if (form.needs_pdf)
    fitted.lines.push_back(fitted.pdf.kind == "mixmod"
                               ? fmt::format("{}: columns from mixtures of Gaussians", named.path)
                               : fmt::format("{}: columns from PDFs at {} redshifts from {} to {}", named.path, fitted.pdf.bins,
                                             shortest(fitted.pdf.zmin), shortest(fitted.pdf.zmax)));
  for (const std::string& name : kernel->needs())
    if (!find_column(table.schema, name))
      throw UsageError(fmt::format("{}: no column {} (which the model {} needs)", table.paths.front(), name, named.path));
  return fitted;
}

std::vector<CopiedColumn> copied_columns(const std::string& columns, const CatalogueLayout& layout, const std::string& path) {
  std::vector<CopiedColumn> copied;
  const auto add = [&](const std::string& from, const std::string& to) {
    // A column may have two roles, and goes in once.
    const auto index = find_column(layout.schema, from);
    if (!index || std::ranges::any_of(copied, [&](const CopiedColumn& column) { return column.from == from; })) return;
    copied.push_back({from, layout.schema[*index]});
    if (!to.empty()) copied.back().as.name = to;
  };
  if (columns != "rubin") {
    for (const std::string& name :
         {layout.roles.id, layout.roles.ra, layout.roles.dec, layout.roles.tile, layout.attribute, std::string(healpix_column)})
      add(name, "");
    return copied;
  }
  const std::pair<const std::string&, const char*> named[] = {
      {layout.roles.id, "objectId"}, {layout.roles.ra, "coord_ra"}, {layout.roles.dec, "coord_dec"}};
  for (const auto& [from, to] : named) {
    const auto index = find_column(layout.schema, from);
    if (!index || layout.schema[*index].type == Type::text)
      throw UsageError(fmt::format("{}: no column of {}, for {} of --columns rubin", path,
                                   to == std::string("objectId") ? "ids that are whole numbers" : "positions", to));
    add(from, to);
    copied.back().as.type = to == std::string("objectId") ? Type::i8 : Type::f8;
  }
  // The order is that of a catalogue, whatever its columns are called.
  for (const std::string& name :
       {layout.ordering == Ordering::tile ? layout.roles.tile : "", layout.attribute, std::string(healpix_column)})
    add(name, "");
  return copied;
}

}  // namespace skyfold
