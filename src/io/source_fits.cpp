// FITS tables as inputs: which table of a file is meant, and its rows, decoded in blocks that fit the cache. Headers are read by
// our own parser, which believes no size that the file does not have.
#include "source_fits.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/known_columns.hpp"
#include "source_convert.hpp"
#include "source_fits_columns.hpp"
#include "source_notes.hpp"

namespace skyfold {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;  // rows decoded at a time: they stay in the processor's cache

bool is_table(const FitsHeader& header) {
  const std::string kind(trim(header.text("XTENSION").value_or("")));
  return kind == "BINTABLE" || kind == "TABLE" || kind == "A3DTABLE";
}

bool has_name(const FitsHeader& header, const std::string& name) {
  return lower(trim(header.text("EXTNAME").value_or(""))) == lower(trim(name));
}

[[noreturn]] void throw_no_table(const std::string& path, const std::string& hdu, std::int64_t hdus) {
  if (hdu.empty()) throw DataError(fmt::format("{}: has no table extension (it has {} HDUs)", path, hdus));
  throw DataError(fmt::format("{}: has no table extension '{}' (input.hdu) among its {} HDUs", path, hdu, hdus));
}

/// A table of the file, and which HDU it is.
struct FoundTable {
  FitsHeader header;
  std::int64_t hdu = 0;

  [[nodiscard]] std::string name() const { return std::string(trim(header.text("EXTNAME").value_or(""))); }
  [[nodiscard]] std::int64_t rows() const { return header.count("NAXIS2"); }
  [[nodiscard]] bool is_compressed() const { return header.is_true("ZIMAGE") || header.is_true("ZTABLE"); }
};

/// True when `at` is behind the last HDU: nothing, or padding.
bool is_behind_last(const InputFile& file, std::int64_t at) {
  return file.text_at(at, 1).find_first_not_of(std::string_view(" \0", 2)) == std::string::npos;
}

/// All tables of the file. What is damaged behind a table does not keep that table from being read.
std::vector<FoundTable> tables_of(const InputFile& file, std::int64_t& hdus) {
  std::vector<FoundTable> tables;
  for (std::int64_t at = 0; at < file.size(); ++hdus) {
    try {
      const FitsHeader header(file, at);
      if (is_table(header)) {
        (void)header.count("NAXIS2");
        tables.push_back({header, hdus});
      }
      at = header.end();
    } catch (const Error& error) {
      if (tables.empty()) throw;
      note_once(fmt::format("{} (HDU {} and what follows is not looked at)", error.what(), hdus));
      return tables;
    }
    if (at >= file.size() || is_behind_last(file, at)) at = file.size();
  }
  return tables;
}

bool has_coordinates(const FitsHeader& header) {
  Schema schema;
  for (std::int64_t n = 1; n <= header.integer("TFIELDS").value_or(0); ++n)
    if (const auto name = header.text(fmt::format("TTYPE{}", n))) schema.push_back({std::string(trim(*name))});
  const auto has = [&](const std::vector<std::string>& names) { return !known_column(schema, names).empty(); };
  return (has(known_columns::ra) && has(known_columns::dec)) || (has({"glon"}) && has({"glat"}));
}

/// The table that is meant where the user names none: the objects of an LDAC file (SExtractor's, whose first table holds the
/// header of the image; one of each chip: the largest); else of those with coordinates the one with most rows; else the first with rows.
const FoundTable& best_table(const std::vector<FoundTable>& tables) {
  const auto first_with = [&](const auto& is_right) { return std::find_if(tables.begin(), tables.end(), is_right); };
  const auto is_usable = [](const FoundTable& table) { return table.rows() > 0 && !table.is_compressed(); };
  const auto largest_with = [&](const auto& is_right) {
    const FoundTable* largest = nullptr;
    for (const FoundTable& table : tables)
      if (is_usable(table) && is_right(table) && (!largest || table.rows() > largest->rows())) largest = &table;
    return largest;
  };
  if (const FoundTable* ldac = largest_with([](const FoundTable& table) { return table.name() == "LDAC_OBJECTS"; })) return *ldac;
  if (const FoundTable* objects = largest_with([](const FoundTable& table) { return has_coordinates(table.header); })) return *objects;
  for (const auto& found : {first_with(is_usable), first_with([](const FoundTable& table) { return table.rows() > 0; })})
    if (found != tables.end()) return *found;
  return tables.front();
}

/// The header of the table that is wanted: by number, by name, or the best.
FitsHeader find_table(const InputFile& file, const std::string& hdu) {
  std::int64_t hdus = 0;
  const std::vector<FoundTable> tables = tables_of(file, hdus);
  const std::optional<long long> number = parse_integer(hdu);
  for (const FoundTable& table : tables)
    if (!hdu.empty() && (number ? *number == table.hdu : has_name(table.header, hdu))) return table.header;
  if (!hdu.empty() || tables.empty()) throw_no_table(file.path(), hdu, hdus);
  const FoundTable& best = best_table(tables);
  if (tables.size() > 1)
    note_once(fmt::format("{}: has {} tables, of which HDU {}{} with {} rows is taken (--input.hdu chooses another)", file.path(),
                          tables.size(), best.hdu, best.name().empty() ? "" : fmt::format(" ({})", best.name()), grouped(best.rows())));
  return best.header;
}

class FitsSource final : public Source {
 public:
  FitsSource(const std::string& path, const std::string& hdu) : file_(path) {
    const FitsHeader header = find_table(file_, hdu);
    if (header.is_true("ZIMAGE") || header.is_true("ZTABLE"))
      throw IoError(fmt::format("{}: is tile-compressed (decompress it first with funpack)", path));
    row_bytes_ = header.count("NAXIS1");
    rows_ = header.count("NAXIS2");
    data_begin_ = header.data_begin();
    check_size();
    columns_ = fits_columns(path, header, row_bytes_, left_out_);
    for (const FitsColumn& column : columns_) schema_.push_back(column.info);
  }

  const std::string& path() const noexcept override { return file_.path(); }
  const Schema& schema() const noexcept override { return schema_; }
  const std::vector<LeftOut>& left_out() const noexcept override { return left_out_; }
  std::int64_t rows() const noexcept override { return rows_; }
  std::vector<Piece> pieces(std::int64_t rows) const override { return even_pieces(rows_, rows); }

  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override {
    const std::vector<std::size_t> matched = match_columns(*this, out);
    for (std::size_t i = 0; i < matched.size(); ++i) check_widening(path(), schema_[matched[i]], out[i].info());
    out.resize(static_cast<std::size_t>(piece.rows));
    if (piece.rows == 0) return;
    const auto row_bytes = static_cast<std::size_t>(row_bytes_);
    const std::size_t rows = static_cast<std::size_t>(piece.rows), step = std::max<std::size_t>(1, block_bytes / row_bytes);
    AlignedVector<char> block(std::min(step, rows) * row_bytes);
    AlignedVector<std::byte> decoded;
    for (std::size_t begin = 0; begin < rows; begin += step) {
      const std::size_t count = std::min(step, rows - begin);
      const std::int64_t first = piece.first_row + static_cast<std::int64_t>(begin);
      const std::span<char> bytes(block.data(), count * row_bytes);
      file_.read_at(data_begin_ + first * row_bytes_, bytes);
      for (std::size_t i = 0; i < matched.size(); ++i) read_column(columns_[matched[i]], bytes, first, begin, out[i], decoded, bad);
    }
  }

 private:
  void read_column(const FitsColumn& column, std::span<const char> rows, std::int64_t first, std::size_t begin, Column& to,
                   AlignedVector<std::byte>& decoded, std::vector<BadCell>& bad) const {
    const auto row_bytes = static_cast<std::size_t>(row_bytes_);
    const std::size_t count = rows.size() / row_bytes, to_bytes = to.info().bytes_per_row();
    const std::span<std::byte> place = to.bytes().subspan(begin * to_bytes, count * to_bytes);
    // Straight into the output, without a copy, in the usual case.
    if (same_layout(column.info, to.info())) return decode_fits(column, rows, row_bytes, first, place, bad);
    decoded.resize(count * column.info.bytes_per_row());
    decode_fits(column, rows, row_bytes, first, decoded, bad);
    widen(column.info, to.info(), first, decoded, place, bad);
  }

  void check_size() const {
    const std::int64_t there = std::max<std::int64_t>(0, file_.size() - data_begin_);
    if (row_bytes_ == 0 && rows_ > 0) throw DataError(fmt::format("{}: rows have no bytes (NAXIS1 = 0)", path()));
    // Divided, not multiplied: an announced number of rows may overflow anything.
    if (rows_ == 0 || rows_ <= there / row_bytes_) return;
    throw IoError(fmt::format("{}: announces {} rows but holds {} (truncated?)", path(), grouped(rows_), grouped(there / row_bytes_)));
  }

  InputFile file_;
  std::int64_t row_bytes_ = 0, rows_ = 0, data_begin_ = 0;
  std::vector<FitsColumn> columns_;
  std::vector<LeftOut> left_out_;
  Schema schema_;
};

}  // namespace

std::unique_ptr<Source> open_fits_source(const std::string& path, const std::string& hdu) {
  return std::make_unique<FitsSource>(path, hdu);
}

}  // namespace skyfold
