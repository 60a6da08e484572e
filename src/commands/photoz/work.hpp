#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pdf_file.hpp"
#include "skyfold/dataset/chosen_rows.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/kernels/kernel.hpp"
#include "skyfold/table/corrections.hpp"

namespace skyfold {

/// The file of PDFs of a run.
struct PdfProduct {
  std::string path;                     ///< "" for none
  const PdfObjects* objects = nullptr;  ///< that have one; null for all
};

/// Reads rows of a catalogue, runs a kernel on them and writes the result rows.
class PhotozWork final : public Work {
 public:
  /// @param objects  the product's rows
  /// @param copied   columns that go from the catalogue to the product unchanged
  PhotozWork(const ChosenRows& objects, const Kernel& kernel, const Corrections& corrections, const std::vector<std::string>& copied,
             const RowProduct& product, const PdfProduct& pdf, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  struct Buffers {
    Table in;  ///< what the kernel and the corrections read
    RowCorrections found;
    Table copied;  ///< what goes through
    Table out;     ///< what the kernel gives
  };
  Buffers& buffers(int slot);
  void write_rows(RowRange block, const Buffers& rows, JobResult& result);

  const ChosenRows& objects_;
  const Kernel& kernel_;
  const Corrections& corrections_;
  int threads_;
  Buffers empty_;
  Slots<Buffers> slots_;
  ProductWriter product_;
  std::optional<PdfFileWriter> pdf_;
};

}  // namespace skyfold
