#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// How PDFs fared in a conversion.
struct PdfConversionCounts {
  std::int64_t objects = 0;      ///< all
  std::int64_t without_pdf = 0;  ///< of them; they have none afterwards either
  std::int64_t off_grid = 0;     ///< with less than half of their PDF on the new grid
};

/// Stored PDFs of any form, turned into another. Every object by itself, so that the bytes do not depend on blocks or threads.
class PdfConversion {
 public:
  /// @param columns, meta  of the stored PDFs (see pdf_layout.hpp)
  /// @param pdf            the form to be given, with its grid
  PdfConversion(Schema columns, Table meta, const PdfOptions& pdf);

  /// Columns that it gives.
  [[nodiscard]] const Schema& gives() const noexcept { return gives_; }
  /// @param out  has as many rows, of `gives()`
  PdfConversionCounts run(const Table& in, Table& out, int threads) const;

 private:
  Schema columns_;
  Table meta_;
  PdfOptions pdf_;
  Schema gives_;
};

/// What PDFs in another form differ by from those that they were made of, object by object; NaN where either has none.
struct PdfDifferences {
  std::vector<double> cdf;                    ///< greatest difference of the distribution functions, at 500 redshifts from end to end
  std::vector<double> cde;                    ///< of the objects' part of the CDE loss; NaN without a known redshift, too
  std::vector<double> mean_before, mean;      ///< of each PDF
  std::vector<double> square_before, square;  ///< mean of the squared redshift
};
/// @param before, after  tables of the same objects, of the forms that columns and meta describe
/// @param truth          known redshifts, NaN where there is none; empty: none at all
[[nodiscard]] PdfDifferences compare_pdfs(const Table& before, const Table& meta, const Table& after, const PdfOptions& pdf,
                                          std::span<const double> truth, int threads);

/// The options with a grid that follows stored PDFs where they leave it open (zmin = -1, zmax = 0, bins = 0): their own range and number of
/// points, 301 where they have none.
/// Throws UsageError for a grid that is none, and where a range is wanted that the PDFs have not.
[[nodiscard]] PdfOptions resolved_pdf(const PdfOptions& o, const Schema& columns, const Table& meta);

/// The options that say how large a PDF is: quantiles, Gaussians, bytes.
void describe_pdf_sizes(OptionSet& option, PdfOptions& o);

}  // namespace skyfold
