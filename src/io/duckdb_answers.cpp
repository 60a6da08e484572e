// What the child with DuckDB does: it describes Parquet files, measures their texts, puts rows into the window in the form that
// columns of skyfold have, and writes rows that it finds there. Files are opened here and named to DuckDB by their descriptors, so that no
// name is a pattern or an address.
#include "duckdb_answers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "duckdb_child.hpp"
#include "duckdb_session.hpp"
#include "duckdb_writer.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/sql_text.hpp"
#include "skyfold/table/table.hpp"
#include "source_file.hpp"

namespace skyfold {
namespace {

using duckdb::Chunk;
using duckdb::is_valid;

/// A column as it is asked for, and where its values are in the window.
struct WindowColumn {
  std::string expression;
  Type type = Type::f8;
  std::size_t width = 1;  ///< bytes of a text
  std::optional<std::int64_t> null;
  bool is_unsigned = false;  ///< 64 bits without sign, whose upper half has no place here
  std::byte* begin = nullptr;

  [[nodiscard]] std::size_t row_bytes() const { return size_of(type) * width; }
};

/// Cells that have no place in a column, with what to say.
struct Problems {
  void add(std::int64_t row, std::size_t column, const std::string& text) {
    ++count;
    packet.put(row).put(static_cast<std::int64_t>(column)).put(text);
  }
  std::int64_t count = 0;
  ChildMessage packet;
};

/// Rows `from ...` of a chunk, to be stored as rows `to ...` of the window.
struct Stretch {
  std::size_t from = 0, to = 0, rows = 0;
};

template <class T>
void store_numbers(const WindowColumn& column, std::size_t number, const T* values, const std::uint64_t* validity, Stretch at,
                   Problems& problems) {
  T* out = reinterpret_cast<T*>(column.begin) + at.to;
  // All at once, the missing ones with whatever stands there, and these are then put right: most columns have none.
  std::memcpy(out, values + at.from, at.rows * sizeof(T));
  for (std::size_t i = 0; i < at.rows; ++i) {
    if (is_valid(validity, at.from + i)) {
      if constexpr (std::is_integral_v<T>) {
        const auto row = static_cast<std::int64_t>(at.to + i);
        if (column.is_unsigned && out[i] < T{0})
          problems.add(row, number, fmt::format("{} does not fit into 64 bits with a sign", static_cast<std::uint64_t>(out[i])));
        else if (column.null == static_cast<std::int64_t>(out[i]))
          problems.add(row, number, fmt::format("{} is a value here, but stands for missing in the column", out[i]));
      }
      continue;
    }
    if constexpr (std::is_floating_point_v<T>) {
      out[i] = std::numeric_limits<T>::quiet_NaN();
    } else {
      out[i] = static_cast<T>(column.null.value_or(0));
      if (!column.null)
        problems.add(static_cast<std::int64_t>(at.to + i), number, "no value, though the statistics of the file say that none is missing");
    }
  }
}

void store_texts(const WindowColumn& column, std::size_t number, const duckdb::Text* values, const std::uint64_t* validity, Stretch at,
                 Problems& problems) {
  std::byte* out = column.begin + at.to * column.width;
  std::memset(out, 0, at.rows * column.width);
  for (std::size_t i = 0; i < at.rows; ++i, out += column.width) {
    if (!is_valid(validity, at.from + i)) continue;
    const duckdb::Text& text = values[at.from + i];
    std::size_t length = text.length;
    while (length > 0 && text.data()[length - 1] == '\0') --length;  // arrays of numpy are filled up with them
    if (length > column.width)
      problems.add(static_cast<std::int64_t>(at.to + i), number,
                   fmt::format("{} bytes of text, more than in the rest of the column", length));
    else if (std::memchr(text.data(), '\0', length))
      problems.add(static_cast<std::int64_t>(at.to + i), number, "bytes that are no text (a zero among them)");
    else
      std::memcpy(out, text.data(), length);
  }
}

void store(const WindowColumn& column, std::size_t number, const Chunk& chunk, Stretch at, Problems& problems) {
  const void* values = chunk.values(number + 1);  // behind the number of the row
  const std::uint64_t* validity = chunk.validity(number + 1);
  const auto numbers = [&]<class T>(T) { store_numbers(column, number, static_cast<const T*>(values), validity, at, problems); };
  switch (column.type) {
    case Type::f4:
      return numbers(float{});
    case Type::f8:
      return numbers(double{});
    case Type::i4:
      return numbers(std::int32_t{});
    case Type::i8:
      return numbers(std::int64_t{});
    case Type::u1:
      return numbers(std::uint8_t{});
    case Type::text:
      return store_texts(column, number, static_cast<const duckdb::Text*>(values), validity, at, problems);
  }
}

std::int64_t whole(const duckdb::Session::Cell& cell) { return cell ? parse_integer(*cell).value_or(-1) : -1; }

}  // namespace

class DuckDbAnswers::Impl {
 public:
  explicit Impl(std::span<std::byte> window) : window_(window) {}

  ChildMessage answer(ChildMessage question) {
    switch (static_cast<DuckDbQuestion>(question.number())) {
      case DuckDbQuestion::describe:
        return describe(question);
      case DuckDbQuestion::measure:
        return measure(question);
      case DuckDbQuestion::read:
        return read(question);
      case DuckDbQuestion::next:
        return next(question.number());
      case DuckDbQuestion::create:
        return create(question);
      case DuckDbQuestion::append:
        return append(static_cast<std::size_t>(question.number()));
      case DuckDbQuestion::write:
        return write(question);
    }
    throw IoError("a question that DuckDB's process does not know");
  }

 private:
  /// Opens the file that a question begins with, in place of the one before.
  void open(ChildMessage& question) {
    chunk_ = {};
    // First the rows, then the file under them.
    stream_.reset();
    const std::string path = question.text();
    FileStamp stamp;
    stamp.device = static_cast<std::uint64_t>(question.number());
    stamp.inode = static_cast<std::uint64_t>(question.number());
    stamp.size = question.number();
    stamp.time_ns = question.number();
    file_.emplace(File::for_reading(path));
    path_ = fmt::format("/proc/self/fd/{}", file_->descriptor());
    // The descriptor is opened first and compared then: a file that takes the path's place afterwards is not the one that is read.
    if (stamp_of(path_) != stamp) throw IoError("the file has changed since it was opened");
  }

  /// The rows as DuckDB reads them, numbered.
  [[nodiscard]] std::string rows_of_file() const {
    return fmt::format("read_parquet({}, file_row_number = true, hive_partitioning = false, union_by_name = false, filename = false)",
                       sql_text(path_));
  }
  [[nodiscard]] std::string metadata(const char* function) const { return fmt::format("{}({})", function, sql_text(path_)); }

  ChildMessage describe(ChildMessage& question) {
    open(question);
    ChildMessage answer;
    // All answers are asked for as texts, so that one function reads them, whatever types a version has.
    const auto file = session_.rows(fmt::format("SELECT num_rows::VARCHAR FROM {}", metadata("parquet_file_metadata")));
    answer.put(file.empty() ? -1 : whole(file[0][0]));
    const auto groups = session_.rows(fmt::format(
        // The metadata have a row for each column of each group; all of a group tell the same number.
        "SELECT any_value(row_group_num_rows)::VARCHAR FROM {} GROUP BY row_group_id ORDER BY row_group_id", metadata("parquet_metadata")));
    answer.put(static_cast<std::int64_t>(groups.size()));
    for (const auto& group : groups) answer.put(whole(group[0]));
    put_columns(answer);
    const auto pairs = session_.rows(fmt::format("SELECT key, value FROM {}", metadata("parquet_kv_metadata")));
    answer.put(static_cast<std::int64_t>(pairs.size()));
    for (const auto& pair : pairs) answer.put(pair[0].value_or("")).put(pair[1].value_or(""));
    return answer;
  }

  /// Of each column its name in the file, its name to DuckDB, which tells no capitals from others, its type, and missing values.
  void put_columns(ChildMessage& answer) {
    std::vector<std::string> names;
    std::int64_t inner = 0;  // elements of nested columns, to be passed over
    const auto schema = session_.rows(fmt::format("SELECT name, num_children::VARCHAR FROM {}", metadata("parquet_schema")));
    // The schema is a tree, written depth first; its root is no column.
    for (std::size_t i = 1; i < schema.size(); ++i) {
      if (inner == 0) names.push_back(schema[i][0].value_or(""));
      inner += std::max<std::int64_t>(0, whole(schema[i][1])) - (inner > 0 ? 1 : 0);
    }
    auto columns = session_.rows(fmt::format("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {})", rows_of_file()));
    if (!columns.empty()) columns.pop_back();  // the number of the row
    if (columns.size() != names.size()) throw IoError(fmt::format("{} columns, but {} in its schema", columns.size(), names.size()));
    const auto nulls =
        session_.rows(fmt::format("SELECT path_in_schema, sum(stats_null_count)::BIGINT::VARCHAR, "
                                  "(count(*) - count(stats_null_count))::VARCHAR FROM {} GROUP BY path_in_schema",
                                  metadata("parquet_metadata")));
    answer.put(static_cast<std::int64_t>(columns.size()));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto known = std::ranges::find_if(nulls, [&](const auto& row) { return row[0] == names[i]; });
      // The number of missing values is known only if every row group tells it.
      const bool is_known = known != nulls.end() && (*known)[2] == "0";
      answer.put(names[i]).put(columns[i][0].value_or("")).put(columns[i][1].value_or("")).put(is_known ? whole((*known)[1]) : -1);
    }
  }

  ChildMessage measure(ChildMessage& question) {
    open(question);
    std::string lengths;
    const std::int64_t columns = question.number();
    for (std::int64_t i = 0; i < columns; ++i)
      // No row at all, or none with a text, has no longest one.
      lengths += fmt::format("{}coalesce(max({}), 0)::VARCHAR", i > 0 ? ", " : "", question.text());
    const std::int64_t first = question.number(), rows = question.number();
    const auto found = session_.rows(fmt::format("SELECT {} FROM {} WHERE file_row_number >= {} AND file_row_number < {}", lengths,
                                                 rows_of_file(), first, first + rows));
    ChildMessage answer;
    for (const auto& cell : found.at(0)) answer.put(whole(cell));
    return answer;
  }

  ChildMessage read(ChildMessage& question) {
    open(question);
    columns_.clear();
    const std::int64_t count = question.number();
    std::string expressions;
    for (std::int64_t i = 0; i < count; ++i) {
      WindowColumn& column = columns_.emplace_back();
      column.expression = question.text();
      column.type = static_cast<Type>(question.number());
      column.width = static_cast<std::size_t>(question.number());
      if (question.number() != 0) column.null = question.number();
      column.is_unsigned = question.number() != 0;
      expressions += ", " + column.expression;
    }
    row_ = question.number();
    lay_out_window();
    // Whole row groups before the first row are skipped by their statistics.
    stream_.emplace(session_,
                    fmt::format("SELECT file_row_number{} FROM {} WHERE file_row_number >= {}", expressions, rows_of_file(), row_));
    return {};
  }

  void lay_out_window() {
    constexpr std::size_t most_rows = 65'536, alignment = 64;
    std::size_t row_bytes = 0;
    for (const WindowColumn& column : columns_) row_bytes += column.row_bytes();
    // Each column begins at a multiple of 64 bytes, which may cost up to as many; take_rows() in parquet_read.cpp reckons the same way.
    const std::size_t room = window_.size() - columns_.size() * alignment;
    capacity_ = std::min(most_rows, room / std::max<std::size_t>(1, row_bytes));
    if (capacity_ == 0) throw DataError(fmt::format("rows of {} bytes are too long", grouped(static_cast<long long>(row_bytes))));
    std::byte* place = window_.data();
    for (WindowColumn& column : columns_) {
      column.begin = place;
      place += (capacity_ * column.row_bytes() + alignment - 1) / alignment * alignment;
    }
  }

  ChildMessage next(std::int64_t most) {
    if (!stream_) throw IoError("no rows were asked for");
    Problems problems;
    std::size_t filled = 0;
    const std::size_t wanted = std::min(capacity_, static_cast<std::size_t>(std::max<std::int64_t>(0, most)));
    while (filled < wanted) {
      // DuckDB gives chunks of 2048 rows; one that does not fit whole is continued with the next question.
      if (!chunk_ || taken_ == chunk_.rows()) {
        chunk_ = stream_->next();
        taken_ = 0;
        if (!chunk_) break;
      }
      const Stretch at{taken_, filled, std::min(chunk_.rows() - taken_, wanted - filled)};
      check_order(at);
      for (std::size_t i = 0; i < columns_.size(); ++i) store(columns_[i], i, chunk_, at, problems);
      filled += at.rows;
      taken_ += at.rows;
      row_ += static_cast<std::int64_t>(at.rows);
    }
    ChildMessage answer;
    // The capacity goes along: it tells the reader where each column begins.
    answer.put(static_cast<std::int64_t>(filled)).put(static_cast<std::int64_t>(capacity_)).put(problems.count);
    answer.put(std::string_view(problems.packet.bytes()));
    return answer;
  }

  ChildMessage create(ChildMessage& question) {
    writer_.reset();
    written_.clear();
    for (std::int64_t n = question.number(); n > 0; --n) {
      ColumnInfo& info = written_.emplace_back();
      info.name = question.text();
      info.type = static_cast<Type>(question.number());
      info.width = static_cast<std::size_t>(question.number());
      const bool has_null = question.number() != 0;
      const std::int64_t null = question.number();
      if (has_null) info.null = null;
    }
    writer_.emplace(session_, written_);
    return {};
  }

  ChildMessage append(std::size_t rows) {
    if (!writer_) throw IoError("no table was begun");
    std::vector<const std::byte*> columns;
    const std::byte* place = window_.data();
    for (const ColumnInfo& info : written_) {
      columns.push_back(place);
      place += rows * info.bytes_per_row();
    }
    writer_->append(columns, rows);
    return {};
  }

  ChildMessage write(ChildMessage& question) {
    if (!writer_) throw IoError("no table was begun");
    const File file = File::for_update(question.text());
    std::vector<std::pair<std::string, std::string>> metadata;
    for (std::int64_t n = question.number(); n > 0; --n) {
      std::string key = question.text();
      metadata.emplace_back(std::move(key), question.text());
    }
    std::vector<ParquetStruct> structs;
    for (std::int64_t n = question.number(); n > 0; --n) {
      ParquetStruct& column = structs.emplace_back();
      column.name = question.text();
      for (std::int64_t fields = question.number(); fields > 0; --fields) {
        std::string field = question.text();
        column.fields.emplace_back(std::move(field), question.text());
      }
    }
    writer_->write(fmt::format("/proc/self/fd/{}", file.descriptor()), metadata, structs);
    writer_.reset();
    return {};
  }

  /// That DuckDB gives every row, in the file's order, is what everything rests on.
  void check_order(Stretch at) const {
    const auto* numbers = static_cast<const std::int64_t*>(chunk_.values(0));
    for (std::size_t i = 0; i < at.rows; ++i)
      if (numbers[at.from + i] != row_ + static_cast<std::int64_t>(i))
        throw IoError(fmt::format("row {} where row {} is expected", numbers[at.from + i] + 1, row_ + static_cast<std::int64_t>(i) + 1));
  }

  std::span<std::byte> window_;
  duckdb::Session session_;
  std::optional<File> file_;
  std::string path_;
  std::vector<WindowColumn> columns_;
  std::size_t capacity_ = 0;  ///< rows that the window holds
  std::int64_t row_ = 0;      ///< the next one
  std::optional<duckdb::Stream> stream_;
  Chunk chunk_;
  std::size_t taken_ = 0;  ///< rows of the chunk that are in the window
  Schema written_;         ///< of the table that is being written
  std::optional<duckdb::TableWriter> writer_;
};

DuckDbAnswers::DuckDbAnswers(std::span<std::byte> window) : impl_(std::make_unique<Impl>(window)) {}
DuckDbAnswers::~DuckDbAnswers() = default;
ChildMessage DuckDbAnswers::answer(ChildMessage question) { return impl_->answer(std::move(question)); }

}  // namespace skyfold
