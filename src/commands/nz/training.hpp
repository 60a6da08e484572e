#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "options.hpp"
#include "skyfold/kernels/nz/sums.hpp"
#include "skyfold/table/number_expression.hpp"

namespace skyfold {

/// Numbers of the rows of a table side by side, row-major.
[[nodiscard]] std::vector<double> points_of(std::span<const NumberExpression> space, const Table& table);

/// A training sample, and the balls in which objects are counted where its weights are not known.
struct NzTraining {
  nz::TrainingObjects objects;
  std::optional<nz::BallsOfBins> balls;  ///< none where weights are read
  bool has_ids = false;
};
/// Reads a training sample with weights. Throws UsageError for columns that it has not, DataError for weights that are none and for a
/// bin without an object.
[[nodiscard]] NzTraining read_training(const NzOptions& o, const nz::TomographicBins& bins, int threads, std::vector<std::string>& lines);
/// Throws DataError for a bin in which no training object has a weight.
void require_all_bins(const NzOptions& o, const nz::TomographicBins& bins, const nz::TrainingObjects& objects);

/// n(z) by bin from a table as --text writes: redshift and a column for each bin; linear between its rows, nothing beyond them.
[[nodiscard]] std::vector<std::vector<double>> read_reference(const std::string& path, const nz::RedshiftCells& cells, std::size_t bins,
                                                              const SourceOptions& source);

}  // namespace skyfold
