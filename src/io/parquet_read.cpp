// Rows of Parquet files, from the window that DuckDB's child fills into columns. Reading that goes on where it ended goes on in the
// child, too: else each piece of a large row group would be unpacked from the group's beginning.
#include "parquet_read.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "duckdb_answers.hpp"
#include "duckdb_child.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"

namespace skyfold {
namespace {

/// The rows that the child has open: of which file and columns, and which comes next.
struct OpenRows {
  std::string question;  ///< without its last number, the first row
  std::int64_t next_row = -1;
};
OpenRows& open_rows() {
  static OpenRows rows;
  return rows;
}

std::string question_for(const ParquetFile& file, const std::vector<const ParquetColumn*>& columns) {
  ChildMessage question;
  question.put(static_cast<std::int64_t>(DuckDbQuestion::read));
  put_file(question, file);
  question.put(static_cast<std::int64_t>(columns.size()));
  for (const ParquetColumn* column : columns) {
    const ColumnInfo& info = column->info;
    question.put(std::string_view(column->expression)).put(static_cast<std::int64_t>(info.type)).put(static_cast<std::int64_t>(info.width));
    question.put(std::int64_t{info.null.has_value()});
    if (info.null) question.put(*info.null);
    question.put(std::int64_t{column->is_unsigned});
  }
  return question.bytes();
}

/// Puts rows of the window, as the child lays them out, into the columns.
void take_rows(const std::vector<const ParquetColumn*>& columns, std::int64_t capacity, std::int64_t rows, std::int64_t row, Table& out,
               std::size_t to, std::vector<BadCell>& bad) {
  constexpr std::size_t alignment = 64;
  const std::byte* place = duckdb_window().data();
  const auto count = static_cast<std::size_t>(rows);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const ColumnInfo &from = columns[i]->info, &wanted = out[i].info();
    const std::size_t bytes = from.bytes_per_row(), out_bytes = wanted.bytes_per_row();
    const std::span<const std::byte> values(place, count * bytes);
    const std::span<std::byte> cells = out[i].bytes().subspan(to * out_bytes, count * out_bytes);
    if (same_layout(from, wanted))
      std::memcpy(cells.data(), values.data(), values.size());
    else
      widen(from, wanted, row, values, cells, bad);
    // By the window's capacity and not by the rows in it: columns begin at the same places in each answer.
    place += (static_cast<std::size_t>(capacity) * bytes + alignment - 1) / alignment * alignment;
  }
}

}  // namespace

void put_file(ChildMessage& question, const ParquetFile& file) {
  question.put(std::string_view(std::filesystem::absolute(file.path).string()));
  question.put(static_cast<std::int64_t>(file.stamp.device)).put(static_cast<std::int64_t>(file.stamp.inode));
  question.put(file.stamp.size).put(file.stamp.time_ns);
}

void forget_parquet_stream() { open_rows() = {}; }

std::vector<std::int64_t> longest_parquet_texts(const ParquetFile& file, const std::vector<std::string>& lengths, std::int64_t first,
                                                std::int64_t rows) {
  const DuckDbTurn turn;
  forget_parquet_stream();
  ChildMessage question;
  question.put(static_cast<std::int64_t>(DuckDbQuestion::measure));
  put_file(question, file);
  question.put(static_cast<std::int64_t>(lengths.size()));
  for (const std::string& length : lengths) question.put(std::string_view(length));
  question.put(first).put(rows);
  ChildMessage answer = ask_duckdb(question, file.path);
  std::vector<std::int64_t> longest;
  for (std::size_t i = 0; i < lengths.size(); ++i) longest.push_back(std::max<std::int64_t>(1, answer.number()));
  return longest;
}

void read_parquet(const ParquetFile& file, const std::vector<const ParquetColumn*>& columns, std::int64_t first, std::int64_t rows,
                  Table& out, std::size_t to, std::int64_t bad_from, std::vector<BadCell>& bad) {
  const DuckDbTurn turn;
  const std::string question = question_for(file, columns);
  OpenRows& open = open_rows();
  // Pieces usually come in their order: the child's stream goes on then, instead of unpacking a row group again for each.
  if (open.question != question || open.next_row != first) {
    forget_parquet_stream();
    ChildMessage whole(question);
    (void)ask_duckdb(whole.put(first), file.path);
  }
  forget_parquet_stream();  // should anything go wrong from here on
  for (std::int64_t row = first; row < first + rows;) {
    ChildMessage next;
    ChildMessage answer = ask_duckdb(next.put(static_cast<std::int64_t>(DuckDbQuestion::next)).put(first + rows - row), file.path);
    const std::int64_t got = answer.number(), capacity = answer.number();
    if (got == 0)
      throw IoError(fmt::format("{}: ends after {} of {} rows (truncated or damaged?)", file.path, grouped(row), grouped(file.rows)));
    std::int64_t problems = answer.number();
    ChildMessage cells(answer.text());
    for (; problems > 0; --problems) {
      const std::int64_t cell_row = cells.number();
      const std::string& name = columns[static_cast<std::size_t>(cells.number())]->info.name;
      bad.push_back({bad_from + row + cell_row, name, cells.text()});
    }
    take_rows(columns, capacity, got, bad_from + row, out, to, bad);
    to += static_cast<std::size_t>(got);
    row += got;
  }
  open = {question, first + rows};
}

}  // namespace skyfold
