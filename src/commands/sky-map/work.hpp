#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/dataset/scan.hpp"
#include "skyfold/farm/farm.hpp"
#include "statistics.hpp"

namespace skyfold {

/// Sums of a block of rows as a part. Blocks are never cut.
struct PixelSumsCodec {
  using Value = sky_map::PixelSums;
  std::size_t medians = 0;
  void put(PartWriter& to, const Value& sums) const;
  [[nodiscard]] Value get(PartReader& from) const;
  [[nodiscard]] static Value cut(Value, RowRange, RowRange);
};

/// Blocks of rows that are added up at a time: by rows alone, so that sums have one order.
[[nodiscard]] std::vector<Partition> map_units(std::int64_t rows);

/// Reads rows of the catalogue and adds them up by pixel.
class SkyMapWork final : public Work {
 public:
  struct Inputs {
    const Catalogue& catalogue;
    const MapStatistics& statistics;
    std::unique_ptr<CatalogueScan> chosen;  ///< by a condition or a region; none: all rows
    int order = 0;
  };
  SkyMapWork(Inputs inputs, PartsOf<PixelSumsCodec> parts, int threads);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { parts_.parts().sync(); }
  void mark_failed(RowRange) override {}  // a map with holes is of no use: the run ends with an error
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return parts_.parts().stored_checksum(block, chained);
  }

 private:
  struct Buffers {
    Table rows;                        ///< from the first chosen one to the last
    std::vector<std::int64_t> chosen;  ///< of a block in which not all are: places in `rows`
    bool has_all = true;
    sky_map::PixelSums sums;
  };
  [[nodiscard]] sky_map::PixelSums add_up(const Buffers& mine, std::size_t begin, std::size_t end) const;

  Inputs inputs_;
  Schema columns_;
  PartsOf<PixelSumsCodec> parts_;
  int threads_;
  Slots<Buffers> slots_;
};

}  // namespace skyfold
