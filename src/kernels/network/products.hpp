#pragma once

#include <cstddef>

namespace skyfold::network {

/// Objects that go through a net together; arrays of a chunk have the objects fastest: shape [units x chunk].
inline constexpr std::size_t chunk = 32;

/// out[row] = bias[row] + sum_k matrix[row, k] in[k], for each object; the sum in the order of k.
///
/// @param matrix  element (row, k) is at matrix[row * row_step + k * k_step]
/// @param bias    shape [rows], or null
void multiply(const double* matrix, std::size_t row_step, std::size_t k_step, const double* bias, const double* in, std::size_t n_k,
              std::size_t rows, double* out);

/// sum[row, k] += sum over the objects of a[row] b[k]; sum is row-major, shape [rows x n_k].
void add_outer(const double* a, const double* b, std::size_t rows, std::size_t n_k, double* sum);

/// sum[row] += sum over the objects of a[row].
void add_rows(const double* a, std::size_t rows, double* sum);

}  // namespace skyfold::network
