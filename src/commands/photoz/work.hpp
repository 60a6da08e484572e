#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/kernels/kernel.hpp"
#include "skyfold/table/corrections.hpp"

namespace skyfold {

/// Datasets of a PDF file for the PDF columns that a kernel gives, in the order of the file; none when it gives none.
[[nodiscard]] Schema pdf_datasets(const Schema& given);
/// True for output columns that go to the PDF file.
[[nodiscard]] bool is_pdf_column(const std::string& name);

/// Reads rows of a catalogue, runs a kernel on them and writes the result rows.
class PhotozWork final : public Work {
 public:
  /// @param copied    columns that go from the catalogue to the product unchanged
  /// @param pdf_path  file for the kernel's PDFs; "" for none
  PhotozWork(const Catalogue& catalogue, const Kernel& kernel, const Corrections& corrections, const std::vector<std::string>& copied,
             const RowProduct& product, const std::string& pdf_path, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  struct Buffers {
    Table in;  ///< what the kernel and the corrections read
    std::vector<std::uint32_t> tiles;
    Table copied;  ///< what goes through
    Table out;     ///< what the kernel gives
  };
  Buffers& buffers(int slot);
  void write_rows(std::int64_t first_row, const Buffers& rows, JobResult& result);

  const Catalogue& catalogue_;
  const Kernel& kernel_;
  const Corrections& corrections_;
  int threads_;
  Buffers empty_;
  Slots<Buffers> slots_;
  ProductWriter product_;
  std::optional<RowWriter> pdf_;
  std::vector<std::string> pdf_columns_;  ///< of the kernel, in the order of the file's columns
};

}  // namespace skyfold
