// Corrections of magnitudes (zero points, extinction) and cuts, as the options of match describe them.
#include "selection.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/ids.hpp"
#include "skyfold/io/source.hpp"
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

/// Names and ids as texts, so that integers and texts of two files can be compared.
std::string key_of(const Column& column, std::size_t row) {
  return column.info().type == Type::text ? std::string(column.text(row)) : std::to_string(column.integer(row));
}

}  // namespace

void describe(OptionSet& option, MatchOptions& o) {
  option("spec", o.spec, "spectroscopic sample: made by spec, or a table of positions and redshifts").required().layout();
  option("catalogue", o.catalogue, "photometric catalogue made by import or mock").required().layout();
  option("output", o.output, "training set to make, HDF5").required().layout().writes(FileKind::hdf5);
  option("fits", o.fits, "the same as a FITS binary table").layout().writes(FileKind::fits);
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
  option("match.ebv", o.ebv, "column of E(B-V)").unit("mag");
  option("match.extinction", o.extinction, "extinction of each band over E(B-V); taken off the magnitudes");
  option("match.reference_rows", o.reference_rows,
         "photometric objects, about, whose magnitudes are compared with the training set's; 0: none")
      .range(0, 1e12);
  option("bands", o.bands.bands, "bands, blue to red; empty: recognised by the names of the columns");
  option("bands.magnitude", o.bands.magnitude, "name of the magnitude columns, {band} or {BAND} standing for the band");
  option("bands.error", o.bands.error, "name of the magnitude error columns").unit("mag");
  option("bands.nondetection", o.bands.nondetection, "magnitudes that mean observed but not detected (+-0.1; so does > 90)");
  option("bands.missing", o.bands.missing, "magnitudes that mean not observed (+-0.1; so do NaN and < -90)");
}

Corrections::Corrections(const MatchOptions& o, const BandColumns& columns, const Catalogue& catalogue)
    : columns_(columns),
      bands_(o.bands),
      catalogue_(catalogue.path()),
      zeropoint_table_(o.zeropoint_table),
      ebv_(o.ebv),
      zeropoint_(o.zeropoint),
      extinction_(o.extinction) {
  const std::size_t n = columns.magnitude.size();
  check_count(zeropoint_.size(), n, "match.zeropoint");
  check_count(extinction_.size(), n, "match.extinction");
  if (ebv_.empty() != extinction_.empty()) throw UsageError("--match.ebv and --match.extinction belong together");
  if (zeropoint_.empty()) zeropoint_.assign(n, 0.0);
  if (!ebv_.empty() && column_of(catalogue.schema(), ebv_, catalogue.path(), "match.ebv").type == Type::text)
    throw UsageError(fmt::format("{}: column {} is text (named by --match.ebv)", catalogue.path(), ebv_));
  for (const std::string& name : columns.magnitude) {
    const Type type = catalogue.schema()[*find_column(catalogue.schema(), name)].type;
    if (type != Type::f4 && type != Type::f8) throw DataError(fmt::format("{}: magnitudes {} are whole numbers", catalogue.path(), name));
  }
  if (zeropoint_table_.empty()) {
    refuse_idle_options("--match.zeropoint_table", {{"match.tile", !o.tile.empty()}});
    return;
  }
  tile_ = o.tile.empty() ? catalogue.layout().roles.tile : o.tile;
  if (tile_.empty()) throw UsageError(catalogue.path() + ": no column of tiles is known (name it with --match.tile)");
  (void)column_of(catalogue.schema(), tile_, catalogue.path(), "match.tile");
  read_tiles(o);
}

void Corrections::read_tiles(const MatchOptions& o) {
  const Dataset dataset(zeropoint_table_);
  std::string tile = tile_;
  // The table of zero points may call its tiles otherwise than the catalogue.
  if (!find_column(dataset.schema(), tile)) tile = known_column(dataset.schema(), known_columns::tile);
  if (tile.empty()) throw UsageError(fmt::format("{}: no column '{}' of tiles", zeropoint_table_, tile_));
  Schema schema = {dataset.column(tile, "--match.tile")};
  for (const std::string& band : o.bands.bands) schema.push_back(dataset.number_column(band, "--bands"));
  const Table table = dataset.read(schema);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::vector<double>& offsets = tiles_[key_of(table[0], row)];
    if (!offsets.empty())
      throw DataError(fmt::format("{}, row {}: tile {} is there twice", zeropoint_table_, row + 1, key_of(table[0], row)));
    for (std::size_t band = 1; band < schema.size(); ++band) {
      offsets.push_back(table[band].number(row));
      if (!std::isfinite(offsets.back()))
        throw DataError(fmt::format("{}, row {}, column {}: no zero point", zeropoint_table_, row + 1, schema[band].name));
    }
  }
}

std::vector<std::string> Corrections::needs() const {
  std::vector<std::string> names;
  if (!ebv_.empty()) names.push_back(ebv_);
  if (!tile_.empty()) names.push_back(tile_);
  return names;
}

const std::vector<double>& Corrections::zeropoints_of(const Table& rows, std::size_t row) const {
  const std::string tile = key_of(rows.at(tile_), row);
  const auto found = tiles_.find(tile);
  if (found == tiles_.end()) throw DataError(fmt::format("{}: no zero points for tile '{}' of {}", zeropoint_table_, tile, catalogue_));
  return found->second;
}

std::int64_t Corrections::apply(Table& rows) const {
  // Nothing to do, which is the usual case.
  if (tile_.empty() && ebv_.empty() && std::all_of(zeropoint_.begin(), zeropoint_.end(), [](double offset) { return offset == 0.0; }))
    return 0;
  const std::size_t n = columns_.magnitude.size();
  const Column* const ebv = ebv_.empty() ? nullptr : &rows.at(ebv_);
  std::array<Column*, 32> magnitudes{};
  for (std::size_t band = 0; band < n; ++band) magnitudes[band] = &rows.at(columns_.magnitude[band]);
  std::int64_t without_ebv = 0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    double reddening = ebv ? ebv->number(i) : 0.0;
    if (!std::isfinite(reddening)) {
      reddening = std::numeric_limits<double>::quiet_NaN();  // makes the magnitudes missing
      ++without_ebv;
    }
    const std::vector<double>* const of_tile = tile_.empty() ? nullptr : &zeropoints_of(rows, i);
    for (std::size_t band = 0; band < n; ++band) {
      const double magnitude = magnitudes[band]->number(i);
      // 99 plus a zero point would be a magnitude like others.
      if (band_state(magnitude, bands_) != BandState::observed) continue;
      double corrected = magnitude + zeropoint_[band] + (of_tile ? (*of_tile)[band] : 0.0);
      if (ebv) corrected -= extinction_[band] * reddening;
      if (magnitudes[band]->info().type == Type::f8)
        magnitudes[band]->values<double>()[i] = corrected;
      else
        magnitudes[band]->values<float>()[i] = static_cast<float>(corrected);
    }
  }
  return without_ebv;
}

std::vector<std::string> Corrections::describe() const {
  std::vector<std::string> lines;
  const auto per_band = [&](const std::vector<double>& values) {
    std::vector<std::string> parts;
    for (std::size_t band = 0; band < values.size(); ++band)
      parts.push_back(fmt::format("{} {}", bands_.bands[band], shortest(values[band])));
    return join(parts, ", ");
  };
  if (std::any_of(zeropoint_.begin(), zeropoint_.end(), [](double offset) { return offset != 0.0; }))
    lines.push_back(fmt::format("zero points added [mag]: {}", per_band(zeropoint_)));
  if (!tile_.empty()) lines.push_back(fmt::format("zero points by {} added", tile_));
  if (!ebv_.empty()) lines.push_back(fmt::format("extinction taken off: {} times {}", ebv_, per_band(extinction_)));
  return lines;
}

Cuts::Cuts(const MatchOptions& o, const Schema& product, const Catalogue& catalogue, const std::string& id) : id_(id) {
  if (!o.star_table.empty()) {
    if (id.empty()) throw UsageError(catalogue.path() + ": no column of ids, which --match.star_table needs");
    read_stars(o);
    cuts_.push_back({"point sources of the star table", std::nullopt, true, true});
    needs_.push_back(id);
  } else if (!trim(o.star_cut).empty()) {
    Condition condition(o.star_cut, catalogue.schema(), catalogue.path() + " (--match.star_cut)");
    cuts_.push_back({fmt::format("point sources, {}", trim(o.star_cut)), std::move(condition), true, true});
    needs_ = cuts_.back().condition->columns();
  }
  if (o.star_table.empty()) refuse_idle_options("--match.star_table", {{"match.star_id", !o.star_id.empty()}});
  add_user_cuts(o, product, catalogue);
}

void Cuts::add_user_cuts(const MatchOptions& o, const Schema& product, const Catalogue& catalogue) {
  Schema both = catalogue.schema();
  for (const ColumnInfo& column : product)
    if (!find_column(both, column.name)) both.push_back(column);
  const std::vector<std::string> conditions = split_conditions(o.cuts);
  if (conditions.empty() && !trim(o.cuts).empty()) throw UsageError(fmt::format("--cuts: '{}' holds no condition", trim(o.cuts)));
  for (const std::string& text : conditions) {
    Cut cut{text, Condition(text, both, catalogue.path() + " (--cuts)"), false, true};
    for (const std::string& name : cut.condition->columns()) {
      const bool is_there = find_column(catalogue.schema(), name).has_value();
      cut.is_of_catalogue &= is_there;
      if (is_there) needs_.push_back(name);
    }
    cuts_.push_back(std::move(cut));
  }
}

void Cuts::read_stars(const MatchOptions& o) {
  const Dataset dataset(o.star_table);
  const std::string id = o.star_id.empty() ? known_column(dataset.schema(), known_columns::id) : o.star_id;
  if (id.empty()) throw UsageError(o.star_table + ": no column of ids found (name it with --match.star_id)");
  std::optional<Condition> condition;
  if (!trim(o.star_cut).empty()) condition.emplace(o.star_cut, dataset.schema(), o.star_table + " (--match.star_cut)");
  Schema schema = {dataset.column(id, "--match.star_id")};
  if (const auto no_id = find_no_id(dataset.source(), id))
    throw DataError(fmt::format("{}, row {}, column {}: {} (ids are whole numbers below 2^53, or text)", o.star_table, no_id->row + 1, id,
                                no_id->problem));
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
  const auto number = parse_integer(ids.text(row));
  return number && std::binary_search(star_numbers_.begin(), star_numbers_.end(), *number);
}

void Cuts::apply(const Cut& cut, const Table& rows, std::span<std::uint8_t> stays) const {
  std::vector<std::uint8_t> holds(rows.rows());
  if (cut.condition)
    cut.condition->evaluate(rows, holds);
  else
    for (std::size_t i = 0; i < holds.size(); ++i) holds[i] = is_star(rows.at(id_), i);
  for (std::size_t i = 0; i < holds.size(); ++i) stays[i] &= static_cast<std::uint8_t>((holds[i] != 0) != cut.drops);
}

}  // namespace skyfold
