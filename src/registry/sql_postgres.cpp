// PostgreSQL through libpqxx: statements with parameters, many rows by COPY. What goes wrong is an IoError with the server's words.
#include "sql_postgres.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <pqxx/pqxx>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

// Of the system catalogue pg_type; they never change.
constexpr pqxx::oid int8_type = 20, int2_type = 21, int4_type = 23, float4_type = 700, float8_type = 701, numeric_type = 1700,
                    bool_type = 16;

/// A row as COPY takes it: cells with tabs between, escaped.
struct CopyLine {
  std::string text;
};
// pqxx::stream_to asks for a row's cells by this name; its own versions know tuples alone, whose length is fixed by the compiler.
[[maybe_unused]] std::string separated_list(const std::string&, const CopyLine& line, const pqxx::internal::TypedCopyEscaper&) {
  return line.text;
}

CopyLine copy_line(const SqlRow& row) {
  CopyLine line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line.text += '\t';
    if (std::holds_alternative<std::monostate>(row[i]))
      line.text += "\\N";
    else
      for (const char c : sql_text(row[i])) {
        if (c == '\\' || c == '\t' || c == '\n' || c == '\r') line.text += '\\';
        line.text += c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : c;
      }
  }
  return line;
}

std::string first_line(const std::string& text) { return std::string(trim(text.substr(0, text.find('\n')))); }

/// The value as PostgreSQL reads it; none for NULL.
std::unique_ptr<std::string> text_for(const SqlValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return nullptr;
  return std::make_unique<std::string>(sql_text(value));
}

SqlValue value_of(const pqxx::field& field) {
  if (field.is_null()) return {};
  const std::string text(field.c_str(), field.size());
  switch (field.type()) {
    case bool_type:
      return std::int64_t{text == "t"};
    case int8_type:
    case int2_type:
    case int4_type:
      return static_cast<std::int64_t>(parse_integer(text).value_or(0));
    case numeric_type:  // what sums of BIGINT are
      if (const auto whole = parse_integer(text)) return static_cast<std::int64_t>(*whole);
      return parse_double(text).value_or(0.0);
    case float4_type:
    case float8_type:
      return parse_double(text).value_or(0.0);
    default:
      return text;
  }
}

class PostgresConnection final : public SqlConnection {
 public:
  explicit PostgresConnection(const std::string& url) : name_(without_password(url)) {
    told([&] {
      connection_ = std::make_unique<pqxx::connection>(url);
      pqxx::nontransaction settings(*connection_);
      // A notice for every table that is there already is no news.
      settings.exec("SET client_min_messages = warning");
      // Numbers that read back to the same bits, whatever the server's own setting.
      settings.exec("SET extra_float_digits = 3");
    });
  }

  const std::string& name() const noexcept override { return name_; }
  void begin() override {
    told([&] { work_ = std::make_unique<pqxx::work>(*connection_); });
  }
  void commit() override {
    told([&] { work_->commit(); });
    work_.reset();
  }
  void roll_back() noexcept override {
    try {
      work_.reset();
    } catch (const std::exception&) {  // the connection is gone, and with it the transaction
    }
  }

  std::vector<SqlRow> run(const std::string& sql, const SqlRow& values) override {
    std::vector<SqlRow> rows;
    told([&] {
      const bool alone = !work_;
      if (alone) begin();
      for (const pqxx::row& row : executed(sql, values)) {
        SqlRow& to = rows.emplace_back();
        for (const pqxx::field& field : row) to.push_back(value_of(field));
      }
      if (alone) commit();
    });
    return rows;
  }

  void insert(const std::string& table, const std::vector<std::string>& columns, const std::vector<SqlRow>& rows) override {
    if (rows.empty()) return;
    told([&] {
      pqxx::stream_to stream(*work_, table, columns);
      for (const SqlRow& row : rows) stream << copy_line(row);
      stream.complete();
    });
  }

  bool has_table(const std::string& table) override {
    return !run("SELECT 1 FROM pg_tables WHERE schemaname = ANY (current_schemas(false)) AND tablename = $1", {table}).empty();
  }

 private:
  pqxx::result executed(const std::string& sql, const SqlRow& values) {
    std::vector<std::unique_ptr<std::string>> texts;
    std::transform(values.begin(), values.end(), std::back_inserter(texts), text_for);
    std::vector<const char*> cells;
    for (const auto& text : texts) cells.push_back(text ? text->c_str() : nullptr);
    return work_->exec_params(sql, pqxx::prepare::make_dynamic_params(cells));
  }

  /// An error of the server or of the way to it takes the transaction back.
  void told(const std::function<void()>& task) {
    try {
      task();
    } catch (const pqxx::failure& error) {
      roll_back();
      throw IoError(fmt::format("{}: {}", name_, first_line(error.what())));
    }
  }

  std::string name_;
  std::unique_ptr<pqxx::connection> connection_;
  std::unique_ptr<pqxx::work> work_;
};

}  // namespace

std::unique_ptr<SqlConnection> open_postgres(const std::string& url) { return std::make_unique<PostgresConnection>(url); }

}  // namespace skyfold
