#pragma once

#include <exception>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "leaves.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// How the rows of a leaf become a file.
struct LeafFormat {
  /// Throws DataError for what the format cannot hold: rows, the file that they are from, the number of their first there.
  std::function<void(const Table& rows, const std::string& from, std::int64_t first_row)> check;
  /// Makes the file anew; it is not yet on the disk.
  std::function<void(const std::string& path, const Table& rows)> write;
};

/// Where the rows of a leaf come from.
struct LeafRows {
  std::function<void(RowRange leaf, Table& rows)> read;
  std::string from;           ///< for messages
  bool may_be_empty = false;  ///< a leaf without rows has no file
};

/// An export as work of the farm: a job is a leaf, which is read, and written to its file as a whole.
class ExportWork final : public Work {
 public:
  /// @param root    of the leaves, or the only file
  /// @param schema  of the columns, in the order in which they are written
  ExportWork(LeafRows rows, Schema schema, std::vector<Leaf> leaves, std::string root, LeafFormat format);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job& job, RowRange block, int slot) override;
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override;
  void mark_failed(RowRange block) override;
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override;

 private:
  [[nodiscard]] std::string path_of(RowRange rows) const;

  LeafRows source_;
  Schema schema_;
  std::vector<Leaf> leaves_;
  std::string root_;
  LeafFormat format_;
  /// A leaf in memory.
  struct LeafBuffer {
    Table rows;
    std::exception_ptr error;  ///< of writing it, to be thrown where an error ends the run
  };
  Slots<LeafBuffer> slots_;
  std::set<std::string> unsynced_;  ///< files that are not known to be on the disk
};

}  // namespace skyfold
