// Values of our columns in the vectors of DuckDB.
#include "duckdb_vectors.hpp"

#include <cmath>
#include <cstring>

#include "skyfold/core/error.hpp"

namespace skyfold::duckdb {
namespace {

/// duckdb_list_entry
struct ListEntry {
  std::uint64_t offset, length;
};

/// Number of the type in duckdb_type.
// Numbers of DuckDB's C interface, which is loaded at run time, without its header.
int type_number(Type type) {
  constexpr int integer = 4, bigint = 5, utinyint = 6, real = 10, double_precision = 11, varchar = 17;
  switch (type) {
    case Type::f4:
      return real;
    case Type::f8:
      return double_precision;
    case Type::i4:
      return integer;
    case Type::i8:
      return bigint;
    case Type::u1:
      return utinyint;
    case Type::text:
      return varchar;
  }
  return 0;
}

template <class T>
bool is_missing(const ColumnInfo& info, T value) {
  if constexpr (std::is_floating_point_v<T>)
    // NULL is what other readers know for missing; ours reads it back as NaN.
    return std::isnan(value);
  else
    return info.null == static_cast<std::int64_t>(value);
}

template <class T>
void fill_numbers(const ColumnInfo& info, Handle vector, const std::byte* values, std::size_t rows) {
  const Api& api = library();
  std::memcpy(api.vector_get_data(vector), values, rows * sizeof(T));
  const T* numbers = static_cast<const T*>(api.vector_get_data(vector));
  NullRows nulls(vector);
  for (std::size_t i = 0; i < rows; ++i)
    if (is_missing(info, numbers[i])) nulls.add(i);
}

void fill_scalars(const ColumnInfo& info, Handle vector, const std::byte* values, std::size_t rows) {
  switch (info.type) {
    case Type::f4:
      return fill_numbers<float>(info, vector, values, rows);
    case Type::f8:
      return fill_numbers<double>(info, vector, values, rows);
    case Type::i4:
      return fill_numbers<std::int32_t>(info, vector, values, rows);
    case Type::i8:
      return fill_numbers<std::int64_t>(info, vector, values, rows);
    case Type::u1:
      return fill_numbers<std::uint8_t>(info, vector, values, rows);
    case Type::text:
      for (std::size_t i = 0; i < rows; ++i) {
        const char* text = reinterpret_cast<const char*>(values) + i * info.width;
        library().vector_assign_string_element_len(vector, i, text, strnlen(text, info.width));
      }
  }
}

void fill_lists(const ColumnInfo& info, Handle vector, const std::byte* values, std::size_t rows) {
  const Api& api = library();
  // Reserving first: DuckDB has room for as many elements as for rows, and lists have more.
  if (api.list_vector_reserve(vector, rows * info.width) != success || api.list_vector_set_size(vector, rows * info.width) != success)
    throw IoError("DuckDB has no memory for lists");
  auto* entries = static_cast<ListEntry*>(api.vector_get_data(vector));
  // All lists of a column have one length, so their elements lie as in our own column.
  for (std::size_t i = 0; i < rows; ++i) entries[i] = {i * info.width, info.width};
  std::memcpy(api.vector_get_data(api.list_vector_get_child(vector)), values, rows * info.bytes_per_row());
}

}  // namespace

bool is_list(const ColumnInfo& info) { return info.type != Type::text && info.width > 1; }

Handle logical_type_of(const ColumnInfo& info) {
  const Api& api = library();
  Handle type = api.create_logical_type(type_number(info.type));
  if (!is_list(info)) return type;
  Handle element = type;
  type = api.create_list_type(element);
  api.destroy_logical_type(&element);
  return type;
}

void fill_vector(const ColumnInfo& info, Handle vector, const std::byte* values, std::size_t rows) {
  if (is_list(info))
    fill_lists(info, vector, values, rows);
  else
    fill_scalars(info, vector, values, rows);
}

}  // namespace skyfold::duckdb
