#pragma once

#include <exception>
#include <set>
#include <string>
#include <vector>

#include "leaves.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/parquet_file.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {

/// An export as work of the farm: a job is a leaf, which is read, and written to its file as a whole.
class ExportWork final : public Work {
 public:
  /// @param root    of the leaves, or the only file
  /// @param schema  of the columns, in the order in which they are written
  ExportWork(const RowReader& reader, Schema schema, std::vector<Leaf> leaves, std::string root, ParquetMetadata metadata);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  [[nodiscard]] std::string path_of(RowRange rows) const;

  const RowReader& reader_;
  Schema schema_;
  std::vector<Leaf> leaves_;
  std::string root_;
  ParquetMetadata metadata_;
  /// A leaf in memory.
  struct LeafRows {
    Table rows;
    std::exception_ptr error;  ///< of writing it, to be thrown where an error ends the run
  };
  Slots<LeafRows> slots_;
  std::set<std::string> unsynced_;  ///< files that are not known to be on the disk
};

}  // namespace skyfold
