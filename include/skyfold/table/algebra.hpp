#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// Rows of columns and tables, moved as bytes whatever their type: what is missing stays so, texts keep their padding.
///
/// Tables are matched by the names of their columns: every column of the destination must be in the source with the same type and
/// width (std::logic_error otherwise: input is checked before); further columns of the source are left out. Rows are checked by
/// assert. Source and destination must differ.

/// Rows [begin, end) of `from` to the rows of `to` from `at` on, which are there.
void copy_rows(const Column& from, std::size_t begin, std::size_t end, Column& to, std::size_t at);
void copy_rows(const Table& from, std::size_t begin, std::size_t end, Table& to, std::size_t at);
/// All rows of `from` to the rows of `to` from `at` on.
void put_rows(const Table& from, Table& to, std::size_t at);

/// Rows of `from` by number, in this order and as often as they are named, to the rows of `to` from `at` on.
void gather_rows(const Column& from, std::span<const std::size_t> rows, Column& to, std::size_t at = 0);
void gather_rows(const Table& from, std::span<const std::size_t> rows, Table& to, std::size_t at = 0);

/// New tables, with the columns of `from`: some rows by number, or rows [begin, end).
[[nodiscard]] Table gather(const Table& from, std::span<const std::size_t> rows);
[[nodiscard]] Table slice(const Table& from, std::size_t begin, std::size_t end);

/// Adds the rows of `from` at the end of `to`.
void append(Table& to, const Table& from);
/// All rows of tables with the columns of the first one, in order; an empty table of none.
[[nodiscard]] Table concatenate(std::span<const Table> tables);
/// The value of a column of names or whole numbers as a text, so that those of two files can be compared whatever their types.
[[nodiscard]] std::string key_of(const Column& column, std::size_t row);

/// Adds a column of another table of the same length.
void add_column(Table& to, const Column& column);

}  // namespace skyfold
