// The way of all estimates: the algorithm's kernel with PDFs in their best form, calibration, and the form that is asked for.
#include "skyfold/kernels/photoz/estimator.hpp"

#include <algorithm>
#include <cmath>

#include "../common/estimates.hpp"
#include "calibration.hpp"
#include "converter.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/flags.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"
#include "skyfold/table/algebra.hpp"
#include "uniform_pdf.hpp"

namespace skyfold {
namespace {

constexpr std::size_t objects_per_chunk = 64;
constexpr std::size_t slice_bytes = std::size_t{64} << 20;  // of PDFs that wait for their conversion
constexpr std::size_t least_slice = 4096;

/// Estimates of an algorithm with their PDFs in another form.
class ConvertingKernel final : public Kernel {
 public:
  /// @param native  of the kernel; @param pdf  to be given
  ConvertingKernel(std::unique_ptr<Kernel> kernel, const PhotozModel& model, const PdfOptions& native, const PdfOptions& pdf)
      : inner_(std::move(kernel)), native_(native), pdf_(pdf), z_min_(model.z_min), z_max_(model.z_max) {
    if (is_calibrated(model)) {
      calibrated_.emplace(model.tables.at(calibration_table));
      point_.emplace(model, *calibrated_);
    }
    std::size_t gaussians = static_cast<std::size_t>(pdf.gaussians);
    for (const ColumnInfo& column : inner_->gives())
      if (!is_pdf_column(column.name)) schema_.push_back(column);
    for (const ColumnInfo& column : pdf_columns(pdf, gaussians)) schema_.push_back(column);
  }

  std::vector<std::string> needs() const override { return inner_->needs(); }
  Schema gives() const override { return schema_; }

  void run(const Table& in, Table& out, int threads) const override {
    std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(threads));
    const Schema schema = inner_->gives();
    const std::size_t at_a_time = std::max(least_slice, slice_bytes / bytes_per_row(schema));
    if (in.rows() <= at_a_time) return run_rows(in, 0, out, threads, workers);
    // PDFs on fine grids take 5 kB an object: a part of the rows at a time.
    for (std::size_t begin = 0; begin < in.rows(); begin += at_a_time)
      run_rows(slice(in, begin, std::min(begin + at_a_time, in.rows())), begin, out, threads, workers);
  }

  void mark_failed(Table& out) const override {
    Table inner(inner_->gives(), out.rows());
    inner_->mark_failed(inner);
    copy_others(inner, 0, out);
    for (const ColumnInfo& column : pdf_columns(pdf_, 1))
      for (std::size_t row = 0; row < out.rows(); ++row) set_missing_cell(out.at(column.name), row);
  }

 private:
  struct Worker {
    explicit Worker(const ConvertingKernel& kernel)
        : pdf(make_uniform_pdf(kernel.inner_->gives(), kernel.native_)), converter(kernel.pdf_) {
      if (kernel.calibrated_) pdf = calibrated_pdf(*kernel.calibrated_, std::move(pdf));
    }
    std::unique_ptr<RedshiftPdf> pdf;
    PdfConverter converter;
  };
  using Workers = std::vector<std::unique_ptr<Worker>>;

  /// @param in  rows of the block, those from `first` on
  void run_rows(const Table& in, std::size_t first, Table& out, int threads, Workers& workers) const {
    Table inner(inner_->gives(), in.rows());
    inner_->run(in, inner, threads);
    copy_others(inner, first, out);
    parallel_for(in.rows(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
      auto& worker = workers[static_cast<std::size_t>(thread)];
      if (!worker) worker = std::make_unique<Worker>(*this);
      const EstimateColumns columns(out);
      for (std::size_t row = begin; row < end; ++row) convert(inner, row, first + row, *worker, columns, out);
      worker->converter.finish();
    });
  }

  static void copy_others(const Table& inner, std::size_t first, Table& out) {
    for (std::size_t c = 0; c < inner.columns(); ++c) {
      const std::string& name = inner[c].info().name;
      if (!is_pdf_column(name)) copy_rows(inner[c], 0, inner.rows(), out.at(name), first);
    }
  }

  void convert(const Table& inner, std::size_t from, std::size_t row, Worker& worker, const EstimateColumns& columns, Table& out) const {
    const bool has_pdf = worker.pdf->set(inner, from);
    if (point_) point_->correct(has_pdf ? worker.pdf.get() : nullptr, columns.z_phot[row], columns.z_err[row]);
    if (!has_pdf) {
      for (const ColumnInfo& column : pdf_columns(pdf_, 1)) set_missing_cell(out.at(column.name), row);
      return;
    }
    if (point_ && point_->point_is_of_pdf()) {
      const bool is_outside = columns.z_phot[row] < z_min_ || columns.z_phot[row] > z_max_;
      columns.flags[row] = (columns.flags[row] & ~photoz_extrapolated) | (is_outside ? photoz_extrapolated : 0);
    }
    if (pdf_.kind != "none") columns.flags[row] |= worker.converter.write(*worker.pdf, row, out);
  }

  std::unique_ptr<Kernel> inner_;
  PdfOptions native_, pdf_;
  double z_min_, z_max_;
  std::optional<Calibration> calibrated_;
  std::optional<CalibratedPoint> point_;
  Schema schema_;
};

/// Estimates whose calibration needs no PDF, where none is asked for.
class ScalingKernel final : public Kernel {
 public:
  ScalingKernel(std::unique_ptr<Kernel> kernel, CalibratedPoint point) : inner_(std::move(kernel)), point_(std::move(point)) {}

  std::vector<std::string> needs() const override { return inner_->needs(); }
  Schema gives() const override { return inner_->gives(); }
  void mark_failed(Table& out) const override { inner_->mark_failed(out); }
  void run(const Table& in, Table& out, int threads) const override {
    inner_->run(in, out, threads);
    const EstimateColumns columns(out);
    for (std::size_t row = 0; row < out.rows(); ++row) point_.correct(nullptr, columns.z_phot[row], columns.z_err[row]);
  }

 private:
  std::unique_ptr<Kernel> inner_;
  CalibratedPoint point_;
};

}  // namespace

PdfOptions native_pdf(const PhotozModel& model, bool is_mixture, double zmin, double zmax) {
  constexpr double fine_step = 0.0025;
  PdfOptions pdf = resolved_pdf(pdf_by_model(), model);
  pdf.kind = is_mixture ? "mixmod" : "interp";
  pdf.zmin = std::min(pdf.zmin, zmin), pdf.zmax = std::max(pdf.zmax, zmax);
  pdf.bins = 1 + static_cast<long>(std::ceil((pdf.zmax - pdf.zmin) / fine_step));
  return pdf;
}

PhotozEstimator photoz_estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& asked) {
  const auto algorithm = make_photoz_algorithm(model.algorithm);
  PdfOptions pdf = resolved_pdf(asked, model);
  if (pdf.kind == "sparse") (void)sparse_axes(pdf);
  const bool has_mixtures = algorithm->has_mixtures(model);
  PdfOptions native = pdf.kind == "native" ? native_pdf(model, has_mixtures) : native_pdf(model, has_mixtures, pdf.zmin, pdf.zmax);
  if (pdf.kind == "native") pdf = native;
  const bool is_given = pdf.kind == "none" || pdf.kind == "interp" || (pdf.kind == "mixmod" && has_mixtures);
  if (is_given && !is_calibrated(model)) return {algorithm->estimator(model, columns, pdf), pdf};
  if (is_calibrated(model)) {
    CalibratedPoint point(model, Calibration(model.tables.at(calibration_table)));
    native.only_pdf = point.is_all_of_pdf();
    if (pdf.kind == "none" && !point.needs_pdf())
      return {std::make_unique<ScalingKernel>(algorithm->estimator(model, columns, pdf), std::move(point)), pdf};
  }
  auto kernel = algorithm->estimator(model, columns, native);
  return {std::make_unique<ConvertingKernel>(std::move(kernel), model, native, pdf), pdf};
}

}  // namespace skyfold
