#pragma once

#include <memory>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// Table of a model that says how its PDFs are calibrated.
inline constexpr const char* calibration_table = "calibration";
[[nodiscard]] bool is_calibrated(const PhotozModel& model);

/// PDFs of a model as its calibration makes them of those of its algorithm.
/// @param model  with a table of calibration
[[nodiscard]] std::unique_ptr<RedshiftPdf> calibrated_pdf(const PhotozModel& model, std::unique_ptr<RedshiftPdf> pdf);

}  // namespace skyfold
