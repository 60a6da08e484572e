#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "objects.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/dataset/stored_pdfs.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// Sums of a block as a part. Blocks are never cut.
struct SumsCodec {
  using Value = nz::Sums;
  static void put(PartWriter& to, const nz::Sums& sums);
  [[nodiscard]] static nz::Sums get(PartReader& from);
  [[nodiscard]] static nz::Sums cut(nz::Sums, RowRange, RowRange);
};

/// Rows of PDFs that are added up at a time: by the sizes of a PDF and of the sums alone, so that these have one order.
[[nodiscard]] std::vector<Partition> nz_units(const StoredPdfs& pdfs, const nz::SumsLayout& layout);

/// Reads PDFs and what is known of their objects, and adds them up.
class NzWork final : public Work {
 public:
  /// @param balls  null where objects are not counted about training objects
  NzWork(StoredPdfs& pdfs, const NzObjects& objects, const nz::SumsLayout& layout, const nz::BallsOfBins* balls, PartsOf<SumsCodec> parts,
         int threads)
      : pdfs_(pdfs), objects_(objects), layout_(layout), balls_(balls), parts_(std::move(parts)), threads_(threads) {}

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { parts_.parts().sync(); }
  void mark_failed(RowRange) override {}  // an n(z) with holes is of no use: the run ends with an error
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return parts_.parts().stored_checksum(block, chained);
  }

 private:
  struct Buffers {
    Table pdfs, columns;
    std::vector<std::uint8_t> found;
    std::vector<std::int64_t> ids;
    nz::Objects objects;
    nz::Sums sums;
  };

  StoredPdfs& pdfs_;
  const NzObjects& objects_;
  const nz::SumsLayout& layout_;
  const nz::BallsOfBins* balls_;
  PartsOf<SumsCodec> parts_;
  int threads_;
  Slots<Buffers> slots_;
};

}  // namespace skyfold
