// HEALPix maps as healpy and the HEALPix package write them, piece by piece from all ranks. The header is made of cards here: it
// has to be the same bytes on every rank, which then know where the pixels begin.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fits_cards.hpp"
#include "fits_text.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/healpix_map.hpp"

namespace skyfold {
namespace {

constexpr std::size_t block_bytes = FitsCards::block_bytes;
constexpr double unseen = -1.6375e30;
constexpr std::int64_t largest_row = 1024;  // pixels, as healpy and the HEALPix package write

std::int64_t pixels_of(const HealpixMapLayout& layout) { return 12 * static_cast<std::int64_t>(layout.nside) * layout.nside; }

/// The pixels of a row divide those of the map; of listed ones each has its row.
std::int64_t row_of(const HealpixMapLayout& layout) {
  if (layout.listed) return 1;
  return pixels_of(layout) % largest_row == 0 ? largest_row : 12;
}
std::int64_t slots_of(const HealpixMapLayout& layout) { return layout.listed.value_or(pixels_of(layout)); }

std::int64_t row_bytes_of(const HealpixMapLayout& layout) {
  std::size_t bytes = layout.listed ? sizeof(std::int64_t) : 0;
  for (const HealpixColumn& column : layout.columns) bytes += size_of(column.type);
  return static_cast<std::int64_t>(bytes) * row_of(layout);
}

std::string header_of(const HealpixMapLayout& layout) {
  FitsCards primary;
  primary.truth("SIMPLE", true, "conforms to the FITS standard");
  primary.number("BITPIX", 8, "array data type");
  primary.number("NAXIS", 0, "number of array dimensions");
  primary.truth("EXTEND", true, "there are extensions");
  FitsCards table;
  table.text("XTENSION", "BINTABLE", "binary table extension");
  table.number("BITPIX", 8, "array data type");
  table.number("NAXIS", 2, "number of array dimensions");
  table.number("NAXIS1", row_bytes_of(layout), "bytes of a row");
  table.number("NAXIS2", slots_of(layout) / row_of(layout), "rows");
  table.number("PCOUNT", 0, "no heap");
  table.number("GCOUNT", 1, "one group");
  const std::size_t first = layout.listed ? 2 : 1;
  table.number("TFIELDS", static_cast<std::int64_t>(layout.columns.size() + first - 1), "columns");
  if (layout.listed) {
    table.text("TTYPE1", "PIXEL", "number of the pixel");
    table.text("TFORM1", "1K", "");
  }
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const HealpixColumn& column = layout.columns[i];
    table.text(fmt::format("TTYPE{}", first + i), column.name, "");
    table.text(fmt::format("TFORM{}", first + i), fmt::format("{}{}", row_of(layout), column.type == Type::f4 ? 'E' : 'D'), "");
    if (!column.unit.empty()) table.text(fmt::format("TUNIT{}", first + i), fits_unit(column.unit), "");
  }
  table.text("EXTNAME", "MAP", "name of this table");
  table.text("PIXTYPE", "HEALPIX", "HEALPix pixelisation");
  table.text("ORDERING", layout.nested ? "NESTED" : "RING", "numbering of the pixels, RING or NESTED");
  table.number("NSIDE", layout.nside, "resolution parameter");
  if (layout.listed) {
    table.number("OBS_NPIX", *layout.listed, "pixels in the table");
    table.text("INDXSCHM", "EXPLICIT", "indexing, IMPLICIT or EXPLICIT");
    table.text("OBJECT", "PARTIAL", "sky coverage, FULLSKY or PARTIAL");
  } else {
    table.number("FIRSTPIX", 0, "first pixel, counted from 0");
    table.number("LASTPIX", pixels_of(layout) - 1, "last pixel");
    table.text("INDXSCHM", "IMPLICIT", "indexing, IMPLICIT or EXPLICIT");
    table.text("OBJECT", "FULLSKY", "sky coverage, FULLSKY or PARTIAL");
  }
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
      if constexpr (std::is_floating_point_v<Float>)
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
  const std::int64_t data = slots_of(layout) / row_of(layout) * row_bytes_of(layout);
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
  const std::size_t first = layout_.listed ? 1 : 0;
  if (layout_.listed) {
    place<std::int64_t, std::uint64_t>(values[0], rows, per_row, row_bytes, block.data());
    offset = sizeof(std::int64_t);
  }
  for (std::size_t i = 0; i < layout_.columns.size(); ++i) {
    char* out = block.data() + offset;
    if (layout_.columns[i].type == Type::f4)
      place<float, std::uint32_t>(values[first + i], rows, per_row, row_bytes, out);
    else
      place<double, std::uint64_t>(values[first + i], rows, per_row, row_bytes, out);
    offset += per_row * static_cast<std::int64_t>(size_of(layout_.columns[i].type));
  }
  file_.write(data_begin_ + pixels.begin / per_row * row_bytes, std::as_bytes(std::span(block)));
}

void HealpixMapWriter::sync() const { file_.sync(); }

}  // namespace skyfold
