#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// Other names of columns, such as those of bands, and the columns.
using ColumnAliases = std::map<std::string, std::string, std::less<>>;

/// What is known of the values of a column in some rows. Ranges may be wider than the values, and flags say what may be, not
/// what is; a default one knows nothing.
struct ColumnRange {
  bool is_known = false;  ///< otherwise every value may be there
  bool is_whole = false;  ///< known of a column of whole numbers
  bool may_have_values = true, may_be_missing = true;
  double min = 0.0, max = 0.0;                ///< of doubles
  std::int64_t whole_min = 0, whole_max = 0;  ///< of whole numbers
};

/// What a condition may give in some rows; at least one of them, where there are rows.
struct PossibleTruth {
  bool may_hold = true, may_fail = true;
  bool operator==(const PossibleTruth&) const = default;
};

/// A condition on the columns of a table, as users write it: "zwarning == 0 and not (flags & 4)". The language is described
/// in docs/conditions.md; signs bind as in Python.
///
/// Whole numbers (columns i8, i4, u1, and what is calculated of them but for quotients) are exact, also when compared with
/// decimals and doubles. A comparison with a missing number does not hold, whichever it is. The condition is compiled once
/// to a flat program, which is run over blocks of rows.
class Condition {
 public:
  /// @param text    not empty
  /// @param schema  of the tables that it will be asked about
  /// @param what    where the text stands, for messages: "--cuts"; "survey.ini: quality.4"
  /// @param aliases  other names of columns, for names that `schema` does not have
  /// Throws UsageError for a text that is no condition, or a column that `schema` does not have.
  Condition(const std::string& text, const Schema& schema, const std::string& what, const ColumnAliases& aliases = {});

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// Columns that it reads, each once.
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  /// Whether it holds, row by row: 1 or 0. Throws DataError for a whole number beyond 2^127.
  ///
  /// @param table  has the columns of columns(), of the types of the schema
  /// @param holds  shape [table.rows()]
  void evaluate(const Table& table, std::span<std::uint8_t> holds) const;
  /// What it may give in rows of which the ranges of its columns are known, by interval arithmetic. Nothing is claimed that is
  /// not certain: where evaluate() might throw, both may be.
  ///
  /// @param ranges  of the columns of columns(), in their order
  [[nodiscard]] PossibleTruth possible(std::span<const ColumnRange> ranges) const;

  struct Program;

 private:
  std::string text_;
  std::vector<std::string> columns_;
  std::shared_ptr<const Program> program_;
};

}  // namespace skyfold
