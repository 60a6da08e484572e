#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/dataset/stored_pdfs.hpp"
#include "skyfold/kernels/validate/pdf_measures.hpp"

namespace skyfold {

/// PDFs of a product, in any layout that is known.
class PdfFile {
 public:
  /// Throws DataError for another layout, and for PDFs that are not of a product of `rows` rows.
  PdfFile(const std::string& path, std::int64_t rows);

  /// Measures of the PDF of the product's row `row`; nothing for one without.
  [[nodiscard]] std::optional<validation::PdfMeasures> measure(std::int64_t row, double z_spec, double z_phot, double odds_width);
  /// Redshifts to which PDFs of the layout are cut.
  [[nodiscard]] std::pair<double, double> range() const { return pdf_->range(); }

 private:
  StoredPdfs stored_;
  std::optional<std::vector<std::int64_t>> chosen_;  ///< rows of the product that have a PDF, where not all do
  Table row_;
  std::unique_ptr<RedshiftPdf> pdf_;
};

}  // namespace skyfold
