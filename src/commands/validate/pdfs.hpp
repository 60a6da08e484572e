#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/io/row_file.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/validate/pdf_measures.hpp"

namespace skyfold {

/// PDFs of a product, laid out as qp's `interp` (values on a grid) or `mixmod` (Gaussian mixtures, which are evaluated
/// on the grid that is asked for).
class PdfFile {
 public:
  /// Throws DataError for another layout, and for PDFs that are not of a product of `rows` rows.
  PdfFile(const std::string& path, const PdfOptions& grid, std::int64_t rows);

  /// Measures of the PDF of the product's row `row`; nothing for one without.
  [[nodiscard]] std::optional<validation::PdfMeasures> measure(std::int64_t row, double z_spec, double z_phot, double odds_width);
  [[nodiscard]] const std::vector<double>& grid() const noexcept { return density_.grid(); }

 private:
  RowReader reader_;
  std::optional<std::vector<std::int64_t>> chosen_;  ///< rows of the product that have a PDF, where not all do
  bool is_mixture_ = false;
  Table row_;
  validation::GridDensity density_;
  std::vector<float> values_;
  std::vector<double> cumulative_, weights_, means_, sigmas_;
};

}  // namespace skyfold
