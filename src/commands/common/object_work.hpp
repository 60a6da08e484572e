#pragma once

#include <vector>

#include "skyfold/dataset/rows.hpp"
#include "skyfold/farm/farm.hpp"
#include "statistics_input.hpp"

namespace skyfold {

/// Describes blocks of objects by their measurements, and writes their rows.
class ObjectWork final : public Work {
 public:
  /// Both must outlive this.
  ObjectWork(const StatisticsInput& in, const RowProduct& product, int threads) : in_(in), threads_(threads), product_(product) {}

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
    Table objects, measurements, out;
    std::vector<std::int64_t> first;  ///< of each object, from the first of the block
    std::vector<double> ra, dec;      ///< of the objects
  };
  Buffers& buffers(int slot);

  const StatisticsInput& in_;
  int threads_;
  Slots<Buffers> slots_;
  ProductWriter product_;
};

}  // namespace skyfold
