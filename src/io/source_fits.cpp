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
  explicit FitsSource(const FitsTable& table)
      : FitsSource(table.file, fits_table_layout(table.file->path(), table.header), table.header.data_begin(),
                   table.header.count("NAXIS2")) {}
  FitsSource(std::shared_ptr<const InputFile> file, std::shared_ptr<const FitsTableLayout> layout, std::int64_t data_begin,
             std::int64_t rows)
      : file_(std::move(file)), layout_(std::move(layout)), row_bytes_(layout_->row_bytes), rows_(rows), data_begin_(data_begin) {
    check_size();
  }

  const std::string& path() const noexcept override { return file_->path(); }
  const Schema& schema() const noexcept override { return layout_->schema; }
  const std::vector<LeftOut>& left_out() const noexcept override { return layout_->left_out; }
  std::int64_t rows() const noexcept override { return rows_; }
  std::vector<Piece> pieces(std::int64_t rows) const override { return even_pieces(rows_, rows); }

  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override {
    const std::vector<std::size_t> matched = match_columns(*this, out);
    for (std::size_t i = 0; i < matched.size(); ++i) check_widening(path(), schema()[matched[i]], out[i].info());
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
      for (std::size_t i = 0; i < matched.size(); ++i) read_column(layout_->columns[matched[i]], bytes, first, begin, out[i], decoded, bad);
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
  std::shared_ptr<const FitsTableLayout> layout_;
  std::int64_t row_bytes_ = 0, rows_ = 0, data_begin_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_fits_source(const std::string& path, const std::string& hdu) {
  return std::make_unique<FitsSource>(open_fits_table(path, hdu));
}

std::shared_ptr<const FitsTableLayout> fits_table_layout(const std::string& path, const FitsHeader& header) {
  auto layout = std::make_shared<FitsTableLayout>();
  layout->row_bytes = header.count("NAXIS1");
  layout->columns = fits_columns(path, header, layout->row_bytes, layout->left_out);
  for (const FitsColumn& column : layout->columns) layout->schema.push_back(column.info);
  return layout;
}

std::unique_ptr<Source> open_fits_table_at(const std::shared_ptr<const InputFile>& file,
                                           const std::shared_ptr<const FitsTableLayout>& layout, std::int64_t data_begin,
                                           std::int64_t rows) {
  return std::make_unique<FitsSource>(file, layout, data_begin, rows);
}

std::unique_ptr<Source> open_plain_fits(const std::shared_ptr<const InputFile>& copy) {
  constexpr std::int64_t behind_primary = 2880;
  return std::make_unique<FitsSource>(FitsTable{copy, FitsHeader(*copy, behind_primary)});
}

}  // namespace skyfold
