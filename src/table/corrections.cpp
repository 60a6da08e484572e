// Zero points and extinction: what is recorded of them, how two records differ, and the arithmetic on the magnitudes of a table. match,
// photoz, validate and train all correct here, since a model is right only for magnitudes that were treated as those it has learned from.
#include "skyfold/table/corrections.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::size_t rows_per_chunk = 8192;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string per_band(const std::vector<std::string>& bands, const std::vector<double>& values) {
  std::vector<std::string> parts;
  for (std::size_t band = 0; band < values.size(); ++band) parts.push_back(fmt::format("{} {}", bands[band], shortest(values[band])));
  return join(parts, ", ");
}

bool is_any(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return value != 0.0; });
}

/// Names of tiles as texts, so that integers and texts of two files can be compared.
std::string key_of(const Column& column, std::size_t row) {
  return column.info().type == Type::text ? std::string(column.text(row)) : std::to_string(column.integer(row));
}

/// Values in the order of other bands; 0 for bands that are not there.
std::vector<double> reordered(const std::vector<double>& values, const std::vector<std::string>& from, const std::vector<std::string>& to) {
  std::vector<double> found(to.size(), 0.0);
  for (std::size_t band = 0; band < to.size(); ++band)
    for (std::size_t k = 0; k < values.size(); ++k)
      if (from[k] == to[band]) found[band] = values[k];
  return found;
}

std::string tile_difference(const CorrectionRecord& a, const CorrectionRecord& b) {
  for (const auto* one : {&a, &b})
    for (const auto& [tile, offsets] : one->tiles)
      if (!a.tiles.contains(tile) || !b.tiles.contains(tile) || a.tiles.at(tile) != b.tiles.at(tile))
        return fmt::format("zero points of tile '{}' differ", tile);
  return "";
}

}  // namespace

bool CorrectionRecord::is_empty() const noexcept { return tile.empty() && ebv.empty() && !is_any(zeropoint); }

std::vector<std::string> CorrectionRecord::lines() const {
  std::vector<std::string> lines;
  if (is_any(zeropoint)) lines.push_back(fmt::format("zero points added [mag]: {}", per_band(bands, zeropoint)));
  if (!tile.empty()) lines.push_back(fmt::format("zero points by {} added", tile));
  if (!ebv.empty()) lines.push_back(fmt::format("extinction taken off: {} times {}", ebv, per_band(bands, extinction)));
  return lines;
}

void describe(OptionSet& option, CorrectionRecord& o) {
  option("corrections.bands", o.bands, "bands that the other lists are for");
  option("corrections.zeropoint", o.zeropoint, "added to the magnitudes of each band").unit("mag");
  option("corrections.tile", o.tile, "column of tiles; empty: no zero points by tile");
  option("corrections.ebv", o.ebv, "column of E(B-V); empty: no extinction").unit("mag");
  option("corrections.extinction", o.extinction, "extinction of each band over E(B-V); taken off the magnitudes");
  option("corrections.nondetection", o.nondetection, "magnitudes that mean observed but not detected; empty: the usual ones");
  option("corrections.missing", o.missing, "magnitudes that mean not observed; empty: the usual ones");
}

CorrectionRecord of_bands(const CorrectionRecord& record, const std::vector<std::string>& bands) {
  CorrectionRecord other = record;
  other.bands = bands;
  other.zeropoint = reordered(record.zeropoint, record.bands, bands);
  if (!record.ebv.empty()) other.extinction = reordered(record.extinction, record.bands, bands);
  for (auto& [tile, offsets] : other.tiles) offsets = reordered(offsets, record.bands, bands);
  return other;
}

std::string difference(const CorrectionRecord& a, const CorrectionRecord& b, const std::vector<std::string>& bands) {
  const CorrectionRecord one = of_bands(a, bands), other = of_bands(b, bands);
  if (one.zeropoint != other.zeropoint)
    return fmt::format("zero points {} mag against {}", per_band(bands, one.zeropoint), per_band(bands, other.zeropoint));
  if (one.tile.empty() != other.tile.empty()) return fmt::format("zero points by {} on one side alone", one.tile + other.tile);
  if (std::string tiles = tile_difference(one, other); !tiles.empty()) return tiles;
  if (one.ebv.empty() != other.ebv.empty()) return fmt::format("extinction by {} on one side alone", one.ebv + other.ebv);
  if (one.ebv != other.ebv) return fmt::format("extinction by {} against {}", one.ebv, other.ebv);
  if (one.extinction != other.extinction)
    return fmt::format("extinction {} against {}", per_band(bands, one.extinction), per_band(bands, other.extinction));
  return "";
}

Corrections::Corrections(CorrectionRecord record, const BandColumns& columns, const BandOptions& bands, const Schema& schema,
                         const std::string& path, const std::string& tiles_from)
    : record_(std::move(record)), bands_(bands), magnitudes_(columns.magnitude), path_(path), tiles_from_(tiles_from) {
  if (record_.is_empty()) return;
  zeropoint_ = record_.zeropoint;
  zeropoint_.resize(magnitudes_.size(), 0.0);
  for (const std::string& name : needs()) {
    const auto index = find_column(schema, name);
    if (!index)
      throw UsageError(fmt::format("{}: no column '{}' of {}, by which its magnitudes are to be corrected", path, name,
                                   name == record_.ebv ? "E(B-V)" : "tiles"));
    if (name == record_.ebv && (schema[*index].type == Type::text || schema[*index].width != 1))
      throw DataError(fmt::format("{}: column {} is not a column of numbers (E(B-V) is needed)", path, name));
  }
  for (const std::string& name : magnitudes_) {
    const Type type = schema[*find_column(schema, name)].type;
    if (type != Type::f4 && type != Type::f8) throw DataError(fmt::format("{}: magnitudes {} are whole numbers", path, name));
  }
  for (const auto& [tile, offsets] : record_.tiles) {
    number_of_tile_.emplace(tile, static_cast<std::uint32_t>(number_of_tile_.size()));
    tile_zeropoints_.insert(tile_zeropoints_.end(), offsets.begin(), offsets.end());
  }
}

std::vector<std::string> Corrections::needs() const {
  std::vector<std::string> names;
  if (!record_.ebv.empty()) names.push_back(record_.ebv);
  if (!record_.tile.empty()) names.push_back(record_.tile);
  return names;
}

std::vector<std::uint32_t> Corrections::tiles_of(const Table& rows) const {
  std::vector<std::uint32_t> tiles;
  if (record_.tile.empty()) return tiles;
  const Column& column = rows.at(record_.tile);
  std::string last;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    // Neighbours in the sky share their tile.
    if (std::string tile = key_of(column, i); i > 0 && tile == last) {
      tiles.push_back(tiles.back());
    } else {
      const auto found = number_of_tile_.find(tile);
      if (found == number_of_tile_.end()) throw DataError(fmt::format("{}: no zero points for tile '{}' of {}", tiles_from_, tile, path_));
      tiles.push_back(found->second);
      last = std::move(tile);
    }
  }
  return tiles;
}

template <class T>
void Corrections::correct(std::span<T> magnitudes, std::size_t band, const Column* ebv, std::span<const std::uint32_t> tiles,
                          std::size_t begin, std::size_t end) const {
  const std::size_t n = magnitudes_.size();
  for (std::size_t i = begin; i < end; ++i) {
    const double magnitude = magnitudes[i];
    // 99 plus a zero point would be a magnitude like others.
    if (band_state(magnitude, bands_) != BandState::observed) continue;
    double corrected = magnitude + zeropoint_[band] + (tiles.empty() ? 0.0 : tile_zeropoints_[tiles[i] * n + band]);
    if (ebv) {
      const double reddening = ebv->number(i);
      // An infinite one makes the magnitude missing, too.
      corrected -= record_.extinction[band] * (std::isfinite(reddening) ? reddening : nan);
    }
    magnitudes[i] = static_cast<T>(corrected);
  }
}

std::int64_t Corrections::apply(Table& rows, std::span<const std::uint32_t> tiles, int threads) const {
  if (is_empty()) return 0;
  const Column* const ebv = record_.ebv.empty() ? nullptr : &rows.at(record_.ebv);
  std::array<Column*, 32> columns{};
  for (std::size_t band = 0; band < magnitudes_.size(); ++band) columns[band] = &rows.at(magnitudes_[band]);
  parallel_for(rows.rows(), rows_per_chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t band = 0; band < magnitudes_.size(); ++band)
      if (columns[band]->info().type == Type::f8)
        correct(columns[band]->values<double>(), band, ebv, tiles, begin, end);
      else
        correct(columns[band]->values<float>(), band, ebv, tiles, begin, end);
  });
  std::int64_t without_ebv = 0;
  for (std::size_t i = 0; ebv && i < rows.rows(); ++i) without_ebv += !std::isfinite(ebv->number(i));
  return without_ebv;
}

}  // namespace skyfold
