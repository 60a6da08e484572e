#pragma once

#include <string>
#include <vector>

#include "options.hpp"
#include "skyfold/kernels/nz/sums.hpp"

namespace skyfold {

/// Reads a training sample with weights. Throws UsageError for columns that it has not, DataError for weights that are none and for a
/// bin without an object.
[[nodiscard]] nz::TrainingObjects read_training(const NzOptions& o, const nz::TomographicBins& bins, std::vector<std::string>& lines);

/// n(z) by bin from a table as --text writes: redshift and a column for each bin; linear between its rows, nothing beyond them.
[[nodiscard]] std::vector<std::vector<double>> read_reference(const std::string& path, const nz::RedshiftCells& cells, std::size_t bins,
                                                              const SourceOptions& source);

}  // namespace skyfold
