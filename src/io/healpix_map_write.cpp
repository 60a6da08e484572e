// HEALPix maps as healpy and the HEALPix package write them, piece by piece from all ranks. The header is made of cards here: it
// has to be the same bytes on every rank, which then know where the pixels begin.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fits_text.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/healpix_map.hpp"

namespace skyfold {
namespace {

constexpr std::size_t card_bytes = 80, block_bytes = 2880;
constexpr double unseen = -1.6375e30;
constexpr std::int64_t largest_row = 1024;  // pixels, as healpy and the HEALPix package write

std::int64_t pixels_of(const HealpixMapLayout& layout) { return 12 * static_cast<std::int64_t>(layout.nside) * layout.nside; }

/// The pixels of a row divide those of the map.
std::int64_t row_of(const HealpixMapLayout& layout) { return pixels_of(layout) % largest_row == 0 ? largest_row : 12; }

std::int64_t row_bytes_of(const HealpixMapLayout& layout) {
  std::size_t bytes = 0;
  for (const HealpixColumn& column : layout.columns) bytes += size_of(column.type);
  return static_cast<std::int64_t>(bytes) * row_of(layout);
}

/// FITS cards of a header (FITS Standard 4.0, section 4).
class Cards {
 public:
  void text(const std::string& key, const std::string& value, const std::string& comment) {
    std::string quoted;
    for (const char c : cut_to_card(fits_text(value), 60)) quoted += c == '\'' ? std::string("''") : std::string(1, c);
    // Texts of at least eight characters: XTENSION must have them (FITS Standard 4.0, section 4.2.1.1).
    add(fmt::format("{:<8}= {:<20} / {}", key, fmt::format("'{:<8}'", quoted), comment));
  }
  void number(const std::string& key, std::int64_t value, const std::string& comment) {
    add(fmt::format("{:<8}= {:>20} / {}", key, value, comment));
  }
  void real(const std::string& key, double value, const std::string& comment) {
    add(fmt::format("{:<8}= {:>20.5E} / {}", key, value, comment));
  }
  void truth(const std::string& key, bool value, const std::string& comment) {
    add(fmt::format("{:<8}= {:>20} / {}", key, value ? "T" : "F", comment));
  }
  void history(const std::string& text) {
    const std::string line = fits_text(text);
    // History has no form but a card's length: a long line goes on in the next one.
    for (std::size_t at = 0; at < line.size(); at += card_bytes - 8) add("HISTORY " + line.substr(at, card_bytes - 8));
  }
  [[nodiscard]] std::string finished() && {
    add("END");
    text_.resize((text_.size() + block_bytes - 1) / block_bytes * block_bytes, ' ');
    return std::move(text_);
  }

 private:
  void add(const std::string& card) { text_ += fmt::format("{:<80}", card).substr(0, card_bytes); }
  std::string text_;
};

std::string header_of(const HealpixMapLayout& layout) {
  Cards primary;
  primary.truth("SIMPLE", true, "conforms to the FITS standard");
  primary.number("BITPIX", 8, "array data type");
  primary.number("NAXIS", 0, "number of array dimensions");
  primary.truth("EXTEND", true, "there are extensions");
  Cards table;
  table.text("XTENSION", "BINTABLE", "binary table extension");
  table.number("BITPIX", 8, "array data type");
  table.number("NAXIS", 2, "number of array dimensions");
  table.number("NAXIS1", row_bytes_of(layout), "bytes of a row");
  table.number("NAXIS2", pixels_of(layout) / row_of(layout), "rows");
  table.number("PCOUNT", 0, "no heap");
  table.number("GCOUNT", 1, "one group");
  table.number("TFIELDS", std::ssize(layout.columns), "columns");
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const HealpixColumn& column = layout.columns[i];
    table.text(fmt::format("TTYPE{}", i + 1), column.name, "");
    table.text(fmt::format("TFORM{}", i + 1), fmt::format("{}{}", row_of(layout), column.type == Type::f4 ? 'E' : 'D'), "");
    if (!column.unit.empty()) table.text(fmt::format("TUNIT{}", i + 1), fits_unit(column.unit), "");
  }
  table.text("EXTNAME", "MAP", "name of this table");
  table.text("PIXTYPE", "HEALPIX", "HEALPix pixelisation");
  table.text("ORDERING", layout.nested ? "NESTED" : "RING", "numbering of the pixels, RING or NESTED");
  table.number("NSIDE", layout.nside, "resolution parameter");
  table.number("FIRSTPIX", 0, "first pixel, counted from 0");
  table.number("LASTPIX", pixels_of(layout) - 1, "last pixel");
  table.text("INDXSCHM", "IMPLICIT", "indexing, IMPLICIT or EXPLICIT");
  table.text("OBJECT", "FULLSKY", "sky coverage, FULLSKY or PARTIAL");
  // A frame that nobody has told is not made up: healpy's readers take a missing one as unknown.
  if (layout.frame) table.text("COORDSYS", std::string(1, letter_of(*layout.frame)), "G galactic, C equatorial, E ecliptic");
  // U changes its sign between the two conventions, so a map with Q and U must say which one it has.
  const auto is_polarised = [](const HealpixColumn& column) { return upper(column.name).starts_with("Q"); };
  if (std::any_of(layout.columns.begin(), layout.columns.end(), is_polarised))
    table.text("POLCCONV", layout.iau ? "IAU" : "COSMO", "sign of U, COSMO or IAU");
  table.real("BAD_DATA", unseen, "value of pixels without data");
  table.text("DATASUM", "0         ", "data unit checksum");  // room for any; see write_data_sum
  for (const std::string& line : layout.history) table.history(line);
  return std::move(primary).finished() + std::move(table).finished();
}

template <class Float, class Bits>
void place(const std::byte* values, std::int64_t rows, std::int64_t per_row, std::int64_t row_bytes, char* out) {
  for (std::int64_t row = 0; row < rows; ++row, out += row_bytes)
    for (std::int64_t i = 0; i < per_row; ++i, values += sizeof(Float)) {
      Float value;
      std::memcpy(&value, values, sizeof value);
      // The convention of HEALPix; readers of maps do not expect NaN.
      if (std::isnan(value)) value = static_cast<Float>(unseen);
      Bits bits;
      std::memcpy(&bits, &value, sizeof bits);
      if constexpr (sizeof bits == 4)
        bits = __builtin_bswap32(bits);
      else
        bits = __builtin_bswap64(bits);
      std::memcpy(out + static_cast<std::size_t>(i) * sizeof bits, &bits, sizeof bits);
    }
}

}  // namespace

void HealpixMapWriter::create(const std::string& path, const HealpixMapLayout& layout) {
  const std::string header = header_of(layout);
  const std::int64_t data = pixels_of(layout) / row_of(layout) * row_bytes_of(layout);
  const auto padded =
      (data + static_cast<std::int64_t>(block_bytes) - 1) / static_cast<std::int64_t>(block_bytes) * static_cast<std::int64_t>(block_bytes);
  File file = File::created(path);
  file.write(0, header);
  file.reserve(std::ssize(header), padded);
  file.close();
}

HealpixMapWriter::HealpixMapWriter(const std::string& path, HealpixMapLayout layout)
    : layout_(std::move(layout)), data_begin_(std::ssize(header_of(layout_))), file_(File::for_update(path)) {}

std::int64_t HealpixMapWriter::pixels_per_row() const noexcept { return row_of(layout_); }

void HealpixMapWriter::write(RowRange pixels, std::span<const std::byte* const> values) const {
  // Columns of a row follow one another, each with all of its pixels: so every column has its place in the block.
  const std::int64_t per_row = row_of(layout_), row_bytes = row_bytes_of(layout_), rows = pixels.size() / per_row;
  std::string block(static_cast<std::size_t>(rows * row_bytes), '\0');
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < layout_.columns.size(); ++i) {
    char* out = block.data() + offset;
    if (layout_.columns[i].type == Type::f4)
      place<float, std::uint32_t>(values[i], rows, per_row, row_bytes, out);
    else
      place<double, std::uint64_t>(values[i], rows, per_row, row_bytes, out);
    offset += per_row * static_cast<std::int64_t>(size_of(layout_.columns[i].type));
  }
  file_.write(data_begin_ + pixels.begin / per_row * row_bytes, std::as_bytes(std::span(block)));
}

void HealpixMapWriter::sync() const { file_.sync(); }

}  // namespace skyfold
