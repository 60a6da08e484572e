// The columns of tables that nobody has described, found by their names; those that the user names come first.
#include "skyfold/dataset/roles.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/ids.hpp"
#include "skyfold/table/band_remarks.hpp"

namespace skyfold {
namespace {

// Texts are looked at last: a catalogue may have coordinates in degrees and the same again as "12:30:49.4".
Schema numbers_of(const Schema& schema) {
  Schema numbers;
  for (const ColumnInfo& column : schema)
    if (column.type != Type::text) numbers.push_back(column);
  return numbers;
}

std::optional<KnownPosition> first_pair(const Schema& schema, std::optional<Frame> frame) {
  for (const known_columns::Pair& pair : known_columns::positions) {
    const Frame its_frame = frame_named(std::string(1, pair.frame));
    // Pairs come in the order of preference, so a table with several has the first; a frame that the user names leaves out those of others.
    if (frame && *frame != its_frame) continue;
    const std::string lon = known_column(schema, std::array{pair.lon}), lat = known_column(schema, std::array{pair.lat});
    if (!lon.empty() && !lat.empty()) return KnownPosition{lon, lat, its_frame};
  }
  return std::nullopt;
}

/// Bands that a table with a band z has too.
constexpr const char* neighbours_of_z[] = {"g", "r", "i"};

// True if the column z is more likely a magnitude: it stands among other bands, or fits the pattern of magnitudes and of their errors.
bool may_be_band(const std::string& name, const Schema& schema, const BandOptions& bands) {
  if (lower(name) != "z") return false;
  // Capital Z beside capital G: names of one table are written alike.
  const auto has = [&](const std::string& band) { return find_column(schema, name == "Z" ? upper(band) : band).has_value(); };
  if (std::any_of(std::begin(neighbours_of_z), std::end(neighbours_of_z), has)) return true;
  // The neighbours are known as magnitudes, and so not among the columns.
  const bool is_called_so = !bands.magnitude.empty() && band_column(bands.magnitude, "z") == name;
  return is_called_so && (bands.error.empty() || find_column(schema, band_column(bands.error, "z")));
}

/// Sets `bands` to the usual name of magnitudes that a table has in all bands of the user, or of SDSS: half a match is none.
bool guess_without_errors(BandOptions& bands, const Schema& schema) {
  BandOptions guess = bands;
  if (guess.bands.empty()) guess.bands = {"u", "g", "r", "i", "z"};
  std::vector<std::string> patterns = {"psfmag_{band}"};  // errors are not asked for of stars, which are points
  for (const known_columns::Magnitudes& names : known_columns::magnitudes) patterns.push_back(names.magnitude);
  for (const std::string& pattern : patterns) {
    guess.magnitude = pattern;
    if (!has_magnitudes(guess, schema)) continue;
    bands = guess;
    return true;
  }
  return false;
}

/// What to do with fluxes of a table without magnitudes; "" for none.
std::string known_fluxes(const Schema& schema) {
  for (const known_columns::Fluxes& names : known_columns::fluxes) {
    std::vector<std::string> bands;
    for (const std::string& band : bands_named(names.flux, schema))
      if (find_column(schema, band_column(names.error, band))) bands.push_back(band);
    if (bands.size() >= 3)
      return fmt::format("fluxes of bands {} are there: --bands.flux '{}' --bands.flux_error '{}' takes them", join(bands, ","), names.flux,
                         names.error);
  }
  return "";
}

/// One search: what is found is added to the roles.
class Search {
 public:
  Search(const Schema& schema, const RolesAsked& asked) : schema_(schema), asked_(asked) { roles_.bands = asked.bands; }

  // Bands go before redshifts: whether a column z is one or the other depends on what the bands have taken.
  TableRoles all() {
    if (asked_.lon && asked_.lat) find_position();
    if (asked_.magnitude) find_bands();
    if (asked_.redshift) find_redshift();
    if (asked_.quality) roles_.quality = one(*asked_.quality, known_columns::redshift_quality, "column of redshift qualities");
    if (asked_.id && !names_no_column(asked_.id->given, schema_)) roles_.id = one(*asked_.id, asked_.id_names, "column of ids");
    if (asked_.tile) roles_.tile = one(*asked_.tile, asked_.tile_names, "column of tiles");
    return std::move(roles_);
  }

 private:
  const std::string& require(const RoleAsked& role) const {
    if (find_column(schema_, role.given)) return role.given;
    throw UsageError(describe_missing_column(asked_.path, schema_, role.given, "--" + role.option));
  }

  std::string one(const RoleAsked& role, std::span<const std::string> names, const char* what) {
    if (!role.given.empty()) return require(role);
    std::string name = known_column(schema_, names);
    if (name.empty() && role.is_required)
      throw UsageError(fmt::format("{}: no {} found (name it with --{})", asked_.path, what, role.option));
    if (!name.empty()) roles_.guesses.push_back(fmt::format("guessed {} = {}", role.option, name));
    return name;
  }

  void find_position() {
    const RoleAsked &lon = *asked_.lon, &lat = *asked_.lat;
    const bool asks_frame = !asked_.frame_option.empty();
    KnownPosition position{lon.given.empty() ? "" : require(lon), lat.given.empty() ? "" : require(lat), Frame::equatorial};
    // Commands without an option for the frame work in right ascension and declination and never see another one.
    std::optional<Frame> frame = asks_frame ? asked_.frame : Frame::equatorial;
    if (asks_frame && !frame && !lon.given.empty()) frame = known_frame(position.lon, position.lat);
    const bool is_guess = position.lon.empty() || position.lat.empty();
    if (is_guess) complete(position, frame);
    if (position.lon.empty() || position.lat.empty()) {
      if (!lon.is_required) return;
      throw UsageError(fmt::format("{}: no coordinates found (name them with --{}{} --{}{})", asked_.path, lon.option,
                                   asks_frame ? "," : " and", lat.option, asks_frame ? " and --" + asked_.frame_option : ""));
    }
    if (!frame)
      throw UsageError(fmt::format("{}: the frame of {} and {} is not known (give --{} G, C or E)", asked_.path, position.lon, position.lat,
                                   asked_.frame_option));
    position.frame = *frame;
    if (is_guess)
      roles_.guesses.push_back(fmt::format("guessed {} = {}, {} = {}{}", lon.option, position.lon, lat.option, position.lat,
                                           asks_frame ? fmt::format(", frame {}", letter_of(*frame)) : ""));
    roles_.position = position;
  }

  /// Names that belong together go before those that are known one by one.
  void complete(KnownPosition& position, std::optional<Frame>& frame) const {
    const bool is_open = position.lon.empty() && position.lat.empty();
    if (const auto pair = known_position(schema_, frame); is_open && pair) {
      position = *pair;
      frame = pair->frame;
    }
    // With frames a single column is not completed: the other one could be of another frame.
    if (!asked_.frame_option.empty()) return;
    // One of the two is the user's: its partner in a known pair goes before the first known name, which may be of another pair.
    if (position.lon.empty()) position.lon = partner(position.lat, known_columns::ra, &known_columns::Pair::lat, &known_columns::Pair::lon);
    if (position.lat.empty())
      position.lat = partner(position.lon, known_columns::dec, &known_columns::Pair::lon, &known_columns::Pair::lat);
  }

  /// The other column of a pair of which the user named one; where it is in no pair, the first that is known.
  std::string partner(const std::string& given, std::span<const std::string> names, std::string known_columns::Pair::*its,
                      std::string known_columns::Pair::*other) const {
    for (const known_columns::Pair& pair : known_columns::positions)
      if (pair.*its == lower(given))
        if (std::string name = known_coordinate(schema_, std::array{pair.*other}); !name.empty()) return name;
    return known_coordinate(schema_, names);
  }

  void find_bands() {
    BandOptions& bands = roles_.bands;
    const bool is_guess = bands.magnitude.empty();
    try {
      if (asked_.needs_errors)
        roles_.columns = resolve_bands(bands, schema_, asked_.path);
      else
        find_magnitudes();
    } catch (const Error& error) {
      const std::string fluxes = is_guess && asked_.needs_errors ? known_fluxes(schema_) : "";
      if (asked_.magnitude->is_required && !fluxes.empty()) throw UsageError(fmt::format("{}; {}", error.what(), fluxes));
      if (asked_.magnitude->is_required || !is_guess) throw;
      bands = asked_.bands;
      return;
    }
    if (!is_guess) return;
    roles_.guesses.push_back(fmt::format("guessed bands = {}, magnitudes {}{}", join(bands.bands, ","), bands.magnitude,
                                         bands.error.empty() ? "" : ", errors " + bands.error));
    if (asked_.needs_errors)
      for (std::string& remark : band_remarks(bands, schema_)) roles_.guesses.push_back(std::move(remark));
    const std::vector<std::string> gap = missing_between(bands.bands);
    // Who names the bands knows that one is left out.
    if (asked_.bands.bands.empty() && !gap.empty())
      roles_.warnings.push_back(
          fmt::format("{}: bands {} are there, but not {} (is a column called otherwise, or missing? --bands says which are meant)",
                      asked_.path, join(bands.bands, ","), join(gap, ",")));
  }

  void find_magnitudes() {
    BandOptions& bands = roles_.bands;
    if (!bands.magnitude.empty() || guess_without_errors(bands, schema_)) {
      roles_.columns = resolve_bands(bands, schema_, asked_.path);
      return;
    }
    try {  // names that belong together with those of errors
      BandOptions guess = bands;
      guess.error.clear();
      (void)resolve_bands(guess, schema_, asked_.path);
      guess.error.clear();
      bands = guess;
    } catch (const UsageError&) {
      if (bands.bands.empty()) bands.bands = {"u", "g", "r", "i", "z"};
      throw UsageError(fmt::format("{}: no known names of magnitude columns in {} (say how they are called with --bands and --{})",
                                   asked_.path, join(bands.bands, ","), asked_.magnitude->option));
    }
    roles_.columns = resolve_bands(bands, schema_, asked_.path);
  }

  /// A column z beside columns g, r or i may be the magnitude of band z. It is taken for the redshift only where bands are known whose
  /// error columns band z lacks.
  void find_redshift() {
    if (!asked_.redshift->given.empty()) {
      roles_.redshift = require(*asked_.redshift);
      return;
    }
    Schema others;  // in surveys whose band z is a column z, that is not the redshift
    for (const ColumnInfo& column : schema_)
      if (std::ranges::find(roles_.columns.magnitude, column.name) == roles_.columns.magnitude.end()) others.push_back(column);
    const std::string name = known_column(others, known_columns::redshift);
    if (name.empty() && !asked_.redshift->is_required) return;
    if (name.empty())
      throw UsageError(fmt::format("{}: no column of redshifts found (name it with --{})", asked_.path, asked_.redshift->option));
    // An error and not a guess: magnitudes taken for redshifts give a model that looks like one.
    if (may_be_band(name, others, roles_.bands))
      throw UsageError(fmt::format("{}: column {} may be the redshift or the magnitude of band z (say it with --{}, or name the bands)",
                                   asked_.path, name, asked_.redshift->option));
    roles_.redshift = name;
    roles_.guesses.push_back(fmt::format("guessed {} = {}", asked_.redshift->option, name));
  }

  const Schema& schema_;
  const RolesAsked& asked_;
  TableRoles roles_;
};

}  // namespace

TableRoles find_roles(const Schema& schema, const RolesAsked& asked) { return Search(schema, asked).all(); }

void say_guesses(const TableRoles& roles) {
  for (const std::string& line : roles.guesses) log_info(line);
  for (const std::string& line : roles.warnings) log_warning(line);
}

std::string whole_id_column(const Dataset& dataset, const RoleAsked& asked, std::span<const std::string> names,
                            std::vector<std::string>& lines) {
  const Schema& schema = dataset.schema();
  const std::string &path = dataset.path(), &wanted = asked.given;
  if (names_no_column(wanted, schema)) return "";
  const std::string name = wanted.empty() ? known_column(schema, names) : wanted;
  if (name.empty()) return "";
  const ColumnInfo column = dataset.column(name, "--" + asked.option);
  if (column.type == Type::text || column.width != 1) {
    if (wanted.empty()) return "";
    throw DataError(
        fmt::format("{}: column {} is not a column of whole numbers (named by --{}; none: row numbers)", path, name, asked.option));
  }
  const auto no_id = find_no_id(dataset.source(), name);
  if (!no_id) return name;
  if (!wanted.empty())
    throw DataError(fmt::format("{}, row {}, column {}: {} (ids are whole numbers; --{}={} takes row numbers)", path, no_id->row + 1, name,
                                no_id->problem, asked.option, no_column));
  lines.push_back(fmt::format("column {} is not used as ids ({}, row {}: {})", name, path, no_id->row + 1, no_id->problem));
  return "";
}

std::vector<std::string> missing_between(std::span<const std::string> bands) {
  const std::vector<std::string>& usual = known_columns::optical_bands;
  std::vector<std::size_t> places;
  for (const std::string& band : bands) {
    const auto at = std::ranges::find(usual, lower(band));
    // A band that is none of the usual ones has no place among them, so no gap can be told.
    if (at == usual.end()) return {};
    places.push_back(static_cast<std::size_t>(at - usual.begin()));
  }
  std::vector<std::string> missing;
  if (places.empty()) return missing;
  const auto [first, last] = std::ranges::minmax(places);
  for (std::size_t place = first; place <= last; ++place)
    if (std::ranges::find(places, place) == places.end()) missing.push_back(usual[place]);
  return missing;
}

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

bool has_magnitudes(const BandOptions& bands, const Schema& schema) {
  try {
    BandOptions tried = bands;
    (void)resolve_bands(tried, schema, "");
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace skyfold
