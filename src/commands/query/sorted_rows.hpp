#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/table/number_expression.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Rows put in order by a number, in memory: of a limit no more than about twice that many are held.
class SortedRows {
 public:
  /// @param text    a column of numbers, or a calculation
  /// @param schema  of the rows that it is made of
  /// @param limit   rows that are wanted; -1: all
  /// @param output  columns that are put in order
  SortedRows(const std::string& text, const Schema& schema, bool descending, std::int64_t limit, const Schema& output);

  /// Columns that the number is made of.
  [[nodiscard]] const std::vector<std::string>& needs() const noexcept { return number_.columns(); }
  /// Throws UsageError for more rows than are put in order in memory.
  void add(const Table& rows, const Table& output);
  /// All that is wanted, in order, in blocks.
  void give(const std::function<void(const Table&)>& use);

 private:
  struct Place {
    bool is_missing = false;
    double value = 0.0;
    std::int64_t whole = 0;  ///< of a column of whole numbers, which are exact
    std::size_t row = 0;     ///< of rows_
  };
  [[nodiscard]] bool comes_first(const Place& a, const Place& b) const noexcept;
  void shorten();

  NumberExpression number_;
  bool is_whole_, descending_;
  std::int64_t limit_;
  Table rows_;
  std::vector<Place> places_;
};

}  // namespace skyfold
