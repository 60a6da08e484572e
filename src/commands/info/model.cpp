// What a photo-z model says of itself: whom it learned from, how its PDFs are calibrated, and what it is made of.
#include "model.hpp"

#include <fmt/core.h>

#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/photoz/calibration.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* member_table = "members";

Json bands_json(BandOptions bands) {
  OptionSet options;
  describe(options, bands);
  Json json = Json::object();
  for (const auto& [name, value] : options.answer_options()) json[name] = value;
  return json;
}

/// What training told of the calibration, and the table that PDFs go through; null where training told nothing.
Json calibration_json(const PhotozModel& model) {
  Json json;
  if (const auto told = model.record.find("calibration"); told != model.record.end()) json["told"] = told->second;
  if (const auto table = model.tables.find(calibration_table); table != model.tables.end()) {
    const Calibration calibration(table->second);
    json["floor"] = calibration.floor;
    json["error_scale"] = calibration.error_scale;
    json["pit"] = calibration.pit;
    json["all_z"] = calibration.all_z;
    json["bins"] = calibration.wider.size() + 1;
  }
  return json;
}

Json members_json(const Table& members) {
  Json json = Json::array();
  for (std::size_t k = 0; k < members.rows(); ++k)
    json.push_back({{"algorithm", std::string(trim(members.at("algorithm").text(k)))}, {"weight", members.at("weight").number(k)}});
  return json;
}

Json tables_json(const PhotozModel& model) {
  Json json = Json::array();
  for (const auto& [name, table] : model.tables) {
    json.push_back({{"name", name}, {"rows", table.rows()}, {"columns", Json::array()}});
    for (const ColumnInfo& column : table.schema()) json.back()["columns"].push_back(column.name);
  }
  return json;
}

void print_texts(const char* title, const Json& texts) {
  if (texts.empty()) return;
  fmt::print("  {}\n", title);
  for (const auto& [name, value] : texts.items())
    if (value != "") fmt::print("    {} = {}\n", name, value.get<std::string>());
}

/// The record but for what has lines of its own, or is pages long.
Json short_record(Json record) {
  for (const char* told : {"calibration", "members", "configuration", "training_objects"}) record.erase(told);
  return record;
}

}  // namespace

bool is_photoz_model(const std::string& path) {
  try {
    if (container_of(path) != Container::hdf5) return false;
    const Attributes attributes = read_attributes(path);
    const auto found = attributes.find("product_class");
    return found != attributes.end() && found->second == product_class::photoz_model;
  } catch (const Error&) {
    return false;  // whoever reads it as a table says why it cannot be
  }
}

Json describe_model(const std::string& path) {
  const PhotozModel model = read_model(path);
  Json json = {{"path", path},
               {"product_class", product_class::photoz_model},
               {"algorithm", model.algorithm},
               {"redshift", model.redshift},
               {"z_min", model.z_min},
               {"z_max", model.z_max},
               {"bands", bands_json(model.bands)},
               {"calibration", calibration_json(model)},
               {"parameters", model.parameters},
               {"record", model.record},
               {"tables", tables_json(model)}};
  if (const auto members = model.tables.find(member_table); members != model.tables.end()) json["members"] = members_json(members->second);
  // Another writer's model may have none.
  const auto provenance = Json::parse(read_attributes(path)["provenance"], nullptr, false);
  if (!provenance.is_discarded()) json["provenance"] = provenance;
  return json;
}

void print_model(const Json& json) {
  const Json& record = json["record"];
  fmt::print("{}\n  photo-z model of {}", json["path"].get<std::string>(), json["algorithm"].get<std::string>());
  if (record.contains("training_objects")) fmt::print(", {} training objects", record["training_objects"].get<std::string>());
  fmt::print(", redshifts {:.6g} to {:.6g}", json["z_min"].get<double>(), json["z_max"].get<double>());
  fmt::print("{}\n", json["redshift"] == "" ? "" : " in " + json["redshift"].get<std::string>());
  const Json& calibration = json["calibration"];
  fmt::print("  calibration: {}\n", calibration.contains("told") ? calibration["told"].get<std::string>() : "none");
  if (record.contains("members")) fmt::print("  members: {}\n", record["members"].get<std::string>());
  print_texts("bands", json["bands"]);
  print_texts("parameters", json["parameters"]);
  print_texts("record", short_record(record));
  fmt::print("  tables\n");
  for (const Json& table : json["tables"]) {
    std::vector<std::string> columns;
    for (const Json& column : table["columns"]) columns.push_back(column.get<std::string>());
    fmt::print("    {:<24} {:>10} rows: {}\n", table["name"].get<std::string>(), grouped(table["rows"].get<long long>()),
               join(columns, ", "));
  }
}

}  // namespace skyfold
