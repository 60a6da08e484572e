#pragma once

#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// Magnitude columns of several bands that are called alike, and the error columns that belong to them.
struct BandPair {
  std::string magnitude, error;            ///< patterns with {band} or {BAND}
  std::vector<std::string> bands;          ///< with both columns, blue to red
  std::vector<std::string> without_error;  ///< with a magnitude only
};

/// All pairs of a table, the most likely first. Names belong together when they are the same but for a word for error in one of
/// them: mag_{band} and magerr_{band}, {band}_cmodel_mag and {band}_cmodel_magerr, {band}mag and e_{band}mag; then, when they are the
/// same but for "mag": mag_{band} and err_{band}.
///
/// @param wanted  bands that a pair must have, all of them; empty: three or more of u g r i z y
/// @param error   pattern of the errors where it is given; empty: the partner's
[[nodiscard]] std::vector<BandPair> band_pairs(const Schema& schema, const std::vector<std::string>& wanted, const std::string& error);

}  // namespace skyfold
