// Catalogues and products as tables of SQL: their names, columns that are computed where a query names them, and rows of a cone.
#include "tables.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <set>

#include "adql.hpp"
#include "skyfold/catalogue/sky_search.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/sql_text.hpp"

namespace skyfold {
namespace {

/// What archives of PHAT call objects and measurements, as printed in its papers.
constexpr const char *phat_objects = "phat_v2.phot_mod", *phat_measurements = "phat_v2.phot_meas";

std::string table_name(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

/// A column as a query names it: SQL does not tell capitals from others.
std::optional<std::size_t> column_in_any_case(const Schema& schema, const std::string& name) {
  for (std::size_t i = 0; i < schema.size(); ++i)
    if (lower(schema[i].name) == lower(name)) return i;
  return std::nullopt;
}

/// The number behind a word: 4096 of pix4096.
std::optional<long long> number_behind(const std::string& word, const std::string& start) {
  if (!word.starts_with(start) || word.size() == start.size()) return std::nullopt;
  return parse_integer(word.substr(start.size()));
}

}  // namespace

SqlFile sql_file(const std::string& word) {
  const std::size_t equals = word.find('=');
  std::error_code error;
  if (equals == std::string::npos || equals == 0 || std::filesystem::exists(word, error)) return {"", word};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

SqlFiles::SqlFiles(const std::vector<SqlFile>& files, const std::string& query) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    add_objects(files[i], i == 0, query);
    if (has_measurements(files[i].path)) add_measurements(files[i], i == 0, query);
  }
  std::set<std::string> names;
  for (const SqlTable& table : tables_)
    for (const std::string& name : table.names)
      if (!names.insert(lower(name)).second)
        throw UsageError(fmt::format("two tables would be called {} (give them names: NAME=FILE)", name));
}

void SqlFiles::add_objects(const SqlFile& file, bool is_first, const std::string& query) {
  const Catalogue& catalogue = *catalogues_.emplace_back(std::make_unique<Catalogue>(file.path));
  SqlTable table;
  table.names = {file.name.empty() ? table_name(file.path) : file.name};
  if (is_first)
    for (const char* name : {"object", phat_objects})
      if (lower(table.names.front()) != name) table.names.emplace_back(name);
  table.schema = catalogue.schema();
  table.ranges = {{0, catalogue.rows()}};
  table.read = [&catalogue](RowRange rows, Table& out) { catalogue.reader().read(rows, out); };
  add_computed(table, catalogue.layout().roles.ra, catalogue.layout().roles.dec, query);
  narrow(table, catalogue, query);
  tables_.push_back(std::move(table));
}

void SqlFiles::add_measurements(const SqlFile& file, bool is_first, const std::string& query) {
  const Measurements& measurements = *measurements_.emplace_back(std::make_unique<Measurements>(file.path));
  SqlTable table;
  table.names = {(file.name.empty() ? table_name(file.path) : file.name) + "_meas"};
  if (is_first) table.names.insert(table.names.end(), {"meas", phat_measurements});
  table.schema = measurements.schema();
  table.schema.push_back({object_row_column, Type::i8, 1, "", "", "row of the object, from 0"});
  table.ranges = {{0, measurements.rows()}};
  table.read = [&measurements](RowRange rows, Table& out) { measurements.read(rows, out); };
  add_computed(table, measurements.roles().ra, measurements.roles().dec, query);
  tables_.push_back(std::move(table));
}

/// pix4096 and htm9 are columns of many archives: a catalogue without them has them by its positions.
void SqlFiles::add_computed(SqlTable& table, const std::string& ra, const std::string& dec, const std::string& query) {
  if (ra.empty() || dec.empty()) return;
  std::set<std::string> done;
  for (const SqlToken& token : sql_tokens(query)) {
    const std::string word = lower(token.text);
    if (token.kind != SqlToken::Kind::word || column_in_any_case(table.schema, word) || !done.insert(word).second) continue;
    std::string expression;
    if (const auto nside = number_behind(word, "pix"); nside && *nside > 0 && *nside <= 536'870'912 && (*nside & (*nside - 1)) == 0)
      // The Data Lab's columns: pix256 is in the RING scheme, pix4096 in the NESTED one.
      expression = fmt::format("{}({}, {}, {})", *nside == 256 ? "pix_ring" : "pix", *nside, sql_name(ra), sql_name(dec));
    else if (const auto level = number_behind(word, "htm"); level && *level >= 0 && *level <= 20)
      expression = fmt::format("htm({}, {}, {})", *level, sql_name(ra), sql_name(dec));
    if (expression.empty()) continue;
    table.computed.emplace_back(word, expression);
    remarks_.push_back(fmt::format("{} has no column {}: it is {}", table.names.front(), word, expression));
  }
}

void SqlFiles::narrow(SqlTable& table, const Catalogue& catalogue, const std::string& query) {
  const auto cone = cone_of(query);
  const Roles& roles = catalogue.layout().roles;
  if (!cone || catalogue.layout().ordering != Ordering::healpix) return;
  if (std::ranges::none_of(table.names, [&](const std::string& name) { return lower(name) == lower(cone->table); })) return;
  if (lower(cone->ra) != lower(roles.ra) || lower(cone->dec) != lower(roles.dec)) return;
  const Position centre{std::fmod(cone->ra0, 360.0), cone->dec0};
  if (!is_valid(centre) || !(cone->radius_deg >= 0.0) || cone->radius_deg >= 180.0) return;
  SkyArea area;
  // A little more than is asked for: DuckDB decides about each row, with other roundings.
  area.add_cone(centre, cone->radius_deg * (1.0 + 1e-9) + 1e-9);
  table.ranges = SkySearch(catalogue).rows(area);
}

void SqlFiles::add_to(SqlEngine& engine) {
  for (const SqlTable& table : tables_) engine.add(table);
}

}  // namespace skyfold
