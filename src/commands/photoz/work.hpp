#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models.hpp"
#include "pdf_file.hpp"
#include "skyfold/dataset/chosen_rows.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/kernels/kernel.hpp"
#include "skyfold/table/corrections.hpp"

namespace skyfold {

/// One of the models that estimate the objects of a run.
struct ModelWork {
  const Kernel& kernel;
  const Corrections& corrections;
  std::string pdf;  ///< path of its file of PDFs; "" for none
};
/// What goes from the catalogue to the products.
struct CopiedRows {
  const std::vector<CopiedColumn>& columns;  ///< of the product
  PdfCopies pdf = {};                        ///< of the files of PDFs
  const PdfObjects* with_pdf = nullptr;      ///< objects that have one; null for all
};

/// Numbers of a column as another type of number; of the same type as they are.
void convert_numbers(const Column& from, Column& to);

/// Reads rows of a catalogue, runs kernels on them and writes the result rows.
class PhotozWork final : public Work {
 public:
  /// @param objects  the product's rows
  /// @param consensus  of the models; or none
  PhotozWork(const ChosenRows& objects, const std::vector<ModelWork>& models, const std::optional<Consensus>& consensus,
             const CopiedRows& copied, const RowProduct& product, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  /// Rows of one model.
  struct Estimates {
    Table in;  ///< what the kernel and the corrections read: each model has its own, which corrections change
    RowCorrections found;
    Table out;  ///< what the kernel gives
  };
  struct Buffers {
    Table in;  ///< columns that any model reads; not used with one
    std::vector<Estimates> models;
    Table consensus;
    Table copied;   ///< what goes through
    Table renamed;  ///< the same as the product has it
  };
  Buffers& buffers(int slot);
  void read_models(RowRange block, Buffers& mine, JobResult& result);
  void read_copied(RowRange block, Buffers& mine);
  void agree(std::size_t rows, Buffers& mine) const;
  void write_rows(RowRange block, const Buffers& rows, JobResult& result);

  const ChosenRows& objects_;
  std::vector<ModelWork> models_;
  std::optional<Consensus> consensus_;
  std::vector<CopiedColumn> copied_;
  int threads_;
  Buffers empty_;
  Slots<Buffers> slots_;
  ProductWriter product_;
  std::vector<std::unique_ptr<PdfFileWriter>> pdfs_;  ///< of the models that have a file, else null
};

}  // namespace skyfold
