#pragma once

#include <string>
#include <vector>

#include "skyfold/kernels/photoz/held_out.hpp"

namespace skyfold {

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
