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
#include "skyfold/table/algebra.hpp"

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

/// Values in the order of other bands; 0 for bands that are not there.
std::vector<double> reordered(const std::vector<double>& values, const std::vector<std::string>& from, const std::vector<std::string>& to) {
  std::vector<double> found(to.size(), 0.0);
  for (std::size_t band = 0; band < to.size(); ++band)
    for (std::size_t k = 0; k < values.size(); ++k)
      if (from[k] == to[band]) found[band] = values[k];
  return found;
}

std::string tile_difference(const CorrectionRecord& a, const CorrectionRecord& b) {
  // A tile that one of them lacks differs, too: its objects would be corrected on one side alone.
  for (const auto* one : {&a, &b})
    for (const auto& [tile, offsets] : one->tiles)
      if (!a.tiles.contains(tile) || !b.tiles.contains(tile) || a.tiles.at(tile) != b.tiles.at(tile))
        return fmt::format("zero points of tile '{}' differ", tile);
  return "";
}

/// 99 and -99 are usual among magnitudes, while a flux may have any value: only what the user names is none.
BandState flux_state(double flux, const BandOptions& bands, bool has_own_sentinels) noexcept {
  const auto is_any_of = [&](const std::vector<double>& sentinels) {
    return std::any_of(sentinels.begin(), sentinels.end(),
                       [&](double sentinel) { return std::abs(flux - sentinel) <= 1e-6 * std::abs(sentinel); });
  };
  if (std::isnan(flux)) return bands.nan == "nondetection" ? BandState::not_detected : BandState::not_observed;
  if (!std::isfinite(flux) || (has_own_sentinels && is_any_of(bands.missing))) return BandState::not_observed;
  return has_own_sentinels && is_any_of(bands.nondetection) ? BandState::not_detected : BandState::observed;
}

}  // namespace

bool CorrectionRecord::is_empty() const noexcept { return tile.empty() && !has_extinction() && !is_any(zeropoint); }

bool CorrectionRecord::says_nothing() const noexcept {
  return is_empty() && !scale.is_set() && nondetection.empty() && missing.empty() && nan.empty() && inf.empty();
}

std::vector<std::string> CorrectionRecord::lines() const {
  std::vector<std::string> lines;
  if (scale.is_set()) lines.push_back("magnitudes from " + scale.line());
  if (is_any(zeropoint)) lines.push_back(fmt::format("zero points added [mag]: {}", per_band(bands, zeropoint)));
  if (!tile.empty()) lines.push_back(fmt::format("zero points by {} added", tile));
  if (has_extinction()) lines.push_back(fmt::format("extinction taken off: {} times {}", ebv + ebv_map, per_band(bands, extinction)));
  return lines;
}

void describe(OptionSet& option, CorrectionRecord& o) {
  option("corrections.bands", o.bands, "bands that the other lists are for");
  option("corrections.zeropoint", o.zeropoint, "added to the magnitudes of each band").unit("mag");
  option("corrections.tile", o.tile, "column of tiles; empty: no zero points by tile");
  option("corrections.ebv", o.ebv, "column of E(B-V); empty: none").unit("mag");
  option("corrections.ebv_map", o.ebv_map, "HEALPix map of E(B-V); empty: none");
  option("corrections.ebv_hash", o.ebv_hash, "hash of the map's bytes");
  option("corrections.extinction", o.extinction, "extinction of each band over E(B-V); taken off the magnitudes");
  option("corrections.nondetection", o.nondetection, "magnitudes that mean observed but not detected; empty: the usual ones");
  option("corrections.missing", o.missing, "magnitudes that mean not observed; empty: the usual ones");
  option("corrections.nan", o.nan, "what NaN means; empty: missing");
  option("corrections.inf", o.inf, "what infinity means; empty: nondetection");
  option("corrections.flux", o.scale.flux, "columns of fluxes or asinh magnitudes that the magnitudes come from; empty: magnitudes");
  option("corrections.flux_error", o.scale.flux_error, "columns of their errors");
  option("corrections.flux_zeropoint", o.scale.zeropoint, "AB magnitude of a flux of 1, one per band").unit("mag");
  option("corrections.softening", o.scale.softening, "softening of asinh magnitudes, one per band; empty: fluxes").range(0.0, 1.0);
}

CorrectionRecord of_bands(const CorrectionRecord& record, const std::vector<std::string>& bands) {
  CorrectionRecord other = record;
  other.bands = bands;
  // Bands by name: a model may use fewer than the set was matched with, and in another order.
  other.zeropoint = reordered(record.zeropoint, record.bands, bands);
  if (record.has_extinction()) other.extinction = reordered(record.extinction, record.bands, bands);
  if (record.scale.is_set()) other.scale.zeropoint = reordered(record.scale.zeropoint, record.bands, bands);
  if (!record.scale.softening.empty()) other.scale.softening = reordered(record.scale.softening, record.bands, bands);
  for (auto& [tile, offsets] : other.tiles) offsets = reordered(offsets, record.bands, bands);
  return other;
}

std::string difference(const CorrectionRecord& a, const CorrectionRecord& b, const std::vector<std::string>& bands) {
  const CorrectionRecord one = of_bands(a, bands), other = of_bands(b, bands);
  if (one.zeropoint != other.zeropoint)
    return fmt::format("zero points {} mag against {}", per_band(bands, one.zeropoint), per_band(bands, other.zeropoint));
  if (one.tile.empty() != other.tile.empty()) return fmt::format("zero points by {} on one side alone", one.tile + other.tile);
  if (std::string tiles = tile_difference(one, other); !tiles.empty()) return tiles;
  const std::string by = one.ebv + one.ebv_map, other_by = other.ebv + other.ebv_map;
  if (one.has_extinction() != other.has_extinction()) return fmt::format("extinction by {} on one side alone", by + other_by);
  // Of maps the content counts, wherever they are.
  if (one.ebv != other.ebv || one.ebv_hash != other.ebv_hash) return fmt::format("extinction by {} against {}", by, other_by);
  if (one.extinction != other.extinction)
    return fmt::format("extinction {} against {}", per_band(bands, one.extinction), per_band(bands, other.extinction));
  return "";
}

Corrections::Corrections(CorrectionRecord record, BandColumns columns, const BandOptions& bands, const Schema& schema,
                         const std::string& path, const std::string& tiles_from, ReddeningAt reddening)
    : record_(std::move(record)),
      bands_(bands),
      columns_(std::move(columns)),
      path_(path),
      tiles_from_(tiles_from),
      reddening_(std::move(reddening)) {
  if (is_empty()) return;
  zeropoint_ = record_.zeropoint;
  zeropoint_.resize(columns_.magnitude.size(), 0.0);
  has_own_sentinels_ = bands_.nondetection != BandOptions().nondetection || bands_.missing != BandOptions().missing;
  check_types(schema, path);
  for (const auto& [tile, offsets] : record_.tiles) {
    number_of_tile_.emplace(tile, static_cast<std::uint32_t>(number_of_tile_.size()));
    tile_zeropoints_.insert(tile_zeropoints_.end(), offsets.begin(), offsets.end());
  }
}

void Corrections::check_types(const Schema& schema, const std::string& path) const {
  const auto what = [&](const std::string& name) { return name == record_.tile ? "tiles" : name == record_.ebv ? "E(B-V)" : "positions"; };
  for (const std::string& name : needs()) {
    const auto index = find_column(schema, name);
    if (!index)
      throw UsageError(fmt::format("{}: no column '{}' of {}, by which its magnitudes are to be corrected", path, name, what(name)));
    if (name != record_.tile && (schema[*index].type == Type::text || schema[*index].width != 1))
      throw DataError(fmt::format("{}: column {} is not a column of numbers ({} is needed)", path, name, what(name)));
  }
  const char* const quantity = record_.scale.is_set() && record_.scale.softening.empty() ? "fluxes" : "magnitudes";
  for (const auto* names : {&columns_.magnitude, &columns_.error})
    for (const std::string& name : *names) {
      if (names == &columns_.error && !changes_errors()) continue;
      const Type type = schema[*find_column(schema, name)].type;
      if (type != Type::f4 && type != Type::f8) throw DataError(fmt::format("{}: {} {} are whole numbers", path, quantity, name));
    }
}

std::vector<std::string> Corrections::needs() const {
  std::vector<std::string> names;
  if (!record_.ebv.empty()) names.push_back(record_.ebv);
  if (!record_.tile.empty()) names.push_back(record_.tile);
  if (reddening_.map) names.insert(names.end(), {reddening_.ra, reddening_.dec});
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

RowCorrections Corrections::look_up(const Table& rows) const {
  RowCorrections found{tiles_of(rows), {}};
  if (!record_.has_extinction()) return found;
  found.ebv.resize(rows.rows());
  if (record_.ebv.empty())
    reddening_.map->look_up(rows.at(reddening_.ra), rows.at(reddening_.dec), found.ebv);
  else
    for (std::size_t i = 0; i < found.ebv.size(); ++i) found.ebv[i] = rows.at(record_.ebv).number(i);
  // An infinite one makes the magnitude missing, too.
  for (double& value : found.ebv)
    if (!std::isfinite(value)) value = nan;
  return found;
}

/// What columns of fluxes or asinh magnitudes say, as magnitudes.
MeasuredMagnitude Corrections::measured(double value, double error, std::size_t band) const noexcept {
  const double zeropoint = record_.scale.zeropoint[band];
  const bool is_flux = record_.scale.softening.empty();
  const BandState state = !is_flux ? band_state(value, bands_) : flux_state(value, bands_, has_own_sentinels_);
  if (state == BandState::not_observed) return {nan, nan};
  // Of a flux that is not told the error may be, and so the limit.
  if (state == BandState::not_detected) return {undetected, is_flux ? magnitude_of(0.0, error, zeropoint).err : nan};
  MeasuredMagnitude found =
      is_flux ? magnitude_of(value, error, zeropoint) : magnitude_of_asinh(value, error, record_.scale.softening[band]);
  if (keeps_negative_ && is_flux && value < 0.0 && std::isfinite(value) && !std::isnan(found.err))
    found.mag = magnitude_of_negative(value, error);
  return found;
}

double Corrections::shifted(double magnitude, std::size_t band, std::size_t row, const RowCorrections& found) const noexcept {
  double corrected =
      magnitude + zeropoint_[band] + (found.tiles.empty() ? 0.0 : tile_zeropoints_[found.tiles[row] * zeropoint_.size() + band]);
  if (!found.ebv.empty()) corrected -= record_.extinction[band] * found.ebv[row];
  return corrected;
}

template <class T>
void Corrections::correct(std::span<T> magnitudes, Column* errors, std::size_t band, const RowCorrections& found, std::size_t begin,
                          std::size_t end) const {
  const bool converts = record_.scale.is_set();
  const auto set_error = [&](std::size_t i, double value) {
    if (errors->info().type == Type::f8)
      errors->values<double>()[i] = value;
    else
      errors->values<float>()[i] = static_cast<float>(value);
  };
  for (std::size_t i = begin; i < end; ++i) {
    MeasuredMagnitude now{magnitudes[i], errors ? errors->number(i) : nan};
    if (converts) now = measured(now.mag, now.err, band);
    const BandState state = band_state(now.mag, bands_);
    // 99 plus a zero point would be a magnitude like others; but its limit is one.
    if (state == BandState::observed) now.mag = shifted(now.mag, band, i, found);
    if (state == BandState::not_detected && columns_.errors_are_limits) now.err = shifted(now.err, band, i, found);
    // NaN is what is missing, but for tables where it is what was not detected.
    if (std::isnan(now.mag) && bands_.nan == "nondetection" && (converts || state == BandState::observed))
      now.mag = -std::numeric_limits<double>::infinity();
    if (state != BandState::not_observed || converts) magnitudes[i] = static_cast<T>(now.mag);
    if (errors && (converts || state == BandState::not_detected)) set_error(i, now.err);
  }
}

void Corrections::apply(Table& rows, const RowCorrections& found, int threads) const {
  if (is_empty()) return;
  std::array<Column*, 32> columns{}, errors{};
  for (std::size_t band = 0; band < columns_.magnitude.size(); ++band) {
    columns[band] = &rows.at(columns_.magnitude[band]);
    if (changes_errors()) errors[band] = &rows.at(columns_.error[band]);
  }
  parallel_for(rows.rows(), rows_per_chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t band = 0; band < columns_.magnitude.size(); ++band)
      if (columns[band]->info().type == Type::f8)
        correct(columns[band]->values<double>(), errors[band], band, found, begin, end);
      else
        correct(columns[band]->values<float>(), errors[band], band, found, begin, end);
  });
}

std::int64_t Corrections::apply(Table& rows) const {
  if (is_empty()) return 0;
  const RowCorrections found = look_up(rows);
  apply(rows, found, 1);
  return std::count_if(found.ebv.begin(), found.ebv.end(), [](double value) { return std::isnan(value); });
}

}  // namespace skyfold
