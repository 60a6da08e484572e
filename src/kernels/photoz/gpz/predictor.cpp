// Estimates of the sparse Gaussian process, 32 objects at a time in vector instructions.
#include "predictor.hpp"

#include <algorithm>
#include <cmath>

#include "../../network/functions.hpp"

namespace skyfold::gpz {
namespace {

using network::chunk;
using network::lanes_at;
using network::put_lanes;
constexpr double largest_log_precision = 25.0;

/// 1, x_k, x_k x_l of each object.
SKYFOLD_CLONES
void make_monomials(const double* x, std::size_t d, double* monomial) {
  for (std::size_t i = 0; i < chunk; ++i) monomial[i] = 1.0;
  std::copy_n(x, d * chunk, monomial + chunk);
  double* to = monomial + (1 + d) * chunk;
  for (std::size_t k = 0; k < d; ++k)
    for (std::size_t c = k; c < d; ++c, to += chunk)
      for (std::size_t i = 0; i < chunk; i += n_lanes) put_lanes(to + i, lanes_at(x + k * chunk + i) * lanes_at(x + c * chunk + i));
}

/// exp(-q / 2) for squared distances q, which rounding may have made negative.
SKYFOLD_CLONES
void make_basis(double* q, std::size_t n) {
  for (std::size_t i = 0; i < n; i += n_lanes) {
    Lanes exponent = lanes_at(q + i) * -0.5;
    exponent = exponent > 0.0 ? Lanes{} : exponent;
    put_lanes(q + i, network::exp_of(exponent));
  }
}

/// Sum over the rows of a lower triangular matrix of (row . phi)^2.
SKYFOLD_CLONES
void squared_length(const double* root, std::size_t n, const double* phi, double* length) {
  for (std::size_t first = 0; first < chunk; first += 2 * n_lanes) {
    Lanes low = {}, high = {};
    std::size_t r = 0;
    for (; r + 2 <= n; r += 2) {  // two rows at a time: four sums that do not wait for one another
      const double *one = root + r * n, *two = one + n;
      Lanes a = {}, b = {}, c = {}, d = {};
      for (std::size_t k = 0; k <= r; ++k) {
        const Lanes x = lanes_at(phi + k * chunk + first), y = lanes_at(phi + k * chunk + first + n_lanes);
        a += x * one[k];
        b += y * one[k];
        c += x * two[k];
        d += y * two[k];
      }
      c += lanes_at(phi + (r + 1) * chunk + first) * two[r + 1];
      d += lanes_at(phi + (r + 1) * chunk + first + n_lanes) * two[r + 1];
      low += a * a + c * c;
      high += b * b + d * d;
    }
    for (; r < n; ++r) {
      Lanes a = {}, b = {};
      for (std::size_t k = 0; k <= r; ++k) {
        a += lanes_at(phi + k * chunk + first) * root[r * n + k];
        b += lanes_at(phi + k * chunk + first + n_lanes) * root[r * n + k];
      }
      low += a * a;
      high += b * b;
    }
    put_lanes(length + first, low);
    put_lanes(length + first + n_lanes, high);
  }
}

}  // namespace

Predictor::Predictor(const Layout& layout, std::vector<double> parameters, Posterior posterior)
    : layout_(layout), parameters_(std::move(parameters)), posterior_(std::move(posterior)), forms_(quadratic_forms(layout, parameters_)) {}

void Predictor::predict(std::span<const double> feature, Buffers& buffers, std::span<double> mean, std::span<double> model,
                        std::span<double> noise) const {
  const std::size_t m = layout_.basis, d = layout_.features, k = layout_.monomials(), n = layout_.terms();
  make_monomials(feature.data(), d, buffers.monomial.data());
  network::multiply(forms_.data(), k, 1, nullptr, buffers.monomial.data(), k, m, buffers.phi.data());
  make_basis(buffers.phi.data(), m * chunk);
  std::copy_n(feature.data(), d * chunk, buffers.phi.data() + m * chunk);
  std::fill_n(buffers.phi.data() + (m + d) * chunk, chunk, 1.0);
  network::multiply(posterior_.mean.data(), n, 1, nullptr, buffers.phi.data(), n, 1, mean.data());
  network::multiply(&parameters_[layout_.noise()], m, 1, &parameters_[layout_.noise_constant()], buffers.phi.data(), m, 1, noise.data());
  for (double& value : noise) value = std::exp(-std::clamp(value, -largest_log_precision, largest_log_precision));
  squared_length(posterior_.root.data(), n, buffers.phi.data(), model.data());
}

void Predictor::gradient(std::span<const double> x, std::span<double> gradient) const {
  const std::size_t m = layout_.basis, d = layout_.features;
  std::copy_n(posterior_.mean.begin() + static_cast<std::ptrdiff_t>(m), d, gradient.begin());
  for (std::size_t j = 0; j < m; ++j) {
    const double* form = &forms_[j * layout_.monomials()];
    double q = form[0];
    std::size_t at = 1 + d;
    for (std::size_t k = 0; k < d; ++k) q += form[1 + k] * x[k];
    for (std::size_t k = 0; k < d; ++k)
      for (std::size_t c = k; c < d; ++c) q += form[at++] * x[k] * x[c];
    const double scale = -0.5 * posterior_.mean[j] * std::exp(-0.5 * std::max(q, 0.0));
    at = 1 + d;
    for (std::size_t k = 0; k < d; ++k) gradient[k] += scale * form[1 + k];
    for (std::size_t k = 0; k < d; ++k)
      for (std::size_t c = k; c < d; ++c, ++at) {
        gradient[k] += scale * form[at] * x[c];
        gradient[c] += scale * form[at] * x[k];
      }
  }
}

}  // namespace skyfold::gpz
