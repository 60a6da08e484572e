// PDFs that are constant between edges: histograms, whose edges are the same for all, and quantiles, whose probabilities are.
#include "step_pdf.hpp"

#include <algorithm>
#include <cmath>

#include "forms.hpp"

namespace skyfold {
namespace {

class StepPdf : public RedshiftPdf {
 public:
  double density(double z) const override {
    if (!(z >= edges_.front() && z <= edges_.back())) return 0.0;
    return height(step(z));
  }
  double cumulative(double z) const override {
    if (!(z > edges_.front())) return 0.0;
    if (z >= edges_.back()) return 1.0;
    const std::size_t i = step(z);
    return below_[i] + (z - edges_[i]) * height(i);
  }
  double quantile(double p) const override {
    const auto above = std::upper_bound(below_.begin() + 1, below_.end() - 1, p);
    const auto i = static_cast<std::size_t>(above - below_.begin()) - 1;
    const double mass = below_[i + 1] - below_[i];
    if (!(mass > 0.0)) return edges_[i];
    return edges_[i] + (edges_[i + 1] - edges_[i]) * std::clamp((p - below_[i]) / mass, 0.0, 1.0);
  }
  double mean() const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < edges_.size(); ++i) sum += (below_[i + 1] - below_[i]) * 0.5 * (edges_[i] + edges_[i + 1]);
    return sum;
  }
  double mode() const override {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < edges_.size(); ++i)
      if (height(i) > height(best)) best = i;
    return 0.5 * (edges_[best] + edges_[best + 1]);
  }
  double square_about(double z) const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < edges_.size(); ++i) {
      const double a = edges_[i] - z, b = edges_[i + 1] - z;
      sum += (below_[i + 1] - below_[i]) * (a * a + a * b + b * b) / 3.0;
    }
    return sum;
  }
  double squared_integral() const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < edges_.size(); ++i) sum += (below_[i + 1] - below_[i]) * height(i);
    return sum;
  }
  std::pair<double, double> support() const override { return {edges_.front(), edges_.back()}; }
  void sample(std::vector<double>& z, std::vector<double>& probability) const override {
    z.clear();
    probability.clear();
    for (std::size_t i = 0; i + 1 < edges_.size(); ++i) {
      if (!(below_[i + 1] > below_[i])) continue;
      z.push_back(0.5 * (edges_[i] + edges_[i + 1]));
      probability.push_back(below_[i + 1] - below_[i]);
    }
  }

 protected:
  std::vector<double> edges_, below_;  ///< below: probability up to each edge, 0 to 1

 private:
  [[nodiscard]] std::size_t step(double z) const {
    return static_cast<std::size_t>(std::upper_bound(edges_.begin() + 1, edges_.end() - 1, z) - edges_.begin()) - 1;
  }
  [[nodiscard]] double height(std::size_t i) const { return (below_[i + 1] - below_[i]) / (edges_[i + 1] - edges_[i]); }
};

class HistogramPdf final : public StepPdf {
 public:
  explicit HistogramPdf(std::vector<double> edges) {
    edges_ = std::move(edges);
    below_.resize(edges_.size());
  }
  bool set(const Table& rows, std::size_t row) override {
    const std::size_t n = edges_.size() - 1;
    const auto values = rows.at(pdf_bins_column).values<float>().subspan(row * n, n);
    below_[0] = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      if (!(values[i] >= 0.0f)) return false;  // also NaN
      below_[i + 1] = below_[i] + values[i] * (edges_[i + 1] - edges_[i]);
    }
    const double whole = below_.back();
    if (!(whole > 0.0) || !std::isfinite(whole)) return false;
    for (double& value : below_) value /= whole;
    return true;
  }
  std::pair<double, double> range() const override { return support(); }
};

class QuantilePdf final : public StepPdf {
 public:
  explicit QuantilePdf(std::vector<double> quantiles) : has_first_(quantiles.front() <= 0.0), has_last_(quantiles.back() >= 1.0) {
    if (!has_first_) below_.push_back(0.0);
    below_.insert(below_.end(), quantiles.begin(), quantiles.end());
    if (!has_last_) below_.push_back(1.0);
  }
  bool set(const Table& rows, std::size_t row) override {
    const std::size_t n = below_.size() - (has_first_ ? 0 : 1) - (has_last_ ? 0 : 1);
    const auto values = rows.at(pdf_locs_column).values<float>().subspan(row * n, n);
    edges_.assign(values.begin(), values.end());
    for (std::size_t i = 0; i < n; ++i) {
      if (!std::isfinite(edges_[i]) || (i > 0 && edges_[i] < edges_[i - 1] - 1e-9)) return false;
      // Quantiles of a narrow PDF may be one number in single precision.
      if (i > 0) edges_[i] = std::max(edges_[i], edges_[i - 1] + 1e-9);
    }
    if (n < 2) return false;
    const std::size_t first = has_first_ ? 0 : 1;
    if (!has_first_) {
      const double slope = (edges_[1] - edges_[0]) / (below_[2] - below_[1]);
      edges_.insert(edges_.begin(), edges_[0] - slope * below_[1]);
    }
    if (!has_last_) {
      const std::size_t last = first + n - 1;
      edges_.push_back(edges_[last] + (edges_[last] - edges_[last - 1]) / (below_[last] - below_[last - 1]) * (1.0 - below_[last]));
    }
    return true;
  }

 private:
  bool has_first_, has_last_;
};

}  // namespace

std::unique_ptr<RedshiftPdf> make_histogram_pdf(std::vector<double> edges) { return std::make_unique<HistogramPdf>(std::move(edges)); }
std::unique_ptr<RedshiftPdf> make_quantile_pdf(std::vector<double> quantiles) {
  return std::make_unique<QuantilePdf>(std::move(quantiles));
}

}  // namespace skyfold
