// Finds libduckdb.so and takes its functions. It is opened when the first Parquet file is, so that all else runs without it.
#include <dlfcn.h>
#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "duckdb_api.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::duckdb {
namespace {

constexpr const char* library_name = "libduckdb.so";

/// Where `./bootstrap duckdb` puts the library, seen from the program: build/release/lib for build/release/bin/skyfold.
std::string beside_the_program() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return "";
  const std::filesystem::path path = program.parent_path().parent_path() / "lib" / library_name;
  return std::filesystem::exists(path, error) ? path.string() : "";
}

void* open_library() {
  // Functions are looked up now, not when they are called: a library that lacks what it needs itself is told here.
  constexpr int mode = RTLD_NOW | RTLD_LOCAL;
  if (const char* named = std::getenv("SKYFOLD_DUCKDB"); named && *named != '\0') {
    if (void* handle = ::dlopen(named, mode)) return handle;
    throw IoError(fmt::format("SKYFOLD_DUCKDB={}: DuckDB's library cannot be opened ({})", named, ::dlerror()));
  }
  // A library that the system or LD_LIBRARY_PATH has goes before the one that bootstrap fetched.
  if (void* handle = ::dlopen(library_name, mode)) return handle;
  const std::string beside = beside_the_program();
  if (beside.empty())
    throw IoError(
        "Parquet and SQL need DuckDB's library libduckdb.so, which is not there (./bootstrap duckdb fetches it, or SKYFOLD_DUCKDB names "
        "it)");
  if (void* handle = ::dlopen(beside.c_str(), mode)) return handle;
  throw IoError(fmt::format("{}: DuckDB's library cannot be opened ({})", beside, ::dlerror()));
}

template <class Function>
void take(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  if (!function) throw IoError(fmt::format("libduckdb.so: has no function {} (DuckDB 1.2 or later is needed)", name));
}

/// Those that write.
void take_writing(void* library, Api& api) {
  take(library, "duckdb_create_logical_type", api.create_logical_type);
  take(library, "duckdb_create_list_type", api.create_list_type);
  take(library, "duckdb_destroy_logical_type", api.destroy_logical_type);
  take(library, "duckdb_create_data_chunk", api.create_data_chunk);
  take(library, "duckdb_data_chunk_reset", api.data_chunk_reset);
  take(library, "duckdb_data_chunk_set_size", api.data_chunk_set_size);
  take(library, "duckdb_vector_ensure_validity_writable", api.vector_ensure_validity_writable);
  take(library, "duckdb_vector_assign_string_element_len", api.vector_assign_string_element_len);
  take(library, "duckdb_list_vector_get_child", api.list_vector_get_child);
  take(library, "duckdb_list_vector_set_size", api.list_vector_set_size);
  take(library, "duckdb_list_vector_reserve", api.list_vector_reserve);
  take(library, "duckdb_appender_create", api.appender_create);
  take(library, "duckdb_appender_error", api.appender_error);
  take(library, "duckdb_append_data_chunk", api.append_data_chunk);
  take(library, "duckdb_appender_close", api.appender_close);
  take(library, "duckdb_appender_destroy", api.appender_destroy);
}

Api functions_of(void* library) {
  Api api{};
  take(library, "duckdb_library_version", api.library_version);
  take(library, "duckdb_create_config", api.create_config);
  take(library, "duckdb_set_config", api.set_config);
  take(library, "duckdb_destroy_config", api.destroy_config);
  take(library, "duckdb_open_ext", api.open_ext);
  take(library, "duckdb_close", api.close);
  take(library, "duckdb_connect", api.connect);
  take(library, "duckdb_disconnect", api.disconnect);
  take(library, "duckdb_query", api.query);
  take(library, "duckdb_result_error", api.result_error);
  take(library, "duckdb_destroy_result", api.destroy_result);
  take(library, "duckdb_prepare", api.prepare);
  take(library, "duckdb_prepare_error", api.prepare_error);
  take(library, "duckdb_destroy_prepare", api.destroy_prepare);
  take(library, "duckdb_execute_prepared_streaming", api.execute_prepared_streaming);
  take(library, "duckdb_fetch_chunk", api.fetch_chunk);
  take(library, "duckdb_destroy_data_chunk", api.destroy_data_chunk);
  take(library, "duckdb_data_chunk_get_size", api.data_chunk_get_size);
  take(library, "duckdb_data_chunk_get_vector", api.data_chunk_get_vector);
  take(library, "duckdb_vector_get_data", api.vector_get_data);
  take(library, "duckdb_vector_get_validity", api.vector_get_validity);
  take(library, "duckdb_free", api.free);
  take_writing(library, api);
  return api;
}

}  // namespace

namespace {

void* opened_library() {
  // Once: a library that is open stays so, and a failure is tried again at the next call.
  static void* const handle = open_library();
  return handle;
}

}  // namespace

const Api& library() {
  static const Api api = functions_of(opened_library());
  return api;
}

void* library_function(const char* name) {
  void* function = ::dlsym(opened_library(), name);
  if (!function) throw IoError(fmt::format("libduckdb.so: has no function {} (SQL needs DuckDB 1.2 or later)", name));
  return function;
}

}  // namespace skyfold::duckdb
