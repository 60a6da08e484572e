// FITS tables in the form that an input had: its cards are kept as they were, and columns are encoded by what the header of the new file
// says, as readers will understand it.
#include "skyfold/io/fits_original.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_product.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/io/row_numbers.hpp"
#include "source_fits_columns.hpp"
#include "source_fits_header.hpp"
#include "source_fits_table.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t fits_block = 2880, card_size = 80;
constexpr std::int64_t padding_rows = 4096;  // that are looked at
constexpr std::string_view padding_mark = "#blanks ", converted_mark = "#converted ", name_mark = "#column ";

/// A card about a column: TTYPE12 is TTYPE of column 12.
struct ColumnCard {
  std::string key;
  std::int64_t number = 0;
};
std::optional<ColumnCard> column_card(std::string_view card) {
  const std::string key(trim(card.substr(0, std::min<std::size_t>(card.size(), 8))));
  const std::size_t digits = key.find_first_of("0123456789");
  if (!key.starts_with('T') || digits == std::string::npos || digits < 2) return std::nullopt;
  const std::optional<long long> number = parse_integer(std::string_view(key).substr(digits));
  return number && *number >= 1 ? std::optional(ColumnCard{key.substr(0, digits), *number}) : std::nullopt;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string card(const std::string& key, const std::string& value) { return fmt::format("{:<8}= {:>20}", key, value); }
std::string text_card(const std::string& key, const std::string& value) { return fmt::format("{:<8}= '{:<8}'", key, value); }

/// Numbers (from 1) of text columns that are padded with blanks, by the rows at the beginning.
std::string padding_of(const FitsTable& table, const std::vector<FitsColumn>& columns) {
  const std::int64_t row_bytes = table.header.count("NAXIS1"), rows = std::min(table.header.count("NAXIS2"), padding_rows);
  std::vector<char> bytes(static_cast<std::size_t>(row_bytes * rows));
  table.file->read_at(table.header.data_begin(), bytes);
  std::string lines;
  for (const FitsColumn& column : columns) {
    if (column.form != FitsForm::text) continue;
    bool is_blank = false;
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows) && !is_blank; ++row)
      is_blank = bytes[row * static_cast<std::size_t>(row_bytes) + column.offset + column.bytes - 1] == ' ';
    if (is_blank) lines += fmt::format("{}{}\n", padding_mark, column.info.source);
  }
  return lines;
}

/// The cards of the table's header as they stand, without the blanks behind them.
std::vector<std::string> header_cards(const FitsTable& table) {
  const std::int64_t end = table.header.data_begin();
  std::string header;
  std::size_t begin = std::string::npos;
  // Data of other tables may lie before it.
  for (std::int64_t bytes = 16 * fits_block; begin == std::string::npos; bytes *= 4) {
    header = table.file->text_at(std::max<std::int64_t>(0, end - bytes), std::min(bytes, end));
    begin = header.rfind("XTENSION= 'BINTABLE'");
    if (bytes >= end) break;
  }
  std::vector<std::string> cards;
  for (std::size_t at = begin; begin != std::string::npos && at + card_size <= header.size(); at += card_size) {
    const std::string_view line = std::string_view(header).substr(at, card_size);
    cards.emplace_back(line.substr(0, line.find_last_not_of(' ') + 1));
  }
  return cards;
}

/// What was kept of a table.
struct Form {
  std::vector<std::string> cards;                              ///< of the table as a whole
  std::map<std::int64_t, std::vector<std::string>> of_column;  ///< by number, in order
  std::map<std::string, std::int64_t> number;                  ///< of a column, by name
  std::vector<std::string> blanks, converted;                  ///< names of columns

  explicit Form(const std::string& text) {
    for (const std::string_view line : lines_of(text)) {
      if (line.starts_with(padding_mark))
        blanks.emplace_back(line.substr(padding_mark.size()));
      else if (line.starts_with(converted_mark))
        converted.emplace_back(line.substr(converted_mark.size()));
      else if (line.starts_with(name_mark))
        number.try_emplace(std::string(line.substr(name_mark.size())), std::ssize(number) + 1);
      else if (const auto about = column_card(line))
        add(*about, line);
      else
        cards.emplace_back(line);
    }
  }

 private:
  void add(const ColumnCard& about, std::string_view line) {
    of_column[about.number].emplace_back(line);
    if (about.key != "TTYPE") return;
    const std::size_t begin = line.find('\''), end = line.find('\'', begin + 1);
    if (begin != std::string_view::npos && end != std::string_view::npos)
      number.try_emplace(std::string(trim(line.substr(begin + 1, end - begin - 1))), about.number);
  }
};

bool is_whole(Type type) { return type == Type::i4 || type == Type::i8 || type == Type::u1; }
bool is_whole(FitsForm form) { return form == FitsForm::u1 || form == FitsForm::i2 || form == FitsForm::i4 || form == FitsForm::i8; }

/// Why a column of a catalogue cannot be written in the form that it had; "" if it can.
std::string obstacle(const FitsColumn& form, const ColumnInfo& column) {
  const Type type = column.type;
  if (column.width != form.info.width) return "it has another length now";
  if (form.is_encoded) return "its texts are encoded";
  const bool is_real = form.form == FitsForm::f4 || form.form == FitsForm::f8;
  if (is_real && form.scaled) return "it is a scaled column of real numbers";
  if (is_real && (type == Type::f4 || type == Type::f8)) return "";
  if (form.form == FitsForm::text && type == Type::text) return "";
  if ((form.form == FitsForm::logical || form.form == FitsForm::bit) && type == Type::u1) return "";
  if (is_whole(form.form) && (form.scaled ? type == Type::f8 : is_whole(type))) return "";
  return fmt::format("its values are {} now", name_of(type));
}

/// Cards of a column that has the form of its type.
std::vector<std::string> usual_cards(const ColumnInfo& column, const std::string& name) {
  constexpr char codes[] = {'E', 'D', 'J', 'K', 'B', 'A'};
  std::vector<std::string> cards = {text_card("TTYPE1", name),
                                    text_card("TFORM1", fmt::format("{}{}", column.width, codes[static_cast<std::size_t>(column.type)]))};
  if (!column.unit.empty() && column.unit.size() < 60 && column.unit.find('\'') == std::string::npos)
    cards.push_back(text_card("TUNIT1", column.unit));
  if (column.null && is_whole(column.type)) cards.push_back(card("TNULL1", std::to_string(*column.null)));
  return cards;
}

/// The same card for another number of its column.
std::string renumbered(const std::string& line, std::int64_t number) {
  const std::string key = column_card(line)->key + std::to_string(number);
  return fmt::format("{:<8}{}", key, line.size() > 8 ? line.substr(8) : "");
}

std::string padded_cards(const std::vector<std::string>& cards) {
  std::string header;
  for (const std::string& line : cards) header += fmt::format("{:<80.80}", line);
  header += fmt::format("{:<80}", "END");
  header.resize((header.size() + fits_block - 1) / fits_block * fits_block, ' ');
  return header;
}

std::string primary_header() { return padded_cards({card("SIMPLE", "T"), card("BITPIX", "8"), card("NAXIS", "0"), card("EXTEND", "T")}); }

/// The header of the table; NAXIS1 stands there as what its columns add up to.
std::string table_header(const std::vector<std::string>& column_cards, std::size_t columns, std::int64_t row_bytes, std::int64_t rows,
                         const std::vector<std::string>& more, const std::string& creator) {
  std::vector<std::string> cards = {
      text_card("XTENSION", "BINTABLE"),    card("BITPIX", "8"), card("NAXIS", "2"),  card("NAXIS1", std::to_string(row_bytes)),
      card("NAXIS2", std::to_string(rows)), card("PCOUNT", "0"), card("GCOUNT", "1"), card("TFIELDS", std::to_string(columns))};
  cards.insert(cards.end(), column_cards.begin(), column_cards.end());
  cards.insert(cards.end(), more.begin(), more.end());
  cards.push_back("HISTORY " + creator);
  return padded_cards(cards);
}

/// Writes a header and reads it as readers will.
std::vector<FitsColumn> columns_in(const std::string& path) {
  const InputFile input(path);
  const FitsHeader header(input, fits_block);
  std::vector<LeftOut> ignored;
  return fits_columns(path, header, header.count("NAXIS1"), ignored);
}

template <class Word>
void put_big_endian(Word word, std::byte* to) {
  for (std::size_t i = 0; i < sizeof word; ++i) to[i] = static_cast<std::byte>(word >> (8 * (sizeof word - 1 - i)));
}
void put_integer(std::int64_t value, std::size_t size, std::byte* to) {
  for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * (size - 1 - i)));
}

std::size_t size_of_form(FitsForm form) {
  if (form == FitsForm::i2) return 2;
  if (form == FitsForm::i4 || form == FitsForm::f4) return 4;
  return form == FitsForm::i8 || form == FitsForm::f8 ? 8 : 1;
}

/// Encodes the cells of one column.
class CellEncoder {
 public:
  CellEncoder(const FitsColumn& form, const Column& column, bool has_blanks) : form_(form), column_(column), has_blanks_(has_blanks) {}

  void encode(std::size_t row, std::byte* to) const {
    const std::size_t width = column_.info().width;
    if (form_.form == FitsForm::text) return encode_text(row, to);
    if (form_.form == FitsForm::bit) {
      for (std::size_t k = 0; k < width; ++k)
        if (column_.values<std::uint8_t>()[row * width + k] != 0) to[k / 8] |= std::byte(0x80U >> (k % 8));
      return;
    }
    const std::size_t size = size_of_form(form_.form);
    for (std::size_t k = 0; k < width; ++k, to += size) {
      const std::size_t at = row * width + k;
      if (form_.form == FitsForm::f4)
        put_big_endian(single(at), to);
      else if (form_.form == FitsForm::f8)
        put_big_endian(std::bit_cast<std::uint64_t>(column_.info().type == Type::f8 ? column_.values<double>()[at]
                                                                                    : static_cast<double>(column_.values<float>()[at])),
                       to);
      else if (form_.form == FitsForm::logical)
        *to = logical(column_.values<std::uint8_t>()[at]);
      else
        put_integer(form_.scaled ? unscaled(column_.values<double>()[at]) : whole(column_.integer(row, k)), size, to);
    }
  }

 private:
  [[noreturn]] void refuse(double value) const {
    throw DataError(fmt::format("column {}: {} cannot be written as it was in the input", column_.info().name, shortest(value)));
  }
  void encode_text(std::size_t row, std::byte* to) const {
    const std::string_view text = column_.text(row);
    std::memcpy(to, text.data(), text.size());
    if (has_blanks_) std::fill(to + text.size(), to + form_.bytes, std::byte{' '});
  }
  [[nodiscard]] std::byte logical(std::uint8_t value) const {
    if (column_.info().null == value) return std::byte{0};
    return value == 1 ? std::byte{'T'} : std::byte{'F'};
  }
  [[nodiscard]] std::uint32_t single(std::size_t at) const {
    if (column_.info().type == Type::f4) return std::bit_cast<std::uint32_t>(column_.values<float>()[at]);
    const double value = column_.values<double>()[at];
    const auto narrow = static_cast<float>(value);
    if (!std::isnan(value) && static_cast<double>(narrow) != value) refuse(value);
    return std::bit_cast<std::uint32_t>(narrow);
  }
  [[nodiscard]] std::int64_t whole(std::int64_t value) const {
    if (form_.null && column_.info().null == value) return *form_.null;
    const std::size_t size = size_of_form(form_.form);
    const auto stored = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) - form_.bias);
    const bool fits =
        size == 8 || (size == 1 ? stored >= 0 && stored <= 255
                                : stored >= -(std::int64_t{1} << (8 * size - 1)) && stored < (std::int64_t{1} << (8 * size - 1)));
    if (!fits) refuse(static_cast<double>(value));
    return stored;
  }
  /// The stored number from which a scaled value was made.
  [[nodiscard]] std::int64_t unscaled(double value) const {
    if (std::isnan(value) && form_.null) return *form_.null;
    const double stored = std::nearbyint((value - form_.zero) / form_.scale);
    if (!(std::abs(stored) < 9e15) || form_.zero + form_.scale * stored != value) refuse(value);
    return static_cast<std::int64_t>(stored);
  }

  const FitsColumn& form_;
  const Column& column_;
  bool has_blanks_;
};

}  // namespace

std::string original_form(const std::string& path, const SourceOptions& o) {
  // Of packed files and selections other bytes are read than those of the file.
  if ((o.format != "auto" && o.format != "fits") || !fs::exists(path) || InputFile(path).text_at(0, 9) != "SIMPLE  =") return "";
  const FitsTable table = open_fits_table(path, o.hdu);
  if (table.file->path() != path || table.header.text("XTENSION") != "BINTABLE") return "";
  std::vector<LeftOut> ignored;
  const std::vector<FitsColumn> columns = fits_columns(path, table.header, table.header.count("NAXIS1"), ignored);
  std::string form;
  for (const std::string& line : header_cards(table))
    if (column_card(line) || line.starts_with("EXTNAME ")) form += line + "\n";
  return form + padding_of(table, columns);
}

std::string form_of_names(const Schema& schema) {
  std::string form;
  for (const ColumnInfo& column : schema) form += fmt::format("{}{}\n", name_mark, column.name);
  return form;
}

std::string with_converted_column(std::string form, const std::string& column) {
  return form + fmt::format("{}{}\n", converted_mark, column);
}

namespace {

/// A column of the new table, and its cards.
struct PlannedColumn {
  ColumnInfo info;
  std::vector<std::string> cards;
  bool is_original = false;
};

/// Numbers in the form, and places in the schema.
std::vector<std::pair<std::int64_t, std::size_t>> order_of(const Form& form, const Schema& schema) {
  std::vector<std::pair<std::int64_t, std::size_t>> order;
  for (std::size_t c = 0; c < schema.size(); ++c) {
    // What import has made is in no input.
    if (schema[c].source.empty() || schema[c].name == source_row_column) continue;
    const auto number = form.number.find(schema[c].source);
    order.emplace_back(number == form.number.end() ? std::numeric_limits<std::int64_t>::max() : number->second, c);
  }
  std::ranges::sort(order);
  return order;
}

std::vector<PlannedColumn> planned_columns(const Form& form, const Schema& schema, std::vector<std::string>& remarks) {
  std::vector<PlannedColumn> planned;
  for (const auto& [number, c] : order_of(form, schema)) {
    const ColumnInfo& info = schema[c];
    const bool is_converted = std::ranges::find(form.converted, info.source) != form.converted.end();
    const bool is_known = form.of_column.contains(number) && !is_converted;
    planned.push_back({info, is_known ? form.of_column.at(number) : usual_cards(info, info.source), is_known});
    if (is_converted) remarks.push_back(fmt::format("column {} is in {}: import has converted it", info.source, info.unit));
  }
  return planned;
}

void write_header(const std::string& path, const std::vector<PlannedColumn>& columns, std::int64_t row_bytes, std::int64_t rows,
                  const Form& form, const std::string& creator) {
  std::vector<std::string> cards;
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (const std::string& line : columns[c].cards) cards.push_back(renumbered(line, static_cast<std::int64_t>(c) + 1));
  const std::string header = primary_header() + table_header(cards, columns.size(), row_bytes, rows, form.cards, creator);
  File file = File::created(path);
  file.write(0, header);
  // A full disk is told before the run, not after it.
  if (rows > 0) file.reserve(std::ssize(header), (rows * row_bytes + fits_block - 1) / fits_block * fits_block);
  file.close();
}

}  // namespace

Schema original_columns(const std::string& form, const Schema& schema) {
  Schema columns;
  for (const auto& [number, c] : order_of(Form(form), schema)) columns.push_back(schema[c]);
  return columns;
}

std::vector<std::string> create_original_fits(const std::string& path, const std::string& form_text, const Schema& schema,
                                              std::int64_t rows, const std::string& creator) {
  const Form form(form_text);
  std::vector<std::string> remarks;
  std::vector<PlannedColumn> planned = planned_columns(form, schema, remarks);
  if (planned.empty()) throw DataError(fmt::format("{}: no column comes from an input", path));
  // Whatever its rows hold: this header is read for its columns alone.
  constexpr std::int64_t any_bytes = std::int64_t{1} << 40;
  write_header(path, planned, any_bytes, 0, form, creator);
  const std::vector<FitsColumn> before = columns_in(path);
  if (before.size() != planned.size()) throw DataError(fmt::format("{}: the form of the input's columns is damaged", path));
  for (std::size_t c = 0; c < planned.size(); ++c) {
    const std::string reason = obstacle(before[c], planned[c].info);
    if (!planned[c].is_original || reason.empty()) continue;
    planned[c].cards = usual_cards(planned[c].info, planned[c].info.source);
    remarks.push_back(fmt::format("column {} has not the form of the input: {}", planned[c].info.source, reason));
  }
  write_header(path, planned, any_bytes, 0, form, creator);
  const std::vector<FitsColumn> columns = columns_in(path);
  write_header(path, planned, static_cast<std::int64_t>(columns.back().offset + columns.back().bytes), rows, form, creator);
  return remarks;
}

struct OriginalFitsWriter::Impl {
  Impl(const std::string& path, const std::string& form_text) : columns(columns_in(path)), file(path), blanks(Form(form_text).blanks) {
    const InputFile input(path);
    const FitsHeader header(input, fits_block);
    row_bytes = header.count("NAXIS1");
    data_begin = header.data_begin();
  }
  std::vector<FitsColumn> columns;
  SharedFile file;
  std::vector<std::string> blanks;
  std::int64_t row_bytes = 0, data_begin = 0;
  std::vector<std::byte> bytes;
};

OriginalFitsWriter::OriginalFitsWriter(const std::string& path, const std::string& form, const Schema& columns)
    : impl_(std::make_unique<Impl>(path, form)) {
  if (impl_->columns.size() != columns.size()) throw IoError(path + ": its FITS header is not as it was made (start over with --fresh)");
}
OriginalFitsWriter::~OriginalFitsWriter() = default;

std::int64_t OriginalFitsWriter::write(const Table& rows, std::span<const std::int64_t> places, std::span<const std::size_t> order) {
  const auto stride = static_cast<std::size_t>(impl_->row_bytes);
  impl_->bytes.assign(stride * order.size(), std::byte{0});
  for (std::size_t c = 0; c < impl_->columns.size(); ++c) {
    const FitsColumn& form = impl_->columns[c];
    const bool has_blanks = std::ranges::find(impl_->blanks, rows[c].info().source) != impl_->blanks.end();
    const CellEncoder encoder(form, rows[c], has_blanks);
    for (std::size_t i = 0; i < order.size(); ++i) encoder.encode(order[i], impl_->bytes.data() + i * stride + form.offset);
  }
  // Neighbours of the input often are neighbours here: each run of them is one write.
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    for (end = begin + 1; end < places.size() && places[end] == places[end - 1] + 1;) ++end;
    impl_->file.write(impl_->data_begin + places[begin] * impl_->row_bytes,
                      std::span(impl_->bytes).subspan(begin * stride, (end - begin) * stride));
  }
  return std::ssize(impl_->bytes);
}

void OriginalFitsWriter::sync() { impl_->file.sync(); }

}  // namespace skyfold
