#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace skyfold {

/// A value of a row: nothing (NULL), a whole number, a number or a text.
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string>;
using SqlRow = std::vector<SqlValue>;

/// The whole number of a value; 0 for NULL.
[[nodiscard]] std::int64_t sql_integer(const SqlValue& value);
/// The text of a value, numbers written out; "" for NULL.
[[nodiscard]] std::string sql_text(const SqlValue& value);

/// An open database, SQLite or PostgreSQL, in the SQL that both speak: types BIGINT, DOUBLE PRECISION and TEXT, parameters $1, $2, ...
/// in order, each once. Errors are thrown as IoError that names the database. One thread at a time.
class SqlConnection {
 public:
  SqlConnection() = default;
  virtual ~SqlConnection() = default;
  SqlConnection(const SqlConnection&) = delete;
  SqlConnection& operator=(const SqlConnection&) = delete;

  /// Path of the file, or the URL without its password.
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  virtual void begin() = 0;  ///< of changes that are made together or not at all
  virtual void commit() = 0;
  virtual void roll_back() noexcept = 0;
  /// Rows of a statement; none for one that changes something.
  virtual std::vector<SqlRow> run(const std::string& sql, const SqlRow& values) = 0;
  std::vector<SqlRow> run(const std::string& sql) { return run(sql, {}); }
  /// Many rows at once, within a transaction: by COPY in PostgreSQL.
  virtual void insert(const std::string& table, const std::vector<std::string>& columns, const std::vector<SqlRow>& rows) = 0;
  /// Whether there is a table of that name, in lower case.
  [[nodiscard]] virtual bool has_table(const std::string& table) = 0;
};

/// Whether a text is the URL of a PostgreSQL database, not the path of a file.
[[nodiscard]] bool is_postgres_url(std::string_view database) noexcept;
/// A URL without its password, for messages and records.
[[nodiscard]] std::string without_password(const std::string& database);

/// Opens a database: the path of an SQLite file, which is made where it is missing unless `must_exist`, or postgresql://... Rollback
/// journals alone, so that a file on a network file system is safe with its one writer.
[[nodiscard]] std::unique_ptr<SqlConnection> open_database(const std::string& database, bool must_exist = false);

/// Changes that are made together or not at all; taken back unless `commit` was called.
class SqlTransaction {
 public:
  explicit SqlTransaction(SqlConnection& connection) : connection_(connection) { connection_.begin(); }
  ~SqlTransaction() {
    if (!done_) connection_.roll_back();
  }
  SqlTransaction(const SqlTransaction&) = delete;
  SqlTransaction& operator=(const SqlTransaction&) = delete;
  void commit() {
    connection_.commit();
    done_ = true;
  }

 private:
  SqlConnection& connection_;
  bool done_ = false;
};

}  // namespace skyfold
