#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/photoz/calibration.hpp"

namespace skyfold {

/// Some of the objects of a set.
[[nodiscard]] TrainingSet subset_of(const TrainingSet& set, const std::vector<std::size_t>& rows);

/// Part of each object, 0 to parts - 1, drawn by (seed, id): an object that occurs more than once is in one part.
[[nodiscard]] std::vector<std::size_t> parts_by_id(const TrainingSet& set, std::size_t parts, std::uint32_t stream);

/// Estimates of a set's objects by a model: the columns of its kernel, a row per object.
[[nodiscard]] Table estimates_by(PhotozModel model, const TrainingSet& judged, const PdfOptions& pdf, int threads);

/// Trains on `fit` and estimates `judged` with the algorithm's own kernel: its columns, a row per object of `judged`.
///
/// @param described  a model with all but what the algorithm adds
/// @param pdf        form of the PDFs; native: the algorithm's own, on a grid that follows `described`
/// @param tasks      of the training
[[nodiscard]] Table train_and_estimate(const PhotozAlgorithm& algorithm, const TrainingSet& fit, const TrainingSet& judged,
                                       const PhotozModel& described, const PdfOptions& pdf, TrainingTasks& tasks);

/// Tables of estimates as bytes, and back. Throws DataError for bytes that are none.
[[nodiscard]] std::string estimates_bytes(const Table& estimates);
[[nodiscard]] Table estimates_from(const std::string& bytes);

/// Columns that all tables have, as wide as the widest, after those of `schema`.
[[nodiscard]] Schema common_schema(Schema schema, const std::vector<Table>& tables);
/// Copies rows of estimates to their places. A mixture of fewer Gaussians is filled up with some of no weight.
void place_rows(const Table& some, const std::vector<std::size_t>& rows, Table& all);

/// Objects for calibration, by the parts that they are held out of: all of five folds, at most 4,000 of each; of more than 200,000 objects
/// one fifth, at most 20,000 of it, so that one training is enough.
[[nodiscard]] std::vector<std::vector<std::size_t>> calibration_folds(const TrainingSet& set, std::vector<std::size_t>& fold);
inline constexpr std::size_t least_calibrated = 200;  ///< objects; fewer tell nothing

/// Estimates of these objects, with PDFs in a form that keeps them, by models that were trained on the other folds. Collective; the folds
/// are tasks, step "calibration".
[[nodiscard]] HeldOutEstimates held_out_pdfs(const PhotozAlgorithm& algorithm, const TrainingSet& set, const PhotozModel& described,
                                             TrainingTasks& tasks, const PdfOptions& pdf = {.kind = "native"});

}  // namespace skyfold
