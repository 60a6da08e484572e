#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/dataset/chosen_rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Datasets of a PDF file for the PDF columns that a kernel gives, in the order of the file; none when it gives none.
[[nodiscard]] Schema pdf_datasets(const Schema& given);
/// True for output columns that go to the PDF file.
[[nodiscard]] bool is_pdf_column(const std::string& name);

/// Which objects of a product have a PDF in the file, where not all have one.
struct PdfObjects {
  const ChosenRows& product;   ///< the product's rows
  const ChosenRows& with_pdf;  ///< those of the file, some of them
  ColumnInfo id;               ///< of the catalogue; without a name where it has none
};

/// Lays out the qp library's file for PDFs on a grid (class interp) or mixtures of Gaussians (class mixmod): groups meta and data; where
/// not all objects have one also ancil, with the row of the object in the product and its id. Rank 0.
void create_pdf_file(const std::string& path, const PdfOptions& pdf, const Schema& given, std::int64_t rows, const PdfObjects* objects);
/// Groups of its rows, by which it is checked and taken over.
[[nodiscard]] std::vector<std::string> pdf_groups(bool has_all_objects);

/// Writes PDFs of rows of a product at their places. Main thread only.
class PdfFileWriter {
 public:
  /// @param objects  with a PDF; null for all of the product
  PdfFileWriter(const std::string& path, const PdfObjects* objects);

  /// @param block   rows of the product
  /// @param copied  their columns that come from the catalogue; @param out  those that the kernel gives
  void write(RowRange block, const Table& copied, const Table& out, JobResult& result);
  /// The checksum of a block as it stands in the file, chained as JobResult::checksum.
  [[nodiscard]] std::uint64_t stored_checksum(RowRange block, std::uint64_t chained);
  void sync();

 private:
  struct Chosen {
    RowRange rows;                    ///< of the file
    std::vector<std::size_t> places;  ///< in the block
  };
  [[nodiscard]] Chosen chosen_of(RowRange block) const;
  [[nodiscard]] Table ancillary(RowRange block, const Chosen& chosen, const Table& copied) const;

  const PdfObjects* objects_;
  RowWriter data_;
  std::optional<RowWriter> ancil_;
  std::vector<std::string> columns_;  ///< of the kernel, in the order of the file's columns
};

}  // namespace skyfold
