#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

namespace skyfold {

/// An open SQLite database. Errors are thrown as IoError that names the file.
class Database {
 public:
  /// Opens, and makes where missing. Waits up to 30 s for other writers.
  /// @param read_only  for files and folders that this user cannot write
  explicit Database(const std::string& path, bool read_only = false);

  void execute(const std::string& sql);
  /// Waits for its turn: SQLite does not where several processes make a database at once.
  void set_journal_mode(const std::string& mode);
  [[nodiscard]] std::int64_t last_id() const noexcept { return sqlite3_last_insert_rowid(handle_.get()); }
  [[nodiscard]] std::int64_t changes() const noexcept { return sqlite3_changes(handle_.get()); }
  [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close(handle); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement. `statement.bind(1).bind("a").run()`; `while (statement.next()) statement.text(0)`.
class Statement {
 public:
  Statement(Database& database, const std::string& sql);

  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  Statement& bind(const std::string& value);
  Statement& bind_null();
  /// The next row; false at the end.
  bool next();
  /// Runs to the end and makes the statement ready for other values.
  void run();

  [[nodiscard]] std::int64_t integer(int column) const noexcept { return sqlite3_column_int64(handle_.get(), column); }
  [[nodiscard]] double number(int column) const noexcept { return sqlite3_column_double(handle_.get(), column); }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] int columns() const noexcept { return sqlite3_column_count(handle_.get()); }
  /// What the value of a column of this row is.
  enum class Kind { none, integer, number, text };
  [[nodiscard]] Kind kind(int column) const noexcept;

 private:
  struct Finalise {
    void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
  };
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalise> handle_;
  int bound_ = 0;
};

/// Changes that are made together or not at all; taken back unless `commit` was called.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }
  ~Transaction() {
    if (!done_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    database_.execute("COMMIT");
    done_ = true;
  }

 private:
  Database& database_;
  bool done_ = false;
};

}  // namespace skyfold
