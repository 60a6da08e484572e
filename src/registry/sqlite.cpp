// SQLite in a thin skin: handles that close themselves, every status checked once.
#include "sqlite.hpp"

#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "skyfold/core/error.hpp"

namespace skyfold {

namespace {

constexpr std::chrono::seconds patience(30);  // with other processes

/// A path as a URI has it.
std::string percent_encoded(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#')
      text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      text += c;
  }
  return text;
}

}  // namespace

Database::Database(const std::string& path, bool read_only) : path_(path) {
  sqlite3* handle = nullptr;
  // Without write access SQLite cannot make the files that its log needs; "immutable" does without them.
  const std::string uri = "file://" + percent_encoded(std::filesystem::absolute(path).string()) + (read_only ? "?immutable=1" : "");
  const int flags = SQLITE_OPEN_URI | (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int status = sqlite3_open_v2(uri.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (status != SQLITE_OK) fail("cannot open the database");
  // Other commands write for milliseconds; waiting is better than failing.
  sqlite3_busy_timeout(handle, static_cast<int>(std::chrono::milliseconds(patience).count()));
}

void Database::fail(const std::string& what) const {
  if (const int code = handle_ ? sqlite3_errcode(handle_.get()) : SQLITE_NOMEM; code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    throw DataError(fmt::format("{}: is damaged, or no database of SQLite ({})", path_, sqlite3_errmsg(handle_.get())));
  throw IoError(fmt::format("{}: {} ({})", path_, what, handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory"));
}

void Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail("the database refuses a change");
}

void Database::set_journal_mode(const std::string& mode) {
  const std::string sql = "PRAGMA journal_mode = " + mode;
  const auto start = std::chrono::steady_clock::now();
  int status = SQLITE_OK;
  // SQLite's own patience does not hold for this change.
  while ((status = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr)) == SQLITE_BUSY &&
         std::chrono::steady_clock::now() - start < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (status != SQLITE_OK) fail("the database refuses a change");
}

Statement::Statement(Database& database, const std::string& sql) : database_(database) {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &handle, nullptr) != SQLITE_OK)
    database.fail("the database does not know what is asked");
  handle_.reset(handle);
}

Statement& Statement::bind(std::int64_t value) {
  sqlite3_bind_int64(handle_.get(), ++bound_, value);
  return *this;
}

Statement& Statement::bind(double value) {
  sqlite3_bind_double(handle_.get(), ++bound_, value);
  return *this;
}

Statement& Statement::bind(const std::string& value) {
  // Copied by SQLite (TRANSIENT): the text may be gone before the statement runs.
  sqlite3_bind_text(handle_.get(), ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind_null() {
  sqlite3_bind_null(handle_.get(), ++bound_);
  return *this;
}

Statement::Kind Statement::kind(int column) const noexcept {
  switch (sqlite3_column_type(handle_.get(), column)) {
    case SQLITE_NULL:
      return Kind::none;
    case SQLITE_INTEGER:
      return Kind::integer;
    case SQLITE_FLOAT:
      return Kind::number;
    default:
      return Kind::text;
  }
}

bool Statement::next() {
  const int status = sqlite3_step(handle_.get());
  if (status == SQLITE_ROW) return true;
  if (status != SQLITE_DONE) database_.fail("cannot read or write");
  return false;
}

void Statement::run() {
  while (next()) {
  }
  // At once, not when the object goes: a statement that is not reset keeps its lock on the database.
  sqlite3_reset(handle_.get());
  bound_ = 0;
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  return text ? std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))) : std::string();
}

}  // namespace skyfold
