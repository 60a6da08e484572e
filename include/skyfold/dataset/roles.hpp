#pragma once

#include <optional>
#include <span>
#include <string>

#include "skyfold/sky/frame.hpp"
#include "skyfold/table/known_columns.hpp"
#include "skyfold/table/photometry.hpp"

/// Which columns of a table mean what, by one list of names (known_columns), where the user does not say it.
namespace skyfold {

/// The first usual name that a column of numbers has; without any, that a column of texts has: coordinates may stand there as
/// 12 34 56.7, too. "" for none.
[[nodiscard]] std::string known_coordinate(const Schema& schema, std::span<const std::string> names);

/// Columns of a position, and the frame that their names tell.
struct KnownPosition {
  std::string lon, lat;
  Frame frame = Frame::equatorial;
};
/// The first usual pair that a table has, of numbers before texts; nothing for none.
/// @param frame  only pairs of this one
[[nodiscard]] std::optional<KnownPosition> known_position(const Schema& schema, std::optional<Frame> frame);
/// The frame that two usual names tell, whatever their case.
[[nodiscard]] std::optional<Frame> known_frame(const std::string& lon, const std::string& lat);

/// The column of redshifts by one of the usual names.
///
/// A column z beside columns g, r or i may be the magnitude of band z. It is taken for the redshift only where bands are known
/// whose error columns band z lacks.
///
/// @param schema  columns that are no magnitudes
/// @param bands   as they are known: with patterns of magnitude and error, or empty
/// @param option  that names it, for messages
/// Throws UsageError, naming `path`, for none and for one that may be a band.
[[nodiscard]] std::string guessed_redshift(const Schema& schema, const BandOptions& bands, const std::string& path,
                                           const std::string& option = "redshift");

/// True when a table has a magnitude column for each band.
[[nodiscard]] bool has_magnitudes(const BandOptions& bands, const Schema& schema);
/// Columns of magnitudes; where the user does not say how they are called, in one of the usual ways, which is set in `bands`. Errors
/// are not needed. Throws UsageError when none fits.
///
/// @param option  that names them, for messages
[[nodiscard]] BandColumns known_magnitudes(BandOptions& bands, const Schema& schema, const std::string& path, const char* option);

}  // namespace skyfold
