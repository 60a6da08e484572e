// The columns of tables that nobody has described, found by their names.
#include "skyfold/dataset/roles.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

Schema numbers_of(const Schema& schema) {
  Schema numbers;
  for (const ColumnInfo& column : schema)
    if (column.type != Type::text) numbers.push_back(column);
  return numbers;
}

std::optional<KnownPosition> first_pair(const Schema& schema, std::optional<Frame> frame) {
  for (const known_columns::Pair& pair : known_columns::positions) {
    const Frame its_frame = frame_named(std::string(1, pair.frame));
    if (frame && *frame != its_frame) continue;
    const std::string lon = known_column(schema, std::array{pair.lon}), lat = known_column(schema, std::array{pair.lat});
    if (!lon.empty() && !lat.empty()) return KnownPosition{lon, lat, its_frame};
  }
  return std::nullopt;
}

/// Bands that a table with a band z has too.
constexpr const char* neighbours_of_z[] = {"g", "r", "i"};

bool may_be_band(const std::string& name, const Schema& schema, const BandOptions& bands) {
  if (lower(name) != "z") return false;
  const auto has = [&](const std::string& band) { return find_column(schema, name == "Z" ? upper(band) : band).has_value(); };
  if (std::any_of(std::begin(neighbours_of_z), std::end(neighbours_of_z), has)) return true;
  // The neighbours are known as magnitudes, and so not among the columns.
  const bool is_called_so = !bands.magnitude.empty() && band_column(bands.magnitude, "z") == name;
  return is_called_so && (bands.error.empty() || find_column(schema, band_column(bands.error, "z")));
}

}  // namespace

std::string known_coordinate(const Schema& schema, std::span<const std::string> names) {
  const std::string number = known_column(numbers_of(schema), names);
  return number.empty() ? known_column(schema, names) : number;
}

std::optional<KnownPosition> known_position(const Schema& schema, std::optional<Frame> frame) {
  const auto of_numbers = first_pair(numbers_of(schema), frame);
  return of_numbers ? of_numbers : first_pair(schema, frame);
}

std::optional<Frame> known_frame(const std::string& lon, const std::string& lat) {
  for (const known_columns::Pair& pair : known_columns::positions)
    if (lower(lon) == pair.lon && lower(lat) == pair.lat) return frame_named(std::string(1, pair.frame));
  return std::nullopt;
}

std::string guessed_redshift(const Schema& schema, const BandOptions& bands, const std::string& path, const std::string& option) {
  const std::string name = known_column(schema, known_columns::redshift);
  if (name.empty()) throw UsageError(fmt::format("{}: no column of redshifts found (name it with --{})", path, option));
  if (may_be_band(name, schema, bands))
    throw UsageError(fmt::format("{}: column {} may be the redshift or the magnitude of band z (say it with --{}, or name the bands)", path,
                                 name, option));
  return name;
}

bool has_magnitudes(const BandOptions& bands, const Schema& schema) {
  try {
    BandOptions tried = bands;
    (void)resolve_bands(tried, schema, "");
    return true;
  } catch (const Error&) {
    return false;
  }
}

BandColumns known_magnitudes(BandOptions& bands, const Schema& schema, const std::string& path, const char* option) {
  if (!bands.magnitude.empty()) return resolve_bands(bands, schema, path);
  BandOptions guess = bands;
  if (guess.bands.empty()) guess.bands = {"u", "g", "r", "i", "z"};
  for (const char* pattern : {"psfmag_{band}", "mag_{band}", "modelMag_{band}", "psfMag_{band}", "MAG_{BAND}", "{band}"}) {
    // The user's bands, or those of SDSS, must all be there: half a match is none.
    guess.magnitude = pattern;
    if (!has_magnitudes(guess, schema)) continue;
    bands = guess;
    return resolve_bands(bands, schema, path);
  }
  try {  // names that belong together with those of errors
    guess = bands;
    guess.error.clear();
    (void)resolve_bands(guess, schema, path);
    guess.error.clear();
    bands = guess;
    return resolve_bands(bands, schema, path);
  } catch (const UsageError&) {
    if (guess.bands.empty()) guess.bands = {"u", "g", "r", "i", "z"};
  }
  throw UsageError(fmt::format("{}: no known names of magnitude columns in {} (say how they are called with --bands and --{})", path,
                               join(guess.bands, ","), option));
}

}  // namespace skyfold
