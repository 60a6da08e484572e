// Multi-order coverage maps as FITS tables (IVOA MOC 2.0, section 4.3.1): one column of UNIQ numbers. Nothing tells when it was made.
#include "skyfold/io/moc.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "skyfold/core/file.hpp"
#include "skyfold/core/version.hpp"

namespace skyfold {
namespace {

constexpr std::size_t fits_block = 2880;

std::string card(const std::string& key, const std::string& value, const char* comment) {
  return fmt::format("{:<80}", fmt::format("{:<8}= {:>20} / {}", key, value, comment));
}
std::string quoted(const std::string& text) { return fmt::format("{:<20}", fmt::format("'{:<8}'", text)); }

std::string filled(std::string block, char with) {
  block.resize((block.size() + fits_block - 1) / fits_block * fits_block, with);
  return block;
}

std::string header_of(std::size_t cells, int order) {
  const std::string primary = card("SIMPLE", "T", "conforms to the FITS standard") + card("BITPIX", "8", "array data type") +
                              card("NAXIS", "0", "number of array dimensions") + card("EXTEND", "T", "there are extensions");
  const std::string table =
      card("XTENSION", quoted("BINTABLE"), "multi-order coverage map") + card("BITPIX", "8", "array data type") +
      card("NAXIS", "2", "number of array dimensions") + card("NAXIS1", "8", "bytes of a row") +
      card("NAXIS2", std::to_string(cells), "cells") + card("PCOUNT", "0", "no heap") + card("GCOUNT", "1", "one group") +
      card("TFIELDS", "1", "columns") + card("TTYPE1", quoted("UNIQ"), "4^(order + 1) + nested pixel") + card("TFORM1", quoted("1K"), "") +
      card("MOCVERS", quoted("2.0"), "version of MOC") + card("MOCDIM", quoted("SPACE"), "a part of the sky") +
      card("ORDERING", quoted("NUNIQ"), "how cells are numbered") + card("PIXTYPE", quoted("HEALPIX"), "HEALPix pixelisation") +
      card("COORDSYS", quoted("C"), "ICRS") + card("MOCORD_S", std::to_string(order), "order of the finest cells") +
      card("MOCORDER", std::to_string(order), "the same for readers of MOC 1.1") +
      card("MOCTOOL", quoted(fmt::format("skyfold {}", program_version)), "what made it");
  const std::string end = fmt::format("{:<80}", "END");
  return filled(primary + end, ' ') + filled(table + end, ' ');
}

}  // namespace

std::vector<std::int64_t> moc_cells(const Region& region, int order) {
  std::vector<std::int64_t> cells;
  for (const KeyRange& range : region) {
    std::int64_t pixel = pixel_of(range.begin, order);
    const std::int64_t end = pixel_of(range.end, order);
    while (pixel < end) {
      // The largest pixel that begins here and does not reach beyond the end: each order up has four times as many.
      int up = pixel == 0 ? order : std::min(order, std::countr_zero(static_cast<std::uint64_t>(pixel)) / 2);
      while (pixel + (std::int64_t{1} << (2 * up)) > end) --up;
      cells.push_back((std::int64_t{4} << (2 * (order - up))) + (pixel >> (2 * up)));
      pixel += std::int64_t{1} << (2 * up);
    }
  }
  std::ranges::sort(cells);
  return cells;
}

void write_moc(const std::string& path, const Region& region, int order) {
  const std::vector<std::int64_t> cells = moc_cells(region, order);
  FileAppender file(path);
  file.add(header_of(cells.size(), order));
  std::string bytes;
  for (const std::int64_t cell : cells)
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(cell >> shift & 0xFF);
  file.add(filled(std::move(bytes), '\0'));
  file.finish();
}

}  // namespace skyfold
