// What a run of locus works on: the four ways to give targets, the stars around them, and how the columns of both are called.
#include "inputs.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/commands/ordered_catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/dataset/survey_preset.hpp"
#include "skyfold/io/ids.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t largest_scattered_part = 1024;  // targets of an attribute may lie anywhere on the sky, each with stars of its own
constexpr std::int64_t largest_part = 65'536;          // targets that are in memory at a time, twice, with the stars about them

/// Whether partitions are of tiles or an attribute, not of the sky.
bool is_off_sky(const PartitionOptions& partition) { return partition.by == "tile" || partition.by == "attribute"; }

/// Columns to read: `numbers` as doubles, `others` as they are.
Schema columns_to_read(const Dataset& dataset, const std::vector<std::string>& numbers, const std::vector<std::string>& others) {
  Schema schema;
  const auto add = [&](const ColumnInfo& column) {
    if (!find_column(schema, column.name)) schema.push_back(column);
  };
  for (const std::string& name : numbers) add(dataset.number_column(name, ""));
  for (const std::string& name : others) add(dataset.column(name, ""));
  return schema;
}

}  // namespace

void describe(OptionSet& option, LocusStageOptions& o) {
  option("catalogue", o.catalogue.path, "stars: a catalogue made by import or mock, or any table that import reads").layout();
  option("targets", o.targets, "table of targets, FITS, CSV, text, HDF5 or Parquet").layout();
  option("traverse", o.traverse, "every star of the catalogue is a target");
  option("parameters", o.parameters, "parameter file of the published program (PPR): targets, field files and settings").layout();
  option("list", o.list, "list of the published program, CSV: targets or fields, with field files below --root").layout();
  option("root", o.root, "folder of the field files that --parameters and --list name").layout();
  option("output", o.output, "pointings, HDF5").required().layout().writes(FileKind::hdf5);
  option("fits", o.fits, "the same as a FITS binary table").layout().writes(FileKind::fits);
  option("csv", o.csv, "the same as text, and with --stars the reference stars as CSV.stars.csv").layout().writes(FileKind::text);
  option("stars", o.stars, "table of the reference stars of all pointings, HDF5").layout().writes(FileKind::hdf5);
  option("plot", o.plot, "ids (or rows, without ids) of targets to draw a finder chart of: OUTPUT.ID.svg; needs gnuplot").layout();
  option("plot.format", o.plot_format, "format of finder charts").one_of({"svg", "png", "both"}).layout();
  option("plot.date", o.plot_date, "date in the title of finder charts, as it shall stand there").layout();
  option("columns.ra", o.ra, "targets' column of right ascension; empty: guessed").unit("degrees");
  option("columns.dec", o.dec, "targets' column of declination; empty: guessed").unit("degrees");
  option("columns.id", o.id, "targets' column of ids; empty: guessed; none: the targets have none");
  option("motion.pm_ra", o.pm_ra, "stars' column of proper motion in right ascension, with cos(Dec), for locus.epoch; empty: guessed")
      .unit("mas/yr");
  option("motion.pm_dec", o.pm_dec, "stars' column of proper motion in declination; empty: guessed").unit("mas/yr");
  option("motion.epoch", o.epoch, "stars' column of the epoch of their positions; empty: guessed, or locus.epoch_from").unit("years");
  option("targets.where", o.where, "targets to take, such as 'r<19 and dec>=0'; empty: all");
  option("targets.magnitude", o.magnitude, "name of the targets' magnitude columns, where not as in the catalogue");
  describe_survey(option, o.survey);
  describe(option, o.locus);
  describe(option, o.bands);
  describe(option, o.partition);
  describe(option, o.catalogue);
}

TraversalPaths traversal_paths(const LocusStageOptions& o, const CommandContext& context) {
  if (!is_off_sky(o.partition)) return {};
  OrderAsked asked;
  asked.partition = o.partition;
  asked.needs_positions = true;
  asked.output = o.output;
  TraversalPaths paths;
  paths.targets = ordered_catalogue(o.catalogue, asked, context);
  asked.partition.by = "adaptive";
  paths.stars = ordered_catalogue(o.catalogue, asked, context);
  return paths;
}

LocusInputs::LocusInputs(const LocusStageOptions& o, const CommandContext& context, const TraversalPaths& paths)
    : o_(o), context_(context), ranks_(*context.ranks), locus_(o.locus), bands_(o.bands), paths_(paths) {
  const Mode mode = mode_of(o);
  take_preset();
  if (mode == Mode::parameters || mode == Mode::list)
    open_published(mode);
  else
    open_catalogue(mode);
}

std::vector<std::string> LocusInputs::paths(const LocusStageOptions& o, const TraversalPaths& ordered) {
  if (!ordered.targets.empty()) return {ordered.targets, ordered.stars};
  std::vector<std::string> paths;
  for (const std::string& path : {o.catalogue.path, o.targets, o.parameters, o.list})
    if (!path.empty()) paths.push_back(path);
  return paths;
}

LocusInputs::Mode LocusInputs::mode_of(const LocusStageOptions& o) {
  const int ways = (o.traverse ? 1 : 0) + !o.targets.empty() + !o.parameters.empty() + !o.list.empty();
  if (ways != 1) throw UsageError("give the targets in one way: --targets TABLE, --traverse, --parameters FILE or --list FILE");
  const Mode mode = o.traverse              ? Mode::traverse
                    : !o.targets.empty()    ? Mode::targets
                    : !o.parameters.empty() ? Mode::parameters
                                            : Mode::list;
  const bool has_files = mode == Mode::parameters || mode == Mode::list;
  if (!has_files && o.catalogue.path.empty()) throw UsageError("--catalogue is missing (the stars about the targets)");
  if (has_files && !o.catalogue.path.empty())
    throw UsageError("--catalogue does not go with --parameters and --list (they name the files with the stars)");
  if (o.locus.epoch == 0.0)
    refuse_idle_options("--locus.epoch", {{"locus.epoch_from", o.locus.epoch_from != 0.0},
                                          {"motion.pm_ra", !o.pm_ra.empty()},
                                          {"motion.pm_dec", !o.pm_dec.empty()},
                                          {"motion.epoch", !o.epoch.empty()}});
  if (has_files && (o.locus.epoch != 0.0 || !o.survey.empty()))
    throw UsageError(
        "--locus.epoch and --survey do not go with --parameters and --list (their files have magnitudes of SDSS and no motions)");
  if (has_files && (!o.where.empty() || o.locus.rating != "colour"))
    throw UsageError("--targets.where and --rating do not go with --parameters and --list");
  // Parts share the stars around them, which only neighbours on the sky do: other partitions are those of a catalogue's own rows.
  if (is_off_sky(o.partition) && mode != Mode::traverse)
    throw UsageError(fmt::format(
        "--partition.by = {} (is for --traverse; other targets are searched in the order of the sky: adaptive, healpix or rows)",
        o.partition.by));
  if (mode != Mode::targets)
    refuse_idle_options("--targets", {{"targets.magnitude", !o.magnitude.empty()},
                                      {"columns.ra", !o.ra.empty()},
                                      {"columns.dec", !o.dec.empty()},
                                      {"columns.id", !o.id.empty()}});
  if (has_files) refuse_idle_columns(o.catalogue, "--catalogue");
  if (!has_files) refuse_idle_options("--parameters or --list", {{"root", !o.root.empty()}});
  if (mode == Mode::list && o.root.empty()) throw UsageError("--root is missing (the folder of the field files that --list names)");
  return mode;
}

/// Bands and names of a survey, where the user has said nothing.
void LocusInputs::take_preset() {
  if (o_.survey.empty()) return;
  FluxOptions flux;
  ExtinctionOptions extinction;
  const TakenSurvey taken = take_survey(o_.survey, bands_, flux, extinction);
  if (flux.is_set() && !flux.flux.empty())
    throw UsageError(fmt::format("--survey {}: it has fluxes (locus compares magnitudes)", o_.survey));
  context_.process.input(taken.path);
  if (ranks_.is_first() && !taken.where.empty())
    log_info(fmt::format("the condition '{}' of {} is not applied to stars", taken.where, taken.path));
}

/// Columns of proper motions and epochs of the stars.
void LocusInputs::take_motions(const Schema& schema, LocusColumns& columns) const {
  if (locus_.epoch == 0.0) return;
  const auto column_of = [&](const char* option, const std::string& asked, const std::vector<std::string>& usual) {
    const std::string name = asked.empty() ? known_column(schema, usual) : asked;
    if (!asked.empty() && !find_column(schema, asked))
      throw UsageError(fmt::format("{}: no column {} (named by --{})", o_.catalogue.path, asked, option));
    if (const auto found = find_column(schema, name); found && (schema[*found].type == Type::text || schema[*found].width != 1))
      throw UsageError(fmt::format("{}: column {} is not a column of numbers (--{})", o_.catalogue.path, name, option));
    return name;
  };
  columns.pm_ra = column_of("motion.pm_ra", o_.pm_ra, {"pmra", "pm_ra", "pm_ra_cosdec"});
  columns.pm_dec = column_of("motion.pm_dec", o_.pm_dec, {"pmdec", "pm_dec", "pmde"});
  if (columns.pm_ra.empty() || columns.pm_dec.empty())
    throw UsageError(fmt::format("{}: no known names of proper motions (name them: motion.pm_ra, motion.pm_dec)", o_.catalogue.path));
  if (locus_.epoch_from == 0.0) columns.epoch = column_of("motion.epoch", o_.epoch, {"ref_epoch", "epoch"});
  if (columns.epoch.empty() && locus_.epoch_from == 0.0)
    throw UsageError(fmt::format("{}: no known name of a column of epochs (motion.epoch names it, or locus.epoch_from says the year)",
                                 o_.catalogue.path));
  if (ranks_.is_first())
    log_info(fmt::format("stars are moved to {} by {} and {}, from {}", shortest(locus_.epoch), columns.pm_ra, columns.pm_dec,
                         columns.epoch.empty() ? shortest(locus_.epoch_from) : columns.epoch));
}

void LocusInputs::open_published(Mode mode) {
  ranks_.together([&] {
    const PhaseScope scope(ranks_.clock(), Phase::read);
    PublishedParameters parameters = mode == Mode::parameters ? read_parameters() : read_list();
    bands_.bands = {"u", "g", "r", "i", "z"};
    const LocusColumns columns{"ra", "dec", {bands_.bands, {}}, ""};
    kernel_.emplace(locus_, bands_, columns, columns);
    auto published = std::make_unique<PublishedTargets>(std::move(parameters), o_.root);
    // Field files are inputs, too, though the command line names only the list of them.
    for (const std::string& file : published->files()) context_.process.input(file);
    stars_ = std::make_unique<FieldFileStars>(*published, *kernel_);
    targets_ = std::move(published);
    identities_ = {{mode == Mode::parameters ? o_.parameters : o_.list, file_identity(mode == Mode::parameters ? o_.parameters : o_.list)}};
  });
}

PublishedParameters LocusInputs::read_parameters() {
  BinaryForm form;
  PublishedParameters parameters = read_parameter_file(o_.parameters, &form);
  take_settings(parameters);
  if (ranks_.is_first() && form.target_numbers == 7) log_info("guessed targets of 7 numbers, without a rating");
  return parameters;
}

PublishedParameters LocusInputs::read_list() const {
  PublishedList list = read_published_list(o_.list, o_.root);
  if (list.kind == ListKind::fields)
    throw DataError(fmt::format("{}: a list of fields without targets (import reads it, and locus parameters)", o_.list));
  if (ranks_.is_first() && !list.guessed.empty()) log_info("guessed " + list.guessed);
  return std::move(list.parameters);
}

/// The parameter file's settings, but for those that the user gave.
void LocusInputs::take_settings(const PublishedParameters& p) {
  const auto set = [&](const char* option, double& value, double published) {
    // The command line has the last word, as over a configuration file.
    if (!context_.options.given(option)) value = published;
  };
  // The program has degrees, the options minutes and seconds of arc.
  set("locus.fov_ra", locus_.fov_ra, 60.0 * p.fov_deg);
  set("locus.fov_dec", locus_.fov_dec, 60.0 * p.fov_deg);
  set("locus.resolution", locus_.resolution, 3600.0 * p.resolution_deg);
  set("locus.dmag", locus_.dmag, p.dmag);
  set("locus.dcol", locus_.dcol, p.dcol);
  // After the command line had its say; a file that is none of the program's may still parse.
  if (!(p.fov_deg > 0.0 && p.fov_deg <= 10.0 && p.resolution_deg >= 0.0 && p.dmag > 0.0 && p.dcol > 0.0))
    throw DataError(fmt::format("{}: field of view {} deg, resolution {} deg, dmag {}, dcol {} (not settings of a search)", o_.parameters,
                                p.fov_deg, p.resolution_deg, p.dmag, p.dcol));
}

void LocusInputs::open_catalogue(Mode mode) {
  PartitionOptions by_sky;
  // Any order along the sky does: a part and its stars are then few ranges of rows.
  by_sky.by = "adaptive";
  OrderAsked asked;
  asked.partition = by_sky;
  asked.needs_positions = true;
  asked.output = o_.output;
  asked.check = [&](const CatalogueLayout& layout) { star_columns_ = columns_of_stars(layout); };
  const std::string path = paths_.stars.empty() ? ordered_catalogue(o_.catalogue, asked, context_) : paths_.stars;
  ranks_.together([&] {
    const PhaseScope scope(ranks_.clock(), Phase::read);
    catalogue_.emplace(path);
    if (!paths_.targets.empty()) target_catalogue_.emplace(paths_.targets);
    star_columns_ = columns_of_stars(catalogue_->layout());
  });
  if (mode == Mode::traverse)
    open_traversal();
  else
    ranks_.together([&] { open_list(); });
  const double motion_deg = farthest_motion_deg(ranks_, *catalogue_, *kernel_, star_columns_);
  ranks_.together([&] { stars_ = std::make_unique<HaloStars>(*catalogue_, *kernel_, !o_.stars.empty(), motion_deg); });
}

LocusColumns LocusInputs::columns_of_stars(const CatalogueLayout& layout) {
  LocusColumns columns{layout.roles.ra, layout.roles.dec, {}, rating_column(locus_)};
  if (!columns.rating.empty()) {
    const auto rating = find_column(layout.schema, columns.rating);
    if (!rating) throw UsageError(fmt::format("{}: no column {} (named by --rating)", o_.catalogue.path, columns.rating));
    if (layout.schema[*rating].type == Type::text || layout.schema[*rating].width != 1)
      throw UsageError(fmt::format("{}: column {} is not a column of numbers (named by --rating)", o_.catalogue.path, columns.rating));
  }
  take_motions(layout.schema, columns);
  if (!LocusRules(locus_).needs_magnitudes) return columns;
  bands_.error.clear();  // not needed, but where they are named they have to be there
  const TableRoles roles = find_roles(
      layout.schema,
      {.path = o_.catalogue.path, .magnitude = RoleAsked{"bands.magnitude", bands_.magnitude}, .needs_errors = false, .bands = bands_});
  if (ranks_.is_first()) say_guesses(roles);
  columns.bands = roles.columns;
  bands_ = roles.bands;
  for (const std::string& band : bands_.bands)
    if (const std::string name = band_column(o_.bands.error, band); !name.empty() && !find_column(layout.schema, name))
      throw UsageError(fmt::format("{}: no column '{}' (named by --bands.error)", o_.catalogue.path, name));
  return columns;
}

/// Bands may be named instead of their columns in a selection.
ColumnAliases LocusInputs::band_aliases(const BandColumns& columns) const {
  ColumnAliases aliases;
  for (std::size_t b = 0; b < columns.magnitude.size(); ++b) aliases.emplace(bands_.bands[b], columns.magnitude[b]);
  return aliases;
}

void LocusInputs::open_traversal() {
  const PartitionOptions& partition = o_.partition;
  const Catalogue& catalogue = target_catalogue_ ? *target_catalogue_ : *catalogue_;
  std::vector<std::string> needs;
  ranks_.together([&] {
    kernel_.emplace(locus_, bands_, star_columns_, star_columns_);
    selection_.emplace(o_.where, "targets.where", catalogue.schema(), o_.catalogue.path, band_aliases(star_columns_.bands));
    needs = kernel_->needs();
    identities_ = {{catalogue.path(), catalogue.fingerprint()}};
    if (target_catalogue_) identities_.emplace_back(catalogue_->path(), catalogue_->fingerprint());
  });
  const std::int64_t most = partition.by == "attribute" ? largest_scattered_part : largest_part;
  const std::int64_t rows = partition.by == "rows" ? std::min<std::int64_t>(partition.rows, most) : most;
  targets_ = std::make_unique<CatalogueTargets>(ranks_, catalogue, needs, *selection_, partition, rows);
  ranks_.together([&] {
    if (targets_->rows() == 0) throw DataError(fmt::format("{}: no star is selected (--targets.where = {})", o_.catalogue.path, o_.where));
  });
}

void LocusInputs::open_list() {
  Dataset dataset(o_.targets, o_.catalogue.source);
  const auto [columns, id] = columns_of_targets(dataset.schema());
  dataset.use_degrees(columns.ra, columns.dec);
  const Schema& schema = dataset.schema();
  kernel_.emplace(locus_, bands_, columns, star_columns_);
  const ColumnAliases aliases = band_aliases(columns.bands);
  std::vector<std::string> others = Selection(o_.where, "targets.where", schema, o_.targets, aliases).needs();
  if (!id.empty()) others.push_back(id);
  // Lists of targets are read whole on every rank: they are short beside a catalogue.
  const Table all = dataset.read(columns_to_read(dataset, kernel_->needs(), others));
  selection_.emplace(o_.where, "targets.where", all.schema(), o_.targets, aliases);  // of the types that are read
  const std::vector<std::size_t> chosen = selection_->selected(all);
  if (chosen.empty()) throw DataError(fmt::format("{}: no targets", o_.targets));
  targets_ = std::make_unique<ListedTargets>(all, chosen, columns.ra, columns.dec, id, o_.targets,
                                             std::min<std::int64_t>(o_.partition.rows, largest_part));
  identities_ = {{o_.targets, file_identity(o_.targets)}, {catalogue_->path(), catalogue_->fingerprint()}};
}

std::pair<LocusColumns, std::string> LocusInputs::columns_of_targets(const Schema& schema) const {
  RolesAsked asked{.path = o_.targets,
                   .lon = RoleAsked{"columns.ra", o_.ra},
                   .lat = RoleAsked{"columns.dec", o_.dec},
                   .id = RoleAsked{"columns.id", o_.id, false},
                   .id_names = known_columns::target_id};
  if (LocusRules(locus_).target_needs_magnitudes) {
    // Targets are first looked for under the names that the stars have.
    asked.bands = bands_;
    if (!o_.magnitude.empty())
      asked.bands.magnitude = o_.magnitude;
    else if (!has_magnitudes(asked.bands, schema))
      asked.bands.magnitude.clear();  // called otherwise than in the catalogue
    asked.magnitude = RoleAsked{"targets.magnitude", asked.bands.magnitude};
    asked.needs_errors = false;
  }
  const TableRoles roles = find_roles(schema, asked);
  if (ranks_.is_first()) say_guesses(roles);
  return {{roles.position->lon, roles.position->lat, roles.columns, ""}, roles.id};
}

}  // namespace skyfold
