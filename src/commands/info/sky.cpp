// Where the objects of a table are, and how deep it goes there: one reading of positions, magnitudes and tiles.
#include "sky.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string>

#include "skyfold/core/error.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

/// Adds the objects of one block after the other.
class Counter {
 public:
  Counter(const Dataset& dataset, const SkyRequest& request) : request_(request), path_(dataset.path()) {
    if (request.columns) summary_.pixels.resize(static_cast<std::size_t>(pixel_count(request.pixel_order)));
    // A catalogue has the key of each row: positions need not be read.
    if (request.columns && !request.columns->key.empty()) columns_.push_back(dataset.column(request.columns->key, ""));
    if (request.columns && request.columns->key.empty())
      for (const std::string& name : {request.columns->ra, request.columns->dec}) columns_.push_back(dataset.number_column(name, ""));
    if (request.depth)
      for (const std::string& name : request.depth->magnitude) columns_.push_back(dataset.number_column(name, "--bands.magnitude"));
    if (!request.tile.empty()) columns_.push_back(dataset.column(request.tile, "--depth.tile"));
    summary_.depth = no_counts();
  }

  [[nodiscard]] const Schema& columns() const noexcept { return columns_; }
  [[nodiscard]] SkySummary summary() && { return std::move(summary_); }

  void add(const Table& rows) {
    std::vector<const Column*> magnitudes;
    if (request_.depth)
      for (const std::string& name : request_.depth->magnitude) magnitudes.push_back(&rows.at(name));
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      BandCounts* const of_pixel = request_.columns ? place(rows, row) : nullptr;
      BandCounts* const of_tile = request_.tile.empty() ? nullptr : tile(rows.at(request_.tile), row);
      for (std::size_t b = 0; b < magnitudes.size(); ++b) {
        const double magnitude = magnitudes[b]->number(row);
        // Limits and sentinels are no measurements: they would make the peak.
        if (band_state(magnitude, request_.bands) != BandState::observed) continue;
        summary_.depth[b].add(magnitude);
        if (of_pixel) (*of_pixel)[b].add(magnitude);
        if (of_tile) (*of_tile)[b].add(magnitude);
      }
    }
  }

 private:
  [[nodiscard]] BandCounts no_counts() const {
    return BandCounts(request_.depth ? request_.depth->magnitude.size() : 0, DepthHistogram(request_.bin));
  }

  /// Counts an object in its pixel; gives the magnitudes of its pixel of the map, where there is one.
  BandCounts* place(const Table& rows, std::size_t row) {
    const SkyColumns& of = *request_.columns;
    std::int64_t key = 0;
    if (of.key.empty()) {
      const Position position{rows.at(of.ra).number(row), rows.at(of.dec).number(row)};
      // Told as a number, not as an error: info describes what there is.
      if (!is_valid(position)) {
        ++summary_.without_position;
        return nullptr;
      }
      key = healpix29(position);
    } else {
      key = rows.at(of.key).integer(row);
      // Damaged files are read, too (--verify-inputs off): such an object would be counted beside the pixels.
      if (key < 0 || key >= pixel_count(max_healpix_order))
        throw DataError(fmt::format("{}: {} = {} is no HEALPix index of order {} (damaged)", path_, of.key, key, max_healpix_order));
    }
    ++summary_.pixels[static_cast<std::size_t>(pixel_of(key, request_.pixel_order))];
    if (request_.map_order < 0) return nullptr;
    const std::int64_t pixel = pixel_of(key, request_.map_order);
    // Neighbours in the file are neighbours on the sky: the last pixel is nearly always the next one.
    if (!last_pixel_ || pixel != pixel_) last_pixel_ = &summary_.map.try_emplace(pixel_ = pixel, no_counts()).first->second;
    return last_pixel_;
  }

  BandCounts* tile(const Column& column, std::size_t row) {
    std::string name = key_of(column, row);
    if (!last_tile_ || name != tile_) {
      // Rows of a tile usually follow each other, as those of a pixel do.
      last_tile_ = &summary_.tiles.try_emplace(name, no_counts()).first->second;
      tile_ = std::move(name);
    }
    return last_tile_;
  }

  const SkyRequest& request_;
  const std::string path_;
  Schema columns_;
  SkySummary summary_;
  std::int64_t pixel_ = -1;
  std::string tile_;
  BandCounts *last_pixel_ = nullptr, *last_tile_ = nullptr;
};

}  // namespace

std::optional<SkyColumns> sky_columns(Dataset& dataset) {
  if (dataset.catalogue()) {
    // A catalogue that was imported without coordinates.
    if (!find_column(dataset.schema(), healpix_column)) return std::nullopt;
    return SkyColumns{healpix_column, "", ""};
  }
  const auto position = known_position(dataset.schema(), Frame::equatorial);
  if (!position) return std::nullopt;
  dataset.use_degrees(position->lon, position->lat);
  return SkyColumns{"", position->lon, position->lat};
}

SkySummary summarise_sky(const Dataset& dataset, const SkyRequest& request) {
  Counter counter(dataset, request);
  // A table of magnitudes alone is not read for an area that it has not.
  if (counter.columns().empty()) return std::move(counter).summary();
  dataset.each_block(counter.columns(), zone_rows, [&](const Table& rows, std::int64_t) { counter.add(rows); });
  return std::move(counter).summary();
}

CoveredArea covered_area(const PixelCounts& counts, int order) {
  // In NESTED numbering the children of a pixel follow each other.
  const std::size_t children = counts.size() / static_cast<std::size_t>(pixel_count(order));
  CoveredArea area;
  for (auto first = counts.begin(); first != counts.end(); first += static_cast<std::ptrdiff_t>(children))
    area.pixels += std::any_of(first, first + static_cast<std::ptrdiff_t>(children), [](std::uint32_t n) { return n > 0; });
  area.deg2 = static_cast<double>(area.pixels) * pixel_area_deg2(order);
  return area;
}

}  // namespace skyfold
