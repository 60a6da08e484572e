// One way to a database, whichever it is: values, URLs, and SQLite behind the common interface.
#include "skyfold/registry/sql_connection.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <map>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "sql_postgres.hpp"
#include "sqlite.hpp"

namespace skyfold {
namespace {

class SqliteConnection final : public SqlConnection {
 public:
  explicit SqliteConnection(const std::string& path) : path_(path), database_(path) {
    // Write-ahead logs need memory that is shared between processes, which network file systems do not have.
    database_.set_journal_mode("DELETE");
  }

  const std::string& name() const noexcept override { return path_; }
  void begin() override { transaction_ = std::make_unique<Transaction>(database_); }
  void commit() override {
    transaction_->commit();
    transaction_.reset();
  }
  void roll_back() noexcept override { transaction_.reset(); }

  std::vector<SqlRow> run(const std::string& sql, const SqlRow& values) override {
    Statement statement(database_, sql);
    bind(statement, values);
    std::vector<SqlRow> rows;
    while (statement.next()) {
      SqlRow& row = rows.emplace_back();
      for (int column = 0; column < statement.columns(); ++column) row.push_back(value_of(statement, column));
    }
    return rows;
  }

  void insert(const std::string& table, const std::vector<std::string>& columns, const std::vector<SqlRow>& rows) override {
    if (rows.empty()) return;
    std::string places;
    for (std::size_t i = 1; i <= columns.size(); ++i) places += fmt::format("{}${}", i > 1 ? ", " : "", i);
    Statement statement(database_, fmt::format("INSERT INTO {} ({}) VALUES ({})", table, join(columns, ", "), places));
    for (const SqlRow& row : rows) {
      bind(statement, row);
      statement.run();
    }
  }

  bool has_table(const std::string& table) override {
    return !run("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1", {table}).empty();
  }

 private:
  static void bind(Statement& statement, const SqlRow& values) {
    for (const SqlValue& value : values) {
      if (const auto* whole = std::get_if<std::int64_t>(&value))
        statement.bind(*whole);
      else if (const auto* number = std::get_if<double>(&value))
        statement.bind(*number);
      else if (const auto* text = std::get_if<std::string>(&value))
        statement.bind(*text);
      else
        statement.bind_null();
    }
  }

  static SqlValue value_of(const Statement& statement, int column) {
    switch (statement.kind(column)) {
      case Statement::Kind::none:
        return {};
      case Statement::Kind::integer:
        return statement.integer(column);
      case Statement::Kind::number:
        return statement.number(column);
      case Statement::Kind::text:
        break;
    }
    return statement.text(column);
  }

  std::string path_;
  Database database_;
  std::unique_ptr<Transaction> transaction_;
};

}  // namespace

std::int64_t sql_integer(const SqlValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* text = std::get_if<std::string>(&value)) return parse_integer(*text).value_or(0);
  const auto* number = std::get_if<double>(&value);
  return number ? static_cast<std::int64_t>(*number) : 0;
}

std::string sql_text(const SqlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  const auto* number = std::get_if<double>(&value);
  return number ? shortest(*number) : std::string();
}

bool is_postgres_url(std::string_view database) noexcept {
  return database.starts_with("postgresql://") || database.starts_with("postgres://");
}

std::string without_password(const std::string& database) {
  if (!is_postgres_url(database)) return database;
  std::string text = database;
  // Both ways in which a URL can have one: USER:PASSWORD@ and ?password=
  const std::size_t user = text.find("://") + 3, at = text.find('@', user), colon = text.find(':', user);
  if (at != std::string::npos && colon < at) text.erase(colon, at - colon);
  const std::size_t word = text.find("password=");
  if (word != std::string::npos) text.replace(word + 9, std::min(text.find('&', word), text.size()) - word - 9, "...");
  return text;
}

std::unique_ptr<SqlConnection> open_database(const std::string& database, bool must_exist) {
  if (is_postgres_url(database)) return open_postgres(database);
  if (database.find("://") != std::string::npos)
    throw UsageError(fmt::format("{}: no such kind of database (a path of an SQLite file, or postgresql://...)", database));
  if (must_exist && !std::filesystem::exists(database)) throw IoError(fmt::format("{}: no such database", database));
  return std::make_unique<SqliteConnection>(database);
}

}  // namespace skyfold
