// Corrections of magnitudes (zero points, extinction) and cuts, as the options of match describe them.
#include "selection.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/ids.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/table/algebra.hpp"
#include "skyfold/table/known_columns.hpp"

namespace skyfold {
namespace {

const ColumnInfo& column_of(const Schema& schema, const std::string& name, const std::string& path, const std::string& option) {
  if (const auto index = find_column(schema, name)) return schema[*index];
  throw UsageError(describe_missing_column(path, schema, name, "--" + option));
}

void check_count(std::size_t count, std::size_t bands, const char* option) {
  if (count != 0 && count != bands) throw UsageError(fmt::format("--{}: {} values for {} bands", option, count, bands));
}

/// Parts of a text between semicolons, trimmed, but for those in quotes; empty parts are left out.
std::vector<std::string> split_conditions(const std::string& text) {
  std::vector<std::string> parts(1);
  char quote = '\0';
  for (const char c : text) {
    // A semicolon within quotes belongs to a text or a column's name.
    if (quote == '\0' && c == ';') {
      parts.emplace_back();
      continue;
    }
    parts.back() += c;
    if (quote == c)
      quote = '\0';
    else if (quote == '\0' && (c == '\'' || c == '"' || c == '`'))
      quote = c;
  }
  for (std::string& part : parts) part = trim(part);
  std::erase_if(parts, [](const std::string& part) { return part.empty(); });
  return parts;
}

}  // namespace

void describe(OptionSet& option, MatchOptions& o) {
  option("spec", o.spec, "spectroscopic sample: made by spec, or any table or product with positions and redshifts").layout();
  option("catalogue", o.catalogue.path, "photometric objects: a catalogue made by import or mock, or any table that import reads").layout();
  option("output", o.output, "training set to make, HDF5; of two tables a file as of query").required().layout();
  option("fits", o.fits, "the same as a FITS binary table").layout().writes(FileKind::fits);
  describe_survey(option, o.survey);
  option("cuts", o.cuts, "conditions that objects must meet, separated by ; (see docs/match.md)");
  option("keep", o.keep, "further columns of the catalogue for the training set");
  option("spec.ra", o.spec_ra, "column of right ascension of such a table; empty: guessed").unit("degrees");
  option("spec.dec", o.spec_dec, "its column of declination; empty: guessed").unit("degrees");
  option("spec.z", o.spec_z, "its column of redshifts; empty: guessed");
  option("match.radius", o.radius_arcsec, "largest separation").unit("arcsec").range(1e-6, 3600.0);
  option("match.symmetric", o.symmetric,
         "each photometric object once: for the nearest of the spectroscopic objects that it is nearest to");
  option("match.star_cut", o.star_cut, "condition that holds for point sources, which are dropped; of the star table, where one is given");
  option("match.star_table", o.star_table, "table of ids of point sources, which are dropped: any table that import reads").layout();
  option("match.star_id", o.star_id, "its column of ids; empty: guessed");
  option("match.zeropoint", o.zeropoint, "added to the magnitudes of each band").unit("mag");
  option("match.zeropoint_table", o.zeropoint_table, "table of zero points: a column of tiles and one per band, named as the bands")
      .layout();
  option("match.tile", o.tile, "column of tiles in the catalogue, and in that table; empty: the catalogue's");
  option("match.reference_rows", o.reference_rows,
         "photometric objects, about, whose magnitudes are compared with the training set's; 0: none")
      .range(0, 1e12);
  describe(option, o.flux);
  option("bands", o.bands.bands, "bands, blue to red; empty: recognised by the names of the columns");
  option("bands.magnitude", o.bands.magnitude, "name of the magnitude columns, {band} or {BAND} standing for the band");
  option("bands.error", o.bands.error, "name of the magnitude error columns").unit("mag");
  option("bands.nondetection", o.bands.nondetection, "magnitudes that mean observed but not detected (+-0.1; so does > 90)");
  option("bands.missing", o.bands.missing, "magnitudes that mean not observed (+-0.1; so do NaN and < -90)");
  option("bands.nan", o.bands.nan, "what NaN means").one_of({"missing", "nondetection"});
  option("bands.inf", o.bands.inf, "what infinity means").one_of({"nondetection", "missing"});
  describe(option, o.extinction);
  describe(option, o.catalogue);
}

MatchPhotometry::MatchPhotometry(const MatchOptions& o, const BandColumns& columns, const Catalogue& catalogue)
    : catalogue_(catalogue.path()),
      from_(columns),
      columns_(columns),
      schema_(catalogue.schema()),
      there_(read_corrections(catalogue.path())) {
  check_count(o.zeropoint.size(), columns.magnitude.size(), "match.zeropoint");
  if (!o.extinction.column.empty()) (void)column_of(catalogue.schema(), o.extinction.column, catalogue.path(), "extinction.column");
  CorrectionRecord record;
  record.zeropoint = o.zeropoint;
  const Roles& roles = catalogue.layout().roles;
  if (o.zeropoint_table.empty()) {
    refuse_idle_options("--match.zeropoint_table", {{"match.tile", !o.tile.empty()}});
  } else {
    // The user's name stands above what the import has found.
    record.tile = o.tile.empty() ? roles.tile : o.tile;
    if (record.tile.empty()) throw UsageError(catalogue.path() + ": no column of tiles is known (name it with --match.tile)");
    (void)column_of(catalogue.schema(), record.tile, catalogue.path(), "match.tile");
    record.tiles = read_tile_zeropoints(o.zeropoint_table, record.tile, o.bands.bands, o.catalogue.source);
  }
  if (o.flux.is_set()) {
    name_made(o, from_.magnitude, "mag_{band}", columns_.magnitude);
    name_made(o, from_.error, "mag_err_{band}", columns_.error);
  }
  const PhotometricTable table{{catalogue.path()}, schema_, roles.ra, roles.dec, roles.tile};
  TablePhotometry found = sample_photometry(o.flux, o.extinction, o.bands, columns_, there_, std::move(record), table, o.zeropoint_table);
  // Until here the units were those of the fluxes, which tell their zero point.
  for (std::size_t c = catalogue.schema().size(); c < schema_.size(); ++c) schema_[c].unit = "mag";
  columns_ = std::move(found.columns);
  corrections_ = std::move(found.corrections);
  lines_ = std::move(found.lines);
}

/// Adds columns of the training set to the schema, for what is made of columns of the catalogue.
void MatchPhotometry::name_made(const MatchOptions& o, const std::vector<std::string>& from, const std::string& pattern,
                                std::vector<std::string>& made) {
  for (std::size_t band = 0; band < from.size(); ++band) {
    const std::string name = band_column(pattern, o.bands.bands[band]);
    if (name == from[band]) continue;  // asinh magnitudes are replaced
    if (find_column(schema_, name))
      throw UsageError(fmt::format("{}: has a column {}, as what is made of {} is called", catalogue_, name, from[band]));
    ColumnInfo info = schema_[*find_column(schema_, from[band])];
    info.source = from[band];
    info.name = made[band] = name;
    info.description = "made of " + from[band];
    schema_.push_back(info);
  }
}

std::vector<std::string> MatchPhotometry::needs() const {
  std::vector<std::string> names;
  // The catalogue's own names: what is made of them does not exist until a block has been read.
  for (const auto& list : {from_.magnitude, from_.error, corrections_.needs()}) names.insert(names.end(), list.begin(), list.end());
  return names;
}

CorrectionRecord MatchPhotometry::record(const BandOptions& bands) const {
  CorrectionRecord record = corrections_.is_empty() ? there_ : corrections_.record();
  // Sentinels are recorded for bands, also where nothing was corrected.
  if (record.says_nothing()) record.bands = bands.bands;
  record_sentinels(bands, record);
  return record;
}

std::int64_t MatchPhotometry::apply(Table& rows) const {
  for (const auto& [from, to] : {std::pair{&from_.magnitude, &columns_.magnitude}, {&from_.error, &columns_.error}})
    for (std::size_t band = 0; band < from->size(); ++band) {
      if ((*from)[band] == (*to)[band]) continue;
      const ColumnInfo info = schema_[*find_column(schema_, (*to)[band])];
      Column& made = rows.add(info);  // may move the columns that are there
      std::ranges::copy(rows.at((*from)[band]).bytes(), made.bytes().begin());
    }
  return corrections_.apply(rows);
}

Cuts::Cuts(const MatchOptions& o, const Schema& product, const Catalogue& catalogue, const MatchPhotometry& photometry,
           const std::string& id)
    : id_(id) {
  if (!o.star_table.empty()) {
    if (id.empty()) throw UsageError(catalogue.path() + ": no column of ids, which --match.star_table needs");
    read_stars(o);
    cuts_.push_back({"point sources of the star table", std::nullopt, true, true});
    needs_.push_back(id);
  } else if (!trim(o.star_cut).empty()) {
    Condition condition(o.star_cut, photometry.schema(), catalogue.path() + " (--match.star_cut)");
    cuts_.push_back({fmt::format("point sources, {}", trim(o.star_cut)), std::move(condition), true, true});
    for (const std::string& name : cuts_.back().condition->columns())
      if (find_column(catalogue.schema(), name)) needs_.push_back(name);
  }
  if (o.star_table.empty()) refuse_idle_options("--match.star_table", {{"match.star_id", !o.star_id.empty()}});
  add_user_cuts(o, product, catalogue, photometry.schema());
}

void Cuts::add_user_cuts(const MatchOptions& o, const Schema& product, const Catalogue& catalogue, const Schema& photometric) {
  Schema both = photometric;
  for (const ColumnInfo& column : product)
    // A name that both have means the catalogue's column.
    if (!find_column(both, column.name)) both.push_back(column);
  const std::vector<std::string> conditions = split_conditions(o.cuts);
  if (conditions.empty() && !trim(o.cuts).empty()) throw UsageError(fmt::format("--cuts: '{}' holds no condition", trim(o.cuts)));
  for (const std::string& text : conditions) {
    // One after the other, so that the report can tell what each leaves.
    Cut cut{text, Condition(text, both, catalogue.path() + " (--cuts)"), false, true};
    for (const std::string& name : cut.condition->columns()) {
      cut.is_of_catalogue &= find_column(photometric, name).has_value();
      // What is made of fluxes is made of columns that are read anyway.
      if (find_column(catalogue.schema(), name)) needs_.push_back(name);
    }
    cuts_.push_back(std::move(cut));
  }
}

void Cuts::read_stars(const MatchOptions& o) {
  const Dataset dataset(o.star_table, o.catalogue.source);
  const std::string id = o.star_id.empty() ? known_column(dataset.schema(), known_columns::id) : o.star_id;
  if (id.empty()) throw UsageError(o.star_table + ": no column of ids found (name it with --match.star_id)");
  std::optional<Condition> condition;
  if (!trim(o.star_cut).empty()) condition.emplace(o.star_cut, dataset.schema(), o.star_table + " (--match.star_cut)");
  Schema schema = {dataset.column(id, "--match.star_id")};
  if (const auto no_id = find_no_id(dataset.source(), id))
    throw DataError(fmt::format("{}, row {}, column {}: {} (ids are whole numbers below 2^53, or text)", o.star_table, no_id->row + 1, id,
                                no_id->problem));
  // Ids in reals are whole, which has just been looked at; two of them are compared as integers.
  if (schema[0].type == Type::f4 || schema[0].type == Type::f8) schema[0].type = Type::i8;
  if (condition)
    for (const std::string& name : condition->columns())
      if (name != id) schema.push_back(dataset.column(name, "--match.star_cut"));
  const Table table = dataset.read(schema);
  std::vector<std::uint8_t> holds(table.rows(), 1);
  if (condition) condition->evaluate(table, holds);
  for (std::size_t i = 0; i < table.rows(); ++i) {
    if (!holds[i]) continue;
    if (table[0].info().type == Type::text)
      star_names_.emplace(table[0].text(i));
    else
      star_numbers_.push_back(table[0].integer(i));
  }
  // Looked up by halving: a table of stars may have as many rows as the catalogue.
  std::sort(star_numbers_.begin(), star_numbers_.end());
}

bool Cuts::is_star(const Column& ids, std::size_t row) const {
  if (!star_names_.empty()) return star_names_.contains(key_of(ids, row));
  if (ids.info().type != Type::text) return std::binary_search(star_numbers_.begin(), star_numbers_.end(), ids.integer(row));
  // Ids are texts in one of the tables and numbers in the other: compared as numbers.
  const auto number = parse_integer(ids.text(row));
  return number && std::binary_search(star_numbers_.begin(), star_numbers_.end(), *number);
}

void Cuts::apply(const Cut& cut, const Table& rows, std::span<std::uint8_t> stays) const {
  std::vector<std::uint8_t> holds(rows.rows());
  if (cut.condition)
    cut.condition->evaluate(rows, holds);
  else
    for (std::size_t i = 0; i < holds.size(); ++i) holds[i] = is_star(rows.at(id_), i);
  // A cut that drops keeps the rows for which its condition does not hold.
  for (std::size_t i = 0; i < holds.size(); ++i) stays[i] &= static_cast<std::uint8_t>((holds[i] != 0) != cut.drops);
}

}  // namespace skyfold
