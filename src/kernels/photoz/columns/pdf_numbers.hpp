#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// The PDF of one object and what is asked of it, each number computed once however many columns show it. One for each thread.
class PdfFacts {
 public:
  /// @param columns  among which the PDF is
  PdfFacts(const Schema& columns, const PdfOptions& pdf);

  /// @param draw  0..1, of the object; NaN where nothing is drawn
  /// @returns false for an object without PDF: numbers must not be asked for then
  [[nodiscard]] bool set(const Table& rows, std::size_t row, double draw);

  [[nodiscard]] double quantile(double p) const { return pdf_->quantile(p); }
  [[nodiscard]] double mean();
  [[nodiscard]] double median();
  [[nodiscard]] double mode();
  [[nodiscard]] double best();  ///< of least risk
  [[nodiscard]] double drawn() const;
  [[nodiscard]] double risk(double z);
  [[nodiscard]] double confidence(double z) const;  ///< probability within 0.03 of z
  [[nodiscard]] double deviation_from(double z) const { return pdf_->deviation_from(z); }
  [[nodiscard]] std::pair<double, double> interval(double p);
  /// Of PDFs on a grid.
  [[nodiscard]] const std::pair<PdfMode, PdfMode>& modes();

 private:
  template <class Compute>
  double once(std::optional<double>& value, const Compute& compute);
  const PointRisk& risks();

  std::unique_ptr<RedshiftPdf> pdf_;
  std::vector<double> grid_;
  double draw_ = 0.0;
  std::span<const float> values_;
  std::optional<double> mean_, median_, mode_, best_;
  std::optional<std::pair<PdfMode, PdfMode>> modes_;
  PointRisk risk_;
  bool has_risk_ = false, has_places_ = false;
  std::vector<double> places_, probabilities_;
};

/// A column of numbers of the PDF; of width 2: two of them.
struct PdfNumber {
  ColumnInfo column;  ///< f4 or f8, without prefix
  std::pair<double, double> (*of)(PdfFacts& facts);
};
/// Those of a form (rubin, euclid, hsc), or of the group ancil of a file of PDFs; none for others.
[[nodiscard]] std::vector<PdfNumber> pdf_numbers(const std::string& form);

}  // namespace skyfold
