// FITS tables as inputs: their rows, decoded in blocks that fit the cache (source_fits_table.cpp says which table of a file is meant).
// Headers are read by our own parser, which believes no size that the file does not have.
#include "source_fits.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_fits_columns.hpp"
#include "source_fits_table.hpp"

namespace skyfold {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;  // rows decoded at a time: they stay in the processor's cache

class FitsSource final : public Source {
 public:
  explicit FitsSource(const FitsTable& table) : file_(table.file) {
    const FitsHeader& header = table.header;
    row_bytes_ = header.count("NAXIS1");
    rows_ = header.count("NAXIS2");
    data_begin_ = header.data_begin();
    check_size();
    columns_ = fits_columns(path(), header, row_bytes_, left_out_);
    for (const FitsColumn& column : columns_) schema_.push_back(column.info);
  }

  const std::string& path() const noexcept override { return file_->path(); }
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
      file_->read_at(data_begin_ + first * row_bytes_, bytes);
      // Column by column within a block: the rows are in the cache, so the file is read once for all columns.
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
    const std::int64_t there = std::max<std::int64_t>(0, file_->size() - data_begin_);
    if (row_bytes_ == 0 && rows_ > 0) throw DataError(fmt::format("{}: rows have no bytes (NAXIS1 = 0)", path()));
    // Divided, not multiplied: an announced number of rows may overflow anything.
    if (rows_ == 0 || rows_ <= there / row_bytes_) return;
    throw IoError(fmt::format("{}: announces {} rows but holds {} (truncated?)", path(), grouped(rows_), grouped(there / row_bytes_)));
  }

  std::shared_ptr<const InputFile> file_;
  std::int64_t row_bytes_ = 0, rows_ = 0, data_begin_ = 0;
  std::vector<FitsColumn> columns_;
  std::vector<LeftOut> left_out_;
  Schema schema_;
};

}  // namespace

std::unique_ptr<Source> open_fits_source(const std::string& path, const std::string& hdu) {
  return std::make_unique<FitsSource>(open_fits_table(path, hdu));
}

std::unique_ptr<Source> open_fits_table_at(const std::shared_ptr<const InputFile>& file, const FitsHeader& header) {
  return std::make_unique<FitsSource>(FitsTable{file, header});
}

std::unique_ptr<Source> open_plain_fits(const std::shared_ptr<const InputFile>& copy) {
  constexpr std::int64_t behind_primary = 2880;
  return std::make_unique<FitsSource>(FitsTable{copy, FitsHeader(*copy, behind_primary)});
}

}  // namespace skyfold
