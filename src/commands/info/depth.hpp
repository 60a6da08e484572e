#pragma once

#include <cstdint>
#include <vector>

namespace skyfold {

/// How many objects of a band lie in each bin of magnitude; the depth is where the counts are largest.
class DepthHistogram {
 public:
  /// @param bin  width, mag; bin k holds [k, k + 1) widths
  explicit DepthHistogram(double bin) : bin_(bin) {}

  void add(double magnitude);
  [[nodiscard]] std::int64_t objects() const noexcept { return objects_; }
  /// Middle of the fullest bin, mag, the brightest of equals; NaN without objects.
  [[nodiscard]] double peak() const;

 private:
  double bin_;
  std::int64_t first_ = 0, objects_ = 0;
  std::vector<std::uint32_t> counts_;  ///< from bin first_ on
};

}  // namespace skyfold
