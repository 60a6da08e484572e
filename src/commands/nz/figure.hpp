#pragma once

#include <string>

#include "result.hpp"
#include "skyfold/registry/process.hpp"

namespace skyfold {

/// Draws three panels: histograms of the point estimates, stacked PDFs with their errors, and what is between these and the known
/// redshifts (the weighted training sample, or the points, where there are none).
void draw_nz(const NzResult& result, const std::string& path);
/// Tells the product log: facts, numbers, the same pictures.
void report_nz(const NzResult& result, Process& process);
/// The closing table.
[[nodiscard]] std::string nz_summary(const NzResult& result);

}  // namespace skyfold
