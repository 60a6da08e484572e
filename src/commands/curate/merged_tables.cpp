// The tables that curate merge hands to import: detections of an archive with what its database knows of them, and their objects.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <variant>

#include "merging.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/finalise.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_hdus.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr float outside = -2.0F;  ///< pixels by which a centre may lie outside its detector

using FrameKey = std::pair<std::int64_t, std::int32_t>;

double number_of(const SqlValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return none;
}

bool has_column(const std::vector<DeclaredColumn>& declared, const std::string& name) {
  return std::any_of(declared.begin(), declared.end(), [&](const DeclaredColumn& column) { return column.column == name; });
}

/// Columns of a table of metadata for SQL: NULL for those that the schema does not declare, which is said.
std::string sql_columns(const std::vector<DeclaredColumn>& declared, const std::vector<std::string>& names) {
  std::vector<std::string> columns;
  for (const std::string& name : names) {
    const bool is_there = has_column(declared, name);
    if (!is_there) log_info(fmt::format("the archive's schema has no column {}: what it is needed for is left out", name));
    columns.push_back(is_there ? name : "NULL");
  }
  return join(columns, ", ");
}

/// What the database knows of each detector of each file.
std::map<FrameKey, DetectorFrame> known_frames(const Archive& archive, const MergeOptions& o) {
  const CurationSchema& schema = archive.schema();
  for (const auto& [option, column] : {std::pair("merge.filter", o.filter), std::pair("merge.time", o.time)})
    if (!has_column(schema.multiframe, column))
      throw UsageError(fmt::format("--{} {}: is no column of the table multiframe (the archive's schema declares them)", option, column));
  std::map<std::int64_t, std::string> nights;
  for (const ArchivedFile& file : archive.files()) nights[file.multiframe_id] = file.night;
  std::map<std::int64_t, DetectorFrame> files;
  const std::string of_files = sql_columns(schema.multiframe, {"airmass_start", "airmass_end", "exp_time"});
  for (const SqlRow& row : archive.sql().run(fmt::format("SELECT multiframe_id, {}, {}, {} FROM multiframe", o.filter, o.time, of_files))) {
    DetectorFrame frame;
    frame.multiframe_id = sql_integer(row[0]);
    frame.filter = sql_text(row[1]);
    frame.night = nights[frame.multiframe_id];
    frame.mjd = number_of(row[2]);
    frame.airmass = (number_of(row[3]) + number_of(row[4])) / 2;
    frame.exp_time = number_of(row[5]);
    files[frame.multiframe_id] = frame;
  }
  std::map<FrameKey, DetectorFrame> frames;
  const bool knows_absorption = has_column(schema.detector, "extinction") && has_column(schema.multiframe, "airmass_start") &&
                                has_column(schema.multiframe, "airmass_end");
  const std::string of_detectors = sql_columns(schema.detector, {"mag_zero_point", "aper_corr_3", "extinction", "saturation"});
  for (const SqlRow& row : archive.sql().run(fmt::format("SELECT multiframe_id, extension, {} FROM detector", of_detectors))) {
    DetectorFrame frame = files[sql_integer(row[0])];
    frame.extension = static_cast<std::int32_t>(sql_integer(row[1]));
    frame.zero_point = number_of(row[2]);
    // A term that no file of this archive has is left out; one that a file lacks leaves its magnitudes out.
    frame.aper_corr = has_column(schema.detector, "aper_corr_3") ? number_of(row[3]) : 0.0;
    frame.extinction = knows_absorption ? number_of(row[4]) : 0.0;
    frame.saturation = number_of(row[5]);
    frames[{frame.multiframe_id, frame.extension}] = frame;
  }
  return frames;
}

/// Widths and heights of detectors, by extension.
using DetectorSizes = std::map<std::int32_t, std::pair<double, double>>;

/// As the first image says whose file is still there.
DetectorSizes sizes_of_detectors(const Archive& archive, const MergeOptions& o) {
  DetectorSizes sizes;
  if (o.size > 0) return sizes;
  for (const ArchivedFile& file : archive.files()) {
    if (file.kind != "image" || file.cu3 != file_state::done) continue;
    std::vector<FitsHdu> hdus;
    try {
      hdus = read_fits_hdus(archive.night_folder(file.night) + "/" + file.name);
    } catch (const Error&) {
      continue;  // nights may have gone to tape
    }
    for (std::size_t i = 0; i < hdus.size(); ++i) {
      if (!hdus[i].is_image()) continue;
      const bool is_compressed = hdus[i].find("ZNAXIS1") != nullptr;
      const FitsCard* width = hdus[i].find(is_compressed ? "ZNAXIS1" : "NAXIS1");
      const FitsCard* height = hdus[i].find(is_compressed ? "ZNAXIS2" : "NAXIS2");
      const auto pixels = [](const FitsCard* card) { return card ? parse_integer(card->value) : std::nullopt; };
      if (pixels(width) && pixels(height))
        sizes[static_cast<std::int32_t>(i)] = {static_cast<double>(*pixels(width)), static_cast<double>(*pixels(height))};
    }
    if (!sizes.empty()) return sizes;
  }
  throw UsageError("--merge.size is missing (no image of the archive's nights can be read, which would tell the size of detectors)");
}

/// The detections of an archive, read twice: for their positions, and to be written with what was made of them.
class ArchivedDetections {
 public:
  ArchivedDetections(const Archive& archive, const MergeOptions& o)
      : archive_(archive), o_(o), known_(known_frames(archive, o)), sizes_(sizes_of_detectors(archive, o)) {
    for (const SqlRow& row : archive.sql().run("SELECT path FROM detection_file ORDER BY path"))
      readers_.emplace_back(archive.path(sql_text(row[0])));
    if (readers_.empty()) throw DataError(fmt::format("{}: has no detections (there is nothing to merge)", archive.folder()));
    for (const RowReader& reader : readers_) read_positions(reader);
    std::sort(placed_.begin(), placed_.end(), [](const PlacedDetection& a, const PlacedDetection& b) { return a.id < b.id; });
  }

  std::vector<PlacedDetection>& placed() noexcept { return placed_; }
  const std::vector<DetectorFrame>& frames() const noexcept { return frames_; }

  void write(const std::string& path, std::map<std::int64_t, std::int32_t>& quality_of_objects) const;

 private:
  std::uint32_t frame_number(std::int64_t multiframe_id, std::int32_t extension) {
    const auto [at, is_new] = numbers_.emplace(FrameKey{multiframe_id, extension}, static_cast<std::uint32_t>(frames_.size()));
    if (!is_new) return at->second;
    const auto known = known_.find(at->first);
    if (known == known_.end() || known->second.filter.empty() || std::isnan(known->second.mjd))
      throw DataError(fmt::format("{}: extension {} of file {} has no {} or no {} in the database (each measurement needs both)",
                                  archive_.folder(), extension, multiframe_id, o_.filter, o_.time));
    frames_.push_back(known->second);
    return at->second;
  }

  float edge_of(const DetectorFrame& frame, std::int64_t id, double x, double y) const {
    double width = static_cast<double>(o_.size), height = width;
    if (o_.size == 0) {
      const auto size = sizes_.find(frame.extension);
      if (size == sizes_.end()) return static_cast<float>(none);
      std::tie(width, height) = size->second;
    }
    // The centre of the first pixel is 1.
    const auto edge = static_cast<float>(std::min(std::min(x - 0.5, width + 0.5 - x), std::min(y - 0.5, height + 0.5 - y)));
    if (edge < outside)
      throw DataError(
          fmt::format("{}: detection {} lies at x = {}, y = {}, outside its detector of {} x {} pixels (--merge.size tells of "
                      "another size)",
                      archive_.folder(), id, x, y, width, height));
    return edge;
  }

  void read_positions(const RowReader& reader) {
    Schema columns;
    for (const char* name : {"id", "multiframe_id", "extension", "ra", "dec", "x", "y"}) {
      const auto column = find_column(reader.schema(), name);
      if (!column) throw DataError(fmt::format("{}: has no column {} (the schema of the archive declares none)", reader.path(), name));
      columns.push_back(reader.schema()[*column]);
    }
    Table table(columns);
    for (std::int64_t begin = 0; begin < reader.rows(); begin += zone_rows) {
      check_stop();
      reader.read({begin, std::min(begin + zone_rows, reader.rows())}, table);
      for (std::size_t i = 0; i < table.rows(); ++i) {
        PlacedDetection& d = placed_.emplace_back();
        d.id = table[0].integer(i);
        d.frame = frame_number(table[1].integer(i), static_cast<std::int32_t>(table[2].integer(i)));
        d.ra = table[3].number(i);
        d.dec = table[4].number(i);
        d.edge = edge_of(frames_[d.frame], d.id, table[5].number(i), table[6].number(i));
      }
    }
  }

  std::int32_t quality_of(const Table& rows, std::size_t i, const PlacedDetection& d, double mag) const;

  const Archive& archive_;
  const MergeOptions& o_;
  std::map<FrameKey, DetectorFrame> known_;
  DetectorSizes sizes_;
  std::vector<RowReader> readers_;
  std::vector<DetectorFrame> frames_;
  std::map<FrameKey, std::uint32_t> numbers_;
  std::vector<PlacedDetection> placed_;
};

std::int32_t ArchivedDetections::quality_of(const Table& rows, std::size_t i, const PlacedDetection& d, double mag) const {
  // A comparison with what is missing, NaN, is false: its bit is not set.
  const auto value = [&](const char* name) {
    const Column* column = rows.find(name);
    return column ? column->number(i) : none;
  };
  const double classification = value("classification");
  std::int32_t bits = 0;
  if (d.edge < o_.edge) bits |= quality_bit::near_edge;
  if (value("peak_height") + value("sky_level") >= frames_[d.frame].saturation || classification == -9) bits |= quality_bit::saturated;
  if (value("confidence") < o_.confidence) bits |= quality_bit::low_confidence;
  if (value("error_flag") > 0) bits |= quality_bit::bad_pixels;
  if (classification == 0) bits |= quality_bit::noise;
  if (!d.is_primary) bits |= quality_bit::secondary;
  if (std::isnan(mag)) bits |= quality_bit::no_magnitude;
  return bits;
}

/// Columns that measurements have beside those of detections.
Schema added_columns(std::size_t filter_width) {
  return {{"object_id", Type::i8, 1, "", "meta.id", "id of the object: that of its first detection; -1: no valid position"},
          {"filter", Type::text, filter_width, "", "meta.id;instr.filter", "filter"},
          {"mjd", Type::f8, 1, "d", "time.epoch", "time of the exposure"},
          {"mag", Type::f4, 1, "mag", "phot.mag", "magnitude of aper_flux_3"},
          {"mag_err", Type::f4, 1, "mag", "stat.error;phot.mag", "its error, by that of the flux"},
          {"edge_distance", Type::f4, 1, "pixel", "", "to the nearest edge of the detector"},
          {"is_primary", Type::u1, 1, "", "meta.code", "1: not of another detector in the overlap than the primary one"},
          {"pri_or_sec", Type::i8, 1, "", "meta.id", "id of the primary detection where detectors overlap; 0: they do not"},
          {"quality", Type::i4, 1, "", "meta.code.qual", "bits: see docs/curation.md"}};
}

CatalogueLayout scratch_layout(const Schema& schema, std::int64_t rows) {
  CatalogueLayout layout;
  layout.schema = schema;
  layout.rows = rows;
  layout.roles = {"id", "ra", "dec", ""};
  layout.creator = creator_of("curate merge");
  return layout;
}

double magnitude_of(const DetectorFrame& frame, double flux) {
  if (!(flux > 0) || !(frame.exp_time > 0)) return none;
  const double absorbed = frame.extinction == 0 ? 0.0 : frame.extinction * (frame.airmass - 1);
  return frame.zero_point - 2.5 * std::log10(flux / frame.exp_time) - frame.aper_corr - absorbed;
}

void ArchivedDetections::write(const std::string& path, std::map<std::int64_t, std::int32_t>& quality_of_objects) const {
  std::size_t width = 1;
  for (const DetectorFrame& frame : frames_) width = std::max(width, frame.filter.size());
  Schema schema = readers_.front().schema();
  Table added(added_columns(width));
  for (const ColumnInfo& column : added.schema()) {
    if (find_column(schema, column.name))
      throw UsageError(fmt::format("{}: the archive's schema declares a column {} of detections (curate merge makes one of that name)",
                                   archive_.folder(), column.name));
    schema.push_back(column);
  }
  create_catalogue(path, scratch_layout(schema, std::ssize(placed_)));
  RowWriter writer(path);
  std::int64_t written = 0;
  for (const RowReader& reader : readers_) {
    Table rows(reader.schema());
    for (std::int64_t begin = 0; begin < reader.rows(); begin += zone_rows) {
      check_stop();
      reader.read({begin, std::min(begin + zone_rows, reader.rows())}, rows);
      added.resize(rows.rows());
      std::memset(added[1].bytes().data(), 0, added[1].bytes().size());
      for (std::size_t i = 0; i < rows.rows(); ++i) {
        const std::int64_t id = rows.at("id").integer(i);
        const PlacedDetection& d =
            *std::lower_bound(placed_.begin(), placed_.end(), id, [](const PlacedDetection& a, std::int64_t b) { return a.id < b; });
        const DetectorFrame& frame = frames_[d.frame];
        const Column *flux = rows.find("aper_flux_3"), *error = rows.find("aper_flux_3_err");
        const double value = flux ? flux->number(i) : none, mag = magnitude_of(frame, value);
        added[0].values<std::int64_t>()[i] = d.object_id;
        frame.filter.copy(added[1].values<char>().data() + i * width, width);
        added[2].values<double>()[i] = frame.mjd;
        added[3].values<float>()[i] = static_cast<float>(mag);
        added[4].values<float>()[i] =
            static_cast<float>(error && !std::isnan(mag) ? 2.5 / std::log(10.0) * error->number(i) / value : none);
        added[5].values<float>()[i] = d.edge;
        added[6].values<std::uint8_t>()[i] = d.is_primary ? 1 : 0;
        added[7].values<std::int64_t>()[i] = d.pri_or_sec;
        const std::int32_t bits = quality_of(rows, i, d, mag);
        added[8].values<std::int32_t>()[i] = bits;
        if (d.is_primary && d.object_id >= 0) quality_of_objects[d.object_id] |= bits;
      }
      writer.write(written, rows);
      writer.write(written, added);
      written += std::ssize(std::span(rows.at("id").values<std::int64_t>()));
    }
  }
  writer.sync();
  finalise_catalogue_alone(path);
}

/// What is summed up of the detections of an object, in order of id.
struct ObjectSum {
  Vector3 direction;
  std::int32_t detections = 0, primary = 0;
};

std::int64_t write_objects(const std::string& path, const std::vector<PlacedDetection>& placed,
                           const std::map<std::int64_t, std::int32_t>& quality) {
  std::map<std::int64_t, ObjectSum> objects;
  for (const PlacedDetection& d : placed) {
    if (d.object_id < 0) continue;
    ObjectSum& sum = objects[d.object_id];
    const Vector3 direction = direction_of(d.ra, d.dec);
    sum.direction = {sum.direction.x + direction.x, sum.direction.y + direction.y, sum.direction.z + direction.z};
    ++sum.detections;
    sum.primary += d.is_primary ? 1 : 0;
  }
  Table table({{"id", Type::i8, 1, "", "meta.id;meta.main", "id of the object: that of its first detection"},
               {"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "mean of its detections"},
               {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "mean of its detections"},
               {"detections", Type::i4, 1, "", "meta.number", "how many it has"},
               {"primary_detections", Type::i4, 1, "", "meta.number", "those that are primary"},
               {"quality", Type::i4, 1, "", "meta.code.qual", "bits that any of its primary detections has"}},
              objects.size());
  std::size_t i = 0;
  for (const auto& [id, sum] : objects) {
    const Angles angles = angles_of(sum.direction);
    constexpr double degrees = 57.295779513082320877;
    const double ra = angles.phi * degrees;
    table[0].values<std::int64_t>()[i] = id;
    table[1].values<double>()[i] = ra < 0 ? ra + 360 : ra;
    table[2].values<double>()[i] = std::atan2(sum.direction.z, std::hypot(sum.direction.x, sum.direction.y)) * degrees;
    table[3].values<std::int32_t>()[i] = sum.detections;
    table[4].values<std::int32_t>()[i] = sum.primary;
    const auto bits = quality.find(id);
    table[5].values<std::int32_t>()[i] = bits == quality.end() ? 0 : bits->second;
    ++i;
  }
  create_catalogue(path, scratch_layout(table.schema(), std::ssize(objects)));
  RowWriter writer(path);
  writer.write(0, table);
  writer.sync();
  finalise_catalogue_alone(path);
  return std::ssize(objects);
}

}  // namespace

MergedTables write_merged(const Archive& archive, const MergeOptions& o, int threads, const std::string& objects,
                          const std::string& detections) {
  ArchivedDetections all(archive, o);
  find_objects(all.placed(), o.radius, threads);
  seam_overlaps(all.placed(), all.frames());
  std::map<std::int64_t, std::int32_t> quality;
  all.write(detections, quality);
  MergedTables made;
  made.detections = std::ssize(all.placed());
  made.objects = write_objects(objects, all.placed(), quality);
  made.secondary = std::count_if(all.placed().begin(), all.placed().end(), [](const PlacedDetection& d) { return !d.is_primary; });
  return made;
}

}  // namespace skyfold
