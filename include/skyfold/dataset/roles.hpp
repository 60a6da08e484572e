#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skyfold/dataset/dataset.hpp"
#include "skyfold/sky/frame.hpp"
#include "skyfold/table/known_columns.hpp"
#include "skyfold/table/photometry.hpp"

/// Which columns of a table mean what: what the user says, else by one list of names (known_columns). What is guessed is said.
namespace skyfold {

/// Columns of a position, and the frame that their names tell.
struct KnownPosition {
  std::string lon, lat;
  Frame frame = Frame::equatorial;
};

/// A role that a command asks for.
struct RoleAsked {
  std::string option;  ///< "columns.ra", which names it, for messages
  std::string given;   ///< column that the user named; "": by the usual names
  bool is_required = true;
};

/// What is asked of a table; roles without a value are not looked for.
struct RolesAsked {
  std::string path = {};                                 ///< of the table, for messages
  std::optional<RoleAsked> lon = {}, lat = {};           ///< both or none
  std::string frame_option = {};                         ///< "" where positions are equatorial, whatever the names say
  std::optional<Frame> frame = {};                       ///< that the user named
  std::optional<RoleAsked> magnitude = {};               ///< its `given` stands in `bands`
  bool needs_errors = true;                              ///< of the magnitudes
  BandOptions bands = {};                                ///< as the user gives them
  std::optional<RoleAsked> redshift = {}, quality = {};  ///< a quality is that of a redshift
  std::optional<RoleAsked> id = {};                      ///< "none" says that there is none
  std::span<const std::string> id_names = known_columns::id;
  std::optional<RoleAsked> tile = {};
  std::span<const std::string> tile_names = known_columns::tile;
};

/// Columns of a table by what they mean; "" and nothing for those that it has not, or that were not asked for.
struct TableRoles {
  std::optional<KnownPosition> position;
  BandOptions bands;    ///< with names and patterns filled in
  BandColumns columns;  ///< of the bands
  std::string redshift, quality, id, tile;
  std::vector<std::string> guesses;   ///< a line for each that was guessed
  std::vector<std::string> warnings;  ///< about guesses that may be wrong
};
/// Throws UsageError for a column that the user names and that is not there, for a role that is required and not found, for a frame that
/// is not known, and for a redshift that may be a magnitude.
[[nodiscard]] TableRoles find_roles(const Schema& schema, const RolesAsked& asked);
/// Into the log.
void say_guesses(const TableRoles& roles);

/// The column of ids that are whole numbers: as the user says, or by a usual name; "" for none. A guess that cannot be ids is passed
/// over. Throws UsageError or DataError for a named one.
/// @param lines  is given what to say about it
[[nodiscard]] std::string whole_id_column(const Dataset& dataset, const RoleAsked& asked, std::span<const std::string> names,
                                          std::vector<std::string>& lines);

/// The bands that a sequence lacks between its first and last: "i" of g, r, z, y. Empty for bands that are not the usual u g r i z y.
[[nodiscard]] std::vector<std::string> missing_between(std::span<const std::string> bands);

/// The first usual name that a column of numbers has; without any, that a column of texts has: coordinates may stand there as
/// 12 34 56.7, too. "" for none.
[[nodiscard]] std::string known_coordinate(const Schema& schema, std::span<const std::string> names);
/// The first usual pair that a table has, of numbers before texts; nothing for none.
/// @param frame  only pairs of this one
[[nodiscard]] std::optional<KnownPosition> known_position(const Schema& schema, std::optional<Frame> frame);
/// The frame that two usual names tell, whatever their case.
[[nodiscard]] std::optional<Frame> known_frame(const std::string& lon, const std::string& lat);

/// True when a table has a magnitude column for each band.
[[nodiscard]] bool has_magnitudes(const BandOptions& bands, const Schema& schema);

}  // namespace skyfold
