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

  /// False where the point is not of the PDF, and the error is scaled: no PDF need be made for them.
  [[nodiscard]] bool needs_pdf() const noexcept { return !point_.empty() || error_scale_ == 0.0; }
  /// True where both are of the PDF.
  [[nodiscard]] bool is_all_of_pdf() const noexcept { return point_is_of_pdf() && error_scale_ == 0.0; }
  [[nodiscard]] bool point_is_of_pdf() const noexcept { return !point_.empty(); }
  /// @param pdf  calibrated; null: the object has none, and what is of the PDF stays as it is
  void correct(const RedshiftPdf* pdf, double& z_phot, float& z_err) const;

 private:
  std::string point_;  ///< "" where the point is not of the PDF
  double error_scale_;
};

}  // namespace skyfold
