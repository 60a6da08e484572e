// Rows of tables as bytes. The loops over rows have a constant width where columns are numbers: these copies are most of the
// memory traffic of import and match.
#include "skyfold/table/algebra.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <stdexcept>
#include <string>

namespace skyfold {
namespace {

void require_alike(const Column& from, const Column& to) {
  if (from.info().type != to.info().type || from.info().width != to.info().width)
    throw std::logic_error("columns " + from.info().name + " and " + to.info().name + " are of different types");
}

template <std::size_t Width>
void gather_fixed(const std::byte* from, std::span<const std::size_t> rows, std::byte* to) {
  for (std::size_t i = 0; i < rows.size(); ++i) std::memcpy(to + i * Width, from + rows[i] * Width, Width);
}

}  // namespace

void copy_rows(const Column& from, std::size_t begin, std::size_t end, Column& to, std::size_t at) {
  require_alike(from, to);
  const std::size_t width = from.info().bytes_per_row();
  assert(begin <= end && end * width <= from.bytes().size() && (at + end - begin) * width <= to.bytes().size());
  if (begin < end) std::memcpy(to.bytes().data() + at * width, from.bytes().data() + begin * width, (end - begin) * width);
}

void copy_rows(const Table& from, std::size_t begin, std::size_t end, Table& to, std::size_t at) {
  // By name: the other table may have more columns, in another order.
  for (std::size_t c = 0; c < to.columns(); ++c) copy_rows(from.at(to[c].info().name), begin, end, to[c], at);
}

void put_rows(const Table& from, Table& to, std::size_t at) { copy_rows(from, 0, from.rows(), to, at); }

void gather_rows(const Column& from, std::span<const std::size_t> rows, Column& to, std::size_t at) {
  require_alike(from, to);
  const std::size_t width = from.info().bytes_per_row();
  assert((at + rows.size()) * width <= to.bytes().size());
  const std::byte* source = from.bytes().data();
  std::byte* destination = to.bytes().data() + at * width;
  // A memcpy of constant size is one instruction.
  if (width == 8) return gather_fixed<8>(source, rows, destination);
  if (width == 4) return gather_fixed<4>(source, rows, destination);
  for (std::size_t i = 0; i < rows.size(); ++i) std::memcpy(destination + i * width, source + rows[i] * width, width);
}

void gather_rows(const Table& from, std::span<const std::size_t> rows, Table& to, std::size_t at) {
  for (std::size_t c = 0; c < to.columns(); ++c) gather_rows(from.at(to[c].info().name), rows, to[c], at);
}

Table gather(const Table& from, std::span<const std::size_t> rows) {
  Table table(from.schema(), rows.size());
  for (std::size_t c = 0; c < table.columns(); ++c) gather_rows(from[c], rows, table[c]);
  return table;
}

Table slice(const Table& from, std::size_t begin, std::size_t end) {
  Table table(from.schema(), end - begin);
  for (std::size_t c = 0; c < table.columns(); ++c) copy_rows(from[c], begin, end, table[c], 0);
  return table;
}

void append(Table& to, const Table& from) {
  const std::size_t before = to.rows();
  to.resize(before + from.rows());
  put_rows(from, to, before);
}

Table concatenate(std::span<const Table> tables) {
  if (tables.empty()) return {};
  std::size_t rows = 0;
  for (const Table& table : tables) rows += table.rows();
  // Room for all at once: appending one by one would copy the first rows again for every table.
  Table all(tables.front().schema(), rows);
  std::size_t at = 0;
  for (const Table& table : tables) {
    put_rows(table, all, at);
    at += table.rows();
  }
  return all;
}

std::string key_of(const Column& column, std::size_t row) {
  return column.info().type == Type::text ? std::string(column.text(row)) : std::to_string(column.integer(row));
}

void add_column(Table& to, const Column& column) { copy_rows(column, 0, to.rows(), to.add(column.info()), 0); }

}  // namespace skyfold
