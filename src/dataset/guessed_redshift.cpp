// Finds the column of redshifts by its name, and refuses to guess where `z` may as well be a band.
#include "skyfold/dataset/guessed_redshift.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/known_columns.hpp"

namespace skyfold {
namespace {

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

std::string guessed_redshift(const Schema& schema, const BandOptions& bands, const std::string& path) {
  const std::string name = known_column(schema, known_columns::redshift);
  if (name.empty()) throw UsageError(path + ": no column of redshifts found (name it with --redshift)");
  if (may_be_band(name, schema, bands))
    throw UsageError(fmt::format("{}: column {} may be the redshift or the magnitude of band z (say it with --redshift, or name the bands)",
                                 path, name));
  return name;
}

}  // namespace skyfold
