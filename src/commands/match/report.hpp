#pragma once

#include <string>
#include <vector>

#include "skyfold/registry/process.hpp"
#include "training.hpp"

namespace skyfold {

/// What was selected, exactly, one step a line: for the product.
[[nodiscard]] std::string describe_selection(const TrainingInputs& inputs);
/// Lines for the terminal: what is left after each step.
[[nodiscard]] std::string describe_training(const TrainingInputs& inputs, const TrainingTable& training);
/// Tables and plots for the product log: counts, multiplicities, separations, magnitudes and colours against the
/// photometric catalogue.
void log_training(Process& process, const TrainingInputs& inputs, const TrainingTable& training);

}  // namespace skyfold
