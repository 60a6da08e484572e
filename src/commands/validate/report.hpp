#pragma once

#include "product.hpp"
#include "skyfold/registry/process.hpp"

namespace skyfold {

/// Tells the product log of a validation: facts, a tab of results with the plots of each model, and the comparison.
void report_validation(const ValidationResult& result, Process& process);

}  // namespace skyfold
