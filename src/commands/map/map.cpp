// The commands map info, map reorder and map ud-grade: HEALPix maps described, renumbered, and changed in resolution.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "skyfold/commands/command.hpp"
#include "skyfold/commands/map_output.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/healpix_map.hpp"
#include "skyfold/io/healpix_pixels.hpp"
#include "skyfold/io/healpix_sum.hpp"
#include "skyfold/kernels/patch/resample.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

struct MapOptions {
  std::string input, output, ordering, frame;
  long nside = 0;
  bool json = false;
  HealpixKeywords keywords;
};

void describe_input(OptionSet& option, MapOptions& o) {
  option("input", o.input, "map, a FITS HEALPix or healsparse file").required().positional().layout();
  option("map.hdu", o.keywords.hdu, "extension with the map, by number or EXTNAME; empty: the first HEALPix table");
  option("map.ordering", o.keywords.ordering, "numbering of the pixels, where ORDERING is missing or wrong").one_of({"", "RING", "NESTED"});
  option("map.frame", o.keywords.frame, "frame, G, C or E, where COORDSYS is missing or wrong");
}

HealpixPixels read_all(const std::string& path, const HealpixKeywords& keywords, int threads) {
  HealpixMapFile file(path, keywords);
  // Before its values are used: FITS keeps a checksum of the data, where the writer cared.
  if (const auto stated = stated_data_sum(file)) compare_data_sums(file, *stated, data_sum_of(file, on_threads(threads)));
  std::vector<std::size_t> columns(file.columns().size());
  // All columns: a map that is renumbered keeps them all, and info tells of each.
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = i;
  HealpixPixels pixels(std::move(file), columns, true, gather_alone);
  pixels.clear(threads);
  pixels.load(threads);
  return pixels;
}

/// What a column holds.
struct ColumnSummary {
  std::int64_t values = 0;
  double min = std::nan(""), max = std::nan(""), mean = std::nan("");
};

ColumnSummary summary_of(const PixelValues& values, std::int64_t pixels, int threads) {
  constexpr std::size_t chunk = std::size_t{1} << 20;
  std::vector<ColumnSummary> parts((static_cast<std::size_t>(pixels) + chunk - 1) / chunk);
  parallel_for(static_cast<std::size_t>(pixels), chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    ColumnSummary& part = parts[begin / chunk];
    // A sum until all chunks are joined, in their order, whatever threads there are.
    part.mean = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      const double value = values[static_cast<std::int64_t>(i)];
      // Unseen pixels are NaN by now, whatever stood for them in the file.
      if (std::isnan(value)) continue;
      // The first value counts as it is, since a minimum with NaN would stay NaN.
      part.min = part.values == 0 ? value : std::min(part.min, value);
      part.max = part.values == 0 ? value : std::max(part.max, value);
      part.mean += value;
      ++part.values;
    }
  });
  ColumnSummary all;
  double sum = 0.0;
  for (const ColumnSummary& part : parts) {
    if (part.values == 0) continue;
    all.min = std::fmin(all.min, part.min);
    all.max = std::fmax(all.max, part.max);
    sum += part.mean;
    all.values += part.values;
  }
  if (all.values > 0) all.mean = sum / static_cast<double>(all.values);
  return all;
}

class MapInfoCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    describe_input(option, o_);
    option("json", o_.json, "print JSON").layout();
  }

  ExitCode run(const CommandContext& context) override {
    const HealpixPixels pixels = read_all(o_.input, o_.keywords, context.threads);
    std::vector<ColumnSummary> columns;
    for (std::size_t i = 0; i < pixels.file().columns().size(); ++i)
      columns.push_back(summary_of(pixels.values(i), Pixelisation(pixels.file().nside()).count(), context.threads));
    if (o_.json)
      print_json(pixels.file(), columns);
    else
      print(pixels.file(), columns);
    return ExitCode::done;
  }

 private:
  static std::string storage_of(const HealpixMapFile& file) {
    if (file.is_sparse()) return fmt::format("healsparse, {} pixels in covered coarse ones", grouped(file.slots()));
    if (file.is_explicit()) return fmt::format("partial, {} listed pixels", grouped(file.slots()));
    // Of the two partial kinds one lists its pixels, the other has a range of them.
    if (file.is_full()) return "full";
    return fmt::format("partial, pixels {} to {}", file.first_pixel(), file.first_pixel() + file.slots() - 1);
  }

  static void print(const HealpixMapFile& file, const std::vector<ColumnSummary>& columns) {
    const Pixelisation pixels(file.nside());
    fmt::print("{}\n  NSide        {}, pixels of {:.4g} arcmin\n  ordering     {}\n  frame        {}\n", one_line(file.path()),
               file.nside(), std::sqrt(pixels.pixel_area_sr()) * 10'800.0 / 3.14159265358979, file.is_nested() ? "NESTED" : "RING",
               file.frame() ? std::string(1, letter_of(*file.frame())) : "not said (COORDSYS is missing)");
    fmt::print("  pixels       {} of {}\n  table        {} pixels per row, {} bytes\n", storage_of(file), grouped(pixels.count()),
               file.pixels_per_row(), file.row_bytes());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const HealpixColumn& column = file.columns()[i];
      const ColumnSummary& s = columns[i];
      fmt::print("  column       {:<20} {:<10} {}  coverage {:.6f}  min {:.6g}  max {:.6g}  mean {:.6g}\n", one_line(column.name),
                 column.unit.empty() ? "no unit" : one_line(column.unit), name_of(column.type),
                 // Of the whole sky, also for a partial map.
                 static_cast<double>(s.values) / static_cast<double>(pixels.count()), s.min, s.max, s.mean);
    }
  }

  static void print_json(const HealpixMapFile& file, const std::vector<ColumnSummary>& columns) {
    nlohmann::ordered_json json = {{"path", file.path()},
                                   {"nside", file.nside()},
                                   {"ordering", file.is_nested() ? "NESTED" : "RING"},
                                   {"frame", nullptr},
                                   {"pixels", file.slots()},
                                   {"full", file.is_full()},
                                   {"explicit", file.is_explicit()},
                                   {"healsparse", file.is_sparse()},
                                   {"pixels_per_row", file.pixels_per_row()},
                                   {"columns", nlohmann::ordered_json::array()}};
    if (file.frame()) json["frame"] = std::string(1, letter_of(*file.frame()));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const HealpixColumn& column = file.columns()[i];
      const double all = static_cast<double>(Pixelisation(file.nside()).count());
      json["columns"].push_back({{"name", column.name},
                                 {"unit", column.unit},
                                 {"type", name_of(column.type)},
                                 {"coverage", static_cast<double>(columns[i].values) / all},
                                 // NaN, of a column without any value, is null in JSON.
                                 {"min", columns[i].min},
                                 {"max", columns[i].max},
                                 {"mean", columns[i].mean}});
    }
    fmt::print("{}\n", json_text(json, 2));
  }

  MapOptions o_;
};

/// A column in the wanted numbering and NSide, by way of NESTED where the NSide changes.
template <class T>
std::vector<T> resampled(const T* first, const HealpixMapFile& file, long nside, bool nested, int threads) {
  const Pixelisation from(file.nside()), to(nside);
  std::vector<T> values(first, first + from.count());
  // Renumbering alone works for any NSide that RING allows; the way by NESTED below needs powers of two.
  if (nside == file.nside()) {
    if (nested == file.is_nested()) return values;
    std::vector<T> out(values.size());
    renumber<T>(from, values, nested, out, threads);
    return out;
  }
  // In NESTED order the children of a pixel are neighbours: RING maps go there and back.
  if (!file.is_nested()) {
    std::vector<T> in_nested(values.size());
    renumber<T>(from, values, true, in_nested, threads);
    values.swap(in_nested);
  }
  std::vector<T> out(static_cast<std::size_t>(to.count()));
  change_resolution<T>(values, out, threads);
  if (nested) return out;
  // `values` is used again: maps are large, and it is not needed any more.
  values.resize(out.size());
  renumber<T>(to, out, false, values, threads);
  return values;
}

/// `map reorder` and `map ud-grade`.
class MapResampleCommand final : public Command {
 public:
  explicit MapResampleCommand(bool changes_nside) : changes_nside_(changes_nside) {}

  void describe(OptionSet& option) override {
    describe_input(option, o_);
    option("output", o_.output, "map to write").required().layout().writes(FileKind::fits);
    if (changes_nside_) option("nside", o_.nside, "NSide to change to, a power of two").required().range(1, 16'384);
    option(
        "to", o_.ordering,
        changes_nside_ ? "numbering to write, RING or NESTED; empty: as it is" : "numbering to write, RING or NESTED; empty: the other one")
        .one_of({"", "RING", "NESTED"});
  }

  ExitCode run(const CommandContext& context) override {
    check_outputs({o_.output}, {o_.input});
    check_replaceable({o_.output});
    context.process.input(o_.input);
    const HealpixPixels map = read_all(o_.input, o_.keywords, context.threads);
    const HealpixMapFile& file = map.file();
    // By default `reorder` changes the numbering and `ud-grade` does not.
    const bool nested = o_.ordering.empty() ? file.is_nested() == changes_nside_ : o_.ordering == "NESTED";
    const long nside = changes_nside_ ? o_.nside : file.nside();
    for (const long n : {nside, file.nside()})
      // RING has any NSide, NESTED, and so every change of resolution, powers of two only.
      if ((n & (n - 1)) != 0 && (nested || file.is_nested() || changes_nside_))
        throw UsageError(fmt::format("NSide = {} (must be a power of two)", n));
    HealpixMapLayout layout{nside,         nested,         file.frame(),
                            file.is_iau(), file.columns(), {creator_of(changes_nside_ ? "map ud-grade" : "map reorder")}};
    // The columns of a map have one type in memory; floats stay floats, as doubles would make the file twice as large.
    const bool is_f4 = std::all_of(layout.columns.begin(), layout.columns.end(), [](const HealpixColumn& c) { return c.type == Type::f4; });
    if (is_f4)
      write(
          map, layout, [](const PixelValues& values) { return values.f4; }, context);
    else
      write_f8(map, layout, context);
    context.process.product(o_.output, "map");
    fmt::print("wrote {}: NSide {}, {}\n", one_line(o_.output), nside, nested ? "NESTED" : "RING");
    return ExitCode::done;
  }

 private:
  template <class First>
  void write(const HealpixPixels& map, const HealpixMapLayout& layout, const First& first, const CommandContext& context) const {
    using T = std::remove_cvref_t<decltype(*first(PixelValues{}))>;
    std::vector<std::vector<T>> columns;
    for (std::size_t i = 0; i < layout.columns.size(); ++i)
      columns.push_back(resampled<T>(first(map.values(i)), map.file(), layout.nside, layout.nested, context.threads));
    write_map(o_.output, layout, columns, context);
  }

  /// Maps with columns of double precision are written in it altogether.
  void write_f8(const HealpixPixels& map, HealpixMapLayout layout, const CommandContext& context) const {
    const auto pixels = static_cast<std::size_t>(Pixelisation(map.file().nside()).count());
    std::vector<std::vector<double>> columns;
    for (std::size_t i = 0; i < layout.columns.size(); ++i) {
      std::vector<double> values(pixels);
      for (std::size_t p = 0; p < pixels; ++p) values[p] = map.values(i)[static_cast<std::int64_t>(p)];
      columns.push_back(resampled<double>(values.data(), map.file(), layout.nside, layout.nested, context.threads));
      layout.columns[i].type = Type::f8;
    }
    write_map(o_.output, layout, columns, context);
  }

  bool changes_nside_;
  MapOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_map_info_command() { return std::make_unique<MapInfoCommand>(); }
std::unique_ptr<Command> make_map_reorder_command() { return std::make_unique<MapResampleCommand>(false); }
std::unique_ptr<Command> make_map_ud_grade_command() { return std::make_unique<MapResampleCommand>(true); }

}  // namespace skyfold
