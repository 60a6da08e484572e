// Maps of healsparse: an image that says where the fine pixels of each coarse pixel stand, and these, as an image (perhaps compressed, of
// several bytes or of bits per pixel) or a table. Follows the file specification of healsparse (version 1.1); the first block is what every
// coarse pixel without data points to.
#include "healsparse_read.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "fits_copy.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t largest_sparse_nside = 16'384;

std::string word(const FitsHeader& header, const char* key) { return upper(trim(header.text(key).value_or(""))); }

bool is_healsparse(const FitsHeader& header) { return word(header, "PIXTYPE") == "HEALSPARSE"; }

long nside_in(const std::string& path, const char* extension, const FitsHeader& header) {
  const std::int64_t nside = header.count("NSIDE");
  if (nside < 1 || nside > largest_sparse_nside || !std::has_single_bit(static_cast<std::uint64_t>(nside)))
    throw DataError(
        fmt::format("{}: NSIDE = {} of extension {} (must be a power of two, at most {})", path, nside, extension, largest_sparse_nside));
  return static_cast<long>(nside);
}

/// The HDU with the fine pixels, made plain.
FitsTable fine_pixels(const std::shared_ptr<const InputFile>& file, const FitsHeader& coverage) {
  std::int64_t hdu = 1;
  for (std::int64_t at = coverage.end(); at < file->size(); ++hdu) {
    const FitsHeader header(*file, at);
    if (word(header, "EXTNAME") == "SPARSE") {
      const bool is_packed = header.is_true("ZIMAGE");
      if (!is_packed) return {file, header};
      const std::shared_ptr<const InputFile> plain = uncompressed_image(*file, hdu);
      return {plain, FitsHeader(*plain, FitsHeader(*plain, 0).end())};
    }
    at = header.end();
  }
  throw DataError(fmt::format("{}: a healsparse map without an extension SPARSE (damaged?)", file->path()));
}

/// How the elements of an image are stored (FITS Standard 4.0, section 4.4.1.1).
FitsForm form_of(const std::string& path, std::int64_t bits) {
  switch (bits) {
    case 8:
      return FitsForm::u1;
    case 16:
      return FitsForm::i2;
    case 32:
      return FitsForm::i4;
    case 64:
      return FitsForm::i8;
    case -32:
      return FitsForm::f4;
    case -64:
      return FitsForm::f8;
    default:
      throw DataError(fmt::format("{}: FITS keyword BITPIX = {} (no such type)", path, bits));
  }
}

/// Elements of an image of any number of axes.
std::int64_t elements_of(const std::string& path, const FitsHeader& header) {
  std::int64_t all = 1;
  const std::int64_t axes = header.count("NAXIS", 2);
  for (std::int64_t axis = 1; axis <= axes; ++axis) {
    const std::int64_t length = header.count(fmt::format("NAXIS{}", axis));
    // Far beyond any file, and far from the end of 64 bits.
    if (length > (std::int64_t{1} << 50) / std::max<std::int64_t>(all, 1)) throw DataError(fmt::format("{}: has impossible axes", path));
    all *= length;
  }
  return axes == 0 ? 0 : all;
}

/// A column of an image: values of one type, scaled where the header says so.
FitsColumn image_column(const std::string& path, const FitsHeader& header, std::string name, std::int64_t width) {
  FitsColumn column;
  column.form = form_of(path, *header.integer("BITPIX"));
  column.zero = header.number("BZERO").value_or(0.0);
  column.scale = header.number("BSCALE").value_or(1.0);
  column.scaled = column.zero != 0.0 || column.scale != 1.0;
  const bool is_integer = column.form != FitsForm::f4 && column.form != FitsForm::f8;
  const Type types[] = {Type::u1, Type::i4, Type::i4, Type::i8};
  column.info.name = std::move(name);
  column.info.unit = std::string(trim(header.text("BUNIT").value_or("")));
  column.info.width = static_cast<std::size_t>(width);
  column.info.type = column.scaled                 ? Type::f8
                     : column.form == FitsForm::f4 ? Type::f4
                     : !is_integer                 ? Type::f8
                                                   : types[static_cast<int>(column.form) - static_cast<int>(FitsForm::u1)];
  return column;
}

/// A mask of more than eight bits has several bytes per pixel: each is a column.
void set_wide_mask(HealsparseContent& map, const FitsHeader& header, std::int64_t elements) {
  const std::string& path = map.table.file->path();
  const std::int64_t width = header.count("WWIDTH", 1 << 16);
  if (width < 1 || *header.integer("BITPIX") != 8)
    throw DataError(fmt::format("{}: WWIDTH = {} with BITPIX = {} (damaged?)", path, width, *header.integer("BITPIX")));
  map.row_bytes = width;
  map.per_row = 1;
  map.rows = elements / width;
  for (std::int64_t byte = 0; byte < width; ++byte) {
    map.columns.push_back(image_column(path, header, fmt::format("bits_{}_{}", 8 * byte, 8 * byte + 7), 1));
    map.columns.back().offset = static_cast<std::size_t>(byte);
  }
}

void set_image(HealsparseContent& map, const FitsHeader& header) {
  const std::string& path = map.table.file->path();
  const std::int64_t elements = elements_of(path, header), bits = header.integer("BITPIX").value_or(0);
  (void)form_of(path, bits);
  if (header.is_true("WIDEMASK")) return set_wide_mask(map, header, elements);
  map.is_bit_packed = header.is_true("BITPACK");
  if (map.is_bit_packed && (bits != 8 || map.fine % 8 != 0))
    throw DataError(fmt::format("{}: BITPACK with BITPIX = {} and {} fine pixels per coarse one (damaged?)", path, bits, map.fine));
  // A row is a block of fine pixels: long enough to be decoded fast.
  map.per_row = map.fine;
  map.row_bytes = map.is_bit_packed ? map.fine / 8 : map.fine * std::abs(bits) / 8;
  map.rows = elements * std::abs(bits) / 8 / map.row_bytes;
  map.columns.push_back(image_column(path, header, "SPARSE", map.fine));
  if (map.is_bit_packed) map.columns.back().info.type = Type::f4;
}

void set_table(HealsparseContent& map, const FitsHeader& header) {
  const std::string& path = map.table.file->path();
  map.row_bytes = header.count("NAXIS1");
  map.rows = header.count("NAXIS2");
  map.per_row = 1;
  if (map.row_bytes == 0) throw DataError(fmt::format("{}: rows have no bytes (NAXIS1 = 0)", path));
  std::vector<LeftOut> left_out;
  const std::string primary = word(header, "PRIMARY");
  for (FitsColumn& column : fits_columns(path, header, map.row_bytes, left_out)) {
    if (column.form == FitsForm::text || column.form == FitsForm::bit || column.info.width != 1) continue;
    if (upper(column.info.name) == primary) map.primary = map.columns.size();
    map.columns.push_back(std::move(column));
  }
  if (!map.primary) throw DataError(fmt::format("{}: has no column '{}' of numbers (PRIMARY; damaged?)", path, primary));
}

/// A number, or F and T of maps of truth values.
std::optional<double> sentinel_of(const FitsHeader& header) {
  const std::string text = word(header, "SENTINEL");
  if (text == "T" || text == "F") return text == "T" ? 1.0 : 0.0;
  return text.empty() ? std::nullopt : header.number("SENTINEL");
}

/// Which block holds the fine pixels of each coarse pixel.
void set_blocks(HealsparseContent& map, const InputFile& file, const FitsHeader& coverage, long coarse_nside) {
  const std::string& path = file.path();
  const std::int64_t coarse = 12 * static_cast<std::int64_t>(coarse_nside) * coarse_nside, blocks = map.rows * map.per_row / map.fine;
  if (coverage.integer("BITPIX") != 64 || elements_of(path, coverage) != coarse || coverage.data_begin() + coarse * 8 > file.size())
    throw DataError(fmt::format("{}: the image COV does not hold 64-bit integers for the {} pixels of NSIDE {} (damaged?)", path,
                                grouped(coarse), coarse_nside));
  std::vector<char> bytes(static_cast<std::size_t>(coarse) * 8);
  file.read_at(coverage.data_begin(), bytes);
  map.block_of.assign(static_cast<std::size_t>(coarse), -1);
  map.coarse_of.assign(static_cast<std::size_t>(std::max<std::int64_t>(0, blocks - 1)), -1);
  for (std::int64_t pixel = 0; pixel < coarse; ++pixel) {
    std::uint64_t bits;
    std::memcpy(&bits, bytes.data() + pixel * 8, 8);
    // Row of a fine pixel minus its number; modulo 2^64, as a damaged file may hold anything.
    const auto row = static_cast<std::int64_t>(__builtin_bswap64(bits) + static_cast<std::uint64_t>(pixel * map.fine));
    if (row == 0) continue;
    const std::int64_t block = row / map.fine - 1;
    if (row < 0 || row % map.fine != 0 || block >= std::ssize(map.coarse_of) || map.coarse_of[static_cast<std::size_t>(block)] >= 0)
      throw DataError(
          fmt::format("{}: the image COV points coarse pixel {} to row {} of {} (damaged?)", path, pixel, row, grouped(blocks * map.fine)));
    map.block_of[static_cast<std::size_t>(pixel)] = block;
    map.coarse_of[static_cast<std::size_t>(block)] = pixel;
  }
}

/// That the file holds what its header announces, before memory is asked for.
void check_rows(const HealsparseContent& map) {
  const InputFile& file = *map.table.file;
  const std::int64_t there = std::max<std::int64_t>(0, file.size() - map.table.header.data_begin()) / map.row_bytes;
  if (map.rows > there)
    throw DataError(fmt::format("{}: announces {} pixels but holds {} (truncated?)", file.path(), grouped(map.rows * map.per_row),
                                grouped(there * map.per_row)));
  if (map.rows * map.per_row < map.fine)
    throw DataError(fmt::format("{}: holds {} pixels, fewer than a block of {} (damaged?)", file.path(), grouped(map.rows * map.per_row),
                                grouped(map.fine)));
}

}  // namespace

std::optional<HealsparseContent> read_healsparse(const std::shared_ptr<const InputFile>& file) {
  const std::string& path = file->path();
  if (file->text_at(0, 6) != "SIMPLE") return std::nullopt;
  const FitsHeader coverage(*file, 0);
  if (!is_healsparse(coverage)) return std::nullopt;
  const long coarse_nside = nside_in(path, "COV", coverage);
  HealsparseContent map{.table = fine_pixels(file, coverage)};
  const FitsHeader& header = map.table.header;
  map.nside = nside_in(path, "SPARSE", header);
  if (map.nside < coarse_nside)
    throw DataError(fmt::format("{}: NSIDE = {} of the fine pixels, {} of the coarse ones (damaged?)", path, map.nside, coarse_nside));
  map.fine = static_cast<std::int64_t>(map.nside / coarse_nside) * (map.nside / coarse_nside);
  map.sentinel = sentinel_of(header);
  word(header, "XTENSION") == "BINTABLE" ? set_table(map, header) : set_image(map, header);
  check_rows(map);
  set_blocks(map, *file, coverage, coarse_nside);
  return map;
}

}  // namespace skyfold
