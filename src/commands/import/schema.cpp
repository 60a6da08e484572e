// From the columns of all inputs to those of the catalogue: types that hold the values of every input, roles by name or guess,
// and remarks about all that is guessed.
#include "schema.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "crowding.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/dataset/survey_preset.hpp"
#include "skyfold/io/coordinates.hpp"
#include "skyfold/io/ids.hpp"
#include "skyfold/io/row_numbers.hpp"
#include "skyfold/kernels/archive_ids/archive_ids.hpp"
#include "skyfold/table/column_index.hpp"

namespace skyfold {
namespace {

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> names;
  for (const ColumnInfo& column : schema) names.push_back(column.name);
  return names;
}

void require_column(const Schema& schema, const std::string& name, const std::string& option, const std::string& path) {
  if (find_column(schema, name)) return;
  const std::string nearest = nearest_name(name, names_of(schema));
  throw UsageError(
      fmt::format("{}: no column '{}' (named by --{}{})", path, name, option, nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
}

/// The type that holds values of both; throws when there is none.
Type wider(Type a, Type b) {
  if (a == b) return a;
  if (a == Type::text || b == Type::text) throw DataError("text");
  const auto is_float = [](Type t) { return t == Type::f4 || t == Type::f8; };
  if (is_float(a) || is_float(b)) return Type::f8;  // an i4 does not fit an f4
  return a == Type::i8 || b == Type::i8 ? Type::i8 : Type::i4;
}

void unite(ColumnInfo& column, const ColumnInfo& other, const std::string& first_path, const std::string& path) {
  const bool both_text = column.type == Type::text && other.type == Type::text;
  try {
    column.type = wider(column.type, other.type);
  } catch (const DataError&) {
    throw DataError(fmt::format("{}: column {} is {}, but {} in {}", path, column.name, other.type == Type::text ? "text" : "numbers",
                                column.type == Type::text ? "text" : "numbers", first_path));
  }
  // A text of any input fits the widest; numbers of other widths would leave cells without a value.
  if (both_text)
    column.width = std::max(column.width, other.width);
  else if (column.width != other.width)
    throw DataError(
        fmt::format("{}: column {} has {} values per row, but {} in {}", path, column.name, other.width, column.width, first_path));
}

/// Smallest and largest value of an integer type.
std::pair<std::int64_t, std::int64_t> range_of(Type type) {
  if (type == Type::u1) return {0, 255};
  if (type == Type::i4) return {INT32_MIN, INT32_MAX};
  return {INT64_MIN, INT64_MAX};
}

/// The integer that stands for missing in a column of all inputs: theirs, where all have the same. Else one of theirs that can be
/// no value in the others; else one that a wider type has for it alone.
/// @param inputs  the column in each input
void unite_nulls(ColumnInfo& column, const Schema& inputs) {
  if (column.type == Type::f4 || column.type == Type::f8 || column.type == Type::text) return column.null.reset();
  const auto serves_all = [&](std::int64_t null) {
    const auto [least, largest] = range_of(column.type);
    return null >= least && null <= largest && std::ranges::all_of(inputs, [&](const ColumnInfo& input) {
             const auto [from, to] = range_of(input.type);
             return input.null == null || null < from || null > to;
           });
  };
  const bool all_agree = std::ranges::all_of(inputs, [&](const ColumnInfo& input) { return input.null == inputs[0].null; });
  column.null = inputs[0].null;
  if (all_agree) return;
  for (const ColumnInfo& input : inputs)
    if (input.null && serves_all(*input.null)) {
      column.null = input.null;
      return;
    }
  // None is free among the values: a wider type has one, where there is a wider type.
  column.type = column.type == Type::u1 ? Type::i4 : Type::i8;
  column.null = range_of(column.type).first;
}

/// Name of an input's column in the catalogue: a slash would be a group in HDF5.
std::string catalogue_name(std::string name) {
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

bool is_whole(Type type) { return type == Type::i8 || type == Type::i4 || type == Type::u1; }

/// Columns of all inputs under their names in the catalogue.
Schema united(const std::vector<std::unique_ptr<Source>>& sources) {
  Schema all = sources.front()->schema();
  const std::string& first_path = sources.front()->path();
  // An index by name: tables of a thousand columns in thousands of files would otherwise be compared pair by pair.
  const ColumnIndex first(all);
  std::vector<std::vector<ColumnInfo>> inputs(all.size());  // each column as it is in every input that has values of it
  std::vector<std::size_t> void_widths(all.size(), 1);
  for (const auto& source : sources) {
    const ColumnIndex index(source->schema());
    for (const ColumnInfo& column : source->schema())
      if (!first.find(column.name))
        throw DataError(
            fmt::format("{}: column {} is not in {} (all inputs must have the same columns)", source->path(), column.name, first_path));
    for (std::size_t c = 0; c < all.size(); ++c) {
      const auto here = index.find(all[c].name);
      if (!here)
        throw DataError(
            fmt::format("{}: no column {}, which {} has (all inputs must have the same columns)", source->path(), all[c].name, first_path));
      const ColumnInfo& theirs = source->schema()[*here];
      if (source->is_void(*here)) {  // it is read as what it is in the others
        void_widths[c] = std::max(void_widths[c], theirs.width);
        continue;
      }
      // The first input that has values decides, which need not be the first input.
      if (inputs[c].empty()) {
        all[c].type = theirs.type;
        all[c].width = theirs.width;
      } else {
        unite(all[c], theirs, first_path, source->path());
      }
      inputs[c].push_back({"", theirs.type, theirs.width, "", "", "", "", theirs.null});
    }
  }
  for (std::size_t c = 0; c < all.size(); ++c) {
    const bool has_void = inputs[c].size() < sources.size() && !inputs[c].empty();
    // No input has a value: the column stays as the first one has it.
    if (inputs[c].empty()) inputs[c].push_back(all[c]);
    // An empty text column has no integer for missing: one is found that all the others leave free.
    if (has_void && is_whole(all[c].type)) inputs[c].push_back({"", Type::i8, 1, "", "", "", "", INT64_MIN});
    if (all[c].type == Type::text) all[c].width = std::max(all[c].width, void_widths[c]);
    unite_nulls(all[c], inputs[c]);
  }
  std::set<std::string> taken;
  for (ColumnInfo& column : all) {
    column.source = column.name;
    column.name = catalogue_name(column.name);
    if (column.name.empty() || column.name == "." || column.name == "..")
      throw DataError(fmt::format("{}: a column cannot be called '{}'", first_path, column.source));
    if (!taken.insert(column.name).second)
      throw DataError(fmt::format("{}: two columns would be called {} (a slash becomes an underscore)", first_path, column.name));
  }
  return all;
}

/// The columns that the user names, or the usual ones; what is guessed is remarked.
Roles known_roles(const Schema& all, const ImportOptions& o, const std::string& path, std::vector<std::string>& remarks) {
  RolesAsked asked{
      .path = path, .id = RoleAsked{o.columns_section + ".id", o.id, false}, .tile = RoleAsked{o.columns_section + ".tile", o.tile, false}};
  if (o.ordering == "tile") asked.tile_names = known_columns::likely_tile;
  if (o.ordering != "none" || !o.ra.empty()) {
    asked.lon = RoleAsked{o.columns_section + ".ra", o.ra, false};
    asked.lat = RoleAsked{o.columns_section + ".dec", o.dec, false};
  }
  TableRoles found = find_roles(all, asked);
  std::ranges::move(found.guesses, std::back_inserter(remarks));
  return {found.id, found.position ? found.position->lon : "", found.position ? found.position->lat : "", found.tile};
}

/// The column of ids, made one of whole numbers where they are written as real numbers (1.0); "" for none.
/// @param name   that was found
/// @param o      the user may have named it
std::string id_role(const std::vector<std::unique_ptr<Source>>& sources, Schema& all, const std::string& name, const ImportOptions& o,
                    const ScanRunner& run, std::vector<std::string>& remarks) {
  if (name.empty()) return "";
  ColumnInfo& column = all[*find_column(all, name)];
  if ((column.type != Type::f8 && column.type != Type::f4) || column.width != 1) return name;
  for (const auto& source : sources) {
    const auto no_id = find_no_id(*source, column.source, run);
    if (!no_id) continue;
    const std::string why = fmt::format("{}, row {}: {}", source->path(), no_id->row + 1, no_id->problem);
    if (!o.id.empty())
      throw DataError(
          fmt::format("{}, row {}, column {}: {} (ids are whole numbers below 2^53 or text; --{}.id={} makes ids of row numbers)",
                      source->path(), no_id->row + 1, name, no_id->problem, o.columns_section, no_column));
    remarks.push_back(fmt::format("column {} is not used as ids ({})", name, why));
    return "";
  }
  column.type = Type::i8;
  column.null.reset();
  remarks.push_back(fmt::format("ids in column {} are real numbers, all of them whole: read as whole numbers", name));
  return name;
}

/// A coordinate among text: names the first cell that made the column text.
void check_is_number(const Source& source, const ColumnInfo& column) {
  if (column.type != Type::text) return;
  Table table({column});
  std::vector<BadCell> ignored;
  // Small pieces: the cell is usually among the first rows.
  for (const Piece& piece : source.pieces(10'000)) {
    source.read(piece, table, ignored);
    for (std::size_t i = 0; i < table.rows(); ++i)
      if (!parse_double(trim(table[0].text(i))))
        throw DataError(fmt::format("{}, row {}, column {}: '{}' is not a number (a coordinate is needed)", source.path(),
                                    piece.first_row + static_cast<std::int64_t>(i) + 1, column.source, table[0].text(i)));
  }
}

void check_roles(const ImportSchema& schema, const Schema& all, const ImportOptions& o, const Source& source) {
  const std::string& path = source.path();
  const auto is_number = [&](const std::string& name) {
    const ColumnInfo& column = all[*find_column(all, name)];
    return column.type != Type::text && column.width == 1;
  };
  const auto check = [&](const std::string& name, bool is_right, const char* what) {
    if (!name.empty() && !is_right) throw UsageError(fmt::format("{}: column {} cannot be the {}", path, name, what));
  };
  if (o.ordering != "none" && o.ordering != "attribute" && !schema.has_positions)
    throw UsageError(fmt::format("{0}: no coordinates found (name them with --{1}.ra and --{1}.dec, {2})", path, o.columns_section,
                                 o.columns_section == "columns" ? "or use --ordering none" : "this run needs them"));
  if (schema.has_positions) {
    for (const std::string& name : {schema.roles.ra, schema.roles.dec}) check_is_number(source, all[*find_column(all, name)]);
    check(schema.roles.ra, is_number(schema.roles.ra), "right ascension: not a column of numbers");
    check(schema.roles.dec, is_number(schema.roles.dec), "declination: not a column of numbers");
  }
  if (!schema.roles.id.empty() && !schema.generates_id) {
    const ColumnInfo& id = all[*find_column(all, schema.roles.id)];
    const bool is_right = id.type == Type::text || (id.width == 1 && id.type != Type::f4 && id.type != Type::f8);
    check(schema.roles.id, is_right, "id: neither whole numbers nor text");
  }
  if (o.ordering == "tile") {
    if (schema.roles.tile.empty())
      throw UsageError(fmt::format("{}: no column of tile names (name it with --{}.tile)", path, o.columns_section));
    check(schema.roles.tile, all[*find_column(all, schema.roles.tile)].type == Type::text, "tile: not text");
  }
  if (o.ordering != "attribute") return refuse_idle_options("--ordering attribute", {{"ordering.column", !o.ordering_column.empty()}});
  if (o.ordering_column.empty()) throw UsageError("--ordering.column is missing (the column to order by)");
  require_column(all, o.ordering_column, o.columns_section == "columns" ? "ordering.column" : "partition.column", path);
  check(o.ordering_column, is_number(o.ordering_column), "ordering: not a column of numbers");
}

/// Units that differ between inputs are not converted, but said: which of them is meant is for the user to know. Those of coordinates
/// are converted, for each input.
void remark_units(const Schema& all, const Roles& roles, const std::vector<std::unique_ptr<Source>>& sources,
                  std::vector<std::string>& remarks) {
  std::vector<bool> is_said(all.size(), false);
  for (const auto& source : sources) {
    const ColumnIndex index(source->schema());
    for (std::size_t c = 0; c < all.size(); ++c) {
      const ColumnInfo& column = all[c];
      if (is_said[c] || column.unit.empty() || column.name == roles.ra || column.name == roles.dec) continue;
      const std::string& unit = source->schema()[*index.find(column.source)].unit;
      // A unit that is not said is taken for the same one.
      if (unit.empty() || lower(unit) == lower(column.unit)) continue;
      remarks.push_back(fmt::format("column {} is in {} in {}, but in {} in {}: values are taken as they are", column.name, column.unit,
                                    sources.front()->path(), unit, source->path()));
      is_said[c] = true;
    }
  }
}

bool is_kept(const std::string& name, const ImportSchema& schema, const ImportOptions& o, const std::set<std::string>& keep) {
  const Roles& roles = schema.roles;
  if (name == healpix_column) return false;  // always made anew: positions decide
  return keep.empty() || keep.contains(name) || name == roles.id || name == roles.ra || name == roles.dec ||
         (o.keep_order && name == source_row_column) || (o.ordering == "tile" && name == roles.tile) ||
         (o.ordering == "attribute" && name == o.ordering_column);
}

void require_positions_for_ids(const ImportSchema& schema, const ImportOptions& o, const std::string& path) {
  if (!o.with_ids.empty() && !schema.has_positions)
    throw UsageError(fmt::format("--with-ids {}: {} has no coordinates (ids are those of positions)", o.with_ids, path));
}

/// "columns of type f8: ra, dec": a column that has another type than meant is seen at once.
void remark_types(const Schema& schema, std::vector<std::string>& remarks) {
  // Tables of hundreds of columns would otherwise fill the terminal.
  constexpr std::size_t most_names = 16;
  for (const Type type : {Type::i8, Type::i4, Type::u1, Type::f8, Type::f4, Type::text}) {
    std::vector<std::string> names;
    std::size_t others = 0;
    for (const ColumnInfo& column : schema) {
      if (column.type != type) continue;
      if (names.size() < most_names)
        names.push_back(column.name);
      else
        ++others;
    }
    if (names.empty()) continue;
    remarks.push_back(fmt::format("columns of type {}: {}{}", name_of(type), join(names, ", "),
                                  others > 0 ? fmt::format(" and {} others", grouped(static_cast<long long>(others))) : ""));
  }
}

/// How text inputs were understood where it is not plain.
void remark_text(const std::vector<std::unique_ptr<Source>>& sources, std::vector<std::string>& remarks) {
  constexpr std::size_t most_lines = 20;
  std::size_t mixed = 0;
  for (const auto& source : sources) {
    if (!source->header_remark().empty() && remarks.size() < most_lines)
      remarks.push_back(fmt::format("{}: {}", source->path(), source->header_remark()));
    for (std::size_t c = 0; c < source->schema().size(); ++c) {
      const std::string mixture = source->mixture(c);
      if (mixture.empty()) continue;
      if (++mixed <= most_lines) remarks.push_back(fmt::format("{}: column {} is {}", source->path(), source->schema()[c].name, mixture));
    }
  }
  if (mixed > most_lines) remarks.push_back(fmt::format("{} other columns of text have numbers too", mixed - most_lines));
}

}  // namespace

namespace {

void refuse_idle_profile(const ProfileOptions& profile) {
  if (const ProfileOptions by_default; !profile.is_set())
    refuse_idle_options("--profile", {{"root", !profile.root.empty()},
                                      {"local-files", !profile.local_files.empty()},
                                      {"clean", profile.clean != by_default.clean},
                                      {"crowding.band", profile.crowding_band != by_default.crowding_band},
                                      {"crowding.resolution", profile.crowding_resolution != by_default.crowding_resolution},
                                      {"crowding.dmag", profile.crowding_dmag != by_default.crowding_dmag}});
}

/// Whether rows are marked; throws UsageError where a column has the mark's name.
bool marks_repeated(const Schema& input, const ImportOptions& o, const std::string& path) {
  if (o.dedup == "none" || !o.dedup_mark) return false;
  if (find_column(input, repeated_column))
    throw UsageError(fmt::format("--dedup.mark: {} has a column {} (leave it out by --keep)", path, repeated_column));
  return true;
}

void describe_dedup(OptionSet& option, ImportOptions& o) {
  option(
      "dedup", o.dedup,
      "of detections of one source in overlapping tiles the one that stays: best_snr, with the most signal to noise; primary, by a column, "
      "or nearest to the middle of its tile; none: all stay")
      .one_of({"none", "best_snr", "primary"});
  option("dedup.radius", o.dedup_radius, "detections of one source are at most so far apart, and in different tiles")
      .range(1e-6, 60)
      .unit("arcsec");
  option("dedup.by", o.dedup_by,
         "number that is largest for the detection that stays: a column, or calculated ('1 / magerr_i'); empty: by a usual name");
  option("dedup.tile", o.dedup_tile, "column of tiles, or file: each input is a tile; empty: columns.tile, or else file");
  option("dedup.mark", o.dedup_mark, "keep all rows, with a column is_repeated that is 1 for those that would have been left out");
  option("dedup.list", o.dedup_list, "where rows that are left out are listed with those that stay, CSV; empty: OUTPUT.repeated.csv")
      .layout()
      .writes(FileKind::text);
}

}  // namespace

void describe(OptionSet& option, ImportOptions& o) {
  option("input", o.input,
         "tables to read (FITS, CSV, text, HDF5, Parquet; folders of Parquet, HATS); @list.txt names a file with a path a line")
      .layout();
  std::vector<std::string> id_sets = archive_id_sets();
  id_sets.emplace_back();
  describe_dedup(option, o);
  option("keep-order", o.keep_order,
         "keep where each row was in the inputs (column _source_row, 8 bytes a row), and the form of FITS columns, for export --order "
         "original");
  option("with-ids", o.with_ids, "ids of positions that an archive stores, made anew: phat (htm9, pix256, pix4096, random_id); empty: none")
      .one_of(id_sets);
  option("measurements", o.measurements, "tables of measurements of the objects of a catalogue, in place of input").layout();
  option("objects", o.objects, "catalogue of their objects").layout();
  option("join", o.join, "how measurements find their objects: id:COLUMN, the column of the objects' ids; position:ARCSEC, the nearest");
  option("output", o.output, "catalogue to write, HDF5").required().layout().writes(FileKind::hdf5);
  option("rejects", o.rejects, "where dropped rows are listed, CSV; empty: OUTPUT.rejects.csv").layout().writes(FileKind::text);
  option("ordering", o.ordering, "order of the rows, which decides the partitions that a run can use").one_of(ordering_names());
  option("ordering.column", o.ordering_column, "column to order by (ordering attribute)");
  option("columns.ra", o.ra, "column of right ascension, ICRS; empty: guessed").unit("degrees");
  option("columns.dec", o.dec, "column of declination, ICRS; empty: guessed").unit("degrees");
  option("columns.id", o.id, "column of unique ids; empty: guessed, or made from the row numbers; none: made");
  option("columns.tile", o.tile, "column of tile names; empty: guessed");
  option("columns.filter", o.filter, "column of the filter of measurements; empty: guessed; none: there is none");
  option("columns.time", o.time, "column of the time of measurements; empty: guessed; none: there is none");
  option("filters", o.filters, "filters of measurements that are known, any other one is a bad row; empty: all");
  describe_survey(option, o.survey);
  option("bands.nondetection", o.nondetection, "magnitudes that mean observed but not detected in these tables, to be kept with them");
  option("bands.missing", o.missing, "magnitudes that mean not observed, likewise");
  option("bands.nan", o.nan, "what NaN means among magnitudes, likewise; empty: missing").one_of({"", "missing", "nondetection"});
  option("bands.inf", o.inf, "what infinity means, likewise; empty: nondetection").one_of({"", "missing", "nondetection"});
  option("keep", o.keep, "columns to keep besides id and coordinates; empty: all");
  option("where", o.where, "condition that rows must meet (see docs/conditions.md), on columns that are kept; the others are left out");
  option("on-bad-row", o.on_bad_row, "what to do with rows that cannot be used: stop, or drop and list them").one_of({"error", "drop"});
  option("memory", o.memory_mb, "memory of each rank that import may use").unit("MB").range(64, 1e7).layout();
  describe(option, o.source);
  describe(option, o.profile);
}

ImportSchema unite_schemas(const std::vector<std::unique_ptr<Source>>& sources, ImportOptions& o, const ScanRunner& run) {
  for (std::string* name : {&o.ra, &o.dec, &o.id, &o.tile, &o.ordering_column}) *name = catalogue_name(*name);
  for (std::string& name : o.keep) name = catalogue_name(name);
  ImportSchema schema;
  Schema all = united(sources);
  const std::string& path = sources.front()->path();
  remark_text(sources, schema.remarks);
  refuse_idle_profile(o.profile);
  const ColumnIndex index(all);
  for (const std::string& name : o.keep)
    if (!index.find(name)) require_column(all, name, "keep", path);
  const std::set<std::string> keep(o.keep.begin(), o.keep.end());
  for (const auto& column : sources.front()->left_out())
    schema.remarks.push_back(fmt::format("column {} is left out: {}", column.column, column.reason));
  schema.roles = known_roles(all, o, path, schema.remarks);
  schema.has_positions = !schema.roles.ra.empty();
  if (!schema.has_positions && o.takes_any_order && o.ra.empty() && o.dec.empty()) {
    o.ordering = name_of(Ordering::none);
    schema.remarks.push_back(
        fmt::format("no coordinates found ({0}.ra and {0}.dec name them): rows stay in their order", o.columns_section));
  }
  if (!schema.has_positions)
    refuse_idle_options(fmt::format("--{0}.ra and --{0}.dec", o.columns_section).c_str(),
                        {{"input.coordinates", !o.source.coordinates.empty()}});
  schema.roles.id = id_role(sources, all, schema.roles.id, o, run, schema.remarks);
  schema.generates_id = schema.roles.id.empty();
  check_roles(schema, all, o, *sources.front());
  remark_units(all, schema.roles, sources, schema.remarks);
  if (schema.generates_id) {
    // A column id that is not used as such keeps its name and its values.
    schema.roles.id = find_column(all, "id") ? "row_id" : "id";
    schema.remarks.push_back("made column " + schema.roles.id + " of row numbers" + (o.id.empty() ? " (no id column found)" : ""));
  }
  require_positions_for_ids(schema, o, path);
  for (ColumnInfo column : all) {
    if (!is_kept(column.name, schema, o, keep)) continue;
    if (!o.with_ids.empty() && is_archive_id(column.name)) {
      // Of a text they may be those of a position that was rounded.
      schema.remarks.push_back(fmt::format("column {} is made anew from the positions", column.name));
      continue;
    }
    // Whatever the inputs have: the index is made of doubles in degrees.
    if (column.name == schema.roles.ra || column.name == schema.roles.dec) {
      column.type = Type::f8;
      column.unit = "deg";
      if (column.ucd.empty()) column.ucd = column.name == schema.roles.ra ? "pos.eq.ra;meta.main" : "pos.eq.dec;meta.main";
    }
    if (column.name == schema.roles.id && column.ucd.empty()) column.ucd = "meta.id;meta.main";
    schema.input.push_back(column);
  }
  schema.has_archive_ids = !o.with_ids.empty();
  if (!schema.roles.tile.empty() && !find_column(schema.input, schema.roles.tile)) schema.roles.tile.clear();  // not kept
  remark_types(schema.input, schema.remarks);
  schema.marks_repeated = marks_repeated(schema.input, o, path);
  schema.flags_crowding = o.profile.is_set() && o.ordering == "healpix" && find_column(schema.input, o.profile.crowding_band);
  return schema;
}

Schema catalogue_schema(const ImportSchema& schema) {
  Schema all = schema.input;
  if (schema.generates_id) all.insert(all.begin(), {schema.roles.id, Type::i8, 1, "", "meta.id;meta.main", "row number in the inputs"});
  if (schema.has_archive_ids)
    for (const ColumnInfo& column : archive_id_columns()) all.push_back(column);
  if (schema.marks_repeated)
    all.push_back({repeated_column, Type::u1, 1, "", "meta.code", "1: another row is the better detection of the same source"});
  if (schema.flags_crowding) all.push_back({crowded_column, Type::u1, 1, "", "meta.code", "1: a star nearer than the resolution"});
  if (schema.has_positions) all.push_back({healpix_column, Type::i8, 1, "", "pos.healpix", "nested HEALPix index at order 29"});
  return all;
}

}  // namespace skyfold
