// From stored PDFs of one form to another, and the grid that suits them.
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "../common/estimates.hpp"
#include "converter.hpp"
#include "forms.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/pdf_conversion.hpp"
#include "uniform_pdf.hpp"

namespace skyfold {
namespace {

constexpr std::size_t objects_per_chunk = 64;
constexpr long points_without_grid = 301;

bool has_grid(const PdfOptions& pdf) { return pdf.kind == "interp" || pdf.kind == "hist" || pdf.kind == "packed" || pdf.kind == "sparse"; }

/// Mixtures are sampled once for each object: a look at them costs the same for any number of Gaussians.
std::unique_ptr<RedshiftPdf> pdf_to_convert(const Schema& columns, const Table& meta) {
  if (find_column(columns, pdf_means_column)) return make_uniform_pdf(columns, {});
  return make_redshift_pdf(columns, meta);
}

}  // namespace

PdfConversion::PdfConversion(Schema columns, Table meta, const PdfOptions& pdf)
    : columns_(std::move(columns)), meta_(std::move(meta)), pdf_(pdf), gives_(pdf_columns(pdf, static_cast<std::size_t>(pdf.gaussians))) {}

PdfConversionCounts PdfConversion::run(const Table& in, Table& out, int threads) const {
  struct Worker {
    Worker(const Schema& columns, const Table& meta, const PdfOptions& asked) : pdf(pdf_to_convert(columns, meta)), converter(asked) {}
    std::unique_ptr<RedshiftPdf> pdf;
    PdfConverter converter;
  };
  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
  std::atomic<std::int64_t> without_pdf = 0, off_grid = 0;
  parallel_for(in.rows(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker) worker = std::make_unique<Worker>(columns_, meta_, pdf_);
    std::int64_t none = 0, lost = 0;
    for (std::size_t row = begin; row < end; ++row) {
      if (worker->pdf->set(in, row)) {
        lost += worker->converter.write(*worker->pdf, row, out) != 0 ? 1 : 0;
      } else {
        for (std::size_t c = 0; c < out.columns(); ++c) set_missing_cell(out[c], row);
        ++none;
      }
    }
    worker->converter.finish();
    without_pdf += none, off_grid += lost;
  });
  return {static_cast<std::int64_t>(in.rows()), without_pdf, off_grid};
}

namespace {

constexpr std::size_t points_compared = 500;

/// The objects of one thread.
class PdfComparison {
 public:
  PdfComparison(std::unique_ptr<RedshiftPdf> before, std::unique_ptr<RedshiftPdf> after)
      : before_(std::move(before)), after_(std::move(after)), z_(points_compared), of_before_(z_.size()), of_after_(z_.size()) {}

  void compare(const Table& before, const Table& after, std::size_t row, double truth, PdfDifferences& d) {
    if (!before_->set(before, row) || !after_->set(after, row)) return;
    d.cdf[row] = greatest();
    const auto cde = [&](const RedshiftPdf& pdf) { return pdf.squared_integral() - 2.0 * pdf.density(truth); };
    if (std::isfinite(truth)) d.cde[row] = cde(*after_) - cde(*before_);
    d.mean_before[row] = before_->mean(), d.mean[row] = after_->mean();
    d.square_before[row] = before_->square_about(0.0), d.square[row] = after_->square_about(0.0);
  }

 private:
  double greatest() {
    constexpr double end = 1e-4;
    const double low = before_->quantile(end), high = before_->quantile(1.0 - end), margin = 0.02 * (high - low) + 1e-6;
    const double step = (high - low + 2.0 * margin) / static_cast<double>(z_.size() - 1);
    for (std::size_t i = 0; i < z_.size(); ++i) z_[i] = low - margin + step * static_cast<double>(i);
    before_->cumulatives(z_, of_before_);
    after_->cumulatives(z_, of_after_);
    double most = 0.0;
    for (std::size_t i = 0; i < z_.size(); ++i) most = std::max(most, std::abs(of_before_[i] - of_after_[i]));
    return most;
  }

  std::unique_ptr<RedshiftPdf> before_, after_;
  std::vector<double> z_, of_before_, of_after_;
};

}  // namespace

PdfDifferences compare_pdfs(const Table& before, const Table& meta, const Table& after, const PdfOptions& pdf,
                            std::span<const double> truth, int threads) {
  const std::vector<double> none(before.rows(), std::nan(""));
  PdfDifferences d{none, none, none, none, none, none};
  std::vector<std::unique_ptr<PdfComparison>> workers(static_cast<std::size_t>(threads));
  parallel_for(before.rows(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& worker = workers[static_cast<std::size_t>(thread)];
    if (!worker) worker = std::make_unique<PdfComparison>(pdf_to_convert(before.schema(), meta), make_redshift_pdf(after.schema(), pdf));
    for (std::size_t row = begin; row < end; ++row) worker->compare(before, after, row, truth.empty() ? std::nan("") : truth[row], d);
  });
  return d;
}

PdfOptions resolved_pdf(const PdfOptions& o, const Schema& columns, const Table& meta) {
  PdfOptions pdf = o;
  if (!has_grid(pdf)) return pdf;
  const auto [low, high] = make_redshift_pdf(columns, meta)->range();
  if (pdf.zmin == pdf_by_model().zmin) pdf.zmin = std::isfinite(low) ? low : 0.0;
  if (pdf.zmin < 0.0 && pdf.zmin != low)
    throw UsageError(fmt::format("pdf.zmin = {} (a redshift, or -1 for the range of the PDFs)", o.zmin));
  if (pdf.zmax == 0.0) {
    if (!std::isfinite(high))
      throw UsageError(fmt::format("--pdf.zmax is missing (the PDFs have no range of their own, and {} needs one)", pdf.kind));
    pdf.zmax = high;
  }
  if (pdf.bins == 0 && pdf.kind == "sparse") pdf.bins = sparse_grid_points;
  if (pdf.bins == 0) {
    const auto values = find_column(columns, pdf_column), bins = find_column(columns, pdf_bins_column);
    pdf.bins = values ? static_cast<long>(columns[*values].width) : bins ? static_cast<long>(columns[*bins].width) : points_without_grid;
  }
  (void)pdf_grid(pdf);
  if (pdf.kind == "sparse") (void)sparse_axes(pdf);
  return pdf;
}

}  // namespace skyfold
