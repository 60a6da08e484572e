#pragma once

#include <memory>
#include <string>

#include "skyfold/io/row_file.hpp"
#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// PDFs in a file of photoz or of the qp library, in any layout that is known (see pdf_layout.hpp), as kernels give them. Main thread only.
class StoredPdfs {
 public:
  /// Throws DataError for a file without PDFs, or in a layout that is not known.
  explicit StoredPdfs(const std::string& path);

  [[nodiscard]] const std::string& path() const noexcept { return reader_.path(); }
  [[nodiscard]] std::int64_t rows() const noexcept { return reader_.rows(); }
  /// Columns as kernels name them; numbers are of single precision.
  [[nodiscard]] const Schema& columns() const noexcept { return columns_; }
  /// What is the same for all PDFs.
  [[nodiscard]] const Table& meta() const noexcept { return meta_; }
  /// Reads rows into a table of `columns()`.
  void read(RowRange rows, Table& table);
  /// To be set from rows of such tables. One for each thread.
  [[nodiscard]] std::unique_ptr<RedshiftPdf> make_pdf() const;

 private:
  RowReader reader_;
  Table meta_;
  Schema columns_;
  Table stored_;  ///< datasets under their own names and types
};

}  // namespace skyfold
