#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/dataset/dataset.hpp"

namespace skyfold {

/// The column of ids of a table: as a catalogue knows it, or by the usual names; "" for none.
[[nodiscard]] std::string id_column(const Dataset& table);

/// A second table, whose rows belong to those of the first: it has the same rows, or the same ids. Main thread only.
class Partner {
 public:
  /// Throws DataError for tables that do not belong together.
  Partner(const Dataset& table, const std::string& path, const SourceOptions& source);
  ~Partner();
  Partner(const Partner&) = delete;
  Partner& operator=(const Partner&) = delete;

  /// Its columns that the first table has not.
  [[nodiscard]] const Schema& schema() const noexcept;
  /// Names of those that both have: the first table's are taken.
  [[nodiscard]] const std::vector<std::string>& left_out() const noexcept;
  /// Columns of the first table by which rows are compared.
  [[nodiscard]] const std::vector<std::string>& needs() const noexcept;
  /// "the same rows", "the same ids (id, object_id)".
  [[nodiscard]] std::string description() const;

  /// Fills the columns of `out`, which are columns of the partner, for rows of the first table; sets `found` to whether each has a partner,
  /// whose place in `out` is undefined otherwise. Throws DataError where rows that should be the same have other ids.
  /// @param numbers  of the rows, increasing
  /// @param rows     with the columns of needs()
  void read(std::span<const std::int64_t> numbers, const Table& rows, Table& out, std::vector<std::uint8_t>& found) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skyfold
