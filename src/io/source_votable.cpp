// VOTables as inputs. Rows of XML have no places in the file, so that they become a plain FITS table in a file without a name, and our
// decoder of FITS reads that. Read twice: first for how wide texts are and which integers are missing.
#include "source_votable.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "fits_copy.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_fits.hpp"
#include "source_notes.hpp"
#include "source_wrapped.hpp"
#include "votable.hpp"

namespace skyfold {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 18;
constexpr std::size_t longest_text = 65'536;

/// A column, as it stands in the plain table.
struct PlainColumn {
  VotableField field;
  char form = 'D';        ///< of FITS: L, B, J, K, E, D, A
  std::size_t width = 1;  ///< elements, or bytes of a text
  bool is_text = false, has_missing = false;
  std::string left_out = {};  ///< why it is no column; "" when it is one

  [[nodiscard]] std::size_t element_bytes() const { return form == 'D' || form == 'K' ? 8 : form == 'E' || form == 'J' ? 4 : 1; }
  [[nodiscard]] bool is_integer() const { return form == 'B' || form == 'J' || form == 'K'; }
  /// The integer that stands for missing: the table's own, or one of ours.
  [[nodiscard]] std::int64_t null() const {
    if (const auto own = parse_integer(field.null)) return *own;
    return form == 'K' ? missing_i8 : missing_i4;
  }
  [[nodiscard]] bool has_null() const { return is_integer() && (has_missing || parse_integer(field.null)); }
};

PlainColumn plain_column(const VotableField& field) {
  PlainColumn column{field};
  const std::string& type = field.datatype;
  const std::size_t elements = votable_elements(field);
  (void)votable_bytes(field);  // whether there is such a type
  column.is_text = type == "char" || type == "unicodeChar";
  if ((type == "bit" && elements != 1) || type == "floatComplex" || type == "doubleComplex")
    column.left_out = fmt::format("has {} of type {}", elements == 1 ? "values" : "arrays", type);
  else if (!column.is_text && elements == 0)
    column.left_out = "has arrays of varying length";
  column.form = column.is_text                       ? 'A'
                : type == "boolean" || type == "bit" ? 'L'
                : type == "unsignedByte"             ? 'B'
                : type == "long"                     ? 'K'
                : type == "float"                    ? 'E'
                : type == "double"                   ? 'D'
                                                     : 'J';
  // The width of a text is what the first pass finds: arraysize may be "*", or much more than any row has.
  column.width = column.is_text ? 1 : std::max<std::size_t>(1, elements);
  return column;
}

void put_big_endian(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t k = bytes; k > 0; --k) out += static_cast<char>(value >> (8 * (k - 1)) & 0xFF);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

/// UTF-16, big-endian, as UTF-8 (the basic plane: VOTable's unicodeChar has no other).
std::string utf8_of(std::string_view utf16) {
  std::string text;
  for (std::size_t i = 0; i + 1 < utf16.size(); i += 2) {
    const auto code = static_cast<unsigned>(big_endian(utf16.substr(i, 2)));
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else if (code < 0x800) {
      text += static_cast<char>(0xC0 | code >> 6);
      text += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      text += static_cast<char>(0xE0 | code >> 12);
      text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  return text;
}

/// The text of a cell, up to its first NUL.
std::string text_of(const PlainColumn& column, const VotableCell& cell, bool is_binary) {
  if (cell.is_missing) return "";
  std::string text = is_binary && column.field.datatype == "unicodeChar" ? utf8_of(cell.text) : cell.text;
  // Fixed lengths are filled up with NULs; behind the first one nothing belongs to the text (VOTable 1.4, 6).
  text.resize(std::min(text.size(), text.find('\0')));
  return is_binary ? text : std::string(trim(text));
}

/// The parts of a cell of numbers in TABLEDATA; none for an empty one.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = text.find_first_not_of(" \t\r\n"); at != std::string::npos;) {
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(" \t\r\n", end);
  }
  return words;
}

/// Reads the rows of a VOTable into plain rows.
class PlainRows {
 public:
  PlainRows(std::vector<PlainColumn>& columns, const std::string& path) : columns_(columns), path_(path) {}

  /// First pass: widths of texts, and whether integers are missing.
  void look_at(const std::vector<VotableCell>& cells, bool is_binary) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      PlainColumn& column = columns_[i];
      if (column.is_text)
        column.width = std::max(column.width, text_of(column, cells[i], is_binary).size());
      else if (cells[i].is_missing || (!is_binary && trim(cells[i].text).empty()))
        column.has_missing = true;
    }
  }

  /// Second pass: one row, big-endian, added to `out`.
  void put(const std::vector<VotableCell>& cells, bool is_binary, std::string& out) {
    ++row_;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const PlainColumn& column = columns_[i];
      if (!column.left_out.empty()) continue;
      if (column.is_text) {
        const std::string text = text_of(column, cells[i], is_binary);
        out += text;
        // Both passes make the text by the same function, so that none is longer than the width.
        out.append(column.width - text.size(), '\0');
      } else if (cells[i].is_missing) {
        for (std::size_t k = 0; k < column.width; ++k) put_missing(column, out);
      } else if (is_binary) {
        put_bytes(column, cells[i].text, out);
      } else {
        put_words(column, cells[i].text, out);
      }
    }
  }

 private:
  [[noreturn]] void fail(const PlainColumn& column, const std::string& problem) const {
    throw DataError(fmt::format("{}, row {}, column {}: {}", path_, row_, column.field.name, problem));
  }

  static void put_missing(const PlainColumn& column, std::string& out) {
    // FITS has NaN for reals, TNULL for integers, and a zero byte for logicals that are not known.
    if (column.form == 'E')
      put_big_endian(out, std::bit_cast<std::uint32_t>(std::numeric_limits<float>::quiet_NaN()), 4);
    else if (column.form == 'D')
      put_big_endian(out, std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN()), 8);
    else
      put_big_endian(out, column.form == 'L' ? 0 : static_cast<std::uint64_t>(column.null()), column.element_bytes());
  }

  void put_integer(const PlainColumn& column, std::int64_t value, std::string& out) const {
    // A null of ours must not swallow a value; one that the table itself names means missing.
    if (column.has_null() && value == column.null() && column.field.null.empty())
      fail(column, fmt::format("{} is a value here, but stands for missing in the column", value));
    put_big_endian(out, static_cast<std::uint64_t>(value), column.element_bytes());
  }

  void put_bytes(const PlainColumn& column, std::string_view bytes, std::string& out) const {
    if (column.field.datatype == "bit") {  // one, the highest of its byte
      out += !bytes.empty() && bytes[0] != 0 ? 'T' : 'F';
      return;
    }
    const std::size_t size = votable_bytes(column.field);
    for (std::size_t k = 0; k < column.width; ++k) {
      const std::string_view element = bytes.substr(k * size, size);
      if (column.form == 'L')
        put_logical(column, std::string(element), out);
      else if (!column.is_integer())
        // VOTable's bytes are those of FITS: the order of the network, IEEE 754.
        out += element;
      else if (size == 1)
        put_integer(column, static_cast<std::int64_t>(big_endian(element)), out);
      else  // with its sign, whatever its size
        put_integer(column, static_cast<std::int64_t>(big_endian(element) << (64 - 8 * size)) >> (64 - 8 * size), out);
    }
  }

  void put_words(const PlainColumn& column, const std::string& text, std::string& out) const {
    const std::vector<std::string> words = words_of(text);
    if (words.empty())
      for (std::size_t k = 0; k < column.width; ++k) put_missing(column, out);
    else if (words.size() != column.width)
      fail(column, fmt::format("{} values, where {} are announced", words.size(), column.width));
    for (const std::string& word : words) {
      if (column.form == 'L')
        put_logical(column, word, out);
      else if (column.is_integer())
        put_integer(column, integer_of(column, word), out);
      else
        put_number(column, word, out);
    }
  }

  void put_logical(const PlainColumn& column, const std::string& word, std::string& out) const {
    const std::string value = lower(word);
    if (value == "t" || value == "true" || value == "1")
      out += 'T';
    else if (value == "f" || value == "false" || value == "0")
      out += 'F';
    else if (value == "?" || value == " " || value == std::string(1, '\0'))
      out += '\0';
    else
      fail(column, fmt::format("'{}' is neither true nor false", word));
  }

  std::int64_t integer_of(const PlainColumn& column, const std::string& word) const {
    // XML writers put a plus sign; std::from_chars takes none.
    const auto value = parse_integer(word.starts_with('+') ? word.substr(1) : word);
    const std::string& type = column.field.datatype;
    // The plain column may be wider than the type (no byte is to spare for missing), so the range is checked by the type.
    const std::int64_t most = type == "unsignedByte" ? 255 : type == "short" ? 32'767 : type == "int" ? INT32_MAX : INT64_MAX;
    const std::int64_t least = type == "unsignedByte" ? 0 : -most - 1;
    if (!value || *value < least || *value > most) fail(column, fmt::format("'{}' is no value of type {}", word, type));
    return *value;
  }

  void put_number(const PlainColumn& column, const std::string& word, std::string& out) const {
    const auto value = parse_double(word.starts_with('+') ? word.substr(1) : word);
    if (!value) fail(column, fmt::format("'{}' is not a number", word));
    if (column.form == 'E')
      put_big_endian(out, std::bit_cast<std::uint32_t>(static_cast<float>(*value)), 4);
    else
      put_big_endian(out, std::bit_cast<std::uint64_t>(*value), 8);
  }

  std::vector<PlainColumn>& columns_;
  const std::string& path_;
  std::int64_t row_ = 0;
};

/// Feeds a reader with a file.
void read_all(const InputFile& file, VotableReader& reader) {
  try {
    for (std::int64_t at = 0; at < file.size();) {
      const std::string text = file.text_at(at, static_cast<std::int64_t>(piece_bytes));
      at += std::ssize(text);
      reader.feed(text, at >= file.size());
    }
  } catch (const DataError& error) {
    // Errors of cells have their place already.
    if (std::string_view(error.what()).starts_with(file.path())) throw;
    throw DataError(fmt::format("{}: is no VOTable that can be read ({})", file.path(), error.what()));
  }
}

std::string card(const std::string& key, const std::string& value) {
  return fmt::format("{:<80}", fmt::format("{:<8}= {:>20}", key, value));
}
std::string quoted(const std::string& text) {
  std::string inner;
  for (const char c : text) inner += c == '\'' ? std::string("''") : std::string(1, c);
  return "'" + inner + "'";
}

/// Header of the plain table. Names alone are said: the rest is known here.
std::string header_of(const std::vector<PlainColumn>& columns, std::int64_t rows, const std::string& path) {
  std::string columns_cards;
  std::size_t row_bytes = 0, number = 0;
  for (const PlainColumn& column : columns) {
    if (!column.left_out.empty()) continue;
    ++number;
    row_bytes += column.element_bytes() * column.width;
    const std::string name = quoted(column.field.name);
    const bool is_plain = std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~'; });
    // What a card of FITS can hold: 80 bytes less the key and quotes.
    if (!is_plain || name.size() > 70) throw DataError(fmt::format("{}: the column name {} is too long or not plain ASCII", path, name));
    columns_cards +=
        card(fmt::format("TTYPE{}", number), name) + card(fmt::format("TFORM{}", number), fmt::format("'{}{}'", column.width, column.form));
    if (column.has_null()) columns_cards += card(fmt::format("TNULL{}", number), std::to_string(column.null()));
  }
  if (number == 0) throw DataError(fmt::format("{}: has no column that can be read", path));
  std::string header = card("XTENSION", "'BINTABLE'") + card("BITPIX", "8") + card("NAXIS", "2") +
                       card("NAXIS1", std::to_string(row_bytes)) + card("NAXIS2", std::to_string(rows)) + card("PCOUNT", "0") +
                       card("GCOUNT", "1") + card("TFIELDS", std::to_string(number)) + columns_cards + fmt::format("{:<80}", "END");
  // Headers fill whole blocks of 2880 bytes.
  header.resize((header.size() + 2879) / 2880 * 2880, ' ');
  return header;
}

/// The plain table of a VOTable, and what is said of its columns.
class VotableSource final : public WrappedSource {
 public:
  VotableSource(std::unique_ptr<Source> plain, const std::vector<PlainColumn>& columns) : WrappedSource(std::move(plain)) {
    std::size_t number = 0;
    for (const PlainColumn& column : columns) {
      if (!column.left_out.empty()) {
        left_out_.push_back({column.field.name, column.left_out});
        continue;
      }
      ColumnInfo info = source_->schema()[number];
      info.unit = column.field.unit;
      info.ucd = column.field.ucd;
      info.description = column.field.description;
      take(number++, std::move(info));
    }
  }
  const std::vector<LeftOut>& left_out() const noexcept override { return left_out_; }
  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override { source_->read(piece, out, bad); }

 private:
  std::vector<LeftOut> left_out_;
};

/// First pass over a file.
std::vector<PlainColumn> look_through(const InputFile& file, std::int64_t& rows) {
  std::vector<PlainColumn> columns;
  std::unique_ptr<PlainRows> plain;
  VotableReader* reading = nullptr;
  const auto begin = [&] {
    for (const VotableField& field : reading->fields()) columns.push_back(plain_column(field));
    plain = std::make_unique<PlainRows>(columns, file.path());
  };
  VotableReader reader([&](const std::vector<VotableCell>& cells) {
    if (!plain) begin();
    plain->look_at(cells, reading->is_binary());
  });
  // The fields are known before the first row, but only to the reader, which is made with what takes the rows.
  reading = &reader;
  read_all(file, reader);
  // A table without rows has columns all the same.
  if (!plain) begin();
  if (reader.tables() == 0) throw DataError(fmt::format("{}: is a VOTable without a table", file.path()));
  if (reader.tables() > 1) note_once(fmt::format("{}: has {} tables, of which the first is taken", file.path(), reader.tables()));
  rows = reader.rows();
  for (PlainColumn& column : columns) {
    if (column.form == 'B' && (column.has_missing || column.has_null())) column.form = 'J';  // no byte to spare
    if (column.is_text && column.width > longest_text) column.left_out = fmt::format("has texts of {} bytes", column.width);
  }
  return columns;
}

}  // namespace

bool is_votable(const std::string& start) noexcept {
  const std::size_t first = start.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string::npos && start[first] == '<' && start.find("VOTABLE") != std::string::npos;
}

std::unique_ptr<Source> open_votable_source(const std::string& path) {
  const InputFile file(path);
  std::int64_t rows = 0;
  std::vector<PlainColumn> columns = look_through(file, rows);
  std::vector<std::string> names;
  for (const PlainColumn& column : columns)
    if (column.left_out.empty()) names.push_back(column.field.name);
  check_names(path, names);
  const std::string header = header_of(columns, rows, path);
  const std::shared_ptr<const InputFile> copy = plain_table(path, [&](const std::function<void(std::string_view)>& add) {
    add(header);
    PlainRows plain(columns, path);
    std::string bytes;
    VotableReader* reading = nullptr;
    VotableReader reader([&](const std::vector<VotableCell>& cells) {
      plain.put(cells, reading->is_binary(), bytes);
      if (bytes.size() < piece_bytes) return;
      add(bytes);
      bytes.clear();
    });
    reading = &reader;
    read_all(file, reader);
    add(bytes);
    // Else the header would announce rows that are not there.
    if (reader.rows() != rows) throw IoError(fmt::format("{}: the file has changed since it was opened", path));
  });
  return std::make_unique<VotableSource>(open_plain_fits(copy), columns);
}

}  // namespace skyfold
