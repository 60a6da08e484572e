#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/file.hpp"
#include "skyfold/io/healpix_map.hpp"

namespace skyfold {

/// A map in the layout of healsparse: a coarse map of where there is something, and the fine pixels of those pixels alone, as a table.
struct HealsparseLayout {
  int coverage_order = 5, order = 5;   ///< of the coarse and of the fine pixels, nested
  std::vector<HealpixColumn> columns;  ///< f8; of the first one UNSEEN says that a pixel has nothing
  std::vector<std::int64_t> covered;   ///< coarse pixels that have something, increasing
  std::string creator = {};            ///< a card; not HISTORY, which healsparse cannot write again

  /// Fine pixels of a coarse one.
  [[nodiscard]] std::int64_t fine() const noexcept { return std::int64_t{1} << (2 * (order - coverage_order)); }
};

/// Fills such a file, a coarse pixel at a time.
class HealsparseWriter {
 public:
  /// Makes the file with its headers, the coarse map, and UNSEEN where nothing is covered. Throws IoError.
  HealsparseWriter(const std::string& path, HealsparseLayout layout);

  /// Writes the fine pixels of covered pixel number `place`; NaN is written as UNSEEN, -1.6375e30.
  /// @param values  by column, fine() of each
  void write(std::size_t place, std::span<const std::vector<double>> values);
  /// On the disk when it returns. Throws IoError.
  void finish();

 private:
  HealsparseLayout layout_;
  std::int64_t data_begin_ = 0;
  File file_;
};

}  // namespace skyfold
