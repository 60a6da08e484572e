// Maps as healsparse reads them (LSSTDESC/healsparse, io_map_fits.py): HDU COV has for each coarse pixel the number that is added to a fine
// pixel's own to give its row in HDU SPARSE, whose first rows, of one coarse pixel, stand for all that is not covered.
#include "skyfold/io/healsparse_map.hpp"

#include <cmath>
#include <cstring>

#include "fits_cards.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

constexpr double unseen = -1.6375e30;

std::int64_t padded(std::int64_t bytes) {
  constexpr auto block = static_cast<std::int64_t>(FitsCards::block_bytes);
  return (bytes + block - 1) / block * block;
}

std::int64_t row_bytes_of(const HealsparseLayout& layout) { return std::ssize(layout.columns) * 8; }
std::int64_t rows_of(const HealsparseLayout& layout) { return (std::ssize(layout.covered) + 1) * layout.fine(); }

void put_big_endian(std::uint64_t bits, char* out) {
  bits = __builtin_bswap64(bits);
  std::memcpy(out, &bits, sizeof bits);
}

std::string coverage_of(const HealsparseLayout& layout) {
  FitsCards cards;
  cards.truth("SIMPLE", true, "conforms to the FITS standard");
  cards.number("BITPIX", 64, "array data type");
  cards.number("NAXIS", 1, "number of array dimensions");
  cards.number("NAXIS1", pixel_count(layout.coverage_order), "coarse pixels");
  cards.truth("EXTEND", true, "there are extensions");
  cards.text("EXTNAME", "COV", "row of a fine pixel minus its number");
  cards.text("PIXTYPE", "HEALSPARSE", "layout of healsparse");
  cards.number("NSIDE", std::int64_t{1} << layout.coverage_order, "of the coarse pixels");
  std::string text = std::move(cards).finished();
  const auto begin = static_cast<std::int64_t>(text.size());
  text.resize(static_cast<std::size_t>(begin + padded(pixel_count(layout.coverage_order) * 8)), '\0');
  std::size_t next = 0;
  for (std::int64_t pixel = 0; pixel < pixel_count(layout.coverage_order); ++pixel) {
    const bool is_covered = next < layout.covered.size() && layout.covered[next] == pixel;
    // Block 0 is that of what is not covered.
    const std::int64_t block = is_covered ? static_cast<std::int64_t>(++next) : 0;
    put_big_endian(static_cast<std::uint64_t>((block - pixel) * layout.fine()), text.data() + begin + pixel * 8);
  }
  return text;
}

std::string table_header_of(const HealsparseLayout& layout) {
  FitsCards cards;
  cards.text("XTENSION", "BINTABLE", "binary table extension");
  cards.number("BITPIX", 8, "array data type");
  cards.number("NAXIS", 2, "number of array dimensions");
  cards.number("NAXIS1", row_bytes_of(layout), "bytes of a row");
  cards.number("NAXIS2", rows_of(layout), "rows");
  cards.number("PCOUNT", 0, "no heap");
  cards.number("GCOUNT", 1, "one group");
  cards.number("TFIELDS", std::ssize(layout.columns), "columns");
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    cards.text(fmt::format("TTYPE{}", i + 1), layout.columns[i].name, "");
    cards.text(fmt::format("TFORM{}", i + 1), "1D", "");
    if (!layout.columns[i].unit.empty()) cards.text(fmt::format("TUNIT{}", i + 1), fits_unit(layout.columns[i].unit), "");
  }
  cards.text("EXTNAME", "SPARSE", "fine pixels of covered coarse ones");
  cards.text("PIXTYPE", "HEALSPARSE", "layout of healsparse");
  cards.number("NSIDE", std::int64_t{1} << layout.order, "of the fine pixels, NESTED");
  cards.text("PRIMARY", layout.columns.front().name, "column that tells which pixels are there");
  cards.real("SENTINEL", unseen, "value of pixels without data");
  if (!layout.creator.empty()) cards.text("CREATOR", layout.creator, "what made the map");
  return std::move(cards).finished();
}

}  // namespace

HealsparseWriter::HealsparseWriter(const std::string& path, HealsparseLayout layout)
    : layout_(std::move(layout)), file_(File::created(path)) {
  const std::string head = coverage_of(layout_) + table_header_of(layout_);
  data_begin_ = std::ssize(head);
  file_.write(0, head);
  file_.reserve(data_begin_, padded(rows_of(layout_) * row_bytes_of(layout_)));
  std::string rows(static_cast<std::size_t>(layout_.fine() * row_bytes_of(layout_)), '\0');
  std::uint64_t bits;
  std::memcpy(&bits, &unseen, sizeof bits);
  for (std::size_t at = 0; at < rows.size(); at += 8) put_big_endian(bits, rows.data() + at);
  file_.write(data_begin_, rows);
}

void HealsparseWriter::write(std::size_t place, std::span<const std::vector<double>> values) {
  const auto fine = static_cast<std::size_t>(layout_.fine());
  std::string rows(fine * static_cast<std::size_t>(row_bytes_of(layout_)), '\0');
  char* out = rows.data();
  for (std::size_t i = 0; i < fine; ++i)
    for (const std::vector<double>& column : values) {
      const double value = std::isnan(column[i]) ? unseen : column[i];
      std::uint64_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      put_big_endian(bits, out);
      out += 8;
    }
  file_.write(data_begin_ + static_cast<std::int64_t>((place + 1) * rows.size()), rows);
}

void HealsparseWriter::finish() {
  file_.sync();
  file_.close();
}

}  // namespace skyfold
