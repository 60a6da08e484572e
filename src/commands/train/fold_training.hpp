#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Some of the objects of a set.
[[nodiscard]] TrainingSet subset_of(const TrainingSet& set, const std::vector<std::size_t>& rows);

/// Part of each object, 0 to parts - 1, drawn by (seed, id): an object that occurs more than once is in one part.
[[nodiscard]] std::vector<std::size_t> parts_by_id(const TrainingSet& set, std::size_t parts, std::uint32_t stream);

/// Trains on `fit` and estimates `judged` with the algorithm's own kernel: its columns, a row per object of `judged`.
///
/// @param described  a model with all but what the algorithm adds
/// @param tasks      of the training
[[nodiscard]] Table train_and_estimate(const PhotozAlgorithm& algorithm, const TrainingSet& fit, const TrainingSet& judged,
                                       const PhotozModel& described, const PdfOptions& pdf, TrainingTasks& tasks);

/// Estimates of all objects of a set, each by a model that was trained on the folds without it: columns `id`, `z_spec`, `fold`, and what
/// the kernel gives. Collective; folds are the tasks, step "folds".
[[nodiscard]] Table held_out_estimates(const PhotozAlgorithm& algorithm, const TrainingSet& set, const PhotozModel& described,
                                       std::size_t folds, const PdfOptions& pdf, TrainingTasks& tasks);

/// One line about their quality.
[[nodiscard]] std::string quality_of(const Table& estimates);

/// Writes them as a table, and their PDFs, if there are any, in qp's layout beside it.
void write_held_out(const std::string& path, const std::string& pdf_path, const Table& estimates, const PdfOptions& pdf,
                    const std::string& provenance);

}  // namespace skyfold
