#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace skyfold::nz {

/// Tomographic bins: objects whose `column` is in [edges[i], edges[i + 1]) are in bin i.
struct TomographicBins {
  std::string column;
  std::vector<double> edges;  ///< ascending, at least two

  [[nodiscard]] std::size_t size() const noexcept { return edges.size() - 1; }
  /// -1 for none, also for NaN.
  [[nodiscard]] int bin_of(double value) const noexcept;
  /// "0.2 <= z_phot < 0.43"
  [[nodiscard]] std::string label(std::size_t bin) const;
};
/// Reads "z_phot: 0.2,0.43,0.63". Throws UsageError, which names `option`.
[[nodiscard]] TomographicBins parse_bins(const std::string& text, const std::string& option);

/// Cells of equal width in which n(z) is given.
struct RedshiftCells {
  double low = 0.0, width = 0.01;
  std::size_t count = 0;

  [[nodiscard]] double edge(std::size_t i) const noexcept { return low + static_cast<double>(i) * width; }
  [[nodiscard]] double middle(std::size_t i) const noexcept { return low + (static_cast<double>(i) + 0.5) * width; }
  [[nodiscard]] std::vector<double> edges() const;
  /// Slot of a redshift: 0 below all cells, 1 .. count in one, count + 1 above.
  [[nodiscard]] std::size_t slot_of(double z) const noexcept;
  [[nodiscard]] std::size_t slots() const noexcept { return count + 2; }
};

}  // namespace skyfold::nz
