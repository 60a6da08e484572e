#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "skyfold/farm/farm.hpp"
#include "skyfold/io/fits_original.hpp"

namespace skyfold {

/// Where the rows of an export stood in its inputs, among those that are exported: a bit for each row of the inputs.
class SourceOrder {
 public:
  using ReadRows = std::function<void(RowRange rows, Table& out)>;
  /// Reads the column of source rows of all rows that are exported. Throws DataError for two rows of one place.
  /// @param what  for messages
  SourceOrder(const ReadRows& read, std::int64_t rows, const std::string& what);
  /// How many exported rows stood before it.
  [[nodiscard]] std::int64_t place_of(std::int64_t source_row) const;

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<std::int64_t> before_;  ///< bits before each word
};

/// An export in the order and the form of the inputs: rows go where they stood.
class OriginalWork final : public Work {
 public:
  /// @param columns  of the table, as original_columns gives them
  OriginalWork(SourceOrder::ReadRows read, const SourceOrder& order, const std::string& path, const std::string& form,
               const Schema& columns);

  void read(const Job& job, RowRange block, int slot, JobResult& result) override;
  void compute(const Job&, RowRange, int) override {}  // the order of bytes is all that changes
  void write(const Job& job, RowRange block, int slot, JobResult& result) override;
  void sync() override { writer_.sync(); }
  void mark_failed(RowRange block) override;

 private:
  SourceOrder::ReadRows read_;
  const SourceOrder& order_;
  Schema columns_, numbered_;
  OriginalFitsWriter writer_;
  Slots<Table> slots_;
};

}  // namespace skyfold
