#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reference_table.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "stars.hpp"
#include "targets.hpp"

namespace skyfold {

/// Reads a part's targets and the stars about them, searches, and writes the pointings.
class LocusWork final : public Work {
 public:
  /// @param references  where the reference stars of each part go; null: not wanted
  LocusWork(const LocusKernel& kernel, const LocusTargets& targets, LocusStars& stars, const RowProduct& product,
            const ReferenceParts* references, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  struct Buffers {
    Table in, out;
    StarBlock stars;
    Table references;
  };

  const LocusKernel& kernel_;
  const LocusTargets& targets_;
  LocusStars& stars_;
  const ReferenceParts* references_;
  int threads_;
  Slots<Buffers> slots_;
  ProductWriter product_;
};

}  // namespace skyfold
