#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/table/corrections.hpp"

namespace skyfold {

class OptionSet;

/// Extinction by the dust of the Galaxy; section `extinction`.
struct ExtinctionOptions {
  std::string column;                     ///< of E(B-V)
  std::string map;                        ///< HEALPix map of E(B-V)
  std::vector<std::string> coefficients;  ///< "g:3.64", or one number per band

  [[nodiscard]] bool is_set() const noexcept { return !column.empty() || !map.empty() || !coefficients.empty(); }
};
void describe(OptionSet& option, ExtinctionOptions& o);

/// Coefficients in the order of the bands. A name in another case stands for a band where there is no other such.
/// Throws UsageError for a band without one, for one that is no number, and for numbers that do not fit the bands.
[[nodiscard]] std::vector<double> extinction_coefficients(const std::vector<std::string>& given, const std::vector<std::string>& bands);

/// Sets E(B-V) and coefficients of a record. Throws UsageError for options that do not go together.
void set_extinction(const ExtinctionOptions& o, CorrectionRecord& record);

/// Opens a HEALPix map of E(B-V): a full map or a range of pixels, in either numbering, galactic, celestial or ecliptic by its header; the
/// pixel that holds the position counts. Blocks of pixels are read when they are needed. Throws DataError for a map whose frame is not
/// known, or which lists its pixels.
[[nodiscard]] std::shared_ptr<ReddeningMap> open_reddening_map(const std::string& path);

}  // namespace skyfold
