// PDFs as few columns of a dictionary. What a column has in common with all others is found once, when it is taken: what is left of the
// PDF is never compared with the dictionary again.
#include "sparse.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "../../common/simd.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr std::size_t most_widths = 64, least_widths = 8;
constexpr double steps_of_widest = 43.0;
constexpr double places_per_width = 0.7;  // of sigma, between places of candidates
constexpr std::size_t room = 8;
constexpr double least_pivot = 1e-9;

/// Eight sums side by side, in an order that is the same for any registers.
SKYFOLD_INLINE float dot(const float* a, const float* b, std::size_t n) {
  float sums[room] = {};
  for (std::size_t i = 0; i < n; i += room)
    for (std::size_t k = 0; k < room; ++k) sums[k] += a[i + k] * b[i + k];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// Products of a signal with the candidates of one shape, places 0, stride, 2 stride, ...
/// @param signal  at point 0; zeros beyond [begin, end), and `room` values behind it
SKYFOLD_CLONES
void products_of_shape(const float* signal, std::ptrdiff_t begin, std::ptrdiff_t end, const float* profile, std::ptrdiff_t reach,
                       const float* inverse, std::ptrdiff_t stride, std::ptrdiff_t count, float* to) {
  std::fill(to, to + count, 0.0f);
  const std::ptrdiff_t from = std::max<std::ptrdiff_t>(0, (begin - reach + stride - 1) / stride);
  for (std::ptrdiff_t k = from; k < count && k * stride - reach < end; ++k) {
    const std::ptrdiff_t low = std::max(begin, k * stride - reach), high = std::min(end, k * stride + reach + 1);
    if (high > low) to[k] = dot(signal + low, profile + (low - (k * stride - reach)), static_cast<std::size_t>(high - low)) * inverse[k];
  }
}

SKYFOLD_CLONES
void subtract(const float* values, float factor, std::size_t n, float* from) {
  for (std::size_t i = 0; i < n; ++i) from[i] -= factor * values[i];
}

SKYFOLD_CLONES
float greatest(const float* values, std::size_t n) {
  float best[room] = {};
  for (std::size_t i = 0; i + room <= n; i += room)
    for (std::size_t k = 0; k < room; ++k) best[k] = std::max(best[k], std::abs(values[i + k]));
  for (std::size_t i = n / room * room; i < n; ++i) best[0] = std::max(best[0], std::abs(values[i]));
  return *std::max_element(best, best + room);
}

SKYFOLD_CLONES
double dot(const double* a, const double* b, std::size_t n) {
  double sums[room] = {};
  std::size_t i = 0;
  for (; i + room <= n; i += room)
    for (std::size_t k = 0; k < room; ++k) sums[k] += a[i + k] * b[i + k];
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace

VoigtDictionary::Axes sparse_axes(const PdfOptions& o) {
  const auto points = static_cast<std::size_t>(o.bins);
  const std::size_t widths = std::min(most_widths, most_sparse_columns / points);
  if (widths < least_widths)
    throw UsageError(fmt::format("pdf.bins = {} (sparse PDFs number the columns of their dictionary by 16 bits: at most {} points)", o.bins,
                                 most_sparse_columns / least_widths));
  const double step = (o.zmax - o.zmin) / static_cast<double>(points - 1);
  return {o.zmin, o.zmax, step, std::max(2.0 * step, std::min(steps_of_widest * step, 0.25 * (o.zmax - o.zmin))), points, widths, 1};
}

SparseFit::SparseFit(const PdfOptions& o)
    : dictionary_(pdf_grid(o), sparse_axes(o)), points_(static_cast<std::size_t>(o.bins)), most_(static_cast<std::size_t>(o.bases)) {
  for (std::size_t shape = 0; shape < dictionary_.shapes(); ++shape) {
    const std::vector<double>& half = dictionary_.profile(shape);
    // Where the profile has fallen to exp(-1/2): one sigma.
    const auto sigma = std::ranges::find_if(half, [&](double value) { return value < 0.6065 * half[0]; }) - half.begin();
    Candidates own{candidates_, std::max<std::size_t>(1, static_cast<std::size_t>(places_per_width * static_cast<double>(sigma - 1))),
                   0,           std::ssize(half) - 1,
                   {},          {}};
    own.count = (points_ - 1) / own.stride + 1;
    for (std::ptrdiff_t d = -own.reach; d <= own.reach; ++d)
      own.profile.push_back(static_cast<float>(half[static_cast<std::size_t>(std::abs(d))]));
    own.profile.resize(own.profile.size() + room);
    for (std::size_t k = 0; k < own.count; ++k) own.inverse.push_back(static_cast<float>(dictionary_.inverse_norm(shape, k * own.stride)));
    candidates_ += own.count;
    shapes_.push_back(std::move(own));
  }
  start_.resize(candidates_), now_.resize(candidates_);
  signal_.resize(points_ + room);
  with_candidates_.assign(most_, std::vector<float>(candidates_));
  columns_.assign(most_, std::vector<double>(points_));
  density_.resize(points_);
  products_.resize(most_ * most_), factor_.resize(most_ * most_), right_.resize(most_), solution_.resize(most_);
}

void SparseFit::correlate(std::span<const float> signal, std::size_t begin, std::size_t end, std::span<float> to) const {
  for (const Candidates& own : shapes_)
    products_of_shape(signal.data(), static_cast<std::ptrdiff_t>(begin), static_cast<std::ptrdiff_t>(end), own.profile.data(), own.reach,
                      own.inverse.data(), static_cast<std::ptrdiff_t>(own.stride), static_cast<std::ptrdiff_t>(own.count), &to[own.first]);
}

std::size_t SparseFit::best_candidate() const {
  const float most = greatest(now_.data(), candidates_);
  for (std::size_t i = 0; i < candidates_; ++i)
    if (std::abs(now_[i]) == most) return i;
  return 0;
}

std::size_t SparseFit::base_of(std::size_t candidate) const {
  std::size_t shape = 0;
  while (shape + 1 < shapes_.size() && shapes_[shape + 1].first <= candidate) ++shape;
  return (candidate - shapes_[shape].first) * shapes_[shape].stride * shapes_.size() + shape;
}

/// Adds a column to those taken. False where it is a sum of them.
bool SparseFit::take(std::size_t candidate, std::size_t n) {
  const std::size_t base = base_of(candidate);
  std::vector<double>& column = columns_[n];
  std::ranges::fill(column, 0.0);
  dictionary_.add(base, 1.0, column);
  for (std::size_t j = 0; j <= n; ++j)
    products_[n * most_ + j] = products_[j * most_ + n] = dot(column.data(), columns_[j].data(), points_);
  right_[n] = dot(column.data(), density_.data(), points_);
  if (!solve(n + 1, products_, right_)) return false;
  bases_.push_back(base);
  std::size_t begin = 0, end = points_;
  while (begin + 1 < end && column[begin] == 0.0) ++begin;
  while (end - 1 > begin && column[end - 1] == 0.0) --end;
  for (std::size_t i = 0; i < points_; ++i) signal_[i] = static_cast<float>(column[i]);
  correlate(signal_, begin, end, with_candidates_[n]);
  return true;
}

void SparseFit::update(std::size_t taken) {
  std::ranges::copy(start_, now_.begin());
  for (std::size_t j = 0; j < taken; ++j) subtract(with_candidates_[j].data(), static_cast<float>(solution_[j]), candidates_, now_.data());
}

/// The normal equations, by Cholesky's factors. False where they are singular; the solution stays as it is then.
bool SparseFit::solve(std::size_t n, const std::vector<double>& products, const std::vector<double>& right) {
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = products[i * most_ + j];
      for (std::size_t k = 0; k < j; ++k) sum -= factor_[i * most_ + k] * factor_[j * most_ + k];
      if (i == j && !(sum > least_pivot * products[i * most_ + i])) return false;
      factor_[i * most_ + j] = i == j ? std::sqrt(sum) : sum / factor_[j * most_ + j];
    }
  for (std::size_t i = 0; i < n; ++i) {
    double sum = right[i];
    for (std::size_t k = 0; k < i; ++k) sum -= factor_[i * most_ + k] * solution_[k];
    solution_[i] = sum / factor_[i * most_ + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    double sum = solution_[i];
    for (std::size_t k = i + 1; k < n; ++k) sum -= factor_[k * most_ + i] * solution_[k];
    solution_[i] = sum / factor_[i * most_ + i];
  }
  return true;
}

/// Coefficients of least squares of the distribution function in place of the density.
void SparseFit::fit_distribution(std::size_t n) {
  const auto add_up = [](std::vector<double>& values) {
    double sum = 0.0;
    for (double& value : values) value = sum += value;
  };
  add_up(density_);
  for (std::size_t j = 0; j < n; ++j) add_up(columns_[j]);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) products_[i * most_ + j] = dot(columns_[i].data(), columns_[j].data(), points_);
    right_[i] = dot(columns_[i].data(), density_.data(), points_);
  }
  (void)solve(n, products_, right_);
}

void SparseFit::fit(std::span<const float> density, std::span<std::int32_t> codes) {
  std::ranges::fill(codes, 0);
  std::ranges::copy(density, density_.begin());
  std::size_t begin = 0, end = points_;
  while (begin + 1 < end && density[begin] == 0.0f) ++begin;
  while (end - 1 > begin && density[end - 1] == 0.0f) --end;
  std::ranges::copy(density, signal_.begin());
  correlate(signal_, begin, end, start_);
  std::ranges::copy(start_, now_.begin());
  bases_.clear();
  const double whole = dot(density_.data(), density_.data(), points_);
  for (std::size_t n = 0; n < most_ && take(best_candidate(), n); ++n) {
    update(n + 1);
    double explained = 0.0;
    for (std::size_t j = 0; j <= n; ++j) explained += solution_[j] * right_[j];
    if (whole - explained < 1e-10 * whole) break;
  }
  const std::size_t n = bases_.size();
  if (n == 0) return;
  fit_distribution(n);
  // The first one has the coefficient 1, as qp takes for granted: it is the greatest.
  const auto largest =
      static_cast<std::size_t>(std::max_element(solution_.begin(), solution_.begin() + static_cast<std::ptrdiff_t>(n)) - solution_.begin());
  std::swap(bases_[0], bases_[largest]);
  std::swap(solution_[0], solution_[largest]);
  if (!(solution_[0] > 0.0)) std::fill(solution_.begin(), solution_.end(), 0.0), solution_[0] = 1.0;
  for (std::size_t j = 0; j < n; ++j) {
    const double part = std::clamp(solution_[j] / solution_[0] * static_cast<double>(sparse_steps), -32767.0, 32767.0);
    const auto coefficient = static_cast<std::uint32_t>(static_cast<std::int32_t>(std::lround(part)));
    codes[j] = static_cast<std::int32_t>(coefficient << 16 | static_cast<std::uint32_t>(bases_[j]));
  }
}

}  // namespace skyfold
