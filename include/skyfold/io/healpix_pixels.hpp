#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/io/healpix_map.hpp"
#include "skyfold/io/node_memory.hpp"
#include "skyfold/sky/disc.hpp"
#include "skyfold/sky/pixels.hpp"

namespace skyfold {

/// Columns of a map in memory, one value for each pixel of the sky, NaN where missing, in the file's numbering.
///
/// Either the whole map is read once and shared by the ranks of a node, or each rank reads blocks of pixels when it
/// needs them; blocks stay in memory. The addresses of the values never change.
class HealpixPixels {
 public:
  /// Collective when `whole`.
  ///
  /// @param columns  by number, without repetition
  /// @param whole    read all of the map with `load`; else blocks with `need`. Maps with listed pixels must be whole, but
  ///                 for those of healsparse.
  HealpixPixels(HealpixMapFile file, std::vector<std::size_t> columns, bool whole, const GatherTexts& gather);
  ~HealpixPixels();
  HealpixPixels(HealpixPixels&&) noexcept;

  [[nodiscard]] const HealpixMapFile& file() const noexcept { return file_; }
  [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }
  /// The i-th of the columns given.
  [[nodiscard]] PixelValues values(std::size_t i) const noexcept;

  /// Reads this rank's share of the map; the values are there once every rank of the node has done so. The caller makes sure
  /// of that. Returns the bytes read from the file.
  std::int64_t load(int threads);
  /// Fills with NaN what a partial map lacks; to be called by all ranks of the node before any of them calls `load`.
  void clear(int threads);
  /// Reads the blocks that hold these pixels, unless they are there; returns the bytes read. Main thread only; values that are
  /// there do not change, so others may read them meanwhile.
  std::int64_t need(std::span<const RingRun> runs);

  /// Pixels of a block.
  static constexpr std::int64_t block_pixels = 1024;

 private:
  void read_slots(RowRange slots);
  void scatter_slots(RowRange slots);
  std::int64_t need_block(std::int64_t block);
  void set_missing(RowRange pixels) noexcept;
  [[nodiscard]] std::byte* place(std::size_t column, std::int64_t pixel) const noexcept;

  HealpixMapFile file_;
  Pixelisation pixels_;
  std::vector<std::size_t> columns_;
  std::vector<std::size_t> sizes_, offsets_;  ///< bytes of a value; of the column's first value in the memory
  bool is_whole_;
  std::vector<std::uint8_t> is_there_;  ///< by block
  std::vector<std::int64_t> nested_;    ///< scratch
  NodeMemory memory_;
};

/// True when so many of the map's blocks will be wanted that the whole map is read faster.
///
/// @param sources      discs, anywhere on the sky
/// @param radius_rad   of each
[[nodiscard]] bool is_better_whole(const HealpixMapFile& file, std::int64_t sources, double radius_rad);

}  // namespace skyfold
