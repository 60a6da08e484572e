#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skyfold {

/// Element type of a column. `text` is `width` bytes padded with NUL, not necessarily terminated.
enum class Type : std::uint8_t { f4, f8, i4, i8, u1, text };

[[nodiscard]] std::size_t size_of(Type type) noexcept;       ///< bytes of one element; 1 for text
[[nodiscard]] std::string_view name_of(Type type) noexcept;  ///< "f4", "f8", "i4", "i8", "u1", "text"

/// What a column is. `width` is elements per object (an array column) or, for text, bytes per object.
struct ColumnInfo {
  std::string name;
  Type type = Type::f8;
  std::size_t width = 1;
  std::string unit = {};                  ///< VOUnit, e.g. "deg", "mag"; "" when dimensionless or unknown
  std::string ucd = {};                   ///< IVOA UCD1+, e.g. "pos.eq.ra"; "" when unknown
  std::string description = {};           ///< one sentence
  std::string source = {};                ///< name of the column in the input that it came from; "" when made here
  std::optional<std::int64_t> null = {};  ///< integer that stands for "missing"; floats use NaN

  [[nodiscard]] std::size_t bytes_per_row() const noexcept { return size_of(type) * width; }
};

using Schema = std::vector<ColumnInfo>;

/// Bytes per row of all columns together.
[[nodiscard]] std::size_t bytes_per_row(const Schema& schema) noexcept;
/// Index of a column by exact name, or nothing.
[[nodiscard]] std::optional<std::size_t> find_column(const Schema& schema, std::string_view name) noexcept;

/// Name of the first column found of `names` (lower case, most specific first), whatever the case of the column; "" for
/// none.
[[nodiscard]] std::string known_column(const Schema& schema, std::span<const std::string> names);

/// Allocates on 64-byte boundaries (a cache line, and the widest vector registers) and leaves new elements
/// uninitialised, so that growing a reused buffer costs nothing.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete (p, std::align_val_t{64}); }
  template <class U>
  void construct(U* p) noexcept {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
  template <class U>
  bool operator==(const AlignedAllocator<U>&) const noexcept {
    return true;
  }
};
template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// The values of one column.
class Column {
 public:
  explicit Column(ColumnInfo info) : info_(std::move(info)) {}

  [[nodiscard]] const ColumnInfo& info() const noexcept { return info_; }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

  /// All elements, rows x width, row-major. T must be the type of the column (checked by assert):
  /// float f4, double f8, int32_t i4, int64_t i8, uint8_t u1, char text.
  template <class T>
  [[nodiscard]] std::span<T> values() noexcept;
  template <class T>
  [[nodiscard]] std::span<const T> values() const noexcept;

  /// Element `element` of row `row` as a double; a missing value (NaN, the null integer) gives NaN; text gives NaN.
  [[nodiscard]] double number(std::size_t row, std::size_t element = 0) const noexcept;
  /// Element as an integer (floats are truncated; text gives 0).
  [[nodiscard]] std::int64_t integer(std::size_t row, std::size_t element = 0) const noexcept;
  /// Text of a row without padding; only for text columns.
  [[nodiscard]] std::string_view text(std::size_t row) const noexcept;

 private:
  friend class Table;
  ColumnInfo info_;
  AlignedVector<std::byte> bytes_;
};

/// Columns of one length. A table is a buffer too: `resize` keeps the capacity, so a reused table allocates once.
class Table {
 public:
  Table() = default;
  explicit Table(const Schema& schema, std::size_t rows = 0);

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t columns() const noexcept { return columns_.size(); }
  [[nodiscard]] Schema schema() const;

  /// Sets the number of rows; values of added rows are undefined until written.
  void resize(std::size_t rows);
  /// Adds a column of the table's length with undefined values. Throws std::logic_error for a repeated name.
  Column& add(const ColumnInfo& info);

  [[nodiscard]] Column& operator[](std::size_t i) noexcept { return columns_[i]; }
  [[nodiscard]] const Column& operator[](std::size_t i) const noexcept { return columns_[i]; }
  /// Throws std::logic_error when there is no such column: user input is checked before.
  [[nodiscard]] Column& at(std::string_view name);
  [[nodiscard]] const Column& at(std::string_view name) const;
  [[nodiscard]] const Column* find(std::string_view name) const noexcept;

 private:
  std::vector<Column> columns_;
  std::size_t rows_ = 0;
};

}  // namespace skyfold
