// Tomographic bins of a sample as users write them, and the cells of redshift that its distributions are given in.
#include "skyfold/kernels/nz/tomography.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::nz {

int TomographicBins::bin_of(double value) const noexcept {
  if (!(value >= edges.front() && value < edges.back())) return -1;
  return static_cast<int>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin()) - 1;
}

std::string TomographicBins::label(std::size_t bin) const {
  return fmt::format("{} <= {} < {}", shortest(edges[bin]), column, shortest(edges[bin + 1]));
}

TomographicBins parse_bins(const std::string& text, const std::string& option) {
  const std::size_t colon = text.find(':');
  TomographicBins bins;
  if (colon != std::string::npos) bins.column = std::string(trim(std::string_view(text).substr(0, colon)));
  if (bins.column.empty()) throw UsageError(fmt::format("--{}: '{}' names no column (as in 'z_phot: 0.2,0.43,0.63')", option, text));
  for (const std::string& part : split(std::string_view(text).substr(colon + 1), ',')) {
    const auto edge = parse_double(part);
    if (!edge || !std::isfinite(*edge)) throw UsageError(fmt::format("--{}: '{}' is not a number", option, part));
    if (!bins.edges.empty() && *edge <= bins.edges.back())
      throw UsageError(fmt::format("--{}: {} after {} (edges of bins must ascend)", option, shortest(*edge), shortest(bins.edges.back())));
    bins.edges.push_back(*edge);
  }
  if (bins.edges.size() < 2) throw UsageError(fmt::format("--{}: {} edges of bins (at least 2)", option, bins.edges.size()));
  return bins;
}

std::vector<double> RedshiftCells::edges() const {
  std::vector<double> all;
  for (std::size_t i = 0; i <= count; ++i) all.push_back(edge(i));
  return all;
}

std::size_t RedshiftCells::slot_of(double z) const noexcept {
  if (!(z >= low)) return 0;
  if (z >= edge(count)) return count + 1;
  auto cell = std::min(static_cast<std::size_t>((z - low) / width), count - 1);
  // The quotient may be rounded over an edge; the edges themselves decide.
  if (z < edge(cell)) --cell;
  if (z >= edge(cell + 1)) ++cell;
  return cell + 1;
}

}  // namespace skyfold::nz
