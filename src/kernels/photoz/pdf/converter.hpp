#pragma once

#include <memory>
#include <vector>

#include "mixture_fit.hpp"
#include "packed.hpp"
#include "skyfold/kernels/photoz/redshift_pdf.hpp"
#include "sparse.hpp"

namespace skyfold {

/// Writes PDFs into the columns of a form, whatever they were. One for each thread.
class PdfConverter {
 public:
  /// @param pdf  a form but none and native, with its grid
  explicit PdfConverter(const PdfOptions& pdf);

  /// @param pdf  of the object
  /// @param out  has the columns of the form
  /// @returns photoz_pdf_off_grid when less than half of the PDF lies on a grid, else 0
  [[nodiscard]] std::int32_t write(const RedshiftPdf& pdf, std::size_t row, Table& out);
  /// To be called when the last row was written: some PDFs are made several at a time.
  void finish();

 private:
  std::int32_t write_densities(const RedshiftPdf& pdf, std::span<float> values);
  std::int32_t write_packed(const RedshiftPdf& pdf, std::size_t row, Table& out);
  void write_gaussians(const RedshiftPdf& pdf, std::size_t row, Table& out);

  PdfOptions options_;
  std::vector<double> levels_;                ///< of quant
  std::vector<double> edges_, widths_;        ///< of what is about each value of interp and hist; widths_ are inverse
  std::vector<double> below_, mean_, value_;  ///< of an object, at edges and between them
  std::unique_ptr<PdfPacker> packer_;
  std::unique_ptr<MixtureFit> fit_;
  std::unique_ptr<SparseFit> sparse_;
  std::vector<float> density_;  ///< at the points of sparse
};

}  // namespace skyfold
