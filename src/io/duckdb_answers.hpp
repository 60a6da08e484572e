#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "child_message.hpp"

namespace skyfold {

/// The kinds of questions to the child with DuckDB, with what follows in the question and in the answer.
enum class DuckDbQuestion : std::int64_t {
  /// path and stamp of a file -> rows, row groups, columns, key-value metadata
  describe,
  /// file, expressions of lengths of texts, rows -> the greatest of each
  measure,
  /// file, columns, first row -> nothing; the rows come by `next`
  read,
  /// at most so many rows -> number of rows, whose values are in the window, and cells that have no place in their column
  next,
  /// columns -> nothing; a table to be written begins
  create,
  /// number of rows, which are in the window, column after column -> nothing
  append,
  /// path of an empty file, keys and values -> nothing; the table is in the file
  write,
};

/// The child's side: DuckDB, with the file and the query that are open.
class DuckDbAnswers {
 public:
  /// @param window  shared with the one who asks
  explicit DuckDbAnswers(std::span<std::byte> window);
  ~DuckDbAnswers();
  /// Throws IoError, DataError or UsageError for what cannot be answered.
  [[nodiscard]] ChildMessage answer(ChildMessage question);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skyfold
