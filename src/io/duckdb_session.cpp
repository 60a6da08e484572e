// DuckDB's handles as objects, its errors as exceptions, and its settings: one thread and nothing but the files that we name.
#include "duckdb_session.hpp"

#include <fmt/core.h>

#include <utility>

#include "skyfold/core/error.hpp"

namespace skyfold::duckdb {
namespace {

/// DuckDB's message in one line: the first of it, without the drawing of the statement that follows.
std::string first_line(const char* message) {
  const std::string text = message ? message : "DuckDB gives no reason";
  return text.substr(0, text.find('\n'));
}

struct Setting {
  const char* name;
  const char* value;
};

/// Statements are ours and hold no name that a user wrote, so that these are a second fence.
constexpr Setting settings[] = {
    {"threads", "1"},
    {"temp_directory", ""},
    {"autoinstall_known_extensions", "false"},
    {"autoload_known_extensions", "false"},
    {"allow_unsigned_extensions", "false"},
};

/// What only some versions have to switch off.
constexpr const char* if_known[] = {
    "SET allow_community_extensions = false",
    "SET enable_external_file_cache = false",  // descriptors are used again for other files
    "SET enable_geoparquet_conversion = false",
};

/// Frees a result when it is read.
struct OwnedResult {
  ~OwnedResult() { library().destroy_result(&result); }
  Result result{};
};

}  // namespace

Session::Session(const SessionLimits& limits) {
  const Api& api = library();
  Handle config = nullptr;
  if (api.create_config(&config) != success) throw IoError("DuckDB: no configuration");
  std::vector<Setting> all(std::begin(settings), std::end(settings));
  all.push_back({"memory_limit", limits.memory.c_str()});
  if (!limits.may_open_files) all.push_back({"enable_external_access", "false"});
  for (const Setting& setting : all)
    // A setting that is unknown is an error: a fence that is not there must not be relied upon.
    if (api.set_config(config, setting.name, setting.value) != success) {
      api.destroy_config(&config);
      throw IoError(fmt::format("DuckDB {}: does not know the setting {}", api.library_version(), setting.name));
    }
  char* error = nullptr;
  const State opened = api.open_ext(nullptr, &database_, config, &error);
  api.destroy_config(&config);
  if (opened != success) {
    const std::string message = first_line(error);
    api.free(error);
    throw IoError(fmt::format("DuckDB: {}", message));
  }
  if (api.connect(database_, &connection_) != success) throw IoError("DuckDB: no connection");
  for (const char* statement : if_known) {
    OwnedResult result;
    // An error means that this version has nothing to switch off.
    (void)api.query(connection_, statement, &result.result);
  }
  // Last: from here on no statement can change the settings above.
  run("SET lock_configuration = true");
}

Session::~Session() {
  library().disconnect(&connection_);
  library().close(&database_);
}

void Session::run(const std::string& sql) {
  OwnedResult owned;
  if (library().query(connection_, sql.c_str(), &owned.result) != success) throw IoError(first_line(library().result_error(&owned.result)));
}

std::vector<std::vector<Session::Cell>> Session::rows(const std::string& sql) {
  OwnedResult owned;
  if (library().query(connection_, sql.c_str(), &owned.result) != success) throw IoError(first_line(library().result_error(&owned.result)));
  const auto columns = static_cast<std::size_t>(owned.result.column_count);
  std::vector<std::vector<Cell>> rows;
  while (const Chunk chunk{library().fetch_chunk(owned.result)})
    for (std::size_t row = 0; row < chunk.rows(); ++row) {
      std::vector<Cell>& cells = rows.emplace_back();
      for (std::size_t column = 0; column < columns; ++column) {
        const Text& text = static_cast<const Text*>(chunk.values(column))[row];
        cells.push_back(is_valid(chunk.validity(column), row) ? Cell(std::string(text.data(), text.length)) : std::nullopt);
      }
    }
  return rows;
}

Chunk::~Chunk() {
  if (chunk_) library().destroy_data_chunk(&chunk_);
}
Chunk::Chunk(Chunk&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
Chunk& Chunk::operator=(Chunk&& other) noexcept {
  std::swap(chunk_, other.chunk_);
  return *this;
}
std::size_t Chunk::rows() const { return static_cast<std::size_t>(library().data_chunk_get_size(chunk_)); }
const void* Chunk::values(std::size_t column) const { return library().vector_get_data(library().data_chunk_get_vector(chunk_, column)); }
const std::uint64_t* Chunk::validity(std::size_t column) const {
  return library().vector_get_validity(library().data_chunk_get_vector(chunk_, column));
}

Stream::Stream(Session& session, const std::string& sql) {
  const Api& api = library();
  std::string error;
  if (api.prepare(session.connection(), sql.c_str(), &statement_) != success)
    error = first_line(api.prepare_error(statement_));
  else if (api.execute_prepared_streaming(statement_, &result_) != success)
    error = first_line(api.result_error(&result_));
  else
    return;
  // No destructor runs for a constructor that throws.
  api.destroy_result(&result_);
  api.destroy_prepare(&statement_);
  throw IoError(error);
}

Stream::~Stream() {
  library().destroy_result(&result_);
  library().destroy_prepare(&statement_);
}

Chunk Stream::next() {
  Chunk chunk(library().fetch_chunk(result_));
  // An error ends the rows as their end does.
  if (const char* error = library().result_error(&result_); !chunk && error && *error != '\0') throw IoError(first_line(error));
  return chunk;
}

}  // namespace skyfold::duckdb
