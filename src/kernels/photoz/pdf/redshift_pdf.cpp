// Numbers of a redshift PDF, on a grid or as a mixture of Gaussians: what survey tables, and readers of PDF files, want to know.
#include "skyfold/kernels/photoz/redshift_pdf.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "../common/mixture.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"

namespace skyfold {
namespace {

/// What is the same for all PDFs, from the group `meta`.
std::vector<double> numbers_of(const Table& meta, const char* name, std::size_t wanted) {
  const Column* column = meta.find(name);
  if (!column || meta.rows() != 1) throw DataError(fmt::format("no /meta/{} (which the PDFs refer to)", name));
  if (column->info().width != wanted)
    throw DataError(fmt::format("/meta/{} has {} values (the PDFs have {})", name, column->info().width, wanted));
  std::vector<double> numbers(wanted);
  for (std::size_t k = 0; k < wanted; ++k) numbers[k] = column->number(0, k);
  return numbers;
}

/// Linear between the points of a grid, nothing beyond them.
class GridPdf final : public RedshiftPdf {
 public:
  explicit GridPdf(std::vector<double> grid) : z_(std::move(grid)), density_(z_.size()), cumulative_(z_.size()) {}

  bool set(const Table& rows, std::size_t row) override {
    const auto values = rows.at(pdf_column).values<float>().subspan(row * z_.size(), z_.size());
    double sum = 0.0;
    cumulative_[0] = 0.0;
    for (std::size_t i = 0; i < z_.size(); ++i) {
      if (!(values[i] >= 0.0f)) return false;  // also NaN
      density_[i] = values[i];
      if (i > 0) cumulative_[i] = sum += 0.5 * (density_[i - 1] + density_[i]) * (z_[i] - z_[i - 1]);
    }
    if (!(sum > 0.0) || !std::isfinite(sum)) return false;
    // To the last digit: the values are of single precision.
    for (std::size_t i = 0; i < z_.size(); ++i) density_[i] /= sum, cumulative_[i] /= sum;
    return true;
  }

  double density(double z) const override {
    if (!(z >= z_.front() && z <= z_.back())) return 0.0;
    const std::size_t i = cell(z);
    return density_[i] + slope(i) * (z - z_[i]);
  }

  double cumulative(double z) const override {
    if (z <= z_.front()) return 0.0;
    if (z >= z_.back()) return 1.0;
    const std::size_t i = cell(z);
    const double t = z - z_[i];
    return cumulative_[i] + t * (density_[i] + 0.5 * slope(i) * t);
  }

  // Both grids ascend: one way along them, without a search for each redshift.
  void cumulatives(std::span<const double> z, std::span<double> values) const override {
    std::size_t i = 0;
    for (std::size_t k = 0; k < z.size(); ++k) {
      while (i + 2 < z_.size() && z_[i + 1] <= z[k]) ++i;
      const double t = z[k] - z_[i];
      values[k] = z[k] <= z_.front() ? 0.0 : z[k] >= z_.back() ? 1.0 : cumulative_[i] + t * (density_[i] + 0.5 * slope(i) * t);
    }
  }

  double quantile(double p) const override {
    const auto above = std::upper_bound(cumulative_.begin() + 1, cumulative_.end() - 1, p);
    const auto i = static_cast<std::size_t>(above - cumulative_.begin()) - 1;
    // The quadratic equation of the cell, in the form that does not cancel.
    const double rest = p - cumulative_[i], d = density_[i], root = std::sqrt(std::max(0.0, d * d + 2.0 * slope(i) * rest));
    const double t = rest > 0.0 ? 2.0 * rest / (d + root) : 0.0;
    return std::min(z_[i] + t, z_[i + 1]);
  }

  double mean() const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < z_.size(); ++i)
      sum += (z_[i + 1] - z_[i]) / 6.0 * (density_[i] * (2.0 * z_[i] + z_[i + 1]) + density_[i + 1] * (z_[i] + 2.0 * z_[i + 1]));
    return sum;
  }

  double mode() const override { return z_[static_cast<std::size_t>(std::ranges::max_element(density_) - density_.begin())]; }

  double square_about(double z) const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < z_.size(); ++i) {
      const double a = z_[i] - z, b = z_[i + 1] - z;
      sum += (b - a) / 12.0 * (density_[i] * (3.0 * a * a + 2.0 * a * b + b * b) + density_[i + 1] * (a * a + 2.0 * a * b + 3.0 * b * b));
    }
    return sum;
  }

  double squared_integral() const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < z_.size(); ++i) {
      const double a = density_[i], b = density_[i + 1];
      sum += (z_[i + 1] - z_[i]) * (a * a + a * b + b * b) * (1.0 / 3.0);
    }
    return sum;
  }
  std::pair<double, double> support() const override { return {z_.front(), z_.back()}; }
  std::pair<double, double> range() const override { return {z_.front(), z_.back()}; }

  void sample(std::vector<double>& z, std::vector<double>& probability) const override {
    z.clear();
    probability.clear();
    for (std::size_t i = 0; i < z_.size(); ++i) {
      const double left = i > 0 ? z_[i] - z_[i - 1] : 0.0, right = i + 1 < z_.size() ? z_[i + 1] - z_[i] : 0.0;
      if (density_[i] == 0.0) continue;
      z.push_back(z_[i]);
      probability.push_back(0.5 * (left + right) * density_[i]);
    }
  }

 private:
  [[nodiscard]] std::size_t cell(double z) const {
    return static_cast<std::size_t>(std::upper_bound(z_.begin() + 1, z_.end() - 1, z) - z_.begin()) - 1;
  }
  [[nodiscard]] double slope(std::size_t i) const { return (density_[i + 1] - density_[i]) / (z_[i + 1] - z_[i]); }

  std::vector<double> z_, density_, cumulative_;
};

/// The cumulative normal distribution between tabulated values and slopes, to 2e-11: quantiles ask for it a thousand times an object.
class NormalTable {
 public:
  struct Value {
    double cumulative, density;  ///< the density to 1e-5, for Newton's steps
  };
  NormalTable() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const double t = static_cast<double>(i) / per_sigma - reach;
      nodes_[i] = {0.5 * std::erfc(-t / std::numbers::sqrt2), std::exp(-0.5 * t * t) / std::sqrt(2.0 * std::numbers::pi)};
    }
  }
  [[nodiscard]] Value at(double t) const noexcept {
    if (!(t > -reach)) return {0.0, 0.0};
    if (!(t < reach)) return {1.0, 0.0};
    const double place = (t + reach) * per_sigma;
    const auto i = static_cast<std::size_t>(place);
    const Value &a = nodes_[i], &b = nodes_[i + 1];
    // Hermite's cubic: values and slopes at both ends.
    const double f = place - static_cast<double>(i), g = 1.0 - f;
    const double slopes = f * g * (g * a.density - f * b.density) / per_sigma;
    return {a.cumulative + (b.cumulative - a.cumulative) * f * f * (3.0 - 2.0 * f) + slopes, a.density + f * (b.density - a.density)};
  }

 private:
  static constexpr double reach = 8.0, per_sigma = 128.0;
  std::array<Value, 2050> nodes_{};
};

/// A sum of Gaussians.
class MixturePdf final : public RedshiftPdf {
 public:
  bool set(const Table& rows, std::size_t row) override {
    const std::size_t width = rows.at(pdf_means_column).info().width;
    const auto values = [&](const char* name) { return rows.at(name).values<float>().subspan(row * width, width); };
    const auto means = values(pdf_means_column), stds = values(pdf_stds_column), weights = values(pdf_weights_column);
    mean_.clear(), sigma_.clear(), weight_.clear();
    for (std::size_t i = 0; i < width; ++i) {
      if (!(weights[i] > 0.0f)) continue;  // mixtures are filled up with Gaussians of no weight; NaN: no PDF
      mean_.push_back(means[i]);
      sigma_.push_back(stds[i]);
      weight_.push_back(weights[i]);
    }
    if (mean_.empty()) return false;
    // Kernels about neighbours have one width, for which the mixture is faster.
    if (std::ranges::all_of(sigma_, [&](double sigma) { return sigma == sigma_.front(); })) {
      mixture_.set(mean_, weight_);
      mixture_.set_sigma(sigma_.front());
    } else {
      mixture_.set(mean_, sigma_, weight_);
    }
    low_ = std::numeric_limits<double>::max(), high_ = -low_;
    weights_ = 0.0;
    inverse_.clear();
    for (std::size_t i = 0; i < mean_.size(); ++i) {
      weights_ += weight_[i];
      inverse_.push_back(1.0 / sigma_[i]);
      low_ = std::min(low_, mean_[i] - reach * sigma_[i]);
      high_ = std::max(high_, mean_[i] + reach * sigma_[i]);
    }
    return low_ < high_;
  }

  double density(double z) const override { return mixture_.density(z); }
  double cumulative(double z) const override { return at(z).cumulative; }
  void cumulatives(std::span<const double> z, std::span<double> values) const override {
    for (std::size_t k = 0; k < z.size(); ++k) values[k] = z[k] <= low_ ? 0.0 : z[k] >= high_ ? 1.0 : at(z[k]).cumulative;
  }

  double quantile(double p) const override {
    double low = low_, high = high_, z = centre_at(p);
    for (int step = 0; step < 200; ++step) {
      const NormalTable::Value here = at(z);
      (here.cumulative > p ? high : low) = z;
      // Newton's step where it stays in the bracket, else halving: it always ends.
      double next = z - (here.cumulative - p) / here.density;
      if (!(next > low && next < high)) next = 0.5 * (low + high);
      if (std::abs(next - z) < 1e-9) return next;
      z = next;
    }
    return z;
  }

  double mean() const override { return mixture_.mean(); }
  // The highest place may lie between two centres that are both lower than a centre elsewhere, so all hills that could have it are climbed.
  double mode() const override {
    const std::span<const double> z = mixture_.z();
    height_.resize(z.size());
    for (std::size_t i = 0; i < z.size(); ++i) height_[i] = mixture_.density(z[i]);
    const double least = 0.5 * *std::ranges::max_element(height_);
    double best = z[0], highest = -1.0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double before = i > 0 ? height_[i - 1] : 0.0, after = i + 1 < z.size() ? height_[i + 1] : 0.0;
      if (height_[i] < least || height_[i] < before || height_[i] < after) continue;
      // A mixture has no maximum beyond its outer centres.
      const double top = climb(i > 0 ? z[i - 1] : z[i], i + 1 < z.size() ? z[i + 1] : z[i]), here = mixture_.density(top);
      if (here > highest) highest = here, best = top;
    }
    return best;
  }

  double square_about(double z) const override {
    double sum = 0.0;
    for (std::size_t i = 0; i < mean_.size(); ++i) sum += weight_[i] * (sigma_[i] * sigma_[i] + (mean_[i] - z) * (mean_[i] - z));
    return sum / weights_;
  }

  double squared_integral() const override { return mixture_.squared_integral(); }
  std::pair<double, double> support() const override { return {low_, high_}; }

  void sample(std::vector<double>& z, std::vector<double>& probability) const override {
    const double cells = std::clamp(std::ceil((high_ - low_) / 0.01), 50.0, 1000.0), step = (high_ - low_) / cells;
    z.clear();
    probability.clear();
    double before = 0.0;
    for (double i = 1.0; i <= cells; ++i) {
      // Probabilities of cells, not heights in the middle: a Gaussian may be narrower than a cell.
      const double after = i == cells ? 1.0 : cumulative(low_ + i * step);
      if (after > before) z.push_back(low_ + (i - 0.5) * step), probability.push_back(after - before);
      before = after;
    }
  }

 private:
  static constexpr double reach = 8.0;  // in sigma: beyond lies 1e-15 of a Gaussian

  [[nodiscard]] NormalTable::Value at(double z) const {
    static const NormalTable normal;
    NormalTable::Value sum{0.0, 0.0};
    for (std::size_t i = 0; i < mean_.size(); ++i) {
      const NormalTable::Value part = normal.at((z - mean_[i]) * inverse_[i]);
      sum.cumulative += weight_[i] * part.cumulative;
      sum.density += weight_[i] * inverse_[i] * part.density;
    }
    return {sum.cumulative / weights_, sum.density / weights_};
  }
  /// The quantile of the centres, from which that of the mixture is not far.
  [[nodiscard]] double centre_at(double p) const {
    const std::span<const double> z = mixture_.z(), weight = mixture_.weight();
    double reached = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i)
      if ((reached += weight[i]) >= p) return z[i];
    return z.back();
  }
  /// The maximum between two redshifts, by golden sections.
  [[nodiscard]] double climb(double low, double high) const {
    constexpr double ratio = std::numbers::phi - 1.0;
    double a = high - ratio * (high - low), b = low + ratio * (high - low), at_a = mixture_.density(a), at_b = mixture_.density(b);
    while (high - low > 1e-6) {
      if (at_a < at_b) {
        low = a, a = b, at_a = at_b;
        b = low + ratio * (high - low), at_b = mixture_.density(b);
      } else {
        high = b, b = a, at_b = at_a;
        a = high - ratio * (high - low), at_a = mixture_.density(a);
      }
    }
    return 0.5 * (low + high);
  }

  Mixture mixture_;
  mutable std::vector<double> height_;
  std::vector<double> mean_, sigma_, weight_, inverse_;
  double low_ = 0.0, high_ = 0.0, weights_ = 0.0;
};

}  // namespace

std::pair<double, double> RedshiftPdf::range() const {
  constexpr double endless = std::numeric_limits<double>::infinity();
  return {-endless, endless};
}

double RedshiftPdf::deviation_from(double z) const { return std::sqrt(std::max(0.0, square_about(z))); }

std::unique_ptr<RedshiftPdf> make_redshift_pdf(const Schema& columns, const Table& meta) {
  if (const auto values = find_column(columns, pdf_column)) {
    std::vector<double> grid = numbers_of(meta, "xvals", columns[*values].width);
    if (grid.size() < 2) throw DataError("a grid of one point (PDFs need two)");
    for (std::size_t i = 1; i < grid.size(); ++i)
      if (!(grid[i] > grid[i - 1]) || !std::isfinite(grid[i]) || !std::isfinite(grid[0]))
        throw DataError("the grid of the PDFs does not increase");
    return std::make_unique<GridPdf>(std::move(grid));
  }
  if (find_column(columns, pdf_means_column)) return std::make_unique<MixturePdf>();
  throw DataError("no PDFs in a layout that is known");
}

std::unique_ptr<RedshiftPdf> make_redshift_pdf(const Schema& columns, const PdfOptions& pdf) {
  return make_redshift_pdf(columns, pdf_meta(pdf));
}

void PointRisk::set(const RedshiftPdf& pdf) {
  constexpr double gamma = 0.15;
  pdf.sample(z_, probability_);
  scale_.resize(z_.size());
  for (std::size_t i = 0; i < z_.size(); ++i) scale_[i] = 1.0 / (gamma * (1.0 + z_[i]));
}

double PointRisk::at(double z_point) const noexcept {
  double kept = 0.0, all = 0.0;
  for (std::size_t i = 0; i < z_.size(); ++i) {
    const double t = (z_point - z_[i]) * scale_[i];
    kept += probability_[i] / (1.0 + t * t);
    all += probability_[i];
  }
  return 1.0 - kept / all;
}

double PointRisk::least() const noexcept {
  std::size_t best = 0;
  double risk = 2.0;
  for (std::size_t i = 0; i < z_.size(); ++i)
    if (const double here = at(z_[i]); here < risk) risk = here, best = i;
  double low = z_[best > 0 ? best - 1 : 0], high = z_[std::min(best + 1, z_.size() - 1)];
  // Golden sections: the risk is smooth over twice the step of the sample.
  constexpr double ratio = std::numbers::phi - 1.0;
  for (int step = 0; step < 40 && high - low > 1e-8; ++step) {
    const double a = high - ratio * (high - low), b = low + ratio * (high - low);
    (at(a) < at(b) ? high : low) = at(a) < at(b) ? b : a;
  }
  const double z = 0.5 * (low + high);
  return at(z) < risk ? z : z_[best];
}

std::pair<PdfMode, PdfMode> two_modes(std::span<const double> grid, std::span<const float> density) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<std::ptrdiff_t>(grid.size());
  // The points of a hill that is on the one at `top`.
  const auto hill_of = [&](std::ptrdiff_t top) {
    std::ptrdiff_t first = top, last = top;
    while (first > 0 && density[first] > 0.0f && density[first - 1] <= density[first]) --first;
    while (last + 1 < n && density[last] > 0.0f && density[last + 1] <= density[last]) ++last;
    return std::pair(first, last);
  };
  const auto mode_of = [&](std::ptrdiff_t top) {
    const auto [first, last] = hill_of(top);
    double area = 0.0;
    for (std::ptrdiff_t i = first; i < last; ++i) area += 0.5 * (grid[i + 1] - grid[i]) * (double{density[i]} + density[i + 1]);
    return PdfMode{grid[top], std::min(area, 1.0)};
  };
  const std::ptrdiff_t top = std::ranges::max_element(density) - density.begin();
  const auto [first, last] = hill_of(top);
  // At a minimum between two hills both end; beyond it the next one begins to rise.
  std::ptrdiff_t second = -1;
  for (std::ptrdiff_t i = 0; i < n; ++i)
    if ((i < first || i > last) && density[i] > 0.0f && (second < 0 || density[i] > density[second])) second = i;
  return {mode_of(top), second < 0 ? PdfMode{nan, 0.0} : mode_of(second)};
}

std::pair<double, double> shortest_interval(const RedshiftPdf& pdf, std::span<const double> places, double p) {
  std::pair<double, double> shortest(pdf.quantile(0.5 * (1.0 - p)), pdf.quantile(0.5 * (1.0 + p)));
  const auto take = [&](double low, double high) {
    if (high - low < shortest.second - shortest.first) shortest = {low, high};
  };
  for (const double z : places) {
    const double c = pdf.cumulative(z);
    if (c + p < 1.0) take(z, pdf.quantile(c + p));
    if (c - p > 0.0) take(pdf.quantile(c - p), z);
  }
  return shortest;
}

}  // namespace skyfold
