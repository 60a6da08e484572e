// From sums to n(z): unit integrals, moments, overlaps, and their errors by bootstrap and by jackknife.
#include "skyfold/kernels/nz/distributions.hpp"

#include <algorithm>
#include <cmath>

#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"

namespace skyfold::nz {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Sums of slots as a density over the cells; what lies outside of them is in none.
void normalise(std::span<const double> sums, double width, std::span<double> n) {
  double total = 0.0;
  for (std::size_t k = 0; k < n.size(); ++k) total += sums[k + 1];
  for (std::size_t k = 0; k < n.size(); ++k) n[k] = total > 0.0 ? sums[k + 1] / (total * width) : nan;
}

double jackknife_error(std::span<const double> values) {
  std::vector<double> finite;
  std::ranges::copy_if(values, std::back_inserter(finite), [](double value) { return std::isfinite(value); });
  const auto n = static_cast<double>(finite.size());
  // The bootstrap's error is with n - 1.
  return finite.size() < 2 ? nan : validation::bootstrap_error(finite) * (n - 1.0) / std::sqrt(n);
}

}  // namespace

Moments moments_of(const RedshiftCells& cells, std::span<const double> n) {
  double sum = 0.0, first = 0.0, second = 0.0;
  for (std::size_t k = 0; k < n.size(); ++k) {
    sum += n[k];
    first += n[k] * cells.middle(k);
  }
  if (!(sum > 0.0)) return {nan, nan};
  const double mean = first / sum;
  for (std::size_t k = 0; k < n.size(); ++k) second += n[k] * (cells.middle(k) - mean) * (cells.middle(k) - mean);
  return {mean, std::sqrt(second / sum)};
}

double overlap_of(const RedshiftCells& cells, std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += std::isnan(a[k]) || std::isnan(b[k]) ? nan : std::min(a[k], b[k]);
  return sum * cells.width;
}

std::vector<double> covariance(std::span<const double> rows, std::size_t columns, bool is_jackknife, int threads) {
  std::vector<double> deviations, mean(columns, 0.0);
  std::size_t n = 0;
  for (std::size_t begin = 0; begin + columns <= rows.size(); begin += columns) {
    const auto row = rows.subspan(begin, columns);
    if (std::ranges::any_of(row, [](double value) { return std::isnan(value); })) continue;
    deviations.insert(deviations.end(), row.begin(), row.end());
    for (std::size_t c = 0; c < columns; ++c) mean[c] += row[c];
    ++n;
  }
  std::vector<double> result(columns * columns, nan);
  if (n < 2) return result;
  const auto count = static_cast<double>(n);
  for (std::size_t i = 0; i < deviations.size(); ++i) deviations[i] -= mean[i % columns] / count;
  const double factor = is_jackknife ? (count - 1.0) / count : 1.0 / (count - 1.0);
  parallel_for(columns, 8, threads, [&](std::size_t first, std::size_t last, int) {
    for (std::size_t a = first; a < last; ++a) {
      double* to = &result[a * columns];
      std::fill(to, to + columns, 0.0);
      // Row after row, and of a row all columns: memory is read in its order, and each sum has one order.
      for (std::size_t k = 0; k < n; ++k) {
        const double here = deviations[k * columns + a];
        if (here == 0.0) continue;
        for (std::size_t b = 0; b < columns; ++b) to[b] += here * deviations[k * columns + b];
      }
      for (std::size_t b = 0; b < columns; ++b) to[b] *= factor;
    }
  });
  return result;
}

Distributions::Distributions(const SumsLayout& layout, const Sums& sums) : layout_(layout), patches_(sums.patches.size()) {
  const std::size_t estimators = layout.estimators.size(), bins = layout.bins.size(), cells = layout.cells.count,
                    slots = layout.cells.slots();
  results_.resize(estimators * bins * layout.results() * cells);
  without_.resize(patches_ * estimators * bins * cells);
  const std::span all(sums.values), of_patches(sums.of_patches);
  std::vector<double> rest(slots);
  for (std::size_t e = 0; e < estimators; ++e)
    for (std::size_t b = 0; b < bins; ++b) {
      for (std::size_t r = 0; r < layout.results(); ++r) {
        const std::size_t at = layout.at(e, b, r);
        normalise(all.subspan(at, slots), layout.cells.width, std::span(results_).subspan(at / slots * cells, cells));
      }
      for (std::size_t p = 0; p < patches_; ++p) {
        const std::size_t at = layout.at_patch(p, e, b), whole = layout.at(e, b, 0);
        for (std::size_t k = 0; k < slots; ++k) {
          rest[k] = all[whole + k] - of_patches[at + k];
          // What is left where a patch has all there is: sums have been rounded on two ways.
          if (std::abs(rest[k]) < 1e-12 * std::abs(all[whole + k])) rest[k] = 0.0;
        }
        const bool has_patches = layout.estimators[e] != Estimator::training;
        normalise(has_patches ? rest : std::vector<double>(slots, nan), layout.cells.width,
                  std::span(without_).subspan(at / slots * cells, cells));
      }
    }
}

std::span<const double> Distributions::n(std::size_t estimator, std::size_t bin, std::size_t result) const {
  const std::size_t cells = layout_.cells.count;
  return std::span(results_).subspan(layout_.at(estimator, bin, result) / layout_.cells.slots() * cells, cells);
}

std::span<const double> Distributions::without(std::size_t patch, std::size_t estimator, std::size_t bin) const {
  const std::size_t cells = layout_.cells.count;
  return std::span(without_).subspan(layout_.at_patch(patch, estimator, bin) / layout_.cells.slots() * cells, cells);
}

Measured Distributions::measure(const std::function<double(const View&)>& number) const {
  Measured measured;
  measured.value = number([&](std::size_t e, std::size_t b) { return n(e, b); });
  if (std::isnan(measured.value)) return measured;
  std::vector<double> values;
  for (std::size_t r = 1; r < layout_.results(); ++r) values.push_back(number([&](std::size_t e, std::size_t b) { return n(e, b, r); }));
  measured.bootstrap = validation::bootstrap_error(values);
  values.clear();
  for (std::size_t p = 0; p < patches_; ++p) values.push_back(number([&](std::size_t e, std::size_t b) { return without(p, e, b); }));
  measured.jackknife = jackknife_error(values);
  return measured;
}

std::vector<double> Distributions::realisations(std::size_t estimator) const {
  std::vector<double> rows;
  for (std::size_t r = 1; r < layout_.results(); ++r)
    for (std::size_t b = 0; b < layout_.bins.size(); ++b) rows.insert(rows.end(), n(estimator, b, r).begin(), n(estimator, b, r).end());
  return rows;
}

std::vector<double> Distributions::jackknife(std::size_t estimator) const {
  std::vector<double> rows;
  for (std::size_t p = 0; p < patches_; ++p)
    for (std::size_t b = 0; b < layout_.bins.size(); ++b) {
      const auto row = without(p, estimator, b);
      rows.insert(rows.end(), row.begin(), row.end());
    }
  return rows;
}

}  // namespace skyfold::nz
