// How an export is cut into files: by the rows alone, so that any run cuts it the same way.
#include "leaves.hpp"

#include <fmt/core.h>

#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

void add_pixel(const OrderedRows& all, const HatsPixel& pixel, RowRange rows, std::int64_t most, std::vector<Leaf>& leaves) {
  if (rows.size() == 0) return;
  // A pixel of the last order cannot be divided: its leaf has more rows than were asked for.
  if (rows.size() <= most || pixel.order == max_healpix_order) {
    leaves.push_back({hats_place(pixel) + ".parquet", rows, pixel});
    return;
  }
  std::int64_t begin = rows.begin;
  for (int child = 0; child < 4; ++child) {
    const HatsPixel part{pixel.order + 1, 4 * pixel.pixel + child};
    // The rows of the children follow each other, so three searches find all four borders.
    const std::int64_t end = child == 3 ? rows.end : all.row_of_key(first_key(part.pixel + 1, part.order), {begin, rows.end});
    add_pixel(all, part, {begin, end}, most, leaves);
    begin = end;
  }
}

}  // namespace

std::vector<Leaf> hats_leaves(const OrderedRows& all, std::int64_t most) {
  std::vector<Leaf> leaves;
  std::int64_t begin = 0;
  for (std::int64_t base = 0; base < pixel_count(0); ++base) {
    const std::int64_t end = base + 1 == pixel_count(0) ? all.rows : all.row_of_key(first_key(base + 1, 0), {begin, all.rows});
    add_pixel(all, {0, base}, {begin, end}, most, leaves);
    begin = end;
  }
  return leaves;
}

std::vector<Leaf> part_leaves(std::int64_t rows, std::int64_t most, const std::string& ending) {
  std::vector<Leaf> leaves;
  const std::int64_t parts = (rows + most - 1) / most;
  for (std::int64_t part = 0; part < parts; ++part)
    leaves.push_back({fmt::format("part-{:05}{}", part, ending), {rows * part / parts, rows * (part + 1) / parts}});
  return leaves;
}

}  // namespace skyfold
