// Densities at equal steps, from grids and from mixtures of Gaussians: what all conversions of PDFs begin with.
#include "uniform_pdf.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "../../common/simd.hpp"
#include "../common/gaussian_pdf.hpp"

namespace skyfold {

std::size_t UniformPdf::cell(double z) const noexcept {
  const double place = (z - first_) / step_;
  return static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(density_.size() - 2)));
}

double UniformPdf::density(double z) const {
  if (!(z >= first_ && z <= at(density_.size() - 1))) return 0.0;
  const std::size_t i = cell(z);
  const double f = (z - at(i)) / step_;
  return std::max(0.0, density_[i] + f * (density_[i + 1] - density_[i]));
}

double UniformPdf::cumulative(double z) const {
  if (!(z > first_)) return 0.0;
  if (z >= at(density_.size() - 1)) return 1.0;
  const std::size_t i = cell(z);
  const double f = std::clamp((z - at(i)) / step_, 0.0, 1.0), a = density_[i], b = density_[i + 1], sum = a + b;
  // The cell's probability, shared out as a density that is linear in it would.
  const double part = sum > 0.0 ? f * (2.0 * a + f * (b - a)) / sum : f;
  return cumulative_[i] + part * (cumulative_[i + 1] - cumulative_[i]);
}

double UniformPdf::quantile(double p) const {
  const auto above = std::upper_bound(cumulative_.begin() + 1, cumulative_.end() - 1, p);
  const auto i = static_cast<std::size_t>(above - cumulative_.begin()) - 1;
  const double mass = cumulative_[i + 1] - cumulative_[i];
  if (!(mass > 0.0)) return at(i);
  const double part = std::clamp((p - cumulative_[i]) / mass, 0.0, 1.0), a = density_[i], b = density_[i + 1], sum = a + b;
  if (!(sum > 0.0)) return at(i) + part * step_;
  // f (2a + f (b - a)) = part (a + b), in the form that does not cancel.
  const double root = std::sqrt(std::max(0.0, a * a + (b - a) * part * sum));
  const double f = a + root > 0.0 ? part * sum / (a + root) : 0.0;
  return at(i) + step_ * std::min(f, 1.0);
}

double UniformPdf::mean() const {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < density_.size(); ++i) {
    const double a = density_[i], b = density_[i + 1], mass = cumulative_[i + 1] - cumulative_[i];
    const double centre = a + b > 0.0 ? (a + 2.0 * b) / (3.0 * (a + b)) : 0.5;
    sum += mass * (at(i) + centre * step_);
  }
  return sum;
}

double UniformPdf::mode() const {
  const auto top = static_cast<std::size_t>(std::ranges::max_element(density_) - density_.begin());
  if (top == 0 || top + 1 == density_.size()) return at(top);
  // The vertex of the parabola through the highest value and its neighbours.
  const double left = density_[top] - density_[top - 1], right = density_[top] - density_[top + 1];
  return at(top) + (left + right > 0.0 ? 0.5 * (left - right) / (left + right) * step_ : 0.0);
}

double UniformPdf::square_about(double z) const {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < density_.size(); ++i) {
    const double a = density_[i], b = density_[i + 1], mass = cumulative_[i + 1] - cumulative_[i], x = at(i) - z;
    // Moments of t in the cell, of a linear density: E t = (a + 2b) / 3(a + b), E t^2 = (a + 3b) / 6(a + b).
    const bool is_known = a + b > 0.0;
    const double once = is_known ? (a + 2.0 * b) / (3.0 * (a + b)) : 0.5, twice = is_known ? (a + 3.0 * b) / (6.0 * (a + b)) : 1.0 / 3.0;
    sum += mass * (x * x + 2.0 * x * step_ * once + step_ * step_ * twice);
  }
  return sum;
}

double UniformPdf::squared_integral() const {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < density_.size(); ++i) {
    const double a = density_[i], b = density_[i + 1];
    sum += a * a + a * b + b * b;
  }
  return sum * step_ * (1.0 / 3.0);
}

void UniformPdf::sample(std::vector<double>& z, std::vector<double>& probability) const {
  z.clear();
  probability.clear();
  for (std::size_t i = 0; i < density_.size(); ++i) {
    if (density_[i] <= 0.0) continue;
    z.push_back(at(i));
    probability.push_back(density_[i] * step_ * (i == 0 || i + 1 == density_.size() ? 0.5 : 1.0));
  }
}

bool UniformPdf::take_linear(double first, double step, std::span<const float> values) {
  first_ = first, step_ = step;
  density_.resize(values.size());
  cumulative_.resize(values.size());
  cumulative_[0] = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) density_[i] = values[i];
  for (std::size_t i = 1; i < values.size(); ++i) cumulative_[i] = cumulative_[i - 1] + 0.5 * step * (density_[i - 1] + density_[i]);
  return normalise();
}

bool UniformPdf::take_smooth(double first, double step, std::span<const double> values) {
  first_ = first, step_ = step;
  const std::size_t n = values.size();
  density_.assign(values.begin(), values.end());
  cumulative_.resize(n);
  cumulative_[0] = 0.0;
  for (std::size_t i = 0; i + 1 < n; ++i) {
    const double before = i > 0 ? values[i - 1] : 0.0, after = i + 2 < n ? values[i + 2] : 0.0;
    // The integral of the cubic through four values; where a Gaussian was cut it may come out below 0.
    const double mass = step * (13.0 * (values[i] + values[i + 1]) - before - after) / 24.0;
    cumulative_[i + 1] = cumulative_[i] + std::max(0.0, mass);
  }
  return normalise();
}

bool UniformPdf::normalise() {
  const double whole = cumulative_.back();
  if (!(whole > 0.0) || !std::isfinite(whole)) return false;  // also NaN
  for (double& value : density_) value /= whole;
  for (double& value : cumulative_) value /= whole;
  return true;
}

namespace {

class UniformGrid final : public UniformPdf {
 public:
  explicit UniformGrid(const PdfOptions& pdf)
      : bins_(static_cast<std::size_t>(pdf.bins)), first_(pdf.zmin), step_((pdf.zmax - pdf.zmin) / static_cast<double>(pdf.bins - 1)) {}

  bool set(const Table& rows, std::size_t row) override {
    return take_linear(first_, step_, rows.at(pdf_column).values<float>().subspan(row * bins_, bins_));
  }

 private:
  std::size_t bins_;
  double first_, step_;
};

class UniformMixture final : public UniformPdf {
 public:
  bool set(const Table& rows, std::size_t row) override {
    const std::size_t width = rows.at(pdf_means_column).info().width;
    const auto values = [&](const char* name) { return rows.at(name).values<float>().subspan(row * width, width); };
    const auto means = values(pdf_means_column), stds = values(pdf_stds_column), weights = values(pdf_weights_column);
    double low = std::numeric_limits<double>::max(), high = -low, narrowest = low;
    mean_.clear(), sigma_.clear(), weight_.clear();
    for (std::size_t i = 0; i < width; ++i) {
      if (!(weights[i] > 0.0f) || !(stds[i] > 0.0f)) continue;
      if (!std::isfinite(means[i]) || !std::isfinite(stds[i])) return false;
      mean_.push_back(means[i]), sigma_.push_back(stds[i]), weight_.push_back(weights[i]);
      low = std::min(low, mean_.back() - reach * sigma_.back());
      high = std::max(high, mean_.back() + reach * sigma_.back());
      narrowest = std::min(narrowest, sigma_.back());
    }
    if (mean_.empty() || !(high > low)) return false;
    const double steps = std::clamp(std::ceil((high - low) / narrowest * steps_per_width), 8.0, most_steps);
    const double step = (high - low) / steps;
    const auto n = static_cast<std::size_t>(steps) + 1;
    values_.assign(n + n_lanes, 0.0);
    add(low, step, n);
    return take_smooth(low, step, std::span(values_).first(n));
  }

 private:
  // In six widths lies all but 2e-9 of a Gaussian.
  static constexpr double reach = 6.0, steps_per_width = 4.0, most_steps = 2000.0;

  void add(double low, double step, std::size_t n) {
    // Those of one width in one call: kernels about neighbours.
    for (std::size_t i = 0, end = 0; i < mean_.size(); i = end) {
      // Narrower ones would fall between two values.
      const double sigma = std::max(sigma_[i], 0.5 * step);
      height_.clear();
      for (end = i; end < mean_.size() && sigma_[end] == sigma_[i]; ++end) height_.push_back(weight_[end] / sigma);
      add_gaussians(std::span(mean_).subspan(i, end - i), height_, sigma, low, step, n, values_.data());
    }
  }

  std::vector<double> mean_, sigma_, weight_, height_, values_;
};

}  // namespace

std::unique_ptr<RedshiftPdf> make_uniform_pdf(const Schema& columns, const PdfOptions& pdf) {
  if (find_column(columns, pdf_column)) return std::make_unique<UniformGrid>(pdf);
  if (find_column(columns, pdf_means_column)) return std::make_unique<UniformMixture>();
  throw std::logic_error("no PDF among the columns");
}

}  // namespace skyfold
