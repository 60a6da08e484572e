// The pixels of a map in memory: all of them, once for each machine, or only the blocks that are asked for.
#include "skyfold/io/healpix_pixels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

std::size_t bytes_of_all(const HealpixMapFile& file, const std::vector<std::size_t>& columns) {
  std::size_t bytes = 0;
  for (const std::size_t column : columns) bytes += size_of(file.columns()[column].type);
  return bytes * 12 * static_cast<std::size_t>(file.nside()) * static_cast<std::size_t>(file.nside());
}

constexpr std::int64_t most_pixels_of_sparse = std::int64_t{12} * 4096 * 4096;  // 0.8 GB per column in single precision

/// The part of [0, n) that one of some sharers does.
RowRange share_of(std::int64_t n, std::size_t place, std::size_t sharers) {
  const auto bound = [&](std::size_t i) { return n * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(sharers); };
  return {bound(place), bound(place + 1)};
}

}  // namespace

HealpixPixels::HealpixPixels(HealpixMapFile file, std::vector<std::size_t> columns, bool whole, const GatherTexts& gather)
    : file_(std::move(file)),
      pixels_(file_.nside()),
      columns_(std::move(columns)),
      is_whole_(whole),
      // Address space for all pixels in either case: pages that nobody touches take no memory.
      memory_(bytes_of_all(file_, columns_), whole ? gather : GatherTexts(gather_alone), !whole) {
  std::size_t offset = 0;
  for (const std::size_t column : columns_) {
    sizes_.push_back(size_of(file_.columns()[column].type));
    offsets_.push_back(offset);
    offset += sizes_.back() * static_cast<std::size_t>(pixels_.count());
  }
  // A list has its pixels in any order: to find one, all of it would have to be read.
  if (!whole && file_.is_explicit() && !file_.is_sparse()) throw std::logic_error("listed pixels are read as a whole");
  if (!whole) is_there_.resize(static_cast<std::size_t>((pixels_.count() + block_pixels - 1) / block_pixels));
}

HealpixPixels::~HealpixPixels() = default;
HealpixPixels::HealpixPixels(HealpixPixels&&) noexcept = default;

std::byte* HealpixPixels::place(std::size_t column, std::int64_t pixel) const noexcept {
  return memory_.bytes().data() + offsets_[column] + sizes_[column] * static_cast<std::size_t>(pixel);
}

PixelValues HealpixPixels::values(std::size_t i) const noexcept {
  const std::byte* first = place(i, 0);
  if (sizes_[i] == sizeof(float)) return {reinterpret_cast<const float*>(first), nullptr};
  return {nullptr, reinterpret_cast<const double*>(first)};
}

void HealpixPixels::clear(int threads) {
  // Every pixel will be overwritten.
  if (file_.is_full()) return;
  // Each sharer clears a part: with MAP_SHARED every page is written by one rank only.
  const RowRange mine = share_of(pixels_.count(), memory_.place(), memory_.sharers());
  constexpr std::size_t chunk = std::size_t{1} << 20;
  parallel_for(static_cast<std::size_t>(mine.size()), chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    set_missing({mine.begin + static_cast<std::int64_t>(begin), mine.begin + static_cast<std::int64_t>(end)});
  });
}

std::int64_t HealpixPixels::load(int threads) {
  const std::int64_t per_row = file_.pixels_per_row(), rows = (file_.slots() + per_row - 1) / per_row;
  const RowRange mine = share_of(rows, memory_.place(), memory_.sharers());
  // Pieces of some megabytes: long enough for the disk, short enough for all threads.
  std::int64_t most_rows = (std::int64_t{4} << 20) / file_.row_bytes();
  // Numbers of listed pixels take memory, too: healsparse has eight pixels in a byte.
  if (file_.is_explicit()) most_rows = std::min(most_rows, (std::int64_t{1} << 20) / per_row);
  const auto chunk = static_cast<std::size_t>(std::max<std::int64_t>(1, most_rows));
  parallel_for(static_cast<std::size_t>(mine.size()), chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    const RowRange slots{(mine.begin + static_cast<std::int64_t>(begin)) * per_row,
                         std::min(file_.slots(), (mine.begin + static_cast<std::int64_t>(end)) * per_row)};
    file_.is_explicit() ? scatter_slots(slots) : read_slots(slots);
  });
  return mine.size() * file_.row_bytes();
}

void HealpixPixels::read_slots(RowRange slots) {
  std::vector<std::byte*> out;
  for (std::size_t i = 0; i < columns_.size(); ++i) out.push_back(place(i, file_.first_pixel() + slots.begin));
  file_.read(slots, columns_, out);
}

void HealpixPixels::scatter_slots(RowRange slots) {
  std::vector<std::int64_t> pixels(static_cast<std::size_t>(slots.size()));
  file_.read_pixels(slots, pixels);
  std::vector<std::vector<std::byte>> values;
  std::vector<std::byte*> out;
  for (std::size_t i = 0; i < columns_.size(); ++i) out.push_back(values.emplace_back(pixels.size() * sizes_[i]).data());
  file_.read(slots, columns_, out);
  for (std::size_t i = 0; i < columns_.size(); ++i)
    for (std::size_t k = 0; k < pixels.size(); ++k)
      if (pixels[k] >= 0) std::copy_n(out[i] + k * sizes_[i], sizes_[i], place(i, pixels[k]));
}

std::int64_t HealpixPixels::need(std::span<const RingRun> runs) {
  std::int64_t bytes = 0;
  for (const RingRun& run : runs) {
    if (!file_.is_nested()) {
      // In RING order the pixels of a run are neighbours in the file, too; in NESTED order they lie anywhere.
      for (std::int64_t block = run.first / block_pixels; block <= (run.first + run.count - 1) / block_pixels; ++block)
        bytes += need_block(block);
      continue;
    }
    nested_.resize(static_cast<std::size_t>(run.count));
    pixels_.nested_of_run(run.ring, run.first, nested_);
    for (const std::int64_t pixel : nested_) bytes += need_block(pixel / block_pixels);
  }
  return bytes;
}

std::int64_t HealpixPixels::need_block(std::int64_t block) {
  std::uint8_t& is_there = is_there_[static_cast<std::size_t>(block)];
  if (is_there != 0) return 0;
  is_there = 1;
  const RowRange wanted{block * block_pixels, std::min((block + 1) * block_pixels, pixels_.count())};
  const std::vector<HealpixMapFile::Piece> pieces = file_.pieces(wanted);
  if (pieces.size() != 1 || pieces[0].pixels.size() < wanted.size()) set_missing(wanted);
  std::int64_t bytes = 0;
  for (const HealpixMapFile::Piece& piece : pieces) {
    std::vector<std::byte*> out;
    for (std::size_t i = 0; i < columns_.size(); ++i) out.push_back(place(i, piece.pixels.begin));
    file_.read(piece.slots, columns_, out);
    // For the count of bytes in the closing table: a row more, since a block may begin within one.
    bytes += (piece.slots.size() / file_.pixels_per_row() + 1) * file_.row_bytes();
  }
  return bytes;
}

void HealpixPixels::set_missing(RowRange pixels) noexcept {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::byte* first = place(i, pixels.begin);
    if (sizes_[i] == sizeof(float))
      std::fill_n(reinterpret_cast<float*>(first), pixels.size(), std::numeric_limits<float>::quiet_NaN());
    else
      std::fill_n(reinterpret_cast<double*>(first), pixels.size(), std::numeric_limits<double>::quiet_NaN());
  }
}

bool is_better_whole(const HealpixMapFile& file, std::int64_t sources, double radius_rad) {
  const Pixelisation pixels(file.nside());
  if (file.is_explicit() && !file.is_sparse()) return true;
  // As a whole a map has room for all pixels of the sky, however few healsparse stores.
  if (file.is_sparse() && pixels.count() > most_pixels_of_sparse) return false;
  const double rings = 2.0 * radius_rad / std::sqrt(pixels.pixel_area_sr()) * 1.3 + 1.0;  // rings are closer than pixels are wide
  const double blocks = static_cast<double>(file.slots()) / static_cast<double>(HealpixPixels::block_pixels);
  constexpr double scattered = 2.0;  // a block on its own costs this many times its part of a whole map
  return scattered * rings * static_cast<double>(sources) > blocks;
}

}  // namespace skyfold
