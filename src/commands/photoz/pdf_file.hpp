#pragma once

#include <functional>
#include <string>
#include <vector>

#include "skyfold/dataset/chosen_rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/kernels/photoz/columns.hpp"

namespace skyfold {

/// Objects of a block that have a PDF.
struct PdfRows {
  RowRange rows;                    ///< of the file
  std::vector<std::size_t> places;  ///< in the block
};
/// Which objects of a product have a PDF in the file, where not all have one.
struct PdfObjects {
  std::function<PdfRows(RowRange block)> among;  ///< those of some rows of the product
};
/// Those that a condition has chosen of a product's rows. Both must outlive what is returned.
[[nodiscard]] PdfObjects chosen_for_pdf(const ChosenRows& product, const ChosenRows& with_pdf);

/// What the file tells besides PDFs and their numbers.
struct PdfCopies {
  ColumnInfo id, redshift;     ///< columns of the catalogue; without a name where there is none
  std::string estimator = {};  ///< what columns of the PDFs would begin with; "" for none
};

/// Lays out the qp library's file for PDFs of any form (see pdf_layout.hpp): groups meta, data, and ancil
/// with the objects' ids, point estimates and quantiles, known redshifts, and, where not all objects have a PDF, their rows in the
/// product. Rank 0.
void create_pdf_file(const std::string& path, const PdfOptions& pdf, const Schema& given, std::int64_t rows, const PdfObjects* objects,
                     const PdfCopies& copies);
/// Groups of its rows, by which it is checked and taken over.
[[nodiscard]] std::vector<std::string> pdf_groups();

/// Adds the hashes of its zones once all rows are there; collective. May be called again after a death.
void finish_pdf_file(const Ranks& ranks, const std::string& path);

/// Writes PDFs of rows of a product at their places. Main thread only.
class PdfFileWriter {
 public:
  /// @param objects  with a PDF; null for all of the product
  PdfFileWriter(const std::string& path, const PdfObjects* objects, const PdfCopies& copies);

  /// @param block   rows of the product
  /// @param copied  their columns that come from the catalogue; @param out  those that the kernel gives
  void write(RowRange block, const Table& copied, const Table& out, JobResult& result);
  /// The checksum of a block as it stands in the file, chained as JobResult::checksum.
  [[nodiscard]] std::uint64_t stored_checksum(RowRange block, std::uint64_t chained);
  void sync();

 private:
  [[nodiscard]] PdfRows chosen_of(RowRange block) const;
  /// A column of the group ancil, of all rows of the block.
  [[nodiscard]] Column ancillary(const ColumnInfo& column, RowRange block, const Table& copied, const Table& out) const;

  const PdfObjects* objects_;
  PdfCopies copies_;
  RowWriter data_, ancil_;
  std::vector<std::string> columns_;  ///< of the kernel, in the order of the file's columns
};

}  // namespace skyfold
