// The command map cut: what a map holds around each source of a table, as small images with their projection, or as lists of pixels.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numbers>

#include "../common/map_sources.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/map_output.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/fits_product.hpp"
#include "skyfold/io/fits_stamp.hpp"
#include "skyfold/io/healpix_pixels.hpp"
#include "skyfold/io/healpix_sum.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr double arcmin = std::numbers::pi / 180.0 / 60.0;
constexpr double most_cells = 4097;              ///< of a side of a stamp
constexpr std::size_t sources_together = 64;     ///< whose stamps are in memory
constexpr std::int64_t rows_together = 200'000;  ///< of lists of pixels

struct CutOptions {
  std::string map, sources, output, form = "image", lon, lat, frame, id;
  std::vector<std::string> columns;
  double radius = 60.0, cell = 0.0;  ///< arcmin
  HealpixKeywords keywords;
  SourceOptions input;
};

void describe_cut(OptionSet& option, CutOptions& o) {
  option("input", o.map, "map, a FITS HEALPix or healsparse file").required().positional().layout();
  option("sources", o.sources, "table of sources, FITS, CSV, text, HDF5 or Parquet").required().layout();
  option("output", o.output, "FITS file of all stamps").required().layout().writes(FileKind::fits);
  option("form", o.form, "image: an extension with a gnomonic image for each source; pixels: one table of all pixels of the discs")
      .one_of({"image", "pixels"});
  option("radius", o.radius, "of the discs; of images half a side").unit("arcmin").range(0.01, 1800.0);
  option("cell", o.cell, "side of a cell of images; 0: half a pixel of the map").unit("arcmin").range(0.0, 600.0);
  option("map.columns", o.columns, "columns of the map; empty: the first for images, all for lists of pixels");
  option("map.hdu", o.keywords.hdu, "extension with the map, by number or EXTNAME; empty: the first HEALPix table");
  option("map.ordering", o.keywords.ordering, "numbering of the pixels, where ORDERING is missing or wrong").one_of({"", "RING", "NESTED"});
  option("map.frame", o.keywords.frame, "frame, G, C or E, where COORDSYS is missing or wrong");
  option("columns.lon", o.lon, "sources' column of longitude or right ascension; empty: guessed").unit("degrees");
  option("columns.lat", o.lat, "sources' column of latitude or declination; empty: guessed").unit("degrees");
  option("columns.frame", o.frame, "frame of these columns: G, C or E; empty: by their names");
  option("columns.id", o.id, "sources' column of names or ids; empty: guessed; none: they have none");
  describe(option, o.input);
}

/// The sources in the order of their table.
struct CutSources {
  Frame frame = Frame::equatorial;
  std::vector<double> lon, lat;
  std::vector<std::string> names;
};

CutSources read_cut_sources(const CutOptions& o) {
  const RolesAsked asked = asked_of_sources(o.sources, o.lon, o.lat, o.frame, o.id);
  Dataset dataset(o.sources, o.input);
  const TableRoles roles = find_roles(dataset.schema(), asked);
  say_guesses(roles);
  dataset.use_degrees(roles.position->lon, roles.position->lat);
  Schema schema = {dataset.number_column(roles.position->lon, "--columns.lon"),
                   dataset.number_column(roles.position->lat, "--columns.lat")};
  if (!roles.id.empty()) schema.push_back(dataset.column(roles.id, "--columns.id"));
  const Table table = dataset.read(schema);
  if (table.rows() == 0) throw DataError(fmt::format("{}: no sources", o.sources));
  CutSources sources{roles.position->frame, {}, {}, {}};
  for (std::size_t i = 0; i < table.rows(); ++i) {
    sources.lon.push_back(table[0].number(i));
    sources.lat.push_back(table[1].number(i));
    if (!is_valid(Position{sources.lon[i], sources.lat[i]}))
      throw DataError(fmt::format("{}, row {}: {} = {}, {} = {} (a source needs a position in degrees)", o.sources, i + 1, schema[0].name,
                                  shortest(sources.lon[i]), schema[1].name, shortest(sources.lat[i])));
    sources.names.push_back(roles.id.empty() ? std::to_string(i) : std::string(trim(key_of(table[2], i))));
  }
  return sources;
}

/// A map of which the surroundings of sources are read.
class CutMap {
 public:
  CutMap(HealpixMapFile file, std::vector<std::size_t> columns, const CutSources& sources, double reach_rad, int threads)
      : sources_(sources),
        rotation_(sources.frame, *file.frame()),
        grid_(file.nside()),
        finder_(grid_),
        reach_(std::min(reach_rad + grid_.largest_pixel_radius(), std::numbers::pi)),
        pixels_(file, columns, is_better_whole(file, std::ssize(sources.lon), reach_), gather_alone) {
    if (!pixels_.is_whole()) return;
    if (const auto stated = stated_data_sum(file)) compare_data_sums(file, *stated, data_sum_of(file, on_threads(threads)));
    pixels_.clear(threads);
    pixels_.load(threads);
  }

  /// Reads what is around a source, unless it is there. Main thread only.
  void need(std::size_t source) {
    if (pixels_.is_whole()) return;
    finder_.find(place(source), reach_, runs_);
    pixels_.need(runs_);
  }
  /// A source's place in the map's frame.
  [[nodiscard]] Angles place(std::size_t source) const {
    const Angles here = angles_of(sources_.lon[source], sources_.lat[source]);
    return rotation_.is_identity() ? here : angles_of(rotation_(vector_of(here)));
  }
  [[nodiscard]] TangentBasis basis(std::size_t source) const {
    return rotation_(tangent_basis(angles_of(sources_.lon[source], sources_.lat[source])));
  }
  /// Runs of the pixels whose centres are within a radius; valid until the next call.
  const std::vector<RingRun>& disc(std::size_t source, double radius_rad) {
    finder_.find(place(source), radius_rad, runs_);
    return runs_;
  }
  /// Number in the file's numbering.
  [[nodiscard]] std::int64_t number(std::int64_t ring_pixel) const {
    return pixels_.file().is_nested() ? grid_.nested_of_ring(ring_pixel) : ring_pixel;
  }
  [[nodiscard]] const Pixelisation& grid() const noexcept { return grid_; }
  [[nodiscard]] const HealpixPixels& pixels() const noexcept { return pixels_; }

 private:
  const CutSources& sources_;
  FrameRotation rotation_;
  Pixelisation grid_;
  DiscFinder finder_;
  double reach_;
  HealpixPixels pixels_;
  std::vector<RingRun> runs_;
};

class MapCutCommand final : public Command {
 public:
  void describe(OptionSet& option) override { describe_cut(option, o_); }

  ExitCode run(const CommandContext& context) override {
    check_outputs({o_.output}, {o_.map, o_.sources});
    check_replaceable({o_.output});
    if (o_.form == "pixels") refuse_idle_options("--form image", {{"cell", o_.cell > 0.0}});
    context.process.input(o_.map);
    context.process.input(o_.sources);
    const HealpixMapFile file(o_.map, o_.keywords);
    if (!file.frame()) throw DataError(fmt::format("{}: FITS keyword COORDSYS is missing (give --map.frame G, C or E)", file.path()));
    const CutSources sources = read_cut_sources(o_);
    const std::string what = o_.form == "image" ? cut_images(file, sources, context) : cut_pixels(file, sources, context);
    context.process.product(o_.output, "map");
    fmt::print("wrote {}: {}\n", one_line(o_.output), what);
    return ExitCode::done;
  }

 private:
  std::vector<std::size_t> chosen_columns(const HealpixMapFile& file) const {
    std::vector<std::size_t> columns;
    for (const std::string& name : o_.columns) {
      columns.push_back(file.column(name));
      if (std::count(columns.begin(), columns.end(), columns.back()) > 1) throw UsageError(fmt::format("map.columns has {} twice", name));
    }
    if (o_.form == "image" && columns.size() > 1) throw UsageError("map.columns: images are of one column");
    if (columns.empty())
      for (std::size_t i = 0; i < (o_.form == "image" ? 1 : file.columns().size()); ++i) columns.push_back(i);
    return columns;
  }

  std::string cut_images(const HealpixMapFile& file, const CutSources& sources, const CommandContext& context) const {
    const std::vector<std::size_t> columns = chosen_columns(file);
    const double pixel = std::sqrt(Pixelisation(file.nside()).pixel_area_sr()) / arcmin, cell = o_.cell > 0.0 ? o_.cell : 0.5 * pixel;
    // As a real number first: a tiny cell would pass all integers.
    const double wanted = 2.0 * std::round(o_.radius / cell) + 1.0;
    if (wanted > most_cells)
      throw UsageError(
          fmt::format("images of {0:.0f} x {0:.0f} cells (at most {1}; choose a larger cell or a smaller radius)", wanted, most_cells));
    const std::int64_t side = std::max<std::int64_t>(3, static_cast<std::int64_t>(wanted));
    // The corners, on the plane, are farther away than on the sphere.
    const double reach = std::numbers::sqrt2 * 0.5 * static_cast<double>(side) * cell * arcmin;
    CutMap map(file, columns, sources, reach, context.threads);
    write_whole(o_.output, context, [&](const std::string& partial) {
      FileAppender out(partial);
      out.add(empty_primary(creator_of("map cut")));
      for (std::size_t begin = 0; begin < sources.lon.size(); begin += sources_together) {
        const std::size_t n = std::min(sources_together, sources.lon.size() - begin);
        for (std::size_t i = 0; i < n; ++i) map.need(begin + i);
        std::vector<std::string> stamps(n);
        parallel_for(n, 1, context.threads, [&](std::size_t first, std::size_t last, int) {
          for (std::size_t i = first; i < last; ++i) stamps[i] = stamp_of(map, columns[0], sources, begin + i, cell / 60.0, side);
        });
        for (const std::string& stamp : stamps) out.add(stamp);
      }
      out.finish();
    });
    return fmt::format("{} images of {} x {} cells of {:.4g} arcmin", grouped(std::ssize(sources.lon)), side, side, cell);
  }

  static std::string stamp_of(const CutMap& map, std::size_t column, const CutSources& sources, std::size_t i, double cell_deg,
                              std::int64_t side) {
    const HealpixMapFile& file = map.pixels().file();
    FitsStamp stamp{.name = sources.names[i],
                    .row = static_cast<std::int64_t>(i),
                    .frame = sources.frame,
                    .lon = sources.lon[i],
                    .lat = sources.lat[i],
                    .cell_deg = cell_deg,
                    .side = side,
                    .unit = file.columns()[column].unit,
                    .map = std::filesystem::path(file.path()).filename().string(),
                    .nside = file.nside(),
                    .values = {}};
    const TangentBasis basis = map.basis(i);
    const PixelValues values = map.pixels().values(0);
    stamp.values.reserve(static_cast<std::size_t>(side * side));
    for (std::int64_t y = 0; y < side; ++y)
      for (std::int64_t x = 0; x < side; ++x)
        stamp.values.push_back(
            static_cast<float>(values[map.number(map.grid().ring_pixel_at(angles_of(stamp_direction(stamp, basis, x, y))))]));
    return stamp_extension(stamp);
  }

  std::string cut_pixels(const HealpixMapFile& file, const CutSources& sources, const CommandContext& context) const {
    const std::vector<std::size_t> columns = chosen_columns(file);
    CutMap map(file, columns, sources, o_.radius * arcmin, context.threads);
    std::vector<std::int64_t> first = {0};
    for (std::size_t i = 0; i < sources.lon.size(); ++i) first.push_back(first.back() + pixel_count(map.disc(i, o_.radius * arcmin)));
    const Schema schema = pixel_schema(file, columns, sources);
    write_whole(o_.output, context, [&](const std::string& partial) {
      Table names({schema[1]}, sources.names.size());
      for (std::size_t i = 0; i < sources.names.size(); ++i) put_name(sources.names[i], names[0], i);
      FitsTexts texts;
      texts.add(names);
      create_fits(partial, schema, first.back(), "PIXELS", {creator_of("map cut")}, texts);
      const FitsLayout layout = open_fits(partial, schema, first.back());
      FitsRowWriter writer(partial, layout);
      std::uint32_t sum = 0;
      for (std::size_t begin = 0; begin < sources.lon.size();) {
        std::size_t end = begin + 1;
        while (end < sources.lon.size() && first[end + 1] - first[begin] <= rows_together) ++end;
        Table rows(schema, static_cast<std::size_t>(first[end] - first[begin]));
        for (std::size_t i = begin; i < end; ++i) put_pixels(map, sources, i, static_cast<std::size_t>(first[i] - first[begin]), rows);
        const Table* tables[] = {&rows};
        sum = add_fits_sums(sum, writer.write(first[begin], tables));
        begin = end;
      }
      writer.sync();
      finish_fits(partial, layout, sum);
    });
    return fmt::format("{} pixels within {:.4g} arcmin of {} sources", grouped(first.back()), o_.radius, grouped(std::ssize(sources.lon)));
  }

  static Schema pixel_schema(const HealpixMapFile& file, const std::vector<std::size_t>& columns, const CutSources& sources) {
    std::size_t width = 1;
    for (const std::string& name : sources.names) width = std::max(width, name.size());
    Schema schema = {{"row", Type::i8, 1, "", "meta.record", "row of the source in its table, from 0"},
                     {"source", Type::text, width, "", "meta.id", "name of the source"},
                     {"pixel", Type::i8, 1, "", "pos.healpix",
                      fmt::format("pixel of the map, NSide {}, {}", file.nside(), file.is_nested() ? "NESTED" : "RING")},
                     {"distance", Type::f8, 1, "arcmin", "pos.angDistance", "of the pixel's centre from the source"}};
    for (const std::size_t column : columns) {
      const HealpixColumn& c = file.columns()[column];
      for (const ColumnInfo& other : schema)
        if (lower(other.name) == lower(c.name))
          throw UsageError(
              fmt::format("{}: its column {} has a name that the table needs (choose others with --map.columns)", file.path(), c.name));
      schema.push_back({c.name, c.type, 1, c.unit, "", "value of the map"});
    }
    return schema;
  }

  static void put_name(const std::string& name, Column& column, std::size_t row) {
    const auto cell = column.values<char>().subspan(row * column.info().width, column.info().width);
    std::fill(std::copy(name.begin(), name.end(), cell.begin()), cell.end(), '\0');
  }

  void put_pixels(CutMap& map, const CutSources& sources, std::size_t source, std::size_t at, Table& rows) const {
    map.need(source);
    const Vector3 centre = vector_of(map.place(source));
    for (const RingRun& run : map.disc(source, o_.radius * arcmin))
      for (std::int32_t i = 0; i < run.count; ++i, ++at) {
        const std::int64_t ring_pixel = run.first + i, number = map.number(ring_pixel);
        const Vector3 p = map.grid().ring_centre(ring_pixel);
        const Vector3 d{p.x - centre.x, p.y - centre.y, p.z - centre.z};
        rows[0].values<std::int64_t>()[at] = static_cast<std::int64_t>(source);
        put_name(sources.names[source], rows[1], at);
        rows[2].values<std::int64_t>()[at] = number;
        // By the chord, which is exact for the smallest distances.
        rows[3].values<double>()[at] = 2.0 * std::asin(std::min(1.0, 0.5 * std::sqrt(dot(d, d)))) / arcmin;
        for (std::size_t c = 4; c < rows.columns(); ++c) {
          const PixelValues values = map.pixels().values(c - 4);
          if (values.f4 != nullptr)
            rows[c].values<float>()[at] = values.f4[number];
          else
            rows[c].values<double>()[at] = values.f8[number];
        }
      }
  }

  CutOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_map_cut_command() { return std::make_unique<MapCutCommand>(); }

}  // namespace skyfold
