#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "skyfold/io/row_file.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

/// Measurements of the objects of a catalogue, one for each epoch, in the catalogue's file. Those of one object are consecutive rows, in
/// the order of filter and time; objects follow one another as in /object.
///
///   /meas/COLUMN                        the measurements that have an object
///   /meas_offset                        i8 [objects + 1]: the first measurement of each object, and the number of them all; the same
///                                       dataset is /index/meas_offset/first_row
///   /meas_orphan/COLUMN                 those without an object, in the order of the inputs; absent where there are none
///   /index/meas_dictionary/COLUMN/value the texts of a column that is stored as their numbers (u1 or i4), sorted by bytes
namespace skyfold {

inline constexpr const char* meas_group = "/meas";
inline constexpr const char* meas_orphan_group = "/meas_orphan";
inline constexpr const char* meas_offset_group = "/index/meas_offset";
inline constexpr const char* meas_offset_link = "/meas_offset";
[[nodiscard]] inline std::string meas_dictionary_group(const std::string& column) { return "/index/meas_dictionary/" + column; }
/// A column that every reader of measurements gives beside those of the file: the row of their object in /object, i8; -1 for orphans.
inline constexpr const char* object_row_column = "object_row";

/// Columns of measurements by what they mean, as import found them; "" for none. Attributes `meas_filter`, ... of the file.
struct MeasurementRoles {
  std::string filter, time;        ///< rows of an object are sorted by them
  std::string id;                  ///< the object's id, where measurements were joined by it
  std::string ra, dec;             ///< degrees
  std::vector<std::string> texts;  ///< columns that are stored as numbers of a dictionary
};
/// As attributes of a file, and back.
[[nodiscard]] Attributes attributes_of(const MeasurementRoles& roles);
[[nodiscard]] MeasurementRoles measurement_roles(const Attributes& attributes);

/// The measurements of a catalogue, open for reading; any thread.
class Measurements {
 public:
  enum class Which { of_objects, orphans };
  /// Throws DataError for a catalogue without measurements, IoError.
  explicit Measurements(const std::string& path, Which which = Which::of_objects, ZoneCheck check = ZoneCheck::on);

  [[nodiscard]] const std::string& path() const noexcept { return rows_.path(); }
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_.rows(); }
  /// Rows of /object.
  [[nodiscard]] std::int64_t objects() const noexcept { return offsets_.rows() - 1; }
  /// The columns as the inputs had them: texts as texts, whether they are stored as numbers or not. `object_row` is not among them.
  [[nodiscard]] const Schema& schema() const noexcept { return schema_; }
  /// The columns as they are stored: texts of a dictionary as u1 or i4.
  [[nodiscard]] const Schema& stored_schema() const noexcept { return rows_.schema(); }
  [[nodiscard]] const MeasurementRoles& roles() const noexcept { return roles_; }

  /// The measurements of objects [begin, end): a range of rows, which may be empty.
  [[nodiscard]] RowRange rows_of(RowRange objects) const;
  /// First measurement of each of the objects, and the row after the last one: objects.size() + 1 numbers.
  [[nodiscard]] std::vector<std::int64_t> first_rows(RowRange objects) const;
  /// The object of a measurement.
  [[nodiscard]] std::int64_t object_of(std::int64_t row) const;

  /// Reads measurements [begin, end) of the columns of `table`, found by name; the table is resized to them. A text that is stored as a
  /// number comes as a text where the table has the column as text, as its number where it has the stored type. `object_row` (i8)
  /// is given where the table asks for it.
  void read(RowRange rows, Table& table) const;

  /// Texts by number of a column that is stored so; empty for other columns.
  [[nodiscard]] const std::vector<std::string>& dictionary(const std::string& column) const;

 private:
  void read_texts(RowRange rows, std::size_t column, Column& to) const;
  void fill_object_rows(RowRange rows, Column& to) const;

  Which which_;
  RowReader rows_, offsets_;
  Schema schema_;
  MeasurementRoles roles_;
  std::map<std::string, std::vector<std::string>> dictionaries_;  ///< by column
};

/// True when a catalogue has measurements.
[[nodiscard]] bool has_measurements(const std::string& path);
/// True when it has some without an object.
[[nodiscard]] bool has_orphans(const std::string& path);

}  // namespace skyfold
