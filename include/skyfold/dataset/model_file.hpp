#pragma once

#include <string>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Writes a model: attributes for its texts, a group of columns for each of its tables. It is all that photoz needs.
///
/// @param provenance  JSON: the training sample, cuts and options that made it
void write_model(const std::string& path, const PhotozModel& model, const std::string& provenance);

/// Throws IoError for a file that cannot be read, DataError for one that is not a model.
[[nodiscard]] PhotozModel read_model(const std::string& path);

/// Hash of a file's bytes: what a product records of the model that made it. Throws IoError for one that cannot be read.
[[nodiscard]] std::string file_identity(const std::string& path);

}  // namespace skyfold
