// The command info: what a table holds, the sky area it covers, how deep it goes there, and a picture of its footprint; of a model, what it
// says of itself.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "describe.hpp"
#include "footprint.hpp"
#include "model.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/map_output.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/csv.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
  std::string catalogue, footprint, map, tiles, tile;
  SourceOptions input;
  BandOptions bands;
  bool json = false, depth = false;
  double bin = 0.1;
  long area_order = 8, nside = 32, objects = 100;
};

void describe_info(OptionSet& option, InfoOptions& o) {
  option("catalogue", o.catalogue, "catalogue, product, model or table to describe").required().positional().layout();
  option("json", o.json, "print JSON");
  option("footprint", o.footprint, "picture of the sky with objects per square degree to draw, SVG").layout();
  option("area.order", o.area_order, "HEALPix order of the pixels with objects whose area is told").range(0, counted_order);
  option("depth", o.depth, "tell the depth of each band: where the counts of its magnitudes are largest");
  option("depth.bin", o.bin, "width of the bins of magnitude").unit("mag").range(0.01, 1.0);
  option("depth.map", o.map, "map of the depth to write, a HEALPix FITS file").layout().writes(FileKind::fits);
  option("depth.nside", o.nside, "NSide of that map, a power of two").range(1, 1024);
  option("depth.tiles", o.tiles, "table of the depth of each tile to write, CSV").layout().writes(FileKind::text);
  option("depth.tile", o.tile, "column of tiles; empty: by one of the usual names");
  option("depth.objects", o.objects, "fewest objects of a pixel or tile whose depth is told").range(1, 1e9);
  describe(option, o.input);
  describe(option, o.bands);
}

/// Depth of each band, NaN where too few objects tell it.
std::vector<double> depths(const BandCounts& counts, long fewest) {
  std::vector<double> values;
  for (const DepthHistogram& band : counts)
    // The fullest bin of a few objects is chance.
    values.push_back(band.objects() >= fewest ? band.peak() : std::numeric_limits<double>::quiet_NaN());
  return values;
}

HealpixMapLayout depth_layout(const InfoOptions& o) {
  // NESTED, as the keys of the rows are: a pixel of the map is then a shift of the key.
  HealpixMapLayout layout{o.nside, true, Frame::equatorial, false, {}, {creator_of("info")}};
  for (const std::string& band : o.bands.bands) layout.columns.push_back({"depth_" + band, "mag", Type::f4});
  return layout;
}

// In single precision: a bin is a tenth of a magnitude.
void write_depth_map(const InfoOptions& o, const SkySummary& sky, const CommandContext& context) {
  const auto pixels = static_cast<std::size_t>(pixel_count(order_of_nside(o.nside)));
  // Pixels that no object lies in stay NaN: the depth there is not known.
  std::vector<std::vector<float>> columns(o.bands.bands.size(), std::vector<float>(pixels, std::numeric_limits<float>::quiet_NaN()));
  // Pixels without objects, and those with too few to tell a peak, stay NaN, which FITS maps write as UNSEEN.
  for (const auto& [pixel, counts] : sky.map) {
    const std::vector<double> values = depths(counts, o.objects);
    for (std::size_t b = 0; b < values.size(); ++b) columns[b][static_cast<std::size_t>(pixel)] = static_cast<float>(values[b]);
  }
  write_map(o.map, depth_layout(o), columns, context);
  context.process.product(o.map, "map");
}

std::string cell(double value) { return std::isnan(value) ? "" : shortest(value); }

void write_depth_tiles(const InfoOptions& o, const SkySummary& sky) {
  std::string text = csv_cell(o.tile);
  for (const std::string& band : o.bands.bands) text += "," + csv_cell("objects_" + band) + "," + csv_cell("depth_" + band);
  text += "\n";
  for (const auto& [tile, counts] : sky.tiles) {
    text += csv_cell(tile);
    const std::vector<double> values = depths(counts, o.objects);
    // The number of objects stands beside the depth, so that a reader can set another limit to it.
    for (std::size_t b = 0; b < values.size(); ++b) text += fmt::format(",{},{}", counts[b].objects(), cell(values[b]));
    text += "\n";
  }
  // One step, as tables of tiles are small: readers see all of it or none.
  write_durably(o.tiles, text);
}

/// What of the sky is known goes behind the table's rows, whose description is long.
void put_sky(const InfoOptions& o, const SkySummary& sky, Json& json) {
  if (!sky.pixels.empty()) {
    const CoveredArea area = covered_area(sky.pixels, static_cast<int>(o.area_order));
    json["area_deg2"] = area.deg2;
    json["area"] = {{"healpix_order", o.area_order}, {"pixels", area.pixels}, {"deg2", area.deg2}};
    if (sky.without_position > 0) json["without_position"] = sky.without_position;
  }
  if (!o.depth) return;
  json["depth"] = {{"bin_mag", o.bin}, {"bands", Json::array()}};
  // Of the whole table any number of objects counts: the user sees how many they are.
  const std::vector<double> values = depths(sky.depth, 1);
  for (std::size_t b = 0; b < values.size(); ++b) {
    json["depth"]["bands"].push_back({{"band", o.bands.bands[b]}, {"objects", sky.depth[b].objects()}, {"depth_mag", nullptr}});
    // JSON has no NaN: null stays.
    if (!std::isnan(values[b])) json["depth"]["bands"].back()["depth_mag"] = values[b];
  }
}

void print_depth(const Json& depth) {
  fmt::print("  depth (middle of the fullest bin of {} mag):", shortest(depth["bin_mag"].get<double>()));
  for (const Json& band : depth["bands"])
    fmt::print(" {} {}", band["band"].get<std::string>(),
               band["depth_mag"].is_null() ? "-" : fmt::format("{:.4g}", band["depth_mag"].get<double>()));
  fmt::print("\n");
}

/// ", filters g, r", where they are texts.
std::string filters_of(const Json& measurements) {
  if (measurements["filters"].empty()) return "";
  std::string text;
  for (const Json& filter : measurements["filters"]) text += (text.empty() ? ", filters " : ", ") + filter.get<std::string>();
  return text;
}

void print_text(const Json& json) {
  fmt::print("{}\n  {} rows", json["path"].get<std::string>(), grouped(json["rows"].get<long long>()));
  if (json.contains("ordering"))
    fmt::print(", ordered by {}{}, made by {}", json["ordering"].get<std::string>(),
               json["attribute"] == "" ? "" : " " + json["attribute"].get<std::string>(), json["creator"].get<std::string>());
  fmt::print("\n");
  if (json.contains("area")) {
    const int order = json["area"]["healpix_order"].get<int>();
    fmt::print("  sky area covered: {:.2f} square degrees (HEALPix NSide {} pixels with objects)\n", json["area_deg2"].get<double>(),
               1 << order);
  }
  if (json.contains("measurements"))
    fmt::print("  {} measurements of the objects, {} without an object{}\n", grouped(json["measurements"]["rows"].get<long long>()),
               grouped(json["measurements"]["orphans"].get<long long>()), filters_of(json["measurements"]));
  if (json.contains("without_position"))
    fmt::print("  {} rows have no position in degrees\n", grouped(json["without_position"].get<long long>()));
  if (json.contains("depth")) print_depth(json["depth"]);
  if (json.contains("partitions")) {
    const Json& p = json["partitions"];
    fmt::print("  {} partitions by {}: rows min {:.0f}, median {:.0f}, max {:.0f}\n", p["count"].get<long>(), p["of"].get<std::string>(),
               p["rows_min"].get<double>(), p["rows_median"].get<double>(), p["rows_max"].get<double>());
  }
  fmt::print("  {:<24} {:<8} {:<8} {:>14} {:>14} {:>10}  {}\n", "column", "type", "unit", "min", "max", "missing", "description");
  for (const Json& c : json["columns"]) {
    const auto number = [&](const char* key) {
      if (!c.contains(key)) return std::string("-");
      // Whole numbers in all their digits: they may be ids.
      return c[key].is_number_integer() ? fmt::format("{}", c[key].get<std::int64_t>()) : fmt::format("{:.6g}", c[key].get<double>());
    };
    const std::string type = c["type"].get<std::string>() + (c["width"] == 1 ? "" : fmt::format("[{}]", c["width"].get<long>()));
    fmt::print("  {:<24} {:<8} {:<8} {:>14} {:>14} {:>10}  {}\n", c["name"].get<std::string>(), type, c["unit"].get<std::string>(),
               number("min"), number("max"), c["missing"].get<long>(), c["description"].get<std::string>());
  }
  if (json.contains("left_out"))
    for (const Json& c : json["left_out"])
      fmt::print("  {:<24} left out: {}\n", c["name"].get<std::string>(), c["reason"].get<std::string>());
}

class InfoCommand final : public Command {
 public:
  void describe(OptionSet& option) override { describe_info(option, o_); }

  ExitCode run(const CommandContext& context) override {
    check_options();
    // Told before it is opened: a file that changes meanwhile is noticed before the map is published.
    context.process.input(o_.catalogue);
    // Who names a group wants that table of the model.
    const bool may_be_model = o_.input.group.empty() && (o_.input.format == "auto" || o_.input.format == "hdf5");
    if (may_be_model && is_photoz_model(o_.catalogue)) return tell_model();
    Dataset dataset(o_.catalogue, o_.input);
    const SkyRequest request = request_for(dataset);
    const SkySummary sky = summarise_sky(dataset, request);
    // The table is read twice, for the sky and for ranges: the first pass needs few columns, and of a catalogue the second reads its index
    // only.
    Json json = describe_table(dataset);
    put_sky(o_, sky, json);
    // Files before the text: whoever reads the text can rely on them.
    write_files(sky, dataset, context);
    if (o_.json)
      fmt::print("{}\n", json_text(json, 2));
    else
      print_text(with_texts(json, one_line));
    return ExitCode::done;
  }

 private:
  void check_options() {
    // Before the table is read: a wrong NSide is told at once.
    (void)order_of_nside(o_.nside);
    std::vector<std::string> outputs;
    for (const std::string& path : {o_.footprint, o_.map, o_.tiles})
      if (!path.empty()) outputs.push_back(path);
    check_outputs(outputs, {o_.catalogue});
    check_replaceable(outputs);
    // Who wants a map of the depth wants the depth.
    o_.depth = o_.depth || !o_.map.empty() || !o_.tiles.empty();
  }

  ExitCode tell_model() const {
    refuse_idle_options(
        "a table of objects, not a model",
        {{"depth.map", !o_.map.empty()}, {"depth.tiles", !o_.tiles.empty()}, {"depth", o_.depth}, {"footprint", !o_.footprint.empty()}});
    const Json json = describe_model(o_.catalogue);
    if (o_.json)
      fmt::print("{}\n", json_text(json, 2));
    else
      print_model(with_texts(json, one_line));
    return ExitCode::done;
  }

  SkyRequest request_for(Dataset& dataset) {
    SkyRequest request;
    request.columns = sky_columns(dataset);
    // Pictures need the finest pixels, which are 50 MB to be filled and looked through; the area alone needs its own.
    if (o_.footprint.empty()) request.pixel_order = static_cast<int>(o_.area_order);
    // Area is told where it can be; a picture or a map was asked for.
    if (!request.columns && !(o_.footprint.empty() && o_.map.empty()))
      throw UsageError(
          fmt::format("{}: no coordinates are known (--{} needs them)", o_.catalogue, o_.map.empty() ? "footprint" : "depth.map"));
    if (!o_.depth) return request;
    // What was guessed stands in the options from here on, so that it is printed with the depths.
    const TableRoles roles = depth_roles(dataset.schema());
    say_guesses(roles);
    o_.bands = roles.bands;
    request.depth = roles.columns;
    request.bands = roles.bands;
    request.bin = o_.bin;
    if (!o_.map.empty()) request.map_order = order_of_nside(o_.nside);
    request.tile = o_.tile = roles.tile;
    return request;
  }

  [[nodiscard]] TableRoles depth_roles(const Schema& schema) const {
    RolesAsked asked{.path = o_.catalogue, .bands = o_.bands};
    asked.magnitude = RoleAsked{"bands.magnitude", o_.bands.magnitude};
    // Counts need no errors, and simple tables have none.
    asked.needs_errors = false;
    if (!o_.tiles.empty()) asked.tile = RoleAsked{"depth.tile", o_.tile};
    asked.tile_names = known_columns::likely_tile;
    return find_roles(schema, asked);
  }

  void write_files(const SkySummary& sky, const Dataset& dataset, const CommandContext& context) {
    if (!o_.map.empty()) write_depth_map(o_, sky, context);
    if (!o_.tiles.empty()) write_depth_tiles(o_, sky);
    if (o_.footprint.empty()) return;
    if (std::all_of(sky.pixels.begin(), sky.pixels.end(), [](std::uint32_t n) { return n == 0; }))
      throw DataError(o_.catalogue + ": no object has a position (nothing to draw)");
    draw_footprint(sky.pixels,
                   fmt::format("{}, {} objects", std::filesystem::path(o_.catalogue).filename().string(), grouped(dataset.rows())),
                   o_.footprint);
  }

  InfoOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_info_command() { return std::make_unique<InfoCommand>(); }

}  // namespace skyfold
