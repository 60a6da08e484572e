#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "options.hpp"

namespace skyfold {

/// Objects with known redshifts, as read; rows in the order of the inputs.
struct ValidationSample {
  std::vector<std::string> paths;
  std::string redshift, id, weight, magnitude;      ///< columns; "" for none
  Table photometry;                                 ///< what the models need, under the sample's names
  std::vector<std::int64_t> ids;                    ///< row numbers without a column of ids
  std::vector<double> z_spec, weights, magnitudes;  ///< weights, magnitudes empty without column; NaN where not measured
  std::vector<std::uint8_t> is_usable;              ///< z_spec within the cuts and weight a positive number
  bool has_copies = false;                          ///< a weighted sample: copies of an object share its id
  std::int64_t no_z_spec = 0;                       ///< not a number, or not in (-1, 100]
  std::int64_t cut = 0;                             ///< z_spec outside the cuts
  std::int64_t no_weight = 0, usable = 0;

  [[nodiscard]] std::size_t size() const noexcept { return ids.size(); }
};

/// Columns of the sample: that of its first file, all others must have those that are used.
[[nodiscard]] Schema sample_schema(const ValidateOptions& o);

/// Which columns play which role, by the options or guessed; no rows yet.
///
/// @param model  the first, or none: the sample's redshift and bands are preferably called as in its training sample
/// @param scale  of its columns of fluxes, where it has such
/// Throws UsageError for names that the sample does not have, and where the redshift may be the magnitude of band z.
[[nodiscard]] ValidationSample sample_columns(const ValidateOptions& o, const Schema& schema, const PhotozModel* model,
                                              const FluxScale& scale);

/// Reads all rows.
///
/// @param needed  columns for `photometry`
/// Throws DataError for cells that cannot be read and for a sample without any usable object.
void read_sample(const ValidateOptions& o, const std::vector<std::string>& needed, ValidationSample& sample);

}  // namespace skyfold
