// Tables of a folder as ranks have them: each is opened by one rank, which tells the others what it found; who reads rows opens it again.
#include "folder_tables.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/ids.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::json;

/// Two blocks are in memory at a time, which may be of two files.
constexpr std::size_t most_open = 2;

Json json_of(const ColumnInfo& column) {
  Json json = {column.name, static_cast<int>(column.type), column.width, column.unit, column.ucd, column.description, column.source};
  if (column.null) json.push_back(*column.null);
  return json;
}

ColumnInfo column_from(const Json& json) {
  ColumnInfo column{json.at(0), static_cast<Type>(json.at(1).get<int>()), json.at(2), json.at(3), json.at(4), json.at(5), json.at(6)};
  if (json.size() > 7) column.null = json.at(7).get<std::int64_t>();
  return column;
}

/// Roles of a table that is no catalogue; none is required, as rows stay where they are.
Roles roles_of(const Dataset& dataset, const CatalogueInput& in) {
  RolesAsked asked{
      .path = dataset.path(), .lon = RoleAsked{"catalogue.ra", in.ra, false}, .lat = RoleAsked{"catalogue.dec", in.dec, false}};
  if (!names_no_column(in.id, dataset.schema())) asked.id = RoleAsked{"catalogue.id", in.id, false};
  asked.tile = RoleAsked{"catalogue.tile", in.tile, false};
  asked.tile_names = known_columns::likely_tile;
  const TableRoles found = find_roles(dataset.schema(), asked);
  Roles roles{found.id, "", "", found.tile};
  if (found.position) {
    roles.ra = found.position->lon;
    roles.dec = found.position->lat;
  }
  return roles;
}

}  // namespace

OpenTable::OpenTable(const std::string& path, const CatalogueInput& in) : dataset(std::make_unique<Dataset>(path, in.source)) {
  if (dataset->catalogue()) {
    roles = dataset->catalogue()->layout().roles;
  } else {
    roles = roles_of(*dataset, in);
    if (!roles.ra.empty()) dataset->use_degrees(roles.ra, roles.dec);
  }
  pieces = dataset->source().pieces(zone_rows);
}

std::int64_t FolderTable::rows() const noexcept { return std::accumulate(piece_rows.begin(), piece_rows.end(), std::int64_t{0}); }

std::string folder_table_text(const std::string& path, const CatalogueInput& in) {
  Json json;
  try {
    const OpenTable table(path, in);
    json["schema"] = Json::array();
    for (const ColumnInfo& column : table.dataset->schema()) json["schema"].push_back(json_of(column));
    json["roles"] = {table.roles.id, table.roles.ra, table.roles.dec, table.roles.tile};
    json["own"] = is_own_product(path);
    json["pieces"] = Json::array();
    for (const Piece& piece : table.pieces) json["pieces"].push_back(piece.rows);
  } catch (const Error& error) {
    // One file that cannot be read is no reason not to read the others.
    json = {{"code", static_cast<int>(error.code())}, {"message", error.what()}};
  }
  return with_texts(json, reversible_utf8).dump();
}

FolderTable folder_table_from(const std::string& text) {
  const Json json = with_texts(Json::parse(text), bytes_of_reversible);
  FolderTable table;
  if (json.contains("code")) {
    table.failure = {static_cast<ExitCode>(json.at("code").get<int>()), json.at("message")};
    return table;
  }
  for (const Json& column : json.at("schema")) table.schema.push_back(column_from(column));
  const Json& roles = json.at("roles");
  table.roles = {roles.at(0), roles.at(1), roles.at(2), roles.at(3)};
  table.is_own = json.at("own");
  table.piece_rows = json.at("pieces").get<std::vector<std::int64_t>>();
  return table;
}

const OpenTable& OpenTables::at(const std::string& path, const FolderTable& known) {
  for (auto held = held_.begin(); held != held_.end(); ++held)
    if (held->path == path) {
      held_.splice(held_.begin(), held_, held);
      return *held_.front().table;
    }
  // Before the next one is opened: each may have a process of its own that reads it.
  while (held_.size() >= most_open) held_.pop_back();
  auto table = std::make_unique<OpenTable>(path, in_);
  bool is_same = table->pieces.size() == known.piece_rows.size();
  for (std::size_t i = 0; is_same && i < table->pieces.size(); ++i) is_same = table->pieces[i].rows == known.piece_rows[i];
  if (!is_same) throw DataError(fmt::format("{}: has other rows than when this run began", path));
  held_.push_front({path, std::move(table)});
  return *held_.front().table;
}

}  // namespace skyfold
