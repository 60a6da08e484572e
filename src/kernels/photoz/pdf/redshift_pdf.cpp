// Numbers of a redshift PDF, on a grid or as a mixture of Gaussians: what survey tables, and readers of PDF files, want to know.
#include "skyfold/kernels/photoz/redshift_pdf.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "../common/mixture.hpp"
#include "forms.hpp"
#include "linear_pdf.hpp"
#include "packed.hpp"
#include "skyfold/core/error.hpp"
#include "sparse.hpp"
#include "step_pdf.hpp"

namespace skyfold {
namespace {

/// Linear between the points of one grid.
class GridPdf final : public LinearPdf {
 public:
  explicit GridPdf(std::vector<double> grid) { z_ = std::move(grid); }
  bool set(const Table& rows, std::size_t row) override {
    return take(rows.at(pdf_column).values<float>().subspan(row * z_.size(), z_.size()));
  }
  std::pair<double, double> range() const override { return {z_.front(), z_.back()}; }
};

/// Unpacked values, each PDF on a grid of its own.
class PackedPdf final : public LinearPdf {
 public:
  PackedPdf(std::int64_t version, double zmin, double zmax) : version_(version), zmin_(zmin), zmax_(zmax) {}
  bool set(const Table& rows, std::size_t row) override {
    const std::size_t width = rows.at(pdf_packed_column).info().width;
    const auto bytes = rows.at(pdf_packed_column).values<std::uint8_t>().subspan(row * width, width);
    return unpack_pdf(version_, bytes, zmin_, zmax_, z_, values_) && take(values_);
  }
  std::pair<double, double> range() const override { return {zmin_, zmax_}; }

 private:
  std::int64_t version_;
  double zmin_, zmax_;
  std::vector<double> values_;
};

/// Sums of columns of a dictionary. What is below 0, where columns are taken off, is 0.
class SparsePdf final : public LinearPdf {
 public:
  explicit SparsePdf(VoigtDictionary dictionary) : dictionary_(std::move(dictionary)) {
    z_ = dictionary_.z();
    values_.resize(z_.size());
  }
  bool set(const Table& rows, std::size_t row) override {
    const std::size_t width = rows.at(pdf_sparse_column).info().width;
    const auto codes = rows.at(pdf_sparse_column).values<std::int32_t>().subspan(row * width, width);
    if (codes[0] >> 16 == 0) return false;
    std::ranges::fill(values_, 0.0);
    for (std::size_t k = 0; k < width; ++k) {
      const auto base = static_cast<std::size_t>(codes[k] & 0xffff);
      if (base >= dictionary_.size()) return false;  // damaged
      dictionary_.add(base, k == 0 ? 1.0 : static_cast<double>(codes[k] >> 16) / static_cast<double>(sparse_steps), values_);
    }
    for (double& value : values_) value = std::max(value, 0.0);
    return take(values_);
  }
  std::pair<double, double> range() const override { return {z_.front(), z_.back()}; }

 private:
  VoigtDictionary dictionary_;
  std::vector<double> values_;
};

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

std::vector<double> increasing(std::vector<double> numbers, const char* name) {
  bool is_good = numbers.size() >= 2;
  for (std::size_t i = 0; i < numbers.size(); ++i) is_good &= std::isfinite(numbers[i]) && (i == 0 || numbers[i] > numbers[i - 1]);
  if (!is_good) throw DataError(fmt::format("/meta/{} does not increase, or has fewer than two values", name));
  return numbers;
}

VoigtDictionary dictionary_of(const Table& meta) {
  const Column* xvals = meta.find("xvals");
  if (!xvals) throw DataError("no /meta/xvals (which the PDFs refer to)");
  std::vector<double> z = increasing(numbers_of(meta, "xvals", xvals->info().width), "xvals");
  const std::vector<double> mu = numbers_of(meta, "mu", 2), sigma = numbers_of(meta, "sig", 2), dims = numbers_of(meta, "dims", 5);
  for (std::size_t i = 0; i < 5; ++i)
    if (!(dims[i] >= 1.0 && dims[i] <= static_cast<double>(most_sparse_columns)))
      throw DataError(fmt::format("/meta/dims[{}] = {} (1 to {})", i, dims[i], most_sparse_columns));
  if (dims[0] * dims[1] * dims[2] > static_cast<double>(most_sparse_columns))
    throw DataError(
        fmt::format("/meta/dims: {} x {} x {} columns of a dictionary (at most {})", dims[0], dims[1], dims[2], most_sparse_columns));
  if (dims[3] != static_cast<double>(sparse_steps + 1))
    throw DataError(fmt::format("/meta/dims[3] = {} (coefficients of {} values are known)", dims[3], sparse_steps + 1));
  if (!(sigma[0] > 0.0 && sigma[1] >= sigma[0]) || !std::isfinite(sigma[1]) || !(mu[1] >= mu[0]) || !std::isfinite(mu[0]) ||
      !std::isfinite(mu[1]))
    throw DataError("/meta/mu or /meta/sig does not increase, or a width is not above 0");
  return {std::move(z),
          {mu[0], mu[1], sigma[0], sigma[1], static_cast<std::size_t>(dims[0]), static_cast<std::size_t>(dims[1]),
           static_cast<std::size_t>(dims[2])}};
}

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

const NormalTable& normal_table() {
  static const NormalTable table;
  return table;
}

/// A sum of Gaussians; also one alone, in columns of its own.
class MixturePdf final : public RedshiftPdf {
 public:
  explicit MixturePdf(bool is_alone) : is_alone_(is_alone) {}

  bool set(const Table& rows, std::size_t row) override {
    const std::size_t width = is_alone_ ? 1 : rows.at(pdf_means_column).info().width;
    const auto values = [&](const char* name) { return rows.at(name).values<float>().subspan(row * width, width); };
    if (is_alone_) {
      const float weight = 1.0f;
      const auto scale = values(pdf_scale_column);
      return scale[0] > 0.0f && std::isfinite(values(pdf_loc_column)[0]) && take(values(pdf_loc_column), scale, std::span(&weight, 1));
    }
    return take(values(pdf_means_column), values(pdf_stds_column), values(pdf_weights_column));
  }

  double density(double z) const override { return mixture_.density(z); }
  double cumulative(double z) const override { return at(z).cumulative; }
  void cumulatives(std::span<const double> z, std::span<double> values) const override {
    for (std::size_t k = 0; k < z.size(); ++k) values[k] = z[k] <= low_ ? 0.0 : z[k] >= high_ ? 1.0 : at(z[k]).cumulative;
  }
  // Gaussian by Gaussian, each at the steps that it reaches; it is 0 before and 1 behind them.
  std::pair<std::size_t, std::size_t> cumulatives_at(const RedshiftSteps& steps, std::span<double> values) const override {
    const std::size_t first = steps.above(low_), last = steps.above(high_);
    const NormalTable& normal = normal_table();
    passed_.assign(last - first + 1, 0.0);
    std::fill(values.begin() + static_cast<std::ptrdiff_t>(first), values.begin() + static_cast<std::ptrdiff_t>(last), 0.0);
    for (std::size_t i = 0; i < mean_.size(); ++i) {
      const std::size_t begin = steps.above(mean_[i] - reach * sigma_[i]), end = steps.above(mean_[i] + reach * sigma_[i]);
      for (std::size_t k = begin; k < end; ++k) values[k] += weight_[i] * normal.at((steps.at(k) - mean_[i]) * inverse_[i]).cumulative;
      passed_[end - first] += weight_[i];
    }
    double whole = 0.0;
    for (std::size_t k = first; k < last; ++k) {
      whole += passed_[k - first];
      values[k] = (values[k] + whole) / weights_;
    }
    return {first, last};
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

  bool take(std::span<const float> means, std::span<const float> stds, std::span<const float> weights) {
    mean_.clear(), sigma_.clear(), weight_.clear();
    for (std::size_t i = 0; i < means.size(); ++i) {
      if (!(weights[i] > 0.0f)) continue;  // mixtures are filled up with Gaussians of no weight; NaN: no PDF
      if (!std::isfinite(means[i]) || !std::isfinite(stds[i]) || !(stds[i] > 0.0f)) return false;
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

  [[nodiscard]] NormalTable::Value at(double z) const {
    const NormalTable& normal = normal_table();
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

  bool is_alone_;
  Mixture mixture_;
  mutable std::vector<double> height_, passed_;
  std::vector<double> mean_, sigma_, weight_, inverse_;
  double low_ = 0.0, high_ = 0.0, weights_ = 0.0;
};

}  // namespace

std::pair<double, double> RedshiftPdf::range() const {
  constexpr double endless = std::numeric_limits<double>::infinity();
  return {-endless, endless};
}

std::size_t RedshiftSteps::above(double z) const noexcept {
  const double place = (z - low) / step + 1.0;
  auto k = place > 0.0 ? static_cast<std::size_t>(std::min(place, static_cast<double>(count))) : 0;
  // The quotient is rounded; steps are where at() says.
  while (k > 0 && at(k - 1) > z) --k;
  while (k < count && at(k) <= z) ++k;
  return k;
}

std::pair<std::size_t, std::size_t> RedshiftPdf::cumulatives_at(const RedshiftSteps& steps, std::span<double> values) const {
  const auto [low, high] = support();
  const std::size_t first = steps.above(low), last = steps.above(high);
  for (std::size_t k = first; k < last; ++k) values[k] = cumulative(steps.at(k));
  return {first, last};
}

double RedshiftPdf::deviation_from(double z) const { return std::sqrt(std::max(0.0, square_about(z))); }

std::unique_ptr<RedshiftPdf> make_redshift_pdf(const Schema& columns, const Table& meta) {
  if (const auto values = find_column(columns, pdf_column)) {
    std::vector<double> grid = increasing(numbers_of(meta, "xvals", columns[*values].width), "xvals");
    return std::make_unique<GridPdf>(std::move(grid));
  }
  if (find_column(columns, pdf_means_column)) {
    for (const char* name : {pdf_stds_column, pdf_weights_column})
      if (!find_column(columns, name)) throw DataError("no stds or weights of mixtures beside their means");
    return std::make_unique<MixturePdf>(false);
  }
  if (find_column(columns, pdf_loc_column) && find_column(columns, pdf_scale_column)) return std::make_unique<MixturePdf>(true);
  if (const auto bins = find_column(columns, pdf_bins_column))
    return make_histogram_pdf(increasing(numbers_of(meta, "bins", columns[*bins].width + 1), "bins"));
  if (const auto locs = find_column(columns, pdf_locs_column))
    return make_quantile_pdf(increasing(numbers_of(meta, "quants", columns[*locs].width), "quants"));
  if (find_column(columns, pdf_packed_column)) {
    const double zmin = numbers_of(meta, "zmin", 1)[0], zmax = numbers_of(meta, "zmax", 1)[0];
    if (!(zmax > zmin)) throw DataError("/meta/zmax is not above /meta/zmin");
    const double version = numbers_of(meta, "pdf_version", 1)[0];
    if (version != 0.0 && version != static_cast<double>(packed_version))
      throw DataError(
          fmt::format("/meta/pdf_version = {} (packed PDFs of 0 and {} are known: written by a later version?)", version, packed_version));
    return std::make_unique<PackedPdf>(static_cast<std::int64_t>(version), zmin, zmax);
  }
  if (find_column(columns, pdf_sparse_column)) return std::make_unique<SparsePdf>(dictionary_of(meta));
  throw DataError("no PDFs in a layout that is known");
}

std::unique_ptr<RedshiftPdf> make_redshift_pdf(const Schema& columns, const PdfOptions& pdf) {
  return make_redshift_pdf(columns, pdf_meta(pdf));
}

}  // namespace skyfold
