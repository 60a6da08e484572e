#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/fits_product.hpp"
#include "skyfold/kernels/kernel.hpp"

namespace skyfold {

/// The files that photoz fills, by their paths while they are filled; "" for those not asked for.
struct PhotozProducts {
  std::string rows;                       ///< columnar HDF5
  std::string fits;
  std::string pdf;
  FitsLayout fits_layout;
};

/// Reads rows of a catalogue, runs a kernel on them and writes the result rows.
class PhotozWork final : public Work {
 public:
  /// @param copied  columns that go from the catalogue to the product unchanged
  PhotozWork(const Catalogue& catalogue, const Kernel& kernel, const std::vector<std::string>& copied,
             const PhotozProducts& products, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void job_written(const Job& job) override;
  void mark_failed(RowRange block) override;

 private:
  struct Slot {
    Table in;       ///< what the kernel reads
    Table copied;   ///< what goes through
    Table out;      ///< what the kernel gives
  };
  /// Rows of the product as they are written: copied and computed columns together.
  void write_rows(std::int64_t first_row, const Slot& slot, JobResult& result);

  const Catalogue& catalogue_;
  const Kernel& kernel_;
  int threads_;
  std::array<Slot, 2> slots_;
  RowWriter rows_;
  std::optional<FitsRowWriter> fits_;
  std::optional<RowWriter> pdf_;
};

}  // namespace skyfold
