#pragma once

#include <string>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Columns of a table with the bands of a model: by the names that the user gives, else by the model's, else by a known
/// convention. Throws UsageError for names that the table lacks, DataError when nothing fits.
///
/// @param magnitude  pattern of the magnitude columns, "" when the user gave none; @param error  of the error columns
/// @param path       of the table, for messages
[[nodiscard]] BandColumns model_bands(const PhotozModel& model, const std::string& magnitude, const std::string& error,
                                      const Schema& schema, const std::string& path);

}  // namespace skyfold
