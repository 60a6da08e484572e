// schema: the tables of a catalogue or product, their columns, indexes and relations; or the statements by which a database gets them.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "../common/postgres.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/provenance.hpp"

namespace skyfold {
namespace {

struct SchemaOptions {
  std::string catalogue, ddl;
  bool json = false;
};

/// A table of the file, as it is told.
struct ToldTable {
  std::string name, group;
  std::int64_t rows = 0;
  Schema schema;
  Roles roles;
  std::vector<std::string> indexes = {}, relations = {};
  bool has_objects = false;  ///< each row belongs to one
};

ToldTable objects_of(const Catalogue& catalogue) {
  const CatalogueLayout& layout = catalogue.layout();
  ToldTable table{"object", "/object", catalogue.rows(), catalogue.schema(), layout.roles};
  if (layout.ordering == Ordering::healpix)
    table.indexes.push_back("rows in the order of _healpix_29; first row of each pixel of NSide 32");
  if (layout.ordering == Ordering::tile)
    table.indexes.push_back(fmt::format("rows in the order of {}; first row of each tile", layout.roles.tile));
  if (layout.ordering == Ordering::attribute) table.indexes.push_back(fmt::format("rows in the order of {}", layout.attribute));
  table.indexes.push_back("range of each column in each zone of 65,536 rows");
  return table;
}

std::vector<ToldTable> tables_of(const Catalogue& catalogue) {
  std::vector<ToldTable> tables = {objects_of(catalogue)};
  if (!has_measurements(catalogue.path())) return tables;
  const Measurements measurements(catalogue.path());
  const MeasurementRoles& roles = measurements.roles();
  const std::string& id = catalogue.layout().roles.id;
  ToldTable meas{"meas", "/meas", measurements.rows(), measurements.schema(), {"", roles.ra, roles.dec, ""}};
  meas.has_objects = true;
  meas.schema.push_back({object_row_column, Type::i8, 1, "", "", "row of the object, from 0"});
  meas.indexes.push_back(
      fmt::format("rows in the order of their objects, then {} and {}; first row of each object (/meas_offset)", roles.filter, roles.time));
  meas.relations.push_back("object_row is the row of the object in object, from 0; any number of measurements have one object");
  if (!roles.id.empty() && !id.empty()) meas.relations.push_back(fmt::format("{} is object.{}", roles.id, id));
  tables.push_back(std::move(meas));
  if (!has_orphans(catalogue.path())) return tables;
  const Measurements orphans(catalogue.path(), Measurements::Which::orphans);
  tables.push_back({"meas_orphan", "/meas_orphan", orphans.rows(), orphans.schema(), {}, {}, {"measurements without an object"}});
  return tables;
}

std::string type_text(const ColumnInfo& info) {
  return std::string(name_of(info.type)) + (info.width > 1 ? fmt::format("[{}]", info.width) : "");
}

void print_columns(const Schema& schema) {
  std::size_t name = 6, type = 4, unit = 4, ucd = 3;
  for (const ColumnInfo& info : schema) {
    name = std::max(name, info.name.size());
    type = std::max(type, type_text(info).size());
    unit = std::max(unit, info.unit.size());
    ucd = std::max(ucd, info.ucd.size());
  }
  fmt::print("  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {}\n", "column", name, "type", type, "unit", unit, "ucd", ucd, "description");
  for (const ColumnInfo& info : schema) {
    const std::string line =
        fmt::format("  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {}{}", one_line(info.name), name, type_text(info), type, one_line(info.unit), unit,
                    one_line(info.ucd), ucd, one_line(info.description), info.null ? fmt::format(" (missing: {})", *info.null) : "");
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
}

void print_tables(const Catalogue& catalogue, const std::vector<ToldTable>& tables) {
  const std::string& product_class = catalogue.layout().product_class;
  fmt::print("{}: {}\n", one_line(catalogue.path()), product_class.empty() ? "catalogue" : one_line(product_class));
  for (const ToldTable& table : tables) {
    fmt::print("\ntable {} ({}), {} rows\n", table.name, table.group, grouped(table.rows));
    print_columns(table.schema);
    for (const auto& [role, column] : {std::pair{"id", table.roles.id}, {"position", table.roles.ra}})
      if (!column.empty())
        fmt::print("  {}: {}{}\n", role, one_line(column), column == table.roles.ra ? ", " + one_line(table.roles.dec) : "");
    for (const std::string& index : table.indexes) fmt::print("  index: {}\n", one_line(index));
    for (const std::string& relation : table.relations) fmt::print("  relation: {}\n", one_line(relation));
  }
}

nlohmann::ordered_json json_of(const ColumnInfo& info) {
  nlohmann::ordered_json column = {{"name", info.name}, {"type", std::string(name_of(info.type))}, {"width", info.width}};
  if (!info.unit.empty()) column["unit"] = info.unit;
  if (!info.ucd.empty()) column["ucd"] = info.ucd;
  if (!info.description.empty()) column["description"] = info.description;
  if (info.null) column["null"] = *info.null;
  return column;
}

void print_json(const Catalogue& catalogue, const std::vector<ToldTable>& tables) {
  nlohmann::ordered_json json = {
      {"path", catalogue.path()}, {"class", catalogue.layout().product_class}, {"tables", nlohmann::ordered_json::array()}};
  for (const ToldTable& table : tables) {
    nlohmann::ordered_json one = {{"name", table.name}, {"group", table.group}, {"rows", table.rows}};
    for (const auto& [role, column] : {std::pair{"id", table.roles.id}, {"ra", table.roles.ra}, {"dec", table.roles.dec}})
      if (!column.empty()) one[role] = column;
    one["columns"] = nlohmann::ordered_json::array();
    for (const ColumnInfo& info : table.schema) one["columns"].push_back(json_of(info));
    one["indexes"] = table.indexes;
    one["relations"] = table.relations;
    json["tables"].push_back(std::move(one));
  }
  fmt::print("{}\n", json_text(json, 2));
}

void print_ddl(const std::vector<ToldTable>& tables) {
  std::string after;
  for (const ToldTable& table : tables) {
    const PostgresTable postgres{table.name, table.schema, table.roles};
    fmt::print("{}\n", postgres_table(postgres));
    after += postgres_indexes(postgres);
  }
  fmt::print("-- after the rows are there\n{}", after);
}

class SchemaCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("catalogue", o_.catalogue, "catalogue or product of skyfold").required().positional().layout();
    option("ddl", o_.ddl, "statements that make these tables in a database: postgres, with indexes of Q3C").one_of({"", "postgres"});
    option("json", o_.json, "print JSON").layout();
  }
  ExitCode run(const CommandContext&) override {
    if (o_.json && !o_.ddl.empty()) throw UsageError("--json with --ddl (one of them)");
    const Catalogue catalogue(o_.catalogue);
    const std::vector<ToldTable> tables = tables_of(catalogue);
    if (!o_.ddl.empty())
      print_ddl(tables);
    else if (o_.json)
      print_json(catalogue, tables);
    else
      print_tables(catalogue, tables);
    return ExitCode::done;
  }

 private:
  SchemaOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_schema_command() { return std::make_unique<SchemaCommand>(); }

}  // namespace skyfold
