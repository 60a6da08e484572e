// What the keywords of a FITS table say of its columns (FITS Standard 4.0, sections 7.2 and 7.3): types, scaling, unsigned
// integers, missing values. Columns that cannot be held are left out with a reason.
#include "source_fits_columns.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>

#include "fits_text.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_notes.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t most_columns = 999;  // FITS Standard 4.0, section 7.3.1

/// TFORM of a binary table: repeat count, letter, the rest.
struct BinaryForm {
  std::int64_t repeat = 1;
  char letter = '\0';
};

std::optional<BinaryForm> parse_binary_form(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  BinaryForm form;
  if (digits == text.size()) return std::nullopt;
  if (digits > 0) {
    const auto repeat = parse_integer(text.substr(0, digits));
    if (!repeat || *repeat > INT32_MAX) return std::nullopt;
    form.repeat = *repeat;
  }
  form.letter = static_cast<char>(std::toupper(static_cast<unsigned char>(text[digits])));  // some writers use small letters
  return form;
}

std::int64_t bytes_of(const BinaryForm& form) {
  switch (form.letter) {
    // Bits fill whole bytes, the last one partly.
    case 'X':
      return (form.repeat + 7) / 8;
    case 'I':
      return form.repeat * 2;
    case 'J':
    case 'E':
      return form.repeat * 4;
    case 'K':
    case 'D':
    case 'C':
    case 'P':
      return form.repeat * 8;
    case 'M':
    case 'Q':
      return form.repeat * 16;
    default:
      return form.repeat;
  }
}

/// Type, width and form by the letter; the reason when skyfold has no such column.
std::string set_binary_form(const BinaryForm& form, FitsColumn& column) {
  const auto set = [&](FitsForm f, Type type, std::int64_t width) {
    column.form = f;
    column.info.type = type;
    column.info.width = static_cast<std::size_t>(width);
    return width == 0 ? "it holds no values" : "";
  };
  switch (form.letter) {
    // Our tables have no truth values: a byte of 0 or 1, and 255 where the file says neither.
    case 'L':
      column.info.null = missing_u1;
      return set(FitsForm::logical, Type::u1, form.repeat);
    case 'X':
      return set(FitsForm::bit, Type::u1, form.repeat);
    case 'B':
      return set(FitsForm::u1, Type::u1, form.repeat);
    case 'I':
      // Tables have no 16-bit type; 32 bits hold all of it, with TZERO for unsigned ones, too.
      return set(FitsForm::i2, Type::i4, form.repeat);
    case 'J':
      return set(FitsForm::i4, Type::i4, form.repeat);
    case 'K':
      return set(FitsForm::i8, Type::i8, form.repeat);
    case 'E':
      return set(FitsForm::f4, Type::f4, form.repeat);
    case 'D':
      return set(FitsForm::f8, Type::f8, form.repeat);
    case 'C':
      // Complex numbers: real and imaginary part, one after the other.
      return set(FitsForm::f4, Type::f4, form.repeat * 2);
    case 'M':
      return set(FitsForm::f8, Type::f8, form.repeat * 2);
    case 'A':
      return set(FitsForm::text, Type::text, form.repeat);
    case 'P':
    case 'Q':
      return "arrays of varying length are not supported";
    default:
      return "";
  }
}

bool is_integer_form(FitsForm form) { return form == FitsForm::u1 || form == FitsForm::i2 || form == FitsForm::i4 || form == FitsForm::i8; }

/// True when TSCAL and TZERO only shift integers to the unsigned (or, for bytes, signed) type of the same size.
bool is_sign_convention(const FitsColumn& column) {
  // FITS has no unsigned types; it has this convention (FITS Standard 4.0, section 5.2.5). Read as a scale, an id of 64 bits would
  // become a double and lose digits.
  if (column.scale != 1.0) return false;
  switch (column.form) {
    case FitsForm::u1:
      return column.zero == -128.0;
    case FitsForm::i2:
      return column.zero == 32768.0;
    case FitsForm::i4:
      return column.zero == 2147483648.0;
    case FitsForm::i8:
      return column.zero == 9223372036854775808.0;
    default:
      return false;
  }
}

void set_sign_convention(FitsColumn& column) {
  column.is_unsigned_64 = column.form == FitsForm::i8;
  column.bias = column.form == FitsForm::u1 ? static_cast<std::uint64_t>(-128) : static_cast<std::uint64_t>(column.zero);
  if (column.form == FitsForm::u1) column.info.type = Type::i4;
  if (column.form == FitsForm::i4) column.info.type = Type::i8;
}

void set_scaling(FitsColumn& column) {
  if (column.scale == 1.0 && column.zero == 0.0) return;
  if (column.form == FitsForm::text || column.form == FitsForm::logical || column.form == FitsForm::bit) return;
  if (is_sign_convention(column)) return set_sign_convention(column);
  // As astropy and CFITSIO do: a scaled column is one of doubles, whatever is stored.
  column.scaled = true;
  column.info.type = Type::f8;
}

/// The missing value of the decoded column follows from the stored one.
void set_null(FitsColumn& column) {
  // The decoder makes NaN of TNULL while it scales.
  if (column.scaled) return;
  if (column.is_unsigned_64)
    column.info.null = missing_i8;  // no value that fits can be this one
  else if (column.null)
    // TNULL is the stored value, before TZERO: unsigned, so that it wraps instead of overflowing.
    column.info.null = static_cast<std::int64_t>(static_cast<std::uint64_t>(*column.null) + column.bias);
}

std::string key(const char* name, std::int64_t n) { return fmt::format("{}{}", name, n); }

/// Names that differ: of columns with one name the first keeps it, the others get a number; columns without a name get theirs.
void name_apart(const std::string& path, std::vector<std::string>& names) {
  std::set<std::string> taken(names.begin(), names.end()), seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string given = names[i];
    if (given.empty()) names[i] = fmt::format("col{}", i + 1);
    for (int k = 2; (names[i] != given && taken.contains(names[i])) || !seen.insert(names[i]).second; ++k)
      names[i] = fmt::format("{}_{}", given.empty() ? fmt::format("col{}", i + 1) : given, k);
    if (names[i] != given)
      note_once(fmt::format("{}: column {} is called {} ({})", path, i + 1, names[i],
                            given.empty() ? "it has no name" : fmt::format("another one is called {}", given)));
  }
}

/// Unit and the like of column `n`, counted from 1.
ColumnInfo info_of(const FitsHeader& header, std::int64_t n) {
  ColumnInfo info;
  info.unit = trim(header.text(key("TUNIT", n)).value_or(""));
  info.ucd = trim(header.text(key("TUCD", n)).value_or(""));
  info.description = trim(header.text(key("TCOMM", n)).value_or(header.comment(key("TTYPE", n))));
  if (lower(info.description).starts_with("label for")) info.description.clear();  // what CFITSIO writes by itself
  return info;
}

[[noreturn]] void throw_form(const std::string& path, std::int64_t n, const std::string& form) {
  throw DataError(fmt::format("{}: TFORM{} = '{}' is not a column format", path, n, form));
}

/// True when a row holds several texts: by TDIM, (10,2), or in the form 20A10 of older files.
bool is_text_array(const FitsHeader& header, std::int64_t n, const BinaryForm& form) {
  if (form.letter != 'A') return false;
  const std::string text(trim(header.text(key("TFORM", n)).value_or(""))), dims(trim(header.text(key("TDIM", n)).value_or("")));
  // The first dimension is the length of one text: smaller than the repeat count, there are several of them.
  const auto first = parse_integer(std::string_view(dims).substr(dims.starts_with('(') ? 1 : 0, dims.find(',') - 1));
  const auto each = parse_integer(std::string_view(text).substr(std::min(text.find_first_of("Aa") + 1, text.size())));
  const auto is_part = [&](const std::optional<long long>& length) { return length && *length > 0 && *length < form.repeat; };
  return (dims.find(',') != std::string::npos && is_part(first)) || is_part(each);
}

/// A column of a binary table at `offset`; returns the reason when skyfold cannot hold it.
std::string binary_column(const std::string& path, const FitsHeader& header, std::int64_t n, FitsColumn& column) {
  const std::string text(trim(header.text(key("TFORM", n)).value_or("")));
  const std::optional<BinaryForm> form = parse_binary_form(text);
  if (!form || std::string_view("LXBIJKEDCMAPQ").find(form->letter) == std::string_view::npos) throw_form(path, n, text);
  column.bytes = static_cast<std::size_t>(bytes_of(*form));
  // A column that cannot be held still has its bytes in the row: those behind it must be found.
  std::string reason = set_binary_form(*form, column);
  if (is_integer_form(column.form) && !header.text(key("TNULL", n)).value_or("").empty())  // other columns have no use for it
    column.null = header.integer(key("TNULL", n));
  if (reason.empty() && is_text_array(header, n, *form)) reason = "arrays of texts are not supported";
  column.is_encoded = column.form == FitsForm::text && header.text(key(fits_encoding_key, n)) == fits_encoding_name;
  set_scaling(column);
  set_null(column);
  if (column.scaled && (form->letter == 'C' || form->letter == 'M')) reason = "scaled complex numbers are not supported";
  return reason;
}

/// A column of an ASCII table (FITS Standard 4.0, table 15).
void ascii_column(const std::string& path, const FitsHeader& header, std::int64_t n, std::int64_t row_bytes, FitsColumn& column) {
  const std::string text = upper(trim(header.text(key("TFORM", n)).value_or("")));
  const std::size_t point = text.find('.');
  const auto width = parse_integer(std::string_view(text).substr(std::min<std::size_t>(1, text.size()), point - 1));
  if (!width || *width < 1 || *width > row_bytes || std::string_view("AIFED").find(text[0]) == std::string_view::npos)
    throw_form(path, n, text);
  column.offset = static_cast<std::size_t>(std::max<std::int64_t>(1, header.count(key("TBCOL", n), row_bytes)) - 1);
  column.bytes = static_cast<std::size_t>(*width);
  column.null_text = trim(header.text(key("TNULL", n)).value_or(""));
  if (point != std::string::npos)
    column.decimals = static_cast<int>(std::clamp(parse_integer(text.substr(point + 1)).value_or(0), 0LL, 99LL));
  column.form = text[0] == 'A' ? FitsForm::text : text[0] == 'I' ? FitsForm::ascii_integer : FitsForm::ascii_real;
  column.info.type = text[0] == 'A' ? Type::text : text[0] == 'I' ? Type::i8 : Type::f8;
  if (text[0] == 'A') column.info.width = column.bytes;
  if (text[0] == 'I') column.info.null = missing_i8;
  set_scaling(column);
  if (column.scaled) column.info.null.reset();
}

}  // namespace

std::vector<FitsColumn> fits_columns(const std::string& path, const FitsHeader& header, std::int64_t row_bytes,
                                     std::vector<LeftOut>& left_out) {
  const bool ascii = header.text("XTENSION") == "TABLE";
  const std::int64_t fields = header.count("TFIELDS", most_columns);
  std::vector<FitsColumn> columns;
  std::vector<std::string> names;
  for (std::int64_t n = 1; n <= fields; ++n) names.emplace_back(trim(header.text(key("TTYPE", n)).value_or("")));
  name_apart(path, names);
  std::size_t offset = 0;
  for (std::int64_t n = 1; n <= fields; ++n) {
    FitsColumn column;
    column.info = info_of(header, n);
    column.info.name = column.info.source = names[static_cast<std::size_t>(n - 1)];
    column.offset = offset;
    column.scale = header.number(key("TSCAL", n)).value_or(1.0);
    column.zero = header.number(key("TZERO", n)).value_or(0.0);
    std::string reason;
    if (ascii)
      ascii_column(path, header, n, row_bytes, column);
    else
      reason = binary_column(path, header, n, column);
    offset = column.offset + column.bytes;
    // Every column lies within its row: decoding needs no check of its own.
    if (offset > static_cast<std::size_t>(row_bytes))
      throw DataError(
          fmt::format("{}: column {} ends at byte {} of rows of {} bytes (TFORM and NAXIS1 disagree)", path, n, offset, row_bytes));
    if (reason.empty())
      columns.push_back(std::move(column));
    else
      left_out.push_back({column.info.name, reason});
  }
  return columns;
}

}  // namespace skyfold
