#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/core/file.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Rows that wait for their places: blocks of columns, each process in a file of its own.
class RowSpool {
 public:
  /// A block of some process, and where its rows stand among all.
  struct Block {
    std::int64_t unit = 0, rows = 0, offset = 0, first_row = 0;
    std::int64_t written_rows = 0;  ///< as it was written; `rows` may be cut by a limit
    std::int32_t file = 0;
  };

  /// @param folder  where its file is made, and left
  RowSpool(const std::string& folder, Schema schema, const Ranks* ranks);

  void add(const Table& rows, std::int64_t unit);
  /// After the last one: the blocks of all processes in order, cut at `limit` rows; collective.
  [[nodiscard]] std::vector<Block> close(std::int64_t limit);
  [[nodiscard]] bool is_own(const Block& block) const noexcept { return block.file == rank_; }
  /// Reads the columns of `out` of a block, whosever it is.
  void read(const Block& block, Table& out) const;

 private:
  Schema schema_;
  const Ranks* ranks_;
  int rank_ = 0;
  std::string path_;
  File file_;
  std::int64_t end_ = 0;
  std::vector<Block> blocks_;
  std::vector<File> files_;  ///< of all processes
};

}  // namespace skyfold
