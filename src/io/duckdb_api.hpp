#pragma once

// The part of DuckDB's C interface (version 1 and later) that skyfold calls, declared here, so that nothing of DuckDB is needed to
// build. Names, types and the order of members are DuckDB's: what is said of them stands in its documentation ("C API").

#include <cstdint>

namespace skyfold::duckdb {

using Handle = void*;  ///< a pointer to something opaque: database, connection, statement, chunk, vector
using Count = std::uint64_t;

enum State : int { success = 0, failure = 1 };

/// duckdb_result; callers look at it through functions alone.
struct Result {
  Count column_count, row_count, rows_changed;
  void* columns;
  char* error_message;
  void* internal_data;
};

/// duckdb_string_t: texts of up to 12 bytes stand in the value itself.
struct Text {
  std::uint32_t length;
  char prefix[4];
  union {
    char rest[8];
    const char* pointer;
  };
  [[nodiscard]] const char* data() const noexcept { return length <= 12 ? prefix : pointer; }
};
static_assert(sizeof(Text) == 16);

/// The functions, as they are found in the library.
struct Api {
  const char* (*library_version)();
  State (*create_config)(Handle*);
  State (*set_config)(Handle, const char* name, const char* option);
  void (*destroy_config)(Handle*);
  State (*open_ext)(const char* path, Handle* database, Handle config, char** error);
  void (*close)(Handle*);
  State (*connect)(Handle database, Handle* connection);
  void (*disconnect)(Handle*);
  State (*query)(Handle connection, const char* sql, Result*);
  const char* (*result_error)(Result*);
  void (*destroy_result)(Result*);
  State (*prepare)(Handle connection, const char* sql, Handle* statement);
  const char* (*prepare_error)(Handle statement);
  void (*destroy_prepare)(Handle*);
  State (*execute_prepared_streaming)(Handle statement, Result*);
  Handle (*fetch_chunk)(Result);
  void (*destroy_data_chunk)(Handle*);
  Count (*data_chunk_get_size)(Handle chunk);
  Handle (*data_chunk_get_vector)(Handle chunk, Count column);
  void* (*vector_get_data)(Handle vector);
  std::uint64_t* (*vector_get_validity)(Handle vector);
  void (*free)(void*);
  Handle (*create_logical_type)(int type);
  Handle (*create_list_type)(Handle element);
  void (*destroy_logical_type)(Handle*);
  Handle (*create_data_chunk)(Handle* types, Count columns);
  void (*data_chunk_reset)(Handle chunk);
  void (*data_chunk_set_size)(Handle chunk, Count rows);
  void (*vector_ensure_validity_writable)(Handle vector);
  void (*vector_assign_string_element_len)(Handle vector, Count row, const char* text, Count bytes);
  Handle (*list_vector_get_child)(Handle vector);
  State (*list_vector_set_size)(Handle vector, Count elements);
  State (*list_vector_reserve)(Handle vector, Count elements);
  State (*appender_create)(Handle connection, const char* schema, const char* table, Handle* appender);
  const char* (*appender_error)(Handle appender);
  State (*append_data_chunk)(Handle appender, Handle chunk);
  State (*appender_close)(Handle appender);
  State (*appender_destroy)(Handle*);
};

/// Opens the library: the file that SKYFOLD_DUCKDB names, else what the loader finds as libduckdb.so, else lib/libduckdb.so beside the
/// folder of the program, where `./bootstrap duckdb` puts it. Once for the whole process.
/// Throws IoError that says how to get it.
[[nodiscard]] const Api& library();
/// A further function of the library. Throws IoError when this version does not have it.
[[nodiscard]] void* library_function(const char* name);

}  // namespace skyfold::duckdb
