// The end of Parquet files, which says what is in them; and whether many files have the same columns.
#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "duckdb_answers.hpp"
#include "duckdb_child.hpp"
#include "parquet_read.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_parquet.hpp"

namespace skyfold {
namespace {

/// A table of more rows is not believed: pieces of it alone would fill the memory.
constexpr std::int64_t most_rows = std::int64_t{1} << 40;

void check_rows(const ParquetFile& file) {
  for (const std::int64_t rows : file.row_groups)
    if (rows < 0 || rows > most_rows) throw DataError(fmt::format("{}: is damaged (a row group of {} rows)", file.path, rows));
  // Each is at most 2^40 and their number is that of a file's metadata, so the sum does not overflow.
  const std::int64_t sum = std::accumulate(file.row_groups.begin(), file.row_groups.end(), std::int64_t{0});
  if (file.rows != sum || file.rows > most_rows)
    throw DataError(fmt::format("{}: is damaged (announces {} rows, its row groups have {})", file.path, grouped(file.rows), grouped(sum)));
}

ChildMessage packed(const ParquetFooter& footer) {
  ChildMessage packet;
  const ParquetFile& file = footer.file;
  packet.put(static_cast<std::int64_t>(file.stamp.device)).put(static_cast<std::int64_t>(file.stamp.inode));
  packet.put(file.stamp.size).put(file.stamp.time_ns).put(file.rows).put(static_cast<std::int64_t>(file.row_groups.size()));
  for (const std::int64_t rows : file.row_groups) packet.put(rows);
  packet.put(static_cast<std::int64_t>(footer.columns.size()));
  for (const ParquetElement& column : footer.columns)
    packet.put(std::string_view(column.name)).put(std::string_view(column.sql_name)).put(std::string_view(column.type)).put(column.missing);
  packet.put(static_cast<std::int64_t>(footer.metadata.size()));
  for (const auto& [key, value] : footer.metadata) packet.put(std::string_view(key)).put(std::string_view(value));
  return packet;
}

/// The rest of a footer, behind its stamp, as both DuckDB's child and `packed` give it.
ParquetFooter unpacked(const std::string& path, const FileStamp& stamp, ChildMessage& packet) {
  ParquetFooter footer;
  footer.file = {path, stamp, packet.number()};
  for (std::int64_t n = packet.number(); n > 0; --n) footer.file.row_groups.push_back(packet.number());
  for (std::int64_t n = packet.number(); n > 0; --n) {
    ParquetElement column;
    column.name = packet.text();
    column.sql_name = packet.text();
    column.type = packet.text();
    column.missing = packet.number();
    footer.columns.push_back(std::move(column));
  }
  for (std::int64_t n = packet.number(); n > 0; --n) {
    std::string key = packet.text();
    footer.metadata.emplace_back(std::move(key), packet.text());
  }
  return footer;
}

ParquetFooter unpacked(const std::string& path, ChildMessage packet) {
  FileStamp stamp;
  stamp.device = static_cast<std::uint64_t>(packet.number());
  stamp.inode = static_cast<std::uint64_t>(packet.number());
  stamp.size = packet.number();
  stamp.time_ns = packet.number();
  return unpacked(path, stamp, packet);
}

/// Both have the same columns, in whatever order.
void check_same_columns(const ParquetFooter& first, const ParquetFooter& other) {
  const auto find = [](const ParquetFooter& in, const std::string& name) {
    return std::ranges::find_if(in.columns, [&](const ParquetElement& column) { return column.name == name; });
  };
  for (const ParquetElement& column : other.columns)
    if (find(first, column.name) == first.columns.end())
      throw DataError(fmt::format("{}: has a column '{}', which {} has not (the files of one table need the same columns)", other.file.path,
                                  column.name, first.file.path));
  for (const ParquetElement& column : first.columns) {
    const auto same = find(other, column.name);
    if (same == other.columns.end())
      throw DataError(fmt::format("{}: has no column '{}', which {} has (the files of one table need the same columns)", other.file.path,
                                  column.name, first.file.path));
    if (same->type != column.type)
      throw DataError(fmt::format("{}: column '{}' is {}, but {} in {} (the files of one table need the same columns)", other.file.path,
                                  column.name, same->type, column.type, first.file.path));
  }
}

}  // namespace

ParquetFooter parquet_footer(const std::string& path) {
  require_file(path);
  // Before the child opens it: a file that changes in between is noticed there.
  const FileStamp stamp = stamp_of(path);
  ChildMessage question;
  question.put(static_cast<std::int64_t>(DuckDbQuestion::describe));
  put_file(question, {path, stamp});
  const DuckDbTurn turn;
  // The question closes the stream that the child has open.
  forget_parquet_stream();
  ChildMessage answer = ask_duckdb(question, path);
  ParquetFooter footer = unpacked(path, stamp, answer);
  check_rows(footer.file);
  std::vector<std::string> names;
  for (const ParquetElement& column : footer.columns) names.push_back(column.name);
  check_names(path, names);
  return footer;
}

std::vector<ParquetFooter> parquet_footers(const std::vector<std::string>& paths, const ScanRunner& run) {
  // Ranks share the files of a large catalogue: each reads the footers of some, all get all of them.
  const std::vector<std::string> found = run(paths.size(), [&](std::size_t i) { return packed(parquet_footer(paths[i])).bytes(); });
  std::vector<ParquetFooter> footers;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    footers.push_back(unpacked(paths[i], ChildMessage(found[i])));
    check_same_columns(footers.front(), footers.back());
    if (i > 0) footers.back().metadata.clear();  // that of the first counts
  }
  return footers;
}

}  // namespace skyfold
