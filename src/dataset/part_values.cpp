// Values in blobs: counts of 8 bytes, then the elements as they lie in memory; a table's columns one after the other.
#include "skyfold/dataset/part_values.hpp"

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

/// Name, type and width of each column: what must agree between who keeps a table and who reads it.
std::string described(const Schema& schema) {
  std::string text;
  for (const ColumnInfo& column : schema)
    text += column.name + " " + std::string(name_of(column.type)) + " " + std::to_string(column.width) + "\n";
  return text;
}

}  // namespace

void PartWriter::count(std::size_t n) {
  const auto number = static_cast<std::uint64_t>(n);
  append(std::as_bytes(std::span(&number, 1)));
}

void PartWriter::append(std::span<const std::byte> bytes) { bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size()); }

void PartWriter::table(const Table& table) {
  const std::string columns = described(table.schema());
  count(columns.size());
  append(std::as_bytes(std::span(columns)));
  count(table.rows());
  for (std::size_t c = 0; c < table.columns(); ++c) append(table[c].bytes());
}

std::size_t PartReader::count(std::size_t bytes_each) {
  std::uint64_t number = 0;
  take(std::as_writable_bytes(std::span(&number, 1)));
  // Checked by division before anything is allocated: a count that is damage could otherwise ask for all memory, or wrap around.
  if (bytes_each > 0 && number > (bytes_.size() - at_) / bytes_each) refuse();
  return static_cast<std::size_t>(number);
}

std::string PartReader::text() {
  std::string text(count(1), '\0');
  take(std::as_writable_bytes(std::span(text)));
  return text;
}

void PartReader::take(std::span<std::byte> to) {
  if (to.size() > bytes_.size() - at_) refuse();
  if (!to.empty()) std::memcpy(to.data(), bytes_.data() + at_, to.size());
  at_ += to.size();
}

Table PartReader::table(const Schema& schema) {
  if (text() != described(schema)) refuse();
  Table table(schema, count(bytes_per_row(schema)));
  for (std::size_t c = 0; c < table.columns(); ++c) take(table[c].bytes());
  return table;
}

void PartReader::end() const {
  if (at_ != bytes_.size()) refuse();
}

/// Checksums agree, so it was another program that kept it.
void PartReader::refuse() { throw IoError("a part of the run holds other values than this version keeps (start over with --fresh)"); }

Table TableCodec::cut(Table table, RowRange, RowRange rows) const {
  // Rows are sorted by their target, so those of a range are one slice.
  const Column& column = table.at(row_column);
  const auto target = column.values<std::int64_t>();
  const auto place = [&](std::int64_t row) { return static_cast<std::size_t>(std::ranges::lower_bound(target, row) - target.begin()); };
  return slice(table, place(rows.begin), place(rows.end));
}

}  // namespace skyfold
