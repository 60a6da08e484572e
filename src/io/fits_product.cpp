// FITS binary tables (FITS Standard 4.0) as products: CFITSIO makes the header, ranks write their rows by position, checksums of
// rows add up over all ranks in any order.
#include "skyfold/io/fits_product.hpp"

#include <fitsio.h>
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>

#include "fits_text.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "source_fits_header.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t fits_block = 2880, card_size = 80;

struct CloseFits {
  void operator()(fitsfile* file) const noexcept {
    int status = 0;
    fits_close_file(file, &status);
  }
};
using FitsFile = std::unique_ptr<fitsfile, CloseFits>;

void check_fits(int status, const std::string& what) {
  if (status == 0) return;
  char text[FLEN_STATUS];
  fits_get_errstatus(status, text);
  throw IoError(fmt::format("{} (CFITSIO: {})", what, text));
}

/// @param rows  of which a cell holds the elements
std::string tform_of(const ColumnInfo& column, const FitsText& text, std::int64_t rows) {
  // In the order of Type (FITS Standard 4.0, table 18).
  constexpr char codes[] = {'E', 'D', 'J', 'K', 'B', 'A'};
  const std::size_t elements = column.type == Type::text ? text.width : column.width;
  return fmt::format("{}{}", elements * static_cast<std::size_t>(rows), codes[static_cast<std::size_t>(column.type)]);
}

/// The null value, if it is one of the column's type.
std::optional<LONGLONG> null_of(const ColumnInfo& column) {
  // TNULL of floating-point columns is not allowed (FITS Standard 4.0, section 7.3.2), and one out of range means nothing.
  const bool fits = column.type == Type::i8 || (column.type == Type::i4 && column.null >= INT32_MIN && column.null <= INT32_MAX) ||
                    (column.type == Type::u1 && column.null >= 0 && column.null <= 255);
  return column.null && fits ? std::optional<LONGLONG>(*column.null) : std::nullopt;
}

void write_key(fitsfile* file, const std::string& name, const std::string& value, const std::string& comment = {}) {
  int status = 0;
  // CFITSIO would cut it itself, in the middle of a doubled quote.
  std::string text = cut_to_card(value);
  fits_update_key(file, TSTRING, name.c_str(), text.data(), comment.empty() ? nullptr : comment.c_str(), &status);
  check_fits(status, "cannot write FITS keyword " + name);
}

/// What a header is made for.
struct HeaderPlan {
  const Schema& schema;
  const std::vector<FitsText>& texts;
  FitsOrder order = FitsOrder::rows;
  std::int64_t rows = 0;

  [[nodiscard]] std::int64_t rows_per_cell() const { return order == FitsOrder::columns ? rows : 1; }
};

/// The shape of a cell that is a whole column: the last axis counts rows.
void write_shape(fitsfile* file, const HeaderPlan& plan, std::size_t i) {
  const std::size_t width = plan.schema[i].type == Type::text ? plan.texts[i].width : plan.schema[i].width;
  const bool is_flat = width == 1 && plan.schema[i].type != Type::text;
  write_key(file, fmt::format("TDIM{}", i + 1), is_flat ? fmt::format("({})", plan.rows) : fmt::format("({},{})", width, plan.rows));
}

/// Cards that CFITSIO's table creation does not write: UCD, the null value, how texts are encoded.
void describe_columns(fitsfile* file, const HeaderPlan& plan) {
  const auto& [schema, texts, order, rows] = plan;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    int status = 0;
    if (!schema[i].description.empty())
      fits_modify_comment(file, ("TTYPE" + number).c_str(), fits_text(schema[i].description).substr(0, 47).c_str(), &status);
    check_fits(status, "cannot write the description of column " + schema[i].name);
    if (order == FitsOrder::columns) write_shape(file, plan, i);
    if (!schema[i].ucd.empty()) write_key(file, "TUCD" + number, fits_text(schema[i].ucd));
    if (texts[i].is_encoded) write_key(file, fits_encoding_key + number, fits_encoding_name, "bytes beyond ASCII are written as %XX");
    std::optional<LONGLONG> null = null_of(schema[i]);
    if (null) fits_update_key(file, TLONGLONG, ("TNULL" + number).c_str(), &*null, "missing", &status);
    check_fits(status, "cannot write the null value of column " + schema[i].name);
  }
}

/// Names of the columns in the header; those that had to be changed are logged.
std::vector<std::string> names_in_header(const Schema& schema) {
  std::vector<std::string> names;
  for (const ColumnInfo& column : schema) names.push_back(column.name);
  std::vector<std::string> made = fits_names(names);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (made[i] != names[i])
      log_warning(
          fmt::format("column {} is called {} in FITS (names there are printable ASCII of at most 68 characters)", names[i], made[i]));
  return made;
}

/// The whole header as bytes, with NAXIS2 = 0: closing a header that names its rows would make CFITSIO fill them.
std::string make_header(const HeaderPlan& plan, const std::string& extension_name, const std::vector<std::string>& history,
                        const std::vector<std::string>& flags = {}) {
  const Schema& schema = plan.schema;
  void* memory = nullptr;
  std::size_t size = 0;
  const std::unique_ptr<void*, void (*)(void**)> owner(&memory, [](void** block) { std::free(*block); });  // freed after the file is closed
  fitsfile* raw = nullptr;
  int status = 0;
  // In memory: the file itself is written by our checked calls, header and rows alike.
  fits_create_memfile(&raw, &memory, &size, fits_block, std::realloc, &status);
  check_fits(status, "cannot make a FITS header");
  FitsFile file(raw);
  std::vector<std::string> names = names_in_header(schema), forms, units;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    forms.push_back(tform_of(schema[i], plan.texts[i], plan.rows_per_cell()));
    units.push_back(cut_to_card(fits_unit(schema[i].unit)));
  }
  // After the loop that fills the texts: a vector that grows moves them.
  std::vector<char*> name_text, form_text, unit_text;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    name_text.push_back(names[i].data());
    form_text.push_back(forms[i].data());
    unit_text.push_back(units[i].data());
  }
  fits_create_tbl(file.get(), BINARY_TBL, 0, static_cast<int>(schema.size()), name_text.data(), form_text.data(), unit_text.data(),
                  extension_name.c_str(), &status);
  check_fits(status, "cannot make a FITS table header");
  describe_columns(file.get(), plan);
  for (const std::string& flag : flags) {
    int yes = 1;
    fits_update_key(file.get(), TLOGICAL, flag.c_str(), &yes, nullptr, &status);
    check_fits(status, "cannot write FITS keyword " + flag);
  }
  // Cards of the final size now: filled in later without moving a byte.
  write_key(file.get(), "CHECKSUM", "0000000000000000", "HDU checksum");
  write_key(file.get(), "DATASUM", "0         ", "data unit checksum");
  for (const std::string& line : history) fits_write_history(file.get(), fits_text(line).c_str(), &status);
  fits_flush_file(file.get(), &status);
  check_fits(status, "cannot make a FITS table header");
  LONGLONG header_start = 0, data_start = 0, data_end = 0;
  fits_get_hduaddrll(file.get(), &header_start, &data_start, &data_end, &status);
  check_fits(status, "cannot make a FITS table header");
  return {static_cast<const char*>(memory), static_cast<std::size_t>(data_start)};
}

/// Place of a card of the table's header (the second one), which begins after the primary's block.
std::size_t find_card(const std::string& header, const std::string& name) {
  const std::string start = fmt::format("{:<8}=", name);
  for (std::size_t at = fits_block; at + card_size <= header.size(); at += card_size)
    if (header.compare(at, start.size(), start) == 0) return at;
  throw IoError("FITS header without " + name);
}

template <class Word>
// As whole numbers, floats too: a byte order that is wrong for the machine may be a signalling NaN.
void swap_column(const Column& column, std::byte* out, std::size_t stride) {
  const std::size_t width = column.info().width;
  const auto* in = reinterpret_cast<const Word*>(column.bytes().data());
  const std::size_t rows = column.bytes().size() / sizeof(Word) / width;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t k = 0; k < width; ++k) {
      Word word = in[row * width + k];
      if constexpr (sizeof(Word) == 4)
        word = __builtin_bswap32(word);
      else
        word = __builtin_bswap64(word);
      std::memcpy(out + row * stride + k * sizeof word, &word, sizeof word);
    }
}

void place_column(const Column& column, std::byte* out, std::size_t stride) {
  static_assert(std::endian::native == std::endian::little);
  const std::size_t size = size_of(column.info().type);
  if (size == 4) return swap_column<std::uint32_t>(column, out, stride);
  if (size == 8) return swap_column<std::uint64_t>(column, out, stride);
  const std::size_t width = column.info().width;
  for (std::size_t row = 0; row < column.bytes().size() / width; ++row)
    std::memcpy(out + row * stride, column.bytes().data() + row * width, width);
}

/// Texts padded with NUL, as they are or encoded.
void place_texts(const Column& column, const FitsText& text, std::byte* out, std::size_t stride) {
  if (!text.is_encoded) return place_column(column, out, stride);
  const std::size_t rows = column.bytes().size() / column.info().width;
  for (std::size_t row = 0; row < rows; ++row, out += stride) {
    const std::string encoded = percent_encoded(column.text(row));
    if (encoded.size() > text.width) throw std::logic_error("a text of column " + column.info().name + " was not looked at before");
    std::fill(out, out + text.width, std::byte{0});
    std::memcpy(out, encoded.data(), encoded.size());
  }
}

std::size_t bytes_in_file(const ColumnInfo& column, const FitsText& text) {
  return column.type == Type::text ? text.width : column.bytes_per_row();
}

std::int64_t row_bytes_of(const Schema& schema, const std::vector<FitsText>& texts) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < schema.size(); ++i) bytes += bytes_in_file(schema[i], texts[i]);
  return static_cast<std::int64_t>(bytes);
}

/// Fills in DATASUM and CHECKSUM, whose string values begin after "NAME    = '" (FITS Standard 4.0, section 4.4.2.7).
void fill_in_sums(std::string& header, std::uint32_t data_sum) {
  header.replace(find_card(header, "DATASUM") + 11, 10, fmt::format("{:<10}", data_sum));
  header.replace(find_card(header, "CHECKSUM") + 11, 16, std::string(16, '0'));  // as the standard has it while summing
  char encoded[17] = {};
  fits_encode_chksum(add_fits_sums(fits_sum(std::as_bytes(std::span(header)).subspan(fits_block), 0), data_sum), 1, encoded);
  header.replace(find_card(header, "CHECKSUM") + 11, 16, encoded, 16);
}

/// Throws when a header is not as create_fits or finish_fits made it: the sum of an HDU that has its checksum is -0.
void check_header(const std::string& path, const FitsLayout& layout) {
  std::string header(static_cast<std::size_t>(layout.data_start), '\0');
  File::for_reading(path).read(0, std::as_writable_bytes(std::span(header)));
  const auto data_sum = parse_integer(trim(header.substr(find_card(header, "DATASUM") + 11, 10)));
  const std::uint32_t sum = fits_sum(std::as_bytes(std::span(header)).subspan(fits_block), 0);
  const bool is_primary_whole = header.compare(0, fits_block, make_header({{}, {}}, "NONE", {}), 0, fits_block) == 0;
  if (!is_primary_whole || !data_sum || add_fits_sums(sum, static_cast<std::uint32_t>(*data_sum)) != 0xffffffffU)
    throw IoError(path + ": its FITS header is not as it was made (changed or damaged since: start over with --fresh)");
}

const Column& column_of(std::span<const Table* const> tables, const std::string& name) {
  for (const Table* table : tables)
    if (const Column* column = table->find(name)) return *column;
  throw std::logic_error("no column " + name + " for the FITS product");
}

}  // namespace

void FitsTexts::add(const Table& table) {
  for (std::size_t c = 0; c < table.columns(); ++c) {
    if (table[c].info().type != Type::text) continue;
    Seen& seen = columns_[table[c].info().name];
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const std::string_view text = table[c].text(row);
      std::size_t width = text.size();
      for (const char ch : text) {
        if (!is_fits_char(ch) || ch == '%') width += 2;
        seen.needs |= !is_fits_char(ch);
      }
      seen.width = std::max(seen.width, width);
    }
  }
}

FitsText FitsTexts::of(const ColumnInfo& column) const {
  const auto seen = columns_.find(column.name);
  if (seen == columns_.end() || !seen->second.needs) return {column.width, false};
  return {seen->second.width, true};
}

std::vector<std::string> FitsTexts::encoded() const {
  std::vector<std::string> names;
  for (const auto& [name, seen] : columns_)
    if (seen.needs) names.push_back(name);
  return names;
}

void create_fits(const std::string& path, const Schema& schema, std::int64_t rows, const std::string& extension_name,
                 const std::vector<std::string>& history, const FitsTexts& found, FitsOrder order, const std::vector<std::string>& flags) {
  if (schema.size() > 999) throw UsageError(fmt::format("{}: {} columns (FITS allows 999)", path, schema.size()));
  std::vector<FitsText> texts;
  for (const ColumnInfo& column : schema) texts.push_back(found.of(column));
  std::string header = make_header({schema, texts, order, rows}, extension_name, history, flags);
  // Values of fixed format end in column 30 (FITS Standard 4.0, section 4.2.3).
  header.replace(find_card(header, "NAXIS2") + 10, 20, fmt::format("{:>20}", order == FitsOrder::columns ? 1 : rows));
  fill_in_sums(header, 0);
  File file = File::created(path);
  file.write(0, header);
  // A full disk is told before the run, not after it.
  file.reserve(std::ssize(header), (rows * row_bytes_of(schema, texts) + fits_block - 1) / fits_block * fits_block);
  file.close();
}

FitsLayout open_fits(const std::string& path, const Schema& schema, std::int64_t rows, FitsOrder order) {
  const std::int64_t rows_per_cell = order == FitsOrder::columns ? rows : 1;
  const InputFile file(path);
  // Read anew, not remembered: the file may be that of an earlier attempt.
  const FitsHeader header(file, fits_block);  // behind the primary one
  std::vector<FitsText> texts(schema.size());
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (schema[i].type != Type::text) continue;
    const std::string form = header.text(fmt::format("TFORM{}", i + 1)).value_or("");
    const auto width = parse_integer(std::string_view(form).substr(0, form.find('A')));
    if (!width || *width < 1 || *width % rows_per_cell != 0)
      throw IoError(fmt::format("{}: TFORM{} = '{}' is not that of a text (damaged?)", path, i + 1, form));
    texts[i] = {static_cast<std::size_t>(*width / rows_per_cell),
                header.text(fmt::format("{}{}", fits_encoding_key, i + 1)) == fits_encoding_name};
  }
  const std::int64_t row_bytes = row_bytes_of(schema, texts);
  if (row_bytes * rows_per_cell != header.count("NAXIS1"))
    throw IoError(fmt::format("{}: has rows of {} bytes instead of {}", path, header.count("NAXIS1"), row_bytes * rows_per_cell));
  const FitsLayout layout{schema, texts, rows, header.data_begin(), row_bytes, order};
  check_header(path, layout);
  return layout;
}

std::uint32_t add_fits_sums(std::uint32_t a, std::uint32_t b) noexcept {
  const std::uint64_t sum = std::uint64_t{a} + b;
  return static_cast<std::uint32_t>((sum & 0xffffffffU) + (sum >> 32));
}

std::uint32_t fits_sum(std::span<const std::byte> bytes, std::int64_t offset) noexcept {
  std::uint64_t sum = 0;  // 2^32 words fit before it overflows
  const auto add = [&](std::size_t i) {
    sum += std::to_integer<std::uint64_t>(bytes[i]) << (24 - 8 * ((offset + static_cast<std::int64_t>(i)) % 4));
  };
  std::size_t i = 0;
  // Rows need not begin at a word of four bytes: the place in the data tells which byte of its word each one is. So sums of
  // blocks add up, whoever made them and in whatever order.
  for (; i < bytes.size() && (offset + static_cast<std::int64_t>(i)) % 4 != 0; ++i) add(i);
  for (; i + 4 <= bytes.size(); i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    // Carries are added at the end: ones'-complement addition does not mind when.
    sum += __builtin_bswap32(word);
  }
  for (; i < bytes.size(); ++i) add(i);
  while (sum >> 32) sum = (sum & 0xffffffffU) + (sum >> 32);
  return static_cast<std::uint32_t>(sum);
}

FitsRowWriter::FitsRowWriter(const std::string& path, FitsLayout layout) : layout_(std::move(layout)), file_(path) {}

/// A part of the data, and where it stands in the buffer of rows.
struct FitsExtent {
  std::int64_t offset = 0;  ///< after the start of the data
  std::size_t at = 0, bytes = 0;
};

std::vector<FitsExtent> FitsRowWriter::extents(std::int64_t first_row, std::int64_t rows) const {
  if (layout_.order == FitsOrder::rows)
    return {{first_row * layout_.row_bytes, 0, static_cast<std::size_t>(rows) * static_cast<std::size_t>(layout_.row_bytes)}};
  std::vector<FitsExtent> extents;
  std::int64_t column_begin = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < layout_.schema.size(); ++i) {
    const auto bytes = static_cast<std::int64_t>(bytes_in_file(layout_.schema[i], layout_.texts[i]));
    extents.push_back({column_begin + first_row * bytes, at, static_cast<std::size_t>(rows * bytes)});
    column_begin += layout_.rows * bytes;
    at += extents.back().bytes;
  }
  return extents;
}

/// Fills the buffer with rows as they are in the file: one after the other, or column by column.
void FitsRowWriter::encode(std::span<const Table* const> tables) {
  const std::size_t rows = tables.front()->rows(), row_bytes = static_cast<std::size_t>(layout_.row_bytes);
  buffer_.resize(rows * row_bytes);
  std::size_t at = 0;
  for (std::size_t i = 0; i < layout_.schema.size(); ++i) {
    const Column& column = column_of(tables, layout_.schema[i].name);
    const std::size_t bytes = bytes_in_file(layout_.schema[i], layout_.texts[i]);
    const std::size_t stride = layout_.order == FitsOrder::rows ? row_bytes : bytes;
    if (column.info().type == Type::text)
      place_texts(column, layout_.texts[i], buffer_.data() + at, stride);
    else
      place_column(column, buffer_.data() + at, stride);
    at += layout_.order == FitsOrder::rows ? bytes : bytes * rows;
  }
}

std::uint32_t FitsRowWriter::write(std::int64_t first_row, std::span<const Table* const> tables) {
  encode(tables);
  std::uint32_t sum = 0;
  for (const FitsExtent& extent : extents(first_row, static_cast<std::int64_t>(tables.front()->rows()))) {
    const std::span<const std::byte> part = std::span(buffer_).subspan(extent.at, extent.bytes);
    file_.write(layout_.data_start + extent.offset, part);
    sum = add_fits_sums(sum, fits_sum(part, extent.offset));
  }
  return sum;
}

std::vector<std::byte> FitsRowWriter::stored(RowRange rows) {
  std::vector<std::byte> there(static_cast<std::size_t>(rows.size() * layout_.row_bytes));
  for (const FitsExtent& extent : extents(rows.begin, rows.size()))
    if (file_.read_some(layout_.data_start + extent.offset, std::span(there).subspan(extent.at, extent.bytes)) != extent.bytes) return {};
  return there;
}

// Compared as bytes of the file: so a resumed run can tell that the rows of its FITS copy are those of its HDF5 product.
bool FitsRowWriter::holds(std::int64_t first_row, std::span<const Table* const> tables) {
  encode(tables);
  return stored({first_row, first_row + static_cast<std::int64_t>(tables.front()->rows())}) == buffer_;
}

std::uint32_t fits_data_sum(const std::string& path, const FitsLayout& layout) {
  const File file = File::for_reading(path);
  std::vector<std::byte> buffer(1 << 20);
  std::uint32_t sum = 0;
  for (std::int64_t at = 0, end = layout.rows * layout.row_bytes; at < end; at += std::ssize(buffer)) {
    const auto block = std::span(buffer).first(static_cast<std::size_t>(std::min(std::ssize(buffer), end - at)));
    file.read(layout.data_start + at, block);
    sum = add_fits_sums(sum, fits_sum(block, at));
  }
  return sum;
}

void finish_fits(const std::string& path, const FitsLayout& layout, std::uint32_t data_sum) {
  File file = File::for_update(path);
  std::string header(static_cast<std::size_t>(layout.data_start), '\0');
  file.read(0, std::as_writable_bytes(std::span(header)));
  fill_in_sums(header, data_sum);
  file.write(0, header);
  const std::int64_t rows_end = layout.data_start + layout.rows * layout.row_bytes;
  const std::string padding(static_cast<std::size_t>((fits_block - rows_end % fits_block) % fits_block), '\0');
  file.write(rows_end, padding);  // whatever became of it meanwhile
  file.resize(rows_end + std::ssize(padding));
  file.sync();
  file.close();
}

}  // namespace skyfold
