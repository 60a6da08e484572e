#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/io/parquet_file.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {

/// Files of PDFs beside a product: Z.pdf.hdf5, or Z.dnf.pdf.hdf5, Z.knn.pdf.hdf5, ... in the order of their names.
[[nodiscard]] std::vector<std::string> files_of_pdfs(const std::string& product);

/// The PDFs of a photo-z product, from the files beside it, as columns of its rows: X_ens_interp<xvals, yvals> and
/// X_ens_mixmod<means, stds, weights> for an estimator X, as Rubin's object_photoz has them, and the like for the other forms. Main thread
/// only.
class NestedPdfs {
 public:
  /// Throws UsageError for a product without files of PDFs, DataError for files that are not of this product.
  explicit NestedPdfs(const Catalogue& product);

  /// Plain columns that hold the fields.
  [[nodiscard]] const Schema& columns() const noexcept { return columns_; }
  /// What they become.
  [[nodiscard]] const std::vector<ParquetStruct>& structs() const noexcept { return structs_; }
  /// Fills the columns of `out`: NaN for rows without PDF.
  /// @param rows  of the product, increasing
  /// @param ids   of these rows, to be compared with those of the files; null where the product has none
  void read(std::span<const std::int64_t> rows, const Column* ids, Table& out) const;

 private:
  struct PdfSource {
    PdfSource(const std::string& path, std::int64_t rows);
    [[nodiscard]] std::vector<std::int64_t> places_of(std::span<const std::int64_t> rows) const;  ///< in the file; -1: none
    [[nodiscard]] std::size_t width_of(const std::string& field) const;

    std::string name;  ///< of the column, "knn_ens_mixmod"
    RowReader data, ancil;
    std::vector<std::int64_t> with_pdf;                               ///< rows of the product; empty: all
    std::vector<std::pair<std::string, std::vector<double>>> shared;  ///< fields that are the same for all PDFs
    std::vector<std::string> own;                                     ///< datasets of each
  };
  void add(const std::string& path, std::int64_t rows);
  static void fill(const PdfSource& file, RowRange block, std::span<const std::int64_t> places, std::size_t& next, const Column* ids,
                   Table& out);

  std::vector<PdfSource> files_;
  Schema columns_;
  std::vector<ParquetStruct> structs_;
};

}  // namespace skyfold
