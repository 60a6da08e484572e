// The command info: what a catalogue or product holds, from its attributes and indexes, without reading rows but for the sky area.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
  std::string catalogue;
  bool json = false;
};

bool is_whole(Type type) { return type == Type::i4 || type == Type::i8 || type == Type::u1; }

/// The range of a column over all its zones, exact for whole numbers; nothing where nothing is measured.
template <class T>
void put_range(const Catalogue& catalogue, const ColumnInfo& column, const Table& zones, Json& json) {
  const auto value = [&](const char* name, std::size_t i) {
    const Column& of = zones.at(name);
    return of.info().type == Type::i8 ? static_cast<T>(of.integer(i)) : static_cast<T>(of.number(i));
  };
  for (std::size_t i = 0; i < zones.rows(); ++i) {
    const auto first = static_cast<std::int64_t>(i) * zone_rows;
    const std::int64_t values = std::min(zone_rows, catalogue.rows() - first) * static_cast<std::int64_t>(column.width);
    // Nothing is measured in this zone: its minimum and maximum mean nothing.
    if (zones.at("missing").integer(i) == values) continue;
    const T low = value("min", i), high = value("max", i);
    json["min"] = json.contains("min") ? std::min(json["min"].get<T>(), low) : low;
    json["max"] = json.contains("max") ? std::max(json["max"].get<T>(), high) : high;
  }
}

/// Statistics of a column over all its zones.
Json column_json(const Catalogue& catalogue, const ColumnInfo& column) {
  Json json = {{"name", column.name}, {"type", name_of(column.type)},     {"width", column.width}, {"unit", column.unit},
               {"ucd", column.ucd},   {"description", column.description}};
  const Table zones = read_columns(catalogue.path(), "/index/zones/" + column.name);
  std::int64_t missing = 0;
  for (std::size_t i = 0; i < zones.rows(); ++i) missing += zones.at("missing").integer(i);
  if (is_whole(column.type))
    put_range<std::int64_t>(catalogue, column, zones, json);
  else if (column.type != Type::text)
    put_range<double>(catalogue, column, zones, json);
  json["missing"] = missing;
  return json;
}

/// Rows of each group of the ordering: order-5 pixels with objects, or tiles.
std::vector<double> group_sizes(const Catalogue& catalogue) {
  std::vector<double> sizes;
  if (catalogue.layout().ordering == Ordering::tile)
    for (const auto& tile : catalogue.tiles()) sizes.push_back(static_cast<double>(tile.rows.size()));
  const auto& index = catalogue.order5();
  for (std::size_t i = 0; i + 1 < index.size(); ++i)
    // Pixels without objects are no partitions.
    if (index[i + 1] > index[i]) sizes.push_back(static_cast<double>(index[i + 1] - index[i]));
  return sizes;
}

Json describe_catalogue(const Catalogue& catalogue) {
  const CatalogueLayout& layout = catalogue.layout();
  Json json = {{"path", catalogue.path()},
               {"rows", layout.rows},
               {"ordering", name_of(layout.ordering)},
               {"attribute", layout.attribute},
               {"creator", layout.creator},
               {"fingerprint", catalogue.fingerprint()},
               {"roles", {{"id", layout.roles.id}, {"ra", layout.roles.ra}, {"dec", layout.roles.dec}, {"tile", layout.roles.tile}}}};
  for (const ColumnInfo& column : layout.schema) json["columns"].push_back(column_json(catalogue, column));
  if (const auto area = catalogue.covered_area_deg2(8)) json["area_deg2"] = *area;
  const std::vector<double> sizes = group_sizes(catalogue);
  if (!sizes.empty())
    json["partitions"] = {{"of", layout.ordering == Ordering::tile ? "tile" : "HEALPix NSide 32"},
                          {"count", sizes.size()},
                          {"rows_min", *std::min_element(sizes.begin(), sizes.end())},
                          {"rows_median", median(sizes)},
                          {"rows_max", *std::max_element(sizes.begin(), sizes.end())}};
  // A catalogue of another writer may have none, or one that is no JSON: it is described all the same.
  const auto provenance = nlohmann::json::parse(layout.provenance, nullptr, false);
  if (!provenance.is_discarded()) json["provenance"] = provenance;
  return json;
}

void print_text(const Json& json) {
  fmt::print("{}\n  {} rows, ordered by {}{}, made by {}\n", json["path"].get<std::string>(), grouped(json["rows"].get<long long>()),
             json["ordering"].get<std::string>(), json["attribute"] == "" ? "" : " " + json["attribute"].get<std::string>(),
             json["creator"].get<std::string>());
  if (json.contains("area_deg2"))
    fmt::print("  sky area covered: {:.2f} square degrees (HEALPix NSide 256 pixels with objects)\n", json["area_deg2"].get<double>());
  if (json.contains("partitions")) {
    const Json& p = json["partitions"];
    fmt::print("  {} partitions by {}: rows min {:.0f}, median {:.0f}, max {:.0f}\n", p["count"].get<long>(), p["of"].get<std::string>(),
               p["rows_min"].get<double>(), p["rows_median"].get<double>(), p["rows_max"].get<double>());
  }
  fmt::print("  {:<24} {:<8} {:<8} {:>14} {:>14} {:>10}  {}\n", "column", "type", "unit", "min", "max", "missing", "description");
  for (const Json& c : json["columns"]) {
    const auto number = [&](const char* key) {
      if (!c.contains(key)) return std::string("-");
      return c[key].is_number_integer() ? fmt::format("{}", c[key].get<std::int64_t>()) : fmt::format("{:.6g}", c[key].get<double>());
    };
    const std::string type = c["type"].get<std::string>() + (c["width"] == 1 ? "" : fmt::format("[{}]", c["width"].get<long>()));
    fmt::print("  {:<24} {:<8} {:<8} {:>14} {:>14} {:>10}  {}\n", c["name"].get<std::string>(), type, c["unit"].get<std::string>(),
               number("min"), number("max"), c["missing"].get<long>(), c["description"].get<std::string>());
  }
}

class InfoCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("catalogue", options_.catalogue, "catalogue or product to describe").required().positional().layout();
    option("json", options_.json, "print JSON");
  }
  ExitCode run(const CommandContext&) override {
    const Json json = describe_catalogue(Catalogue(options_.catalogue));
    if (options_.json)
      fmt::print("{}\n", json_text(json, 2));
    else
      print_text(with_texts(json, one_line));
    return ExitCode::done;
  }

 private:
  InfoOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_info_command() { return std::make_unique<InfoCommand>(); }

}  // namespace skyfold
