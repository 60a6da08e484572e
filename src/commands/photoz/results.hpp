#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/registry/process.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// What a photo-z product holds: objects, flags, histograms of z_phot and of the error. Counts of ranks can be added.
class PhotozCounts {
 public:
  PhotozCounts();
  /// @param rows  columns z_phot, z_err, flags, in this order
  void add(const Table& rows);
  /// All counts, to be summed element by element over ranks.
  [[nodiscard]] std::span<std::int64_t> all() noexcept { return counts_; }
  /// Tells the process, for its record and its log.
  void describe(std::int64_t objects, Process& process) const;

 private:
  std::vector<std::int64_t> counts_;
};

}  // namespace skyfold
