// From any PDF to the form that is asked for: all that is read is its distribution function, so that no probability is lost between the
// points of a grid.
#include "converter.hpp"

#include <algorithm>

#include "../../common/simd.hpp"
#include "forms.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {
namespace {

constexpr double least_width = 1e-6;  // of one Gaussian
constexpr double least_mass = 1e-8;   // on a grid: less is what lies beyond the ends of Gaussians

template <class T>
std::span<T> cell(Table& out, const char* column, std::size_t row) {
  Column& values = out.at(column);
  return values.values<T>().subspan(row * values.info().width, values.info().width);
}

/// Edges of what is nearest to each point.
std::vector<double> edges_between(const std::vector<double>& grid) {
  std::vector<double> edges = {grid.front()};
  for (std::size_t i = 1; i < grid.size(); ++i) edges.push_back(0.5 * (grid[i - 1] + grid[i]));
  edges.push_back(grid.back());
  return edges;
}

SKYFOLD_CLONES
void mean_densities(const double* below, const double* inverse_width, std::size_t n, double scale, double* density) {
  for (std::size_t i = 0; i < n; ++i) density[i] = std::max(0.0, below[i + 1] - below[i]) * inverse_width[i] * scale;
}

SKYFOLD_CLONES
void to_single(const double* values, std::size_t n, double scale, float* to) {
  for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<float>(values[i] * scale);
}

/// From means about points to the values whose straight lines come nearest to the PDF: those of least squares but for terms of the fourth
/// order, p - h^2 p'' / 12 at each point, while the means are p + h^2 p'' / 24. They have the PDF's variance, too.
SKYFOLD_CLONES
void sharpen(const double* mean, std::size_t n, double* value) {
  value[0] = mean[0];
  for (std::size_t i = 1; i + 1 < n; ++i) value[i] = std::max(0.0, 1.25 * mean[i] - 0.125 * (mean[i - 1] + mean[i + 1]));
  value[n - 1] = mean[n - 1];
}

}  // namespace

PdfConverter::PdfConverter(const PdfOptions& pdf) : options_(pdf) {
  if (pdf.kind == "interp" || pdf.kind == "sparse") edges_ = edges_between(pdf_grid(pdf));
  if (pdf.kind == "hist") edges_ = pdf_edges(pdf);
  if (pdf.kind == "quant") levels_ = pdf_quantiles(pdf);
  if (pdf.kind == "packed") packer_ = std::make_unique<PdfPacker>(pdf.zmin, pdf.zmax);
  if (pdf.kind == "sparse") sparse_ = std::make_unique<SparseFit>(pdf), density_.resize(static_cast<std::size_t>(pdf.bins));
  if (pdf.kind == "mixmod") fit_ = std::make_unique<MixtureFit>(static_cast<std::size_t>(pdf.gaussians));
  for (auto* buffer : {&below_, &mean_, &value_}) buffer->resize(edges_.size());
  for (std::size_t i = 0; i + 1 < edges_.size(); ++i) widths_.push_back(1.0 / (edges_[i + 1] - edges_[i]));
}

std::int32_t PdfConverter::write(const RedshiftPdf& pdf, std::size_t row, Table& out) {
  if (options_.kind == "interp") return write_densities(pdf, cell<float>(out, pdf_column, row));
  if (options_.kind == "hist") return write_densities(pdf, cell<float>(out, pdf_bins_column, row));
  if (options_.kind == "packed") return write_packed(pdf, row, out);
  if (options_.kind == "sparse") {
    const std::int32_t flags = write_densities(pdf, density_);
    sparse_->fit(density_, cell<std::int32_t>(out, pdf_sparse_column, row));
    return flags;
  }
  if (options_.kind == "quant") {
    const auto locs = cell<float>(out, pdf_locs_column, row);
    for (std::size_t i = 0; i < levels_.size(); ++i) locs[i] = static_cast<float>(pdf.quantile(levels_[i]));
  } else if (options_.kind == "norm") {
    const double mean = pdf.mean();
    cell<float>(out, pdf_loc_column, row)[0] = static_cast<float>(mean);
    cell<float>(out, pdf_scale_column, row)[0] = static_cast<float>(std::max(pdf.deviation_from(mean), least_width));
  } else {
    write_gaussians(pdf, row, out);
  }
  return 0;
}

void PdfConverter::finish() {
  if (packer_) packer_->finish();
}

/// Bins have their mean densities, points of a grid the values whose straight lines are nearest. When nothing lies on the grid, its nearer
/// end holds all.
std::int32_t PdfConverter::write_densities(const RedshiftPdf& pdf, std::span<float> values) {
  pdf.cumulatives(edges_, below_);
  const double mass = below_.back() - below_.front();
  if (!(mass > least_mass)) {
    std::ranges::fill(values, 0.0f);
    const bool is_below = pdf.median() - edges_.front() < edges_.back() - pdf.median();
    const std::size_t end = is_below ? 0 : values.size() - 1;
    values[end] = static_cast<float>(widths_[end]);
    return photoz_pdf_off_grid;
  }
  const std::size_t n = values.size();
  mean_densities(below_.data(), widths_.data(), n, 1.0 / mass, mean_.data());
  if (options_.kind == "hist") {
    to_single(mean_.data(), n, 1.0, values.data());
  } else {
    sharpen(mean_.data(), n, value_.data());
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum += value_[i] / widths_[i];
    to_single(value_.data(), n, 1.0 / sum, values.data());
  }
  return mass < 0.5 ? photoz_pdf_off_grid : 0;
}

std::int32_t PdfConverter::write_packed(const RedshiftPdf& pdf, std::size_t row, Table& out) {
  packer_->pack(pdf, cell<std::uint8_t>(out, pdf_packed_column, row));
  return pdf.cumulative(options_.zmax) - pdf.cumulative(options_.zmin) < 0.5 ? photoz_pdf_off_grid : 0;
}

void PdfConverter::write_gaussians(const RedshiftPdf& pdf, std::size_t row, Table& out) {
  fit_->fit(pdf);
  const auto put = [&](const char* column, std::span<const double> values) {
    const auto to = cell<float>(out, column, row);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(values[i]);
  };
  put(pdf_means_column, fit_->means());
  put(pdf_stds_column, fit_->stds());
  put(pdf_weights_column, fit_->weights());
}

}  // namespace skyfold
