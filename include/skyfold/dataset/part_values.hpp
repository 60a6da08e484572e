#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "skyfold/dataset/parts.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// A blob as it is filled: values, lists and tables one after the other.
class PartWriter {
 public:
  template <class T>
  void list(const std::vector<T>& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    count(values.size());
    append(std::as_bytes(std::span(values)));
  }
  /// With the names and types of its columns.
  void table(const Table& table);

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void count(std::size_t n);
  void append(std::span<const std::byte> bytes);

  std::string bytes_;
};

/// The same as it is read, in the same order. Throws IoError where a blob is not what is asked for.
class PartReader {
 public:
  explicit PartReader(std::string bytes) : bytes_(std::move(bytes)) {}

  template <class T>
  [[nodiscard]] std::vector<T> list() {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> values(count(sizeof(T)));
    take(std::as_writable_bytes(std::span(values)));
    return values;
  }
  /// A table with these columns.
  [[nodiscard]] Table table(const Schema& schema);
  /// Nothing is left.
  void end() const;

 private:
  /// How many elements follow, which must be there.
  [[nodiscard]] std::size_t count(std::size_t bytes_each);
  [[nodiscard]] std::string text();
  void take(std::span<std::byte> to);
  [[noreturn]] static void refuse();

  std::string bytes_;
  std::size_t at_ = 0;
};

/// A codec says how values of one type are kept as parts:
///   Value;  put(PartWriter&, value);  get(PartReader&) -> Value;
///   cut(value, held, rows) -> what of a value of the rows `held` belongs to `rows`; where values cannot be cut, work is in fixed units.

/// Tables in which a column has the driving row that each of its rows belongs to, increasing: any number of rows each.
struct TableCodec {
  using Value = Table;
  Schema schema;
  std::string row_column;

  static void put(PartWriter& to, const Table& table) { to.table(table); }
  [[nodiscard]] Table get(PartReader& from) const { return from.table(schema); }
  [[nodiscard]] Table cut(Table table, RowRange held, RowRange rows) const;
};

/// One value for each driving row.
template <class T>
struct RowsCodec {
  using Value = std::vector<T>;

  static void put(PartWriter& to, const Value& values) { to.list(values); }
  [[nodiscard]] static Value get(PartReader& from) { return from.list<T>(); }
  [[nodiscard]] static Value cut(Value values, RowRange held, RowRange rows) {
    const auto first = values.begin() + (rows.begin - held.begin);
    return {first, first + rows.size()};
  }
};

/// Any number of values for a fixed unit of work.
template <class T>
struct ListCodec {
  using Value = std::vector<T>;

  static void put(PartWriter& to, const Value& values) { to.list(values); }
  [[nodiscard]] static Value get(PartReader& from) { return from.list<T>(); }
  [[nodiscard]] static Value cut(Value, RowRange, RowRange) { throw std::logic_error("parts of fixed units were cut"); }
};

/// Parts of one type.
template <class Codec>
class PartsOf {
 public:
  using Value = typename Codec::Value;

  explicit PartsOf(std::shared_ptr<Parts> parts, Codec codec = {}) : parts_(std::move(parts)), codec_(std::move(codec)) {}

  [[nodiscard]] const Codec& codec() const noexcept { return codec_; }
  [[nodiscard]] Parts& parts() const noexcept { return *parts_; }

  void keep(RowRange rows, const Value& value, JobResult& result) const {
    PartWriter writer;
    codec_.put(writer, value);
    parts_->keep(rows, writer.bytes(), result);
  }
  [[nodiscard]] Value read(const Parts::Piece& piece) const {
    PartReader reader(parts_->read(piece));
    Value value = codec_.get(reader);
    reader.end();
    return piece.is_whole() ? std::move(value) : codec_.cut(std::move(value), piece.held, piece.rows);
  }
  /// Calls `use(rows, value)` for values that together belong to all rows, each once, in order.
  template <class Use>
  void merge(RowRange all, Use use) const {
    for (const Parts::Piece& piece : parts_->pieces(all)) use(piece.rows, read(piece));
  }

 private:
  std::shared_ptr<Parts> parts_;
  Codec codec_;
};

}  // namespace skyfold
