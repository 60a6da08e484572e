#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct XML_ParserStruct;  ///< of expat

namespace skyfold {

/// What a VOTable says of a column (VOTable 1.5, element FIELD).
struct VotableField {
  std::string name, datatype, arraysize, unit, ucd, description;
  std::string null;  ///< text of the integer that stands for missing; "" for none
};

/// A cell of a row: its text, or its bytes, big-endian.
struct VotableCell {
  std::string text;
  bool is_missing = false;  ///< by the flags of BINARY2
};

/// Reads a VOTable piece by piece: the columns of its first table, and the rows. Expat does the XML, which neither opens files that the
/// text names nor lets entities grow without bound.
class VotableReader {
 public:
  using RowUse = std::function<void(const std::vector<VotableCell>& cells)>;
  /// @param use  is called for each row; without it only the columns are read
  explicit VotableReader(RowUse use = {});
  ~VotableReader();
  VotableReader(const VotableReader&) = delete;
  VotableReader& operator=(const VotableReader&) = delete;

  /// Reads what follows. Throws DataError without the name of the file: what is no XML, with the line; rows that do not suit the columns.
  void feed(std::string_view text, bool is_last);

  [[nodiscard]] const std::vector<VotableField>& fields() const noexcept { return fields_; }
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] int tables() const noexcept { return tables_; }
  [[nodiscard]] bool is_binary() const noexcept { return is_binary_; }  ///< cells have bytes, not texts
  /// Which rows hold data; nothing but an empty table has none.
  [[nodiscard]] bool has_data() const noexcept { return has_data_; }

 private:
  struct Handlers;
  void begin(std::string_view element, const char** attributes);
  void end(std::string_view element);
  void add(std::string_view text);
  void begin_data(std::string_view element, const char** attributes);
  void add_base64(std::string_view text);
  void take_rows();
  bool take_row(std::size_t& at);
  void finish_stream() const;

  RowUse use_;
  std::unique_ptr<XML_ParserStruct, void (*)(XML_ParserStruct*)> parser_;
  std::exception_ptr error_;
  std::vector<VotableField> fields_;
  std::vector<VotableCell> cells_;
  std::size_t cell_ = 0;  ///< number of the next cell of the row
  std::int64_t rows_ = 0;
  int tables_ = 0;
  bool in_field_ = false, in_description_ = false, in_cell_ = false, in_stream_ = false;
  bool is_binary_ = false, has_flags_ = false, has_data_ = false;
  std::string bytes_;     ///< decoded, of which no whole row has been made
  unsigned pending_ = 0;  ///< bits of base64 that are no whole byte
  int pending_bits_ = 0;
};

/// Elements of a cell by its arraysize: 1 without one, the product of `3x4`; 0 when it varies (`*`, `10*`).
[[nodiscard]] std::size_t votable_elements(const VotableField& field);
/// Bytes of an element in BINARY2; 0 for bits, eight of which are a byte. Throws DataError for a type that there is not.
[[nodiscard]] std::size_t votable_bytes(const VotableField& field);

/// The columns of the first table in a VOTable, such as Parquet files carry in their metadata (IVOA note "VOTable in Parquet", key
/// IVOA.VOTable-Parquet.content). Throws DataError for what is not XML, with the line.
[[nodiscard]] std::vector<VotableField> votable_fields(const std::string& xml);

}  // namespace skyfold
