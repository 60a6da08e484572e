#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/dataset/part_values.hpp"
#include "skyfold/dataset/stored_pdfs.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/kernels/photoz/pdf_conversion.hpp"

namespace skyfold {

/// Groups of a file of PDFs.
inline constexpr const char *pdf_data_group = "/data", *pdf_ancil_group = "/ancil", *pdf_meta_group = "/meta";

/// Counts of a block as a part. Blocks are never cut.
struct PdfCountsCodec {
  using Value = PdfConversionCounts;
  static void put(PartWriter& to, const PdfConversionCounts& counts);
  [[nodiscard]] static PdfConversionCounts get(PartReader& from);
  [[nodiscard]] static PdfConversionCounts cut(PdfConversionCounts, RowRange, RowRange);
};

/// Rows of PDFs that are read at a time, by their size alone.
[[nodiscard]] std::vector<Partition> pdf_units(std::int64_t rows, std::size_t bytes_per_pdf);

/// Reads PDFs and what is beside them, and writes both to the same rows of another file.
class PdfConvertWork final : public Work {
 public:
  /// @param output  laid out
  PdfConvertWork(StoredPdfs& pdfs, const PdfConversion& conversion, const std::string& output, PartsOf<PdfCountsCodec> parts, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange) override {}  // a file with holes is of no use: the run ends with an error
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  struct Buffers {
    Table in, out, ancil;
    PdfConversionCounts counts;
  };

  StoredPdfs& pdfs_;
  const PdfConversion& conversion_;
  std::optional<RowReader> ancil_from_;
  RowWriter data_;
  std::optional<RowWriter> ancil_;
  PartsOf<PdfCountsCodec> parts_;
  int threads_;
  std::vector<std::string> columns_;  ///< of the conversion, in the order of the file's datasets
  Slots<Buffers> slots_;
};

}  // namespace skyfold
