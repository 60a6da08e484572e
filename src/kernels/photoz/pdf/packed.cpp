// PDFs in few bytes: the span that holds nearly all of the probability in 8 equal blocks, which are halved again and again where straight
// lines are farthest from the PDF, and the values at the ends of these cells as roots in bytes.
#include "packed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace skyfold {
namespace {

constexpr std::size_t n_blocks = 8, header = 4;
constexpr int most_depth = 10;
constexpr double left_out = 1e-4, good_enough = 2e-6;
constexpr double most = 65535.0, peak = 255.0;

/// The most cells whose bits (two for each, less those of the blocks) and values find room.
std::size_t most_cells_of(std::size_t bytes) {
  std::size_t cells = n_blocks;
  while (header + (2 * (cells + 1) - n_blocks + 7) / 8 + cells + 2 <= bytes) ++cells;
  return cells;
}

double density_of(double code) { return code * code; }

}  // namespace

PdfPacker::Cell PdfPacker::make_cell(double low, double width, const std::array<double, 5>& reached, int depth) {
  // A density that is linear has masses of the quarters that go up evenly: what is left when the best such masses are taken off.
  const double mean = (reached[4] - reached[0]) / 4.0;
  std::array<double, 4> mass{};
  for (std::size_t i = 0; i < 4; ++i) mass[i] = reached[i + 1] - reached[i] - mean;
  const double slope = (3.0 * (mass[3] - mass[0]) + mass[2] - mass[1]) / 20.0;
  double error = 0.0, sum = 0.0;
  for (std::size_t i = 0; i < 4; ++i) {
    sum += mass[i] - slope * (2.0 * static_cast<double>(i) - 3.0);
    error = std::max(error, std::abs(sum));
  }
  return {low, width, reached, error, depth};
}

void PdfPacker::cut(const RedshiftPdf& pdf, std::size_t cell) {
  const Cell whole = cells_[cell];
  const std::array<double, 4> z = {whole.low + 0.125 * whole.width, whole.low + 0.375 * whole.width, whole.low + 0.625 * whole.width,
                                   whole.low + 0.875 * whole.width};
  std::array<double, 4> between{};
  pdf.cumulatives(z, between);
  const std::array<double, 5>& f = whole.reached;
  const double half = 0.5 * whole.width;
  cells_[cell].half = static_cast<int>(cells_.size());
  cells_.push_back(make_cell(whole.low, half, {f[0], between[0], f[1], between[1], f[2]}, whole.depth + 1));
  cells_.push_back(make_cell(whole.low + half, half, {f[2], between[2], f[3], between[3], f[4]}, whole.depth + 1));
}

void PdfPacker::choose_cells(const RedshiftPdf& pdf, double first, double last, std::size_t most_cells) {
  cells_.clear();
  constexpr std::size_t n = 4 * n_blocks + 1;
  std::array<double, n> z{}, reached{};
  for (std::size_t i = 0; i < n; ++i) z[i] = first + (last - first) * static_cast<double>(i) / (n - 1);
  pdf.cumulatives(z, reached);
  for (std::size_t k = 0; k < n_blocks; ++k) {
    const std::size_t i = 4 * k;
    cells_.push_back(
        make_cell(z[i], (last - first) / n_blocks, {reached[i], reached[i + 1], reached[i + 2], reached[i + 3], reached[i + 4]}, 0));
  }
  // The worst cell is halved, one after the other.
  worst_.clear();
  for (std::size_t k = 0; k < n_blocks; ++k) want_cut(k);
  for (std::size_t used = n_blocks; used < most_cells && !worst_.empty(); ++used) {
    std::ranges::pop_heap(worst_);
    const std::size_t cell = worst_.back().second;
    worst_.pop_back();
    cut(pdf, cell);
    want_cut(cells_.size() - 2), want_cut(cells_.size() - 1);
  }
}

void PdfPacker::want_cut(std::size_t cell) {
  if (cells_[cell].depth == most_depth || !(cells_[cell].error > good_enough)) return;
  worst_.emplace_back(cells_[cell].error, cell);
  std::ranges::push_heap(worst_);
}

void PdfPacker::list_leaves(std::size_t cell, std::span<std::uint8_t> bits, std::size_t& at) {
  const std::size_t bit = at++;
  const int half = cells_[cell].half;
  if (half < 0) {
    leaves_.push_back(cell);
    return;
  }
  bits[bit / 8] = static_cast<std::uint8_t>(bits[bit / 8] | 1u << (bit % 8));
  list_leaves(static_cast<std::size_t>(half), bits, at);
  list_leaves(static_cast<std::size_t>(half) + 1, bits, at);
}

/// Values at the ends of the cells: the density that is linear between them and nearest to the PDF by least squares. Its distribution
/// function keeps to the PDF's, in the mean over each cell (the difference of the densities is orthogonal to every tent).
void PdfPacker::project() {
  const std::size_t n = leaves_.size() + 1;
  values_.assign(n, 0.0), diagonal_.assign(n, 0.0), right_.assign(n, 0.0);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    const Cell& cell = cells_[leaves_[i]];
    const auto& f = cell.reached;
    // Boole's rule for the mean of the distribution function.
    const double mean = (7.0 * (f[0] + f[4]) + 32.0 * (f[1] + f[3]) + 12.0 * f[2]) / 90.0;
    values_[i] += mean - f[0], values_[i + 1] += f[4] - mean;
    diagonal_[i] += cell.width / 3.0, diagonal_[i + 1] += cell.width / 3.0;
    right_[i] = cell.width / 6.0;
  }
  for (std::size_t i = 1; i < n; ++i) {
    const double factor = right_[i - 1] / diagonal_[i - 1];
    diagonal_[i] -= factor * right_[i - 1];
    values_[i] -= factor * values_[i - 1];
  }
  values_[n - 1] /= diagonal_[n - 1];
  for (std::size_t i = n - 1; i-- > 0;) values_[i] = (values_[i] - right_[i] * values_[i + 1]) / diagonal_[i];
}

/// What rounding takes from one value goes to the next, so that the distribution function does not wander.
void PdfPacker::round_values(std::span<std::uint8_t> codes) const {
  const double unit = std::ranges::max(values_) / density_of(peak);
  double owed = 0.0;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const double before = i > 0 ? cells_[leaves_[i - 1]].width : 0.0, after = i < leaves_.size() ? cells_[leaves_[i]].width : 0.0;
    const double weight = 0.5 * (before + after), value = std::max(0.0, values_[i]) / unit;
    // Not more than one step, which a narrow cell after a wide one would have to bear.
    const double step = 2.0 * std::sqrt(value) + 1.0, wanted = std::max(0.0, value + std::clamp(owed / weight, -step, step));
    double code = std::min(std::floor(std::sqrt(wanted)), peak);
    if (code < peak && wanted - density_of(code) > density_of(code + 1.0) - wanted) code += 1.0;
    codes[i] = static_cast<std::uint8_t>(code);
    owed += (values_[i] / unit - density_of(code)) * weight;
  }
}

void PdfPacker::pack(const RedshiftPdf& pdf, std::span<std::uint8_t> bytes) {
  std::ranges::fill(bytes, std::uint8_t{0});
  const double unit = (zmax_ - zmin_) / most;
  const double first = std::clamp(std::floor((pdf.quantile(left_out) - zmin_) / unit), 0.0, most - 1.0);
  const double last = std::clamp(std::ceil((pdf.quantile(1.0 - left_out) - zmin_) / unit), first + 1.0, most);
  const auto put = [&](std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 2; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i) & 0xff);
  };
  put(0, static_cast<std::uint32_t>(first));
  put(2, static_cast<std::uint32_t>(last));
  choose_cells(pdf, zmin_ + unit * first, zmin_ + unit * last, most_cells_of(bytes.size()));
  leaves_.clear();
  std::size_t bits = 0;
  for (std::size_t k = 0; k < n_blocks; ++k) list_leaves(k, bytes.subspan(header), bits);
  const std::span<std::uint8_t> codes = bytes.subspan(header + (bits + 7) / 8);
  project();
  if (std::ranges::max(values_) > 0.0)
    round_values(codes);
  else  // All of it lies off the range: its nearer end holds all.
    codes[pdf.median() < zmin_ ? 0 : leaves_.size()] = static_cast<std::uint8_t>(peak);
}

namespace {

std::uint32_t number_at(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= static_cast<std::uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

/// Eight bytes as a number, those behind the end 0.
std::uint64_t word_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t word = 0;
  if (at + sizeof word <= bytes.size())
    std::memcpy(&word, bytes.data() + at, sizeof word);
  else if (at < bytes.size())
    std::memcpy(&word, bytes.data() + at, bytes.size() - at);
  return word;
}

/// Lists where the cells begin, by the bits of blocks that are halved.
/// @returns the bytes that these bits take; 0 where there are more bits or cells than bytes, or more halves than are made
std::size_t read_halves(std::span<const std::uint8_t> bits, double first, double span, std::vector<double>& starts) {
  constexpr std::size_t depths = most_depth + 1;
  constexpr std::uint32_t block = 1u << most_depth, end = n_blocks * block;  // in the narrowest cells
  std::array<double, depths> half{};                                         // of a cell's width
  half[0] = 0.5 * (span / n_blocks);
  for (std::size_t d = 1; d < depths; ++d) half[d] = 0.5 * half[d - 1];
  std::array<double, n_blocks + 1> low_of_block{};
  for (std::size_t k = 0; k <= n_blocks; ++k) low_of_block[k] = first + span * static_cast<double>(k) / n_blocks;
  std::array<double, 2 * depths + 1> low{};  // of the cell of each depth that is being read, from 1 on
  std::fill_n(low.begin() + 1, depths, first);
  std::size_t at = 0, n = 0, left = 0;
  std::uint64_t window = 0;    // the next `left` bits, and more perhaps
  starts.resize(bits.size());  // each cell has a byte
  for (std::uint32_t place = 0, depth = 0; place < end;) {
    if (at >= 8 * bits.size() || n == starts.size()) return 0;
    if (left <= most_depth) window = word_at(bits, at / 8) >> (at % 8), left = 64 - at % 8;
    // Bits that are set are cells cut, one in the left half of the other.
    const auto cuts = static_cast<std::uint32_t>(std::countr_one(window));
    depth += cuts;
    if (depth > most_depth) return 0;
    at += cuts + 1, left -= cuts + 1, window >>= cuts + 1;
    starts[n++] = low[depth + 1];
    place += block >> depth;
    // What is to the right is the other half of the widest cell that ends here, or the next block.
    depth = most_depth - static_cast<std::uint32_t>(std::countr_zero(place | block));
    const double right = low[depth] + half[depth > 0 ? depth - 1 : 0];
    std::fill_n(low.begin() + 1 + depth, depths, depth > 0 ? right : low_of_block[place / block]);
  }
  starts.resize(n);
  return at <= 8 * bits.size() ? (at + 7) / 8 : 0;
}

/// Version 0: 16 blocks, each of 1, 3, 9 or 27 equal cells, and the values as they are.
bool unpack_first(std::span<const std::uint8_t> bytes, double first, double span, std::vector<double>& z, std::vector<double>& values) {
  constexpr std::size_t blocks = 16, begin = 8;
  constexpr std::array<std::size_t, 4> cells_of_level = {1, 3, 9, 27};
  if (bytes.size() < begin + blocks + 1) return false;
  const std::uint32_t levels = number_at(bytes, 4, 4);
  z.clear();
  for (std::size_t k = 0; k < blocks; ++k) {
    const std::size_t cells = cells_of_level[levels >> (2 * k) & 3u];
    for (std::size_t i = 0; i < cells; ++i)
      z.push_back(first + span * (static_cast<double>(k) + static_cast<double>(i) / static_cast<double>(cells)) / blocks);
  }
  z.push_back(first + span);
  if (begin + z.size() > bytes.size()) return false;  // damaged
  values.assign(bytes.begin() + begin, bytes.begin() + static_cast<std::ptrdiff_t>(begin + z.size()));
  return true;
}

bool unpack_halves(std::span<const std::uint8_t> bytes, double first, double span, std::vector<double>& z, std::vector<double>& values) {
  const std::size_t of_bits = read_halves(bytes.subspan(header), first, span, z);
  z.push_back(first + span);
  const std::size_t begin = header + of_bits;
  if (of_bits == 0 || begin + z.size() > bytes.size()) return false;  // damaged
  values.resize(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) values[i] = density_of(bytes[begin + i]);
  return true;
}

}  // namespace

bool unpack_pdf(std::int64_t version, std::span<const std::uint8_t> bytes, double zmin, double zmax, std::vector<double>& z,
                std::vector<double>& values) {
  if (bytes.size() < header) return false;
  const double first = number_at(bytes, 0, 2), last = number_at(bytes, 2, 2);
  if (!(last > first)) return false;
  const double unit = (zmax - zmin) / most, low = zmin + unit * first, span = unit * (last - first);
  return version == 0 ? unpack_first(bytes, low, span, z, values) : unpack_halves(bytes, low, span, z, values);
}

}  // namespace skyfold
