// Detections of files (CU4): tables of many files become one catalogue of a chunk. Ids are temporary and negative until ingest.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <numeric>

#include "extraction.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_hdus.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/registry/provenance.hpp"

namespace skyfold {
namespace {

constexpr std::size_t batch_rows = 65'536;
constexpr std::int64_t no_value = std::numeric_limits<std::int32_t>::min();

/// Columns of a catalogue of detections: what tells a row from all others, then what the schema declares.
Schema catalogue_schema(const CurationSchema& schema) {
  Schema columns = {{"id", Type::i8, 1, "", "meta.id;meta.main", "id of the detection in the archive; negative: not yet in it"},
                    {"multiframe_id", Type::i8, 1, "", "meta.id", "file that it is from"},
                    {"extension", Type::i4, 1, "", "meta.id;instr.det", "HDU of the file"},
                    {"sequence", Type::i4, 1, "", "meta.id", "row of the table in the file, from 1"}};
  for (const DeclaredColumn& declared : schema.detection) {
    ColumnInfo column{declared.column, declared.type, 1, declared.unit};
    column.source = declared.key;
    if (declared.column == "ra") column.ucd = "pos.eq.ra;meta.main";
    if (declared.column == "dec") column.ucd = "pos.eq.dec;meta.main";
    if (declared.type == Type::i4 || declared.type == Type::i8) column.null = no_value;
    columns.push_back(column);
  }
  return columns;
}

/// Copies a whole column behind what is in another one of its type.
void place(const Column& from, Column& to, std::size_t at) {
  std::memcpy(to.bytes().data() + at * to.info().bytes_per_row(), from.bytes().data(), from.bytes().size());
}

void fill_missing(Column& column, std::size_t at, std::size_t rows) {
  const auto fill = [&](auto values, auto value) { std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(at), rows, value); };
  switch (column.info().type) {
    case Type::f4:
      return fill(column.values<float>(), std::numeric_limits<float>::quiet_NaN());
    case Type::f8:
      return fill(column.values<double>(), std::numeric_limits<double>::quiet_NaN());
    case Type::i4:
      return fill(column.values<std::int32_t>(), static_cast<std::int32_t>(no_value));
    default:
      return fill(column.values<std::int64_t>(), no_value);
  }
}

bool is_in_radians(const std::string& unit) {
  const std::string name = lower(trim(unit));
  return name == "rad" || name == "radian" || name == "radians";
}

template <class T>
void to_degrees(std::span<T> values) {
  for (T& value : values) value = static_cast<T>(static_cast<double>(value) * (180.0 / std::numbers::pi));
}

/// Collects the tables of files and writes them in batches.
class DetectionWriter {
 public:
  DetectionWriter(const CurationSchema& schema, const std::string& path)
      : schema_(schema), writer_(path), batch_(catalogue_schema(schema), batch_rows) {}

  void add(const TaskFile& file, const std::string& path) {
    const FitsTables tables(path);
    std::int64_t rows = 0;
    for (std::size_t i = 0; i < tables.size(); ++i) rows += tables.rows(i);
    if (rows != file.detections)
      throw DataError(
          fmt::format("has {} detections, {} when it was registered (what is archived does not change)", rows, file.detections));
    std::int64_t done = file.offset;
    for (std::size_t i = 0; i < tables.size(); ++i) {
      add_table(tables, i, file.multiframe_id, done);
      done += tables.rows(i);
    }
  }

  void finish() {
    write();
    writer_.sync();
  }

 private:
  /// The columns of the schema that a table has. Throws DataError for a required one that it has not.
  [[nodiscard]] Schema columns_in(const Schema& there, int extension) const {
    Schema columns;
    for (const DeclaredColumn& declared : schema_.detection) {
      if (!find_column(there, declared.key)) {
        if (declared.is_required)
          throw DataError(fmt::format("extension {}: column {} is missing (the schema requires it)", extension, declared.key));
        continue;
      }
      ColumnInfo column{declared.column, declared.type};
      column.source = declared.key;
      if (declared.type == Type::i4 || declared.type == Type::i8) column.null = no_value;
      columns.push_back(column);
    }
    return columns;
  }

  void add_table(const FitsTables& tables, std::size_t table, std::int64_t multiframe_id, std::int64_t before) {
    const auto rows = static_cast<std::size_t>(tables.rows(table));
    if (rows == 0) return;
    if (filled_ + rows > batch_.rows()) {
      write();
      if (rows > batch_.rows()) batch_.resize(rows);
    }
    if (tables.schema(table) != part_of_) {
      part_ = Table(columns_in(*tables.schema(table), tables.extension(table)));
      part_of_ = tables.schema(table);
    }
    tables.read(table, part_);
    const auto at = static_cast<std::ptrdiff_t>(filled_);
    const auto ids = batch_[0].values<std::int64_t>();
    for (std::size_t i = 0; i < rows; ++i) ids[filled_ + i] = -(before + static_cast<std::int64_t>(i) + 1);
    std::fill_n(batch_[1].values<std::int64_t>().begin() + at, rows, multiframe_id);
    std::fill_n(batch_[2].values<std::int32_t>().begin() + at, rows, tables.extension(table));
    const auto sequence = batch_[3].values<std::int32_t>();
    std::iota(sequence.begin() + at, sequence.begin() + at + static_cast<std::ptrdiff_t>(rows), 1);
    for (std::size_t i = 0; i < schema_.detection.size(); ++i) add_column(schema_.detection[i], batch_[4 + i], rows);
    filled_ += rows;
  }

  void add_column(const DeclaredColumn& declared, Column& to, std::size_t rows) {
    if (!part_.find(declared.column)) return fill_missing(to, filled_, rows);
    Column& from = part_.at(declared.column);
    if (declared.unit == "deg" && is_in_radians((*part_of_)[*find_column(*part_of_, declared.key)].unit)) {
      if (declared.type == Type::f8) to_degrees(from.values<double>());
      if (declared.type == Type::f4) to_degrees(from.values<float>());
    }
    place(from, to, filled_);
  }

  void write() {
    if (filled_ == 0) return;
    const std::size_t capacity = batch_.rows();
    batch_.resize(filled_);
    writer_.write(written_, batch_);
    written_ += static_cast<std::int64_t>(filled_);
    batch_.resize(capacity);
    filled_ = 0;
  }

  const CurationSchema& schema_;
  RowWriter writer_;
  Table batch_, part_;
  std::shared_ptr<const Schema> part_of_;  ///< columns of the table that `part_` is made for
  std::size_t filled_ = 0;
  std::int64_t written_ = 0;
};

/// Writes the detections of files; a file that fails ends it, and is told in `failed`.
bool write_catalogue(const CurateTask& task, const CurationSchema& schema, const std::string& path,
                     std::map<std::int64_t, std::string>& failed) {
  CatalogueLayout layout;
  layout.schema = catalogue_schema(schema);
  for (const TaskFile& file : task.files)
    if (!failed.contains(file.multiframe_id)) layout.rows += file.detections;
  layout.roles = {"id", "ra", "dec", ""};
  layout.creator = creator_of("curate");
  layout.provenance = provenance_json("curate", {}, {{"chunk", task.chunk}, {"schema", schema.text}});
  (void)remove_file(path);
  if (layout.rows == 0) return true;
  create_catalogue(path, layout);
  DetectionWriter writer(schema, path);
  for (const TaskFile& file : task.files) {
    if (failed.contains(file.multiframe_id)) continue;
    const std::string from = task.night_folder + "/" + file.name;
    try {
      writer.add(file, from);
    } catch (const Error& error) {
      if (!is_of_file(error, from)) throw;
      const std::string message = error.what();
      failed.emplace(file.multiframe_id, message.starts_with(from + ": ") ? message.substr(from.size() + 2) : message);
      return false;
    }
  }
  writer.finish();
  return true;
}

}  // namespace

std::string extract_detections(const CurateTask& task, const ExtractionPlace& place) {
  const std::string path = place.ledger.path(task.name() + ".h5"), unfinished = path + ".part";
  std::map<std::int64_t, std::string> failed;
  // Damaged files were found at registration: beginning again is rare.
  while (!write_catalogue(task, place.schema, unfinished, failed)) continue;
  std::string result;
  std::int64_t row = 0;
  for (const TaskFile& file : task.files) {
    if (const auto why = failed.find(file.multiframe_id); why != failed.end()) {
      result += fmt::format("F\t{}\t{}\n", file.multiframe_id, cell_of(why->second));
      continue;
    }
    result += fmt::format("K\t{}\t{}\t{}\n", file.multiframe_id, row, file.detections);
    row += file.detections;
  }
  if (row > 0) rename_file(unfinished, path);
  return result;
}

}  // namespace skyfold
