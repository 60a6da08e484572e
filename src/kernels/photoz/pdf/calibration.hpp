#pragma once

#include <memory>
#include <string>

#include "skyfold/kernels/photoz/calibration.hpp"
#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

[[nodiscard]] bool is_calibrated(const PhotozModel& model);

/// PDFs as a calibration makes them of others.
[[nodiscard]] std::unique_ptr<RedshiftPdf> calibrated_pdf(const Calibration& calibration, std::unique_ptr<RedshiftPdf> pdf);

/// What a calibrated PDF makes of the point and the error of its object.
class CalibratedPoint {
 public:
  CalibratedPoint(const PhotozModel& model, const Calibration& calibration);

  [[nodiscard]] double z_phot(const RedshiftPdf& pdf, double before) const;
  [[nodiscard]] double z_err(const RedshiftPdf& pdf, double before) const;

 private:
  std::string point_;  ///< "" where the point is not of the PDF
  double error_scale_;
};

}  // namespace skyfold
