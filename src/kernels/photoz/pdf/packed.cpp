// PDFs in few bytes: the span that holds all but 4e-4 of the probability in 16 blocks of equal width, each cut into 1, 3, 9 or 27 cells,
// most where straight lines are farthest from the PDF, and the values at the ends of the cells in bytes.
#include "packed.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace skyfold {
namespace {

constexpr std::size_t n_blocks = 16, header = 8;
constexpr std::array<std::size_t, 4> cells_of_level = {1, 3, 9, 27};
constexpr double left_out = 2e-4, good_enough = 1e-6;
constexpr double most = 65535.0, peak = 255.0;

void make_grid(double first, double block, std::span<const int> levels, std::vector<double>& grid) {
  grid.clear();
  for (std::size_t k = 0; k < n_blocks; ++k) {
    const std::size_t cells = cells_of_level[static_cast<std::size_t>(levels[k])];
    for (std::size_t i = 0; i < cells; ++i)
      grid.push_back(first + block * (static_cast<double>(k) + static_cast<double>(i) / static_cast<double>(cells)));
  }
  grid.push_back(first + block * static_cast<double>(n_blocks));
}

}  // namespace

/// Probability in the cells of a block that straight lines between their ends put elsewhere.
double PdfPacker::error_of(const RedshiftPdf& pdf, std::size_t block, int level) const {
  const std::size_t cells = cells_of_level[static_cast<std::size_t>(level)];
  const double low = first_ + block_ * static_cast<double>(block), step = block_ / static_cast<double>(cells);
  double error = 0.0, before = pdf.cumulative(low), density = pdf.density(low);
  for (std::size_t i = 1; i <= cells; ++i) {
    const double z = low + step * static_cast<double>(i), reached = pdf.cumulative(z), here = pdf.density(z);
    error += std::abs(reached - before - 0.5 * step * (density + here));
    before = reached, density = here;
  }
  return error;
}

void PdfPacker::choose_levels(const RedshiftPdf& pdf, std::size_t most_cells) {
  levels_.assign(n_blocks, 0);
  std::array<double, n_blocks> error{};
  for (std::size_t k = 0; k < n_blocks; ++k) error[k] = error_of(pdf, k, 0);
  std::size_t used = n_blocks;
  while (true) {
    std::size_t best = n_blocks, its_more = 1;
    for (std::size_t k = 0; k < n_blocks; ++k) {
      const auto level = static_cast<std::size_t>(levels_[k]);
      if (level + 1 == cells_of_level.size()) continue;
      const std::size_t more = cells_of_level[level + 1] - cells_of_level[level];
      if (used + more > most_cells || error[k] < good_enough) continue;
      if (best == n_blocks || error[k] * static_cast<double>(its_more) > error[best] * static_cast<double>(more)) best = k, its_more = more;
    }
    if (best == n_blocks) return;
    used += its_more;
    error[best] = error_of(pdf, best, ++levels_[best]);
  }
}

void PdfPacker::pack(const RedshiftPdf& pdf, std::span<std::uint8_t> bytes) {
  std::ranges::fill(bytes, std::uint8_t{0});
  const double unit = (zmax_ - zmin_) / most;
  const double first = std::clamp(std::floor((pdf.quantile(left_out) - zmin_) / unit), 0.0, most - 1.0);
  const double last = std::clamp(std::ceil((pdf.quantile(1.0 - left_out) - zmin_) / unit), first + 1.0, most);
  first_ = zmin_ + unit * first;
  block_ = unit * (last - first) / static_cast<double>(n_blocks);
  choose_levels(pdf, bytes.size() - header - 1);
  make_grid(first_, block_, levels_, grid_);
  // Mean densities about the points, so that what lies between them counts.
  const std::size_t n = grid_.size();
  values_.resize(n);
  double before = pdf.cumulative(grid_[0]), highest = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double low = i == 0 ? grid_[0] : 0.5 * (grid_[i - 1] + grid_[i]), high = i + 1 == n ? grid_[i] : 0.5 * (grid_[i] + grid_[i + 1]);
    const double reached = pdf.cumulative(high);
    values_[i] = std::max(0.0, reached - before) / (high - low);
    highest = std::max(highest, values_[i]);
    before = reached;
  }
  const auto put = [&](std::size_t at, std::uint32_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i) & 0xff);
  };
  put(0, static_cast<std::uint32_t>(first), 2);
  put(2, static_cast<std::uint32_t>(last), 2);
  std::uint32_t levels = 0;
  for (std::size_t k = 0; k < n_blocks; ++k) levels |= static_cast<std::uint32_t>(levels_[k]) << (2 * k);
  put(4, levels, 4);
  if (!(highest > 0.0)) {
    // All of it lies off the range: its nearer end holds all.
    bytes[header + (pdf.median() < zmin_ ? 0 : n - 1)] = static_cast<std::uint8_t>(peak);
    return;
  }
  for (std::size_t i = 0; i < n; ++i) bytes[header + i] = static_cast<std::uint8_t>(std::lround(peak * values_[i] / highest));
}

bool unpack_pdf(std::span<const std::uint8_t> bytes, double zmin, double zmax, std::vector<double>& z, std::vector<double>& values) {
  const auto number = [&](std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= static_cast<std::uint32_t>(bytes[at + i]) << (8 * i);
    return value;
  };
  if (bytes.size() < header + n_blocks + 1) return false;
  const double first = number(0, 2), last = number(2, 2);
  if (!(last > first)) return false;
  const std::uint32_t packed = number(4, 4);
  std::array<int, n_blocks> levels{};
  for (std::size_t k = 0; k < n_blocks; ++k) levels[k] = static_cast<int>(packed >> (2 * k) & 3u);
  const double unit = (zmax - zmin) / most;
  make_grid(zmin + unit * first, unit * (last - first) / static_cast<double>(n_blocks), levels, z);
  if (header + z.size() > bytes.size()) return false;  // damaged
  values.resize(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) values[i] = bytes[header + i];
  return true;
}

}  // namespace skyfold
