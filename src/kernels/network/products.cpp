// Products of small matrices with a chunk of objects. Each element has its sum in an order of its own, whatever the tiles are, so that all
// instruction sets give the same bits.
#include "products.hpp"

#include "functions.hpp"

namespace skyfold::network {
namespace {

/// `Rows` rows for eight objects: as many sums as registers hold.
template <int Rows>
SKYFOLD_INLINE void multiply_tile(const double* matrix, std::size_t row_step, std::size_t k_step, const double* bias, const double* in,
                                  std::size_t n_k, double* out) {
  Lanes low[Rows], high[Rows];
  for (int r = 0; r < Rows; ++r) low[r] = high[r] = Lanes{} + (bias ? bias[r] : 0.0);
  for (std::size_t k = 0; k < n_k; ++k) {
    const Lanes a = lanes_at(in + k * chunk), b = lanes_at(in + k * chunk + n_lanes);
    for (int r = 0; r < Rows; ++r) {
      const double m = matrix[static_cast<std::size_t>(r) * row_step + k * k_step];
      low[r] += a * m;
      high[r] += b * m;
    }
  }
  for (int r = 0; r < Rows; ++r) {
    put_lanes(out + static_cast<std::size_t>(r) * chunk, low[r]);
    put_lanes(out + static_cast<std::size_t>(r) * chunk + n_lanes, high[r]);
  }
}

SKYFOLD_INLINE double sum_of(const Lanes& v) { return (v[0] + v[1]) + (v[2] + v[3]); }

template <int Rows, int Columns>
SKYFOLD_INLINE void outer_tile(const double* a, const double* b, std::size_t n_k, double* sum) {
  Lanes sums[Rows][Columns] = {};
  for (std::size_t o = 0; o < chunk; o += n_lanes) {
    Lanes right[Columns];
    for (int c = 0; c < Columns; ++c) right[c] = lanes_at(b + static_cast<std::size_t>(c) * chunk + o);
    for (int r = 0; r < Rows; ++r) {
      const Lanes left = lanes_at(a + static_cast<std::size_t>(r) * chunk + o);
      for (int c = 0; c < Columns; ++c) sums[r][c] += left * right[c];
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int c = 0; c < Columns; ++c) sum[static_cast<std::size_t>(r) * n_k + static_cast<std::size_t>(c)] += sum_of(sums[r][c]);
}

template <int Rows>
SKYFOLD_INLINE void outer_rows(const double* a, const double* b, std::size_t n_k, double* sum) {
  std::size_t k = 0;
  for (; k + 2 <= n_k; k += 2) outer_tile<Rows, 2>(a, b + k * chunk, n_k, sum + k);
  for (; k < n_k; ++k) outer_tile<Rows, 1>(a, b + k * chunk, n_k, sum + k);
}

}  // namespace

SKYFOLD_CLONES
void multiply(const double* matrix, std::size_t row_step, std::size_t k_step, const double* bias, const double* in, std::size_t n_k,
              std::size_t rows, double* out) {
  for (std::size_t o = 0; o < chunk; o += 2 * n_lanes) {
    std::size_t r = 0;
    for (; r + 4 <= rows; r += 4)
      multiply_tile<4>(matrix + r * row_step, row_step, k_step, bias ? bias + r : nullptr, in + o, n_k, out + r * chunk + o);
    for (; r < rows; ++r)
      multiply_tile<1>(matrix + r * row_step, row_step, k_step, bias ? bias + r : nullptr, in + o, n_k, out + r * chunk + o);
  }
}

SKYFOLD_CLONES
void add_outer(const double* a, const double* b, std::size_t rows, std::size_t n_k, double* sum) {
  std::size_t r = 0;
  for (; r + 4 <= rows; r += 4) outer_rows<4>(a + r * chunk, b, n_k, sum + r * n_k);
  for (; r < rows; ++r) outer_rows<1>(a + r * chunk, b, n_k, sum + r * n_k);
}

SKYFOLD_CLONES
void add_rows(const double* a, std::size_t rows, double* sum) {
  for (std::size_t r = 0; r < rows; ++r) {
    Lanes lanes = {};
    for (std::size_t o = 0; o < chunk; o += n_lanes) lanes += lanes_at(a + r * chunk + o);
    sum[r] += sum_of(lanes);
  }
}

}  // namespace skyfold::network
