// From any PDF to the form that is asked for: all that is read is its distribution function, so that no probability is lost between the
// points of a grid.
#include "converter.hpp"

#include <algorithm>

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

}  // namespace

PdfConverter::PdfConverter(const PdfOptions& pdf) : options_(pdf) {
  if (pdf.kind == "interp") grid_ = pdf_grid(pdf);
  if (pdf.kind == "hist") grid_ = pdf_edges(pdf);
  if (pdf.kind == "quant") grid_ = pdf_quantiles(pdf);
  if (pdf.kind == "packed") packer_ = std::make_unique<PdfPacker>(pdf.zmin, pdf.zmax);
  if (pdf.kind == "mixmod") fit_ = std::make_unique<MixtureFit>(static_cast<std::size_t>(pdf.gaussians));
}

std::int32_t PdfConverter::write(const RedshiftPdf& pdf, std::size_t row, Table& out) {
  if (options_.kind == "interp") return write_grid(pdf, row, out);
  if (options_.kind == "hist") return write_bins(pdf, row, out);
  if (options_.kind == "packed") return write_packed(pdf, row, out);
  if (options_.kind == "quant") {
    const auto locs = cell<float>(out, pdf_locs_column, row);
    for (std::size_t i = 0; i < grid_.size(); ++i) locs[i] = static_cast<float>(pdf.quantile(grid_[i]));
  } else if (options_.kind == "norm") {
    const double mean = pdf.mean();
    cell<float>(out, pdf_loc_column, row)[0] = static_cast<float>(mean);
    cell<float>(out, pdf_scale_column, row)[0] = static_cast<float>(std::max(pdf.deviation_from(mean), least_width));
  } else {
    write_gaussians(pdf, row, out);
  }
  return 0;
}

std::int32_t PdfConverter::write_bins(const RedshiftPdf& pdf, std::size_t row, Table& out) const {
  const auto values = cell<float>(out, pdf_bins_column, row);
  const double start = pdf.cumulative(grid_.front()), mass = pdf.cumulative(grid_.back()) - start;
  if (!(mass > least_mass)) {
    std::ranges::fill(values, 0.0f);
    values[pdf.median() < grid_.front() ? 0 : values.size() - 1] = static_cast<float>(1.0 / (grid_[1] - grid_[0]));
    return photoz_pdf_off_grid;
  }
  double before = start;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double reached = pdf.cumulative(grid_[i + 1]);
    values[i] = static_cast<float>(std::max(0.0, reached - before) / ((grid_[i + 1] - grid_[i]) * mass));
    before = reached;
  }
  return mass < 0.5 ? photoz_pdf_off_grid : 0;
}

std::int32_t PdfConverter::write_packed(const RedshiftPdf& pdf, std::size_t row, Table& out) {
  packer_->pack(pdf, cell<std::uint8_t>(out, pdf_packed_column, row));
  return pdf.cumulative(options_.zmax) - pdf.cumulative(options_.zmin) < 0.5 ? photoz_pdf_off_grid : 0;
}

/// Each value is the mean density of the part of the grid that is nearest to it. When nothing lies on the grid, its nearer end holds all.
std::int32_t PdfConverter::write_grid(const RedshiftPdf& pdf, std::size_t row, Table& out) const {
  const auto values = cell<float>(out, pdf_column, row);
  const std::size_t n = grid_.size();
  const double start = pdf.cumulative(grid_.front()), mass = pdf.cumulative(grid_.back()) - start;
  if (!(mass > least_mass)) {
    std::ranges::fill(values, 0.0f);
    const bool is_below = pdf.median() - grid_.front() < grid_.back() - pdf.median();
    values[is_below ? 0 : n - 1] = static_cast<float>(2.0 / (is_below ? grid_[1] - grid_[0] : grid_[n - 1] - grid_[n - 2]));
    return photoz_pdf_off_grid;
  }
  double before = start;
  for (std::size_t j = 0; j < n; ++j) {
    const double low = j == 0 ? grid_[0] : 0.5 * (grid_[j - 1] + grid_[j]), high = j + 1 == n ? grid_[j] : 0.5 * (grid_[j] + grid_[j + 1]);
    const double reached = pdf.cumulative(high);
    values[j] = static_cast<float>(std::max(0.0, reached - before) / ((high - low) * mass));
    before = reached;
  }
  return mass < 0.5 ? photoz_pdf_off_grid : 0;
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
