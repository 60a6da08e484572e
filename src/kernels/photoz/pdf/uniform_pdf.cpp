// Densities at equal steps, from grids and from mixtures of Gaussians: what all conversions of PDFs begin with.
#include "uniform_pdf.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "../../common/simd.hpp"
#include "../common/gaussian_pdf.hpp"

namespace skyfold {
namespace {

/// The probability up to a place, in steps from the first: a cell's is shared out as a density that is linear in it would.
SKYFOLD_INLINE double below(const double* density, const double* cumulative, double place, double last_cell) {
  const auto i = static_cast<std::int64_t>(std::min(place, last_cell));
  const double f = place - static_cast<double>(i), a = density[i], b = density[i + 1], sum = a + b;
  const double part = sum > 0.0 ? f * (2.0 * a + f * (b - a)) / sum : f;
  return cumulative[i] + part * (cumulative[i + 1] - cumulative[i]);
}

SKYFOLD_CLONES
void below_all(const double* density, const double* cumulative, std::size_t n, double first, double per_redshift, const double* z,
               std::size_t n_z, double* values) {
  const auto last_cell = static_cast<double>(n - 2), last = static_cast<double>(n - 1);
  for (std::size_t k = 0; k < n_z; ++k)
    values[k] = below(density, cumulative, std::clamp((z[k] - first) * per_redshift, 0.0, last), last_cell);
}

SKYFOLD_CLONES
void scale(double* values, std::size_t n, double by) {
  for (std::size_t i = 0; i < n; ++i) values[i] *= by;
}

/// Integrals of the cubics through four values each, over the middle of them; where a Gaussian was cut it may come out below 0.
SKYFOLD_CLONES
void masses_of_cubics(const double* values, std::size_t n, double twenty_fourth, double* masses) {
  const auto mass = [&](double before, double a, double b, double after) {
    return std::max(0.0, twenty_fourth * (13.0 * (a + b) - before - after));
  };
  masses[1] = mass(0.0, values[0], values[1], n > 2 ? values[2] : 0.0);
  for (std::size_t i = 1; i + 2 < n; ++i) masses[i + 1] = mass(values[i - 1], values[i], values[i + 1], values[i + 2]);
  if (n > 2) masses[n - 1] = mass(values[n - 3], values[n - 2], values[n - 1], 0.0);
}

/// From masses to their sums, four at a time.
void add_up(std::span<double> masses) {
  double sum = 0.0;
  std::size_t i = 0;
  for (; i + 4 <= masses.size(); i += 4) {
    const double a = masses[i], b = a + masses[i + 1], c = b + masses[i + 2], d = b + (masses[i + 2] + masses[i + 3]);
    masses[i] = sum + a, masses[i + 1] = sum + b, masses[i + 2] = sum + c;
    masses[i + 3] = sum += d;
  }
  for (; i < masses.size(); ++i) masses[i] = sum += masses[i];
}

}  // namespace

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
  const double place = std::clamp((z - first_) * per_redshift_, 0.0, static_cast<double>(density_.size() - 1));
  return below(density_.data(), cumulative_.data(), place, static_cast<double>(density_.size() - 2));
}

std::pair<double, double> UniformPdf::look(double z) const {
  const std::size_t last = density_.size() - 1;
  const double top = at(last);
  if (!(z > first_)) return {0.0, z == first_ ? UniformPdf::density(z) : 0.0};
  if (z >= top) return {1.0, z == top ? UniformPdf::density(z) : 0.0};
  const double place = std::clamp((z - first_) * per_redshift_, 0.0, static_cast<double>(last));
  const std::size_t i = cell(z);
  const double f = (z - at(i)) / step_;
  return {below(density_.data(), cumulative_.data(), place, static_cast<double>(last - 1)),
          std::max(0.0, density_[i] + f * (density_[i + 1] - density_[i]))};
}

void UniformPdf::cumulatives(std::span<const double> z, std::span<double> values) const {
  const auto begin = std::upper_bound(z.begin(), z.end(), first_), end = std::lower_bound(begin, z.end(), at(density_.size() - 1));
  const auto from = static_cast<std::size_t>(begin - z.begin()), to = static_cast<std::size_t>(end - z.begin());
  std::ranges::fill(values.first(from), 0.0);
  below_all(density_.data(), cumulative_.data(), density_.size(), first_, per_redshift_, z.data() + from, to - from, values.data() + from);
  std::ranges::fill(values.subspan(to), 1.0);
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

void UniformPdf::take_steps(double first, double step, std::size_t n) {
  first_ = first, step_ = step, per_redshift_ = 1.0 / step;
  density_.resize(n);
  cumulative_.resize(n);
  cumulative_[0] = 0.0;
}

bool UniformPdf::take_linear(double first, double step, std::span<const float> values) {
  take_steps(first, step, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) density_[i] = values[i];
  for (std::size_t i = 1; i < values.size(); ++i) cumulative_[i] = 0.5 * step * (density_[i - 1] + density_[i]);
  return normalise();
}

bool UniformPdf::take_smooth(double first, double step, std::span<const double> values) {
  const std::size_t n = values.size();
  take_steps(first, step, n);
  std::ranges::copy(values, density_.begin());
  masses_of_cubics(values.data(), n, step / 24.0, cumulative_.data());
  return normalise();
}

/// From masses of cells to what lies below; to the unit of probability.
bool UniformPdf::normalise() {
  add_up(std::span(cumulative_).subspan(1));
  const double whole = cumulative_.back();
  if (!(whole > 0.0) || !std::isfinite(whole)) return false;  // also NaN
  scale(density_.data(), density_.size(), 1.0 / whole);
  scale(cumulative_.data(), cumulative_.size(), 1.0 / whole);
  return true;
}

namespace {

class UniformGrid final : public UniformPdf {
 public:
  explicit UniformGrid(const PdfOptions& pdf)
      : bins_(static_cast<std::size_t>(pdf.bins)), first_(pdf.zmin), step_((pdf.zmax - pdf.zmin) / static_cast<double>(pdf.bins - 1)) {}

  bool set(const Table& rows, std::size_t row) override {
    const auto values = rows.at(pdf_column).values<float>().subspan(row * bins_, bins_);
    // Most of a fine grid is empty. NaN is not.
    std::size_t begin = 0, end = bins_;
    while (end > 2 && values[end - 1] == 0.0f && values[end - 2] == 0.0f) --end;
    while (end - begin > 2 && values[begin] == 0.0f && values[begin + 1] == 0.0f) ++begin;
    return take_linear(first_ + step_ * static_cast<double>(begin), step_, values.subspan(begin, end - begin));
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
