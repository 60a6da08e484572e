#pragma once

#include "maps.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/kernels/kernel.hpp"
#include "sources.hpp"

namespace skyfold {

/// Measures blocks of sources and writes their rows.
class PatchWork final : public Work {
 public:
  PatchWork(const PatchSources& sources, PatchMaps& maps, const Kernel& kernel, const RowProduct& product, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { product_.sync(); }
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return product_.stored_checksum(block, chained);
  }

 private:
  struct Buffers {
    Table sources, out;
  };
  Buffers& buffers(int slot);

  const PatchSources& sources_;
  PatchMaps& maps_;
  const Kernel& kernel_;
  int threads_;
  Slots<Buffers> slots_;
  ProductWriter product_;
};

}  // namespace skyfold
