// A query as it goes through DuckDB: checked as a single statement, asked for the types of its columns, and run within one that turns these
// into types of ours. Rows come as a stream.
#include "skyfold/io/sql_engine.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

#include "duckdb_functions.hpp"
#include "duckdb_session.hpp"
#include "duckdb_table.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/sql_text.hpp"

namespace skyfold {
namespace {

using duckdb::Chunk;
using duckdb::is_valid;

constexpr int select_statement = 1;  // DUCKDB_STATEMENT_TYPE_SELECT

/// A column of an answer: what DuckDB is asked for, and what becomes of it.
struct AnswerColumn {
  ColumnInfo info;
  std::string cast;  ///< type in SQL
};

AnswerColumn answer_column(const std::string& name, const std::string& type) {
  const auto whole = [&](Type of, const char* cast, std::int64_t null) {
    AnswerColumn column{{name, of, 1}, cast};
    column.info.null = null;
    return column;
  };
  if (type == "FLOAT") return {{name, Type::f4, 1}, "FLOAT"};
  if (type == "DOUBLE" || type.starts_with("DECIMAL")) return {{name, Type::f8, 1}, "DOUBLE"};
  // Truth values, too: NULL has no place in a byte that may have any value.
  for (const char* small : {"BOOLEAN", "TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "INTEGER"})
    if (type == small) return whole(Type::i4, "INTEGER", std::numeric_limits<std::int32_t>::min());
  for (const char* large : {"UINTEGER", "BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"})
    if (type == large) return whole(Type::i8, "BIGINT", std::numeric_limits<std::int64_t>::min());
  return {{name, Type::text, 0}, "VARCHAR"};
}

/// avg("dec") is called avg(dec), as it was written: DuckDB puts quotes where a name could be a word of SQL.
void name_plainly(std::vector<AnswerColumn>& answer) {
  for (AnswerColumn& column : answer) {
    std::string plain = column.info.name;
    std::erase(plain, '"');
    const bool is_taken = std::ranges::any_of(answer, [&](const AnswerColumn& other) { return other.info.name == plain; });
    if (!is_taken) column.info.name = plain;
  }
}

/// Interrupts a connection when its time is over.
class TimeLimit {
 public:
  TimeLimit(duckdb::Handle connection, double seconds) {
    if (!(seconds > 0.0)) return;
    const auto interrupt = reinterpret_cast<void (*)(duckdb::Handle)>(duckdb::library_function("duckdb_interrupt"));
    thread_ = std::thread([this, connection, seconds, interrupt] {
      std::unique_lock lock(mutex_);
      if (ended_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return is_ended_; })) return;
      is_over_ = true;
      // Again and again: an interrupt that comes between two steps is forgotten.
      while (!is_ended_) {
        interrupt(connection);
        ended_.wait_for(lock, std::chrono::milliseconds(20));
      }
    });
  }
  ~TimeLimit() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_ended_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }

 private:
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_ended_ = false;
  std::atomic<bool> is_over_ = false;
};

template <class T>
void store(const Chunk& chunk, std::size_t column, Column& to) {
  const std::span<T> out = to.values<T>();
  std::memcpy(out.data(), chunk.values(column), chunk.rows() * sizeof(T));
  const std::uint64_t* validity = chunk.validity(column);
  if (!validity) return;
  for (std::size_t i = 0; i < chunk.rows(); ++i) {
    if (is_valid(validity, i)) continue;
    if constexpr (std::is_floating_point_v<T>)
      out[i] = std::numeric_limits<T>::quiet_NaN();
    else
      out[i] = static_cast<T>(*to.info().null);
  }
}

void store_texts(const Chunk& chunk, std::size_t column, Column& to) {
  const auto* texts = static_cast<const duckdb::Text*>(chunk.values(column));
  const std::size_t width = to.info().width;
  std::memset(to.bytes().data(), 0, chunk.rows() * width);
  for (std::size_t i = 0; i < chunk.rows(); ++i) {
    if (!is_valid(chunk.validity(column), i)) continue;
    if (texts[i].length > width)
      throw DataError(
          fmt::format("column {}: a text of {} bytes, more than when it was measured (does the query give other rows each time?)",
                      to.info().name, texts[i].length));
    std::memcpy(to.bytes().data() + i * width, texts[i].data(), texts[i].length);
  }
}

/// A query without what may end it.
std::string without_end(std::string sql) {
  sql = trim(sql);
  while (sql.ends_with(';')) sql = trim(sql.substr(0, sql.size() - 1));
  return sql;
}

}  // namespace

struct SqlEngine::Impl {
  explicit Impl(const SqlLimits& of) : limits(of), session({fmt::format("{}MB", of.memory_mb), false}) {
    duckdb::add_sky_functions(session);
  }

  /// Runs `task`; what DuckDB complains of becomes the error it is.
  template <class Task>
  auto told(const Task& task) {
    for (auto& table : tables) table->error = nullptr;
    const TimeLimit watch(session.connection(), limits.time_s);
    try {
      return task();
    } catch (const IoError& error) {
      // What went wrong in our own reading is known better than DuckDB tells it.
      for (const auto& table : tables)
        if (table->error) std::rethrow_exception(table->error);
      const std::string text = error.what();
      if (watch.is_over()) throw IoError(fmt::format("the query takes longer than --limit-time, {} s", shortest(limits.time_s)));
      if (text.starts_with("Out of Memory"))
        throw IoError(fmt::format("the query needs more memory than --limit-memory, {} MB ({})", limits.memory_mb, text));
      for (const char* of_data : {"Conversion Error", "Out of Range Error"})
        if (text.starts_with(of_data)) throw DataError(fmt::format("the query: {}", text));
      for (const char* of_system : {"IO Error", "INTERNAL Error"})
        if (text.starts_with(of_system)) throw;
      throw UsageError(fmt::format("the query: {}", text));
    }
  }

  /// Refuses all but one statement that asks. DuckDB's own prepare takes no second statement.
  void require_query(const std::string& sql) {
    const duckdb::Api& api = duckdb::library();
    const auto type_of = reinterpret_cast<int (*)(duckdb::Handle)>(duckdb::library_function("duckdb_prepared_statement_type"));
    duckdb::Handle statement = nullptr;
    const bool is_sound = api.prepare(session.connection(), sql.c_str(), &statement) == duckdb::success;
    std::string error;
    if (!is_sound) {
      const char* words = api.prepare_error(statement);
      error = words ? words : "DuckDB gives no reason";
      error = error.substr(0, error.find('\n'));
    }
    const int type = is_sound ? type_of(statement) : 0;
    api.destroy_prepare(&statement);
    if (!is_sound) throw IoError(error);
    if (type != select_statement) throw UsageError("the query: only SELECT is run (tables are read, never changed)");
  }

  /// What is asked of the answer, whose columns are c0, c1, ...
  [[nodiscard]] std::string asking(const std::string& columns) const {
    std::string names;
    for (std::size_t i = 0; i < answer.size(); ++i) names += fmt::format("{}c{}", i > 0 ? ", " : "", i);
    // A query may end with a comment: its line ends here.
    return fmt::format("SELECT {} FROM ({}\n) AS answer({})", columns, query, names);
  }
  [[nodiscard]] std::string casted() const {
    std::string columns;
    for (std::size_t i = 0; i < answer.size(); ++i) columns += fmt::format("{}CAST(c{} AS {})", i > 0 ? ", " : "", i, answer[i].cast);
    return asking(columns);
  }

  [[nodiscard]] Schema schema() const {
    Schema columns;
    for (const AnswerColumn& column : answer) columns.push_back(column.info);
    return columns;
  }

  SqlLimits limits;
  // Before the session, which reads them to its end.
  std::vector<std::unique_ptr<duckdb::ScannedTable>> tables;
  duckdb::Session session;
  std::string query;
  std::vector<AnswerColumn> answer;
};

SqlEngine::SqlEngine(const SqlLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
SqlEngine::~SqlEngine() = default;

void SqlEngine::add(SqlTable table) {
  auto& scanned = *impl_->tables.emplace_back(std::make_unique<duckdb::ScannedTable>());
  scanned.function = fmt::format("skyfold_table_{}", impl_->tables.size());
  scanned.table = std::move(table);
  add_table_function(impl_->session, scanned);
  std::string columns = "*";
  for (const auto& [name, expression] : scanned.table.computed) columns += fmt::format(", {} AS {}", expression, sql_name(name));
  for (const std::string& name : scanned.table.names) {
    const std::size_t dot = name.find('.');
    std::string place = sql_name(name.substr(dot == std::string::npos ? 0 : dot + 1));
    if (dot != std::string::npos) {
      const std::string schema = sql_name(name.substr(0, dot));
      impl_->session.run(fmt::format("CREATE SCHEMA IF NOT EXISTS {}", schema));
      place = schema + "." + place;
    }
    try {
      impl_->session.run(fmt::format("CREATE VIEW {} AS SELECT {} FROM {}()", place, columns, scanned.function));
    } catch (const IoError& error) {
      throw UsageError(fmt::format("a table cannot be called {} ({})", name, error.what()));
    }
  }
}

Schema SqlEngine::prepare(const std::string& sql) {
  Impl& my = *impl_;
  my.query = without_end(sql);
  if (my.query.empty()) throw UsageError("the query: is empty");
  my.answer.clear();
  my.told([&] {
    my.require_query(my.query);
    for (const auto& row :
         my.session.rows(fmt::format("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ({}\n) AS answer)", my.query)))
      my.answer.push_back(answer_column(row.at(0).value_or(""), row.at(1).value_or("")));
    name_plainly(my.answer);
  });
  std::string lengths;
  for (std::size_t i = 0; i < my.answer.size(); ++i)
    if (my.answer[i].info.type == Type::text)
      lengths += fmt::format("{}coalesce(max(strlen(CAST(c{} AS VARCHAR))), 0)::VARCHAR", lengths.empty() ? "" : ", ", i);
  if (!lengths.empty()) {
    const auto found = my.told([&] { return my.session.rows(my.asking(lengths)); });
    std::size_t next = 0;
    for (AnswerColumn& column : my.answer)
      if (column.info.type == Type::text)
        column.info.width =
            static_cast<std::size_t>(std::max<long long>(1, parse_integer(found.at(0).at(next++).value_or("1")).value_or(1)));
  }
  return my.schema();
}

void SqlEngine::run(const std::function<void(const Table& rows)>& use) {
  Impl& my = *impl_;
  const Schema schema = my.schema();
  // What goes wrong with the rows is no fault of the query.
  std::exception_ptr of_user;
  my.told([&] {
    duckdb::Stream stream(my.session, my.casted());
    while (const Chunk chunk = stream.next()) {
      Table rows(schema, chunk.rows());
      for (std::size_t i = 0; i < schema.size(); ++i) {
        if (schema[i].type == Type::f4) store<float>(chunk, i, rows[i]);
        if (schema[i].type == Type::f8) store<double>(chunk, i, rows[i]);
        if (schema[i].type == Type::i4) store<std::int32_t>(chunk, i, rows[i]);
        if (schema[i].type == Type::i8) store<std::int64_t>(chunk, i, rows[i]);
        if (schema[i].type == Type::text) store_texts(chunk, i, rows[i]);
      }
      try {
        use(rows);
      } catch (...) {
        of_user = std::current_exception();
        return;
      }
    }
  });
  if (of_user) std::rethrow_exception(of_user);
}

}  // namespace skyfold
