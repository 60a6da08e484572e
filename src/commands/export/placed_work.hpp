#pragma once

#include <functional>
#include <optional>
#include <string>

#include "skyfold/farm/farm.hpp"
#include "skyfold/io/fits_product.hpp"

namespace skyfold {

/// An export to one FITS table, in which every row has its place: ranks write theirs, and the sums of their bytes add up to DATASUM.
class PlacedWork final : public Work {
 public:
  /// Reads rows that are exported, by their numbers.
  using ReadRows = std::function<void(RowRange rows, Table& out)>;
  /// @param path  of the table, which is laid out
  PlacedWork(ReadRows read_rows, const std::string& path, const FitsLayout& layout);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job&, RowRange, int) override {}  // the order of bytes is all that changes
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { writer_.sync(); }
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  ReadRows read_rows_;
  Schema schema_;
  FitsRowWriter writer_;
  Slots<Table> slots_;
};

}  // namespace skyfold
