// PDFs in few bytes: the span that holds nearly all of the probability in 8 equal blocks, which are halved again and again where straight
// lines are farthest from the PDF, and the values at the ends of these cells as roots in bytes.
#include "packed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "../../common/simd.hpp"

namespace skyfold {
namespace {

constexpr std::size_t n_blocks = 8, header = 4;
constexpr double left_out = 1e-4, good_enough = 2e-6;
constexpr double most = 65535.0;
constexpr std::size_t at_once = 8;

/// The most cells whose bits (two for each, less those of the blocks) and values find room.
std::size_t most_cells_of(std::size_t bytes) {
  std::size_t cells = n_blocks;
  while (header + (2 * (cells + 1) - n_blocks + 7) / 8 + cells + 2 <= bytes) ++cells;
  return cells;
}

/// A density that is linear has masses of the quarters that go up evenly: what is left when the best such masses are taken off.
/// @param f0 .. f4  the distribution function at the quarters of n cells
SKYFOLD_CLONES
void errors_of_cells(const double* f0, const double* f1, const double* f2, const double* f3, const double* f4, std::size_t n,
                     double* errors) {
  for (std::size_t i = 0; i < n; ++i) {
    const double mean = (f4[i] - f0[i]) / 4.0;
    const double a = f1[i] - f0[i] - mean, b = f2[i] - f1[i] - mean, c = f3[i] - f2[i] - mean, d = f4[i] - f3[i] - mean;
    const double slope = (3.0 * (d - a) + c - b) / 20.0;
    double sum = a + slope * 3.0;
    double error = std::abs(sum);
    sum += b + slope;
    error = std::max(error, std::abs(sum));
    sum += c - slope;
    error = std::max(error, std::abs(sum));
    sum += d - slope * 3.0;
    errors[i] = std::max(error, std::abs(sum));
  }
}

}  // namespace

void PdfPacker::make_room(std::size_t cells) {
  if (low_.size() >= cells) return;
  cells *= 2;
  for (auto* values : {&low_, &error_, &reached_[0], &reached_[1], &reached_[2], &reached_[3], &reached_[4]}) values->resize(cells);
  depth_.resize(cells), half_.resize(cells), is_cut_.resize(cells);
}

void PdfPacker::put_cell(std::size_t cell, double low, const std::array<double, 5>& reached, std::uint8_t depth) {
  low_[cell] = low;
  for (std::size_t i = 0; i < 5; ++i) reached_[i][cell] = reached[i];
  depth_[cell] = depth, half_[cell] = unknown, is_cut_[cell] = 0;
}

void PdfPacker::find_errors(std::size_t begin, std::size_t end) {
  errors_of_cells(&reached_[0][begin], &reached_[1][begin], &reached_[2][begin], &reached_[3][begin], &reached_[4][begin], end - begin,
                  &error_[begin]);
}

/// The worst cell is halved, one after the other.
void PdfPacker::choose_cells(const RedshiftPdf& pdf, double first, double last, std::size_t most_cells) {
  constexpr std::size_t n = 4 * n_blocks + 1;
  std::array<double, n> z{}, f{};
  for (std::size_t i = 0; i < n; ++i) z[i] = first + (last - first) * static_cast<double>(i) / (n - 1);
  pdf.cumulatives(z, f);
  make_room(n_blocks);
  width_[0] = (last - first) / n_blocks;
  for (std::size_t depth = 1; depth < width_.size(); ++depth) width_[depth] = 0.5 * width_[depth - 1];
  for (std::size_t k = 0; k < n_blocks; ++k) put_cell(k, z[4 * k], {f[4 * k], f[4 * k + 1], f[4 * k + 2], f[4 * k + 3], f[4 * k + 4]}, 0);
  find_errors(0, n_blocks);
  cells_ = made_ = n_blocks;
  worst_.clear();
  for (std::uint32_t k = 0; k < n_blocks; ++k)
    if (is_wanted(k)) worst_.push_back({error_[k], k, k});
  std::ranges::make_heap(worst_);
  for (std::size_t used = n_blocks; used < most_cells && !worst_.empty(); ++used) {
    if (half_[worst_.front().cell] == unknown) look_into_worst(pdf, most_cells - used);
    cut_worst();
  }
}

bool PdfPacker::is_wanted(std::size_t cell) const { return depth_[cell] < PdfPacker::most_depth && error_[cell] > good_enough; }

/// Makes the halves of the worst cell, and of others that are likely to be halved soon: to ask a PDF once for many is cheaper, and nothing
/// depends on it.
void PdfPacker::look_into_worst(const RedshiftPdf& pdf, std::size_t most) {
  std::array<std::uint32_t, at_once> chosen{};
  std::size_t n = 0;
  // The top of a heap is not in order, but the worst ones are there.
  for (std::size_t k = 0; k < worst_.size() && n < std::min(at_once, most); ++k) {
    const std::uint32_t cell = worst_[k].cell;
    if (half_[cell] != unknown) continue;
    std::size_t at = n++;
    for (; at > 0 && low_[chosen[at - 1]] > low_[cell]; --at) chosen[at] = chosen[at - 1];
    chosen[at] = cell;
  }
  std::array<double, 4 * at_once> z{}, f{};
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = 0; i < 4; ++i)
      z[4 * k + i] = low_[chosen[k]] + (0.125 + 0.25 * static_cast<double>(i)) * width_[depth_[chosen[k]]];
  pdf.cumulatives(std::span(z).first(4 * n), std::span(f).first(4 * n));
  const std::size_t begin = made_;
  make_room(begin + 2 * n);
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t cell = chosen[k];
    const auto depth = static_cast<std::uint8_t>(depth_[cell] + 1);
    half_[cell] = static_cast<std::uint32_t>(made_);
    put_cell(made_++, low_[cell], {reached_[0][cell], f[4 * k], reached_[1][cell], f[4 * k + 1], reached_[2][cell]}, depth);
    put_cell(made_++, low_[cell] + width_[depth], {reached_[2][cell], f[4 * k + 2], reached_[3][cell], f[4 * k + 3], reached_[4][cell]},
             depth);
  }
  find_errors(begin, made_);
}

/// Halves the worst cell: one of its halves takes its place in the heap.
void PdfPacker::cut_worst() {
  const std::uint32_t half = half_[worst_.front().cell];
  is_cut_[worst_.front().cell] = 1;
  bool has_place = true;
  for (std::uint32_t k = 0; k < 2; ++k, ++cells_) {
    if (!is_wanted(half + k)) continue;
    const Wanted wanted{error_[half + k], static_cast<std::uint32_t>(cells_), half + k};
    if (!has_place) worst_.push_back(wanted), std::ranges::push_heap(worst_);
    if (has_place) replace_worst(wanted);
    has_place = false;
  }
  if (!has_place) return;
  std::ranges::pop_heap(worst_);
  worst_.pop_back();
}

void PdfPacker::replace_worst(const Wanted& wanted) {
  std::size_t at = 0;
  for (std::size_t below = 1; below < worst_.size(); below = 2 * at + 1) {
    if (below + 1 < worst_.size() && worst_[below] < worst_[below + 1]) ++below;
    if (!(wanted < worst_[below])) break;
    worst_[at] = worst_[below];
    at = below;
  }
  worst_[at] = wanted;
}

void PdfPacker::list_leaves(std::size_t cell, std::span<std::uint8_t> bits, std::size_t& at) {
  const std::size_t bit = at++;
  if (!is_cut_[cell]) {
    leaves_.push_back(cell);
    return;
  }
  bits[bit / 8] = static_cast<std::uint8_t>(bits[bit / 8] | 1u << (bit % 8));
  list_leaves(half_[cell], bits, at);
  list_leaves(half_[cell] + 1, bits, at);
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
  if (values_.is_full()) values_.finish();
  // All of it lies off the range: its nearer end holds all.
  const bool is_empty = !(reached_[4][n_blocks - 1] - reached_[0][0] > 1e-9);
  values_.begin(bytes.subspan(header + (bits + 7) / 8), is_empty && !(pdf.median() < zmin_));
  for (const std::size_t leaf : leaves_)
    values_.add(width_[depth_[leaf]], {reached_[0][leaf], reached_[1][leaf], reached_[2][leaf], reached_[3][leaf], reached_[4][leaf]});
}

namespace {

double density_of(double code) { return code * code; }

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
  constexpr std::size_t depths = PdfPacker::most_depth + 1;
  constexpr std::uint32_t block = 1u << PdfPacker::most_depth, end = n_blocks * block;  // in the narrowest cells
  std::array<double, depths> half{};                                                    // of a cell's width
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
    if (left <= PdfPacker::most_depth) window = word_at(bits, at / 8) >> (at % 8), left = 64 - at % 8;
    // Bits that are set are cells cut, one in the left half of the other.
    const auto cuts = static_cast<std::uint32_t>(std::countr_one(window));
    depth += cuts;
    if (depth > PdfPacker::most_depth) return 0;
    at += cuts + 1, left -= cuts + 1, window >>= cuts + 1;
    starts[n++] = low[depth + 1];
    place += block >> depth;
    // What is to the right is the other half of the widest cell that ends here, or the next block.
    depth = PdfPacker::most_depth - static_cast<std::uint32_t>(std::countr_zero(place | block));
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
