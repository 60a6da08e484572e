// Estimates from weighted neighbours: see docs/pofz.md.
#include "kernel.hpp"

#include <algorithm>
#include <cmath>

#include "../common/model.hpp"
#include "../common/nearest_errors.hpp"

namespace skyfold::pofz {
namespace {

constexpr double ridge = 1e-3;

std::vector<double> edges_of(const Table& bins) {
  const BinnedPdf pdf = binned_pdf(bins);
  return {pdf.edges().begin(), pdf.edges().end()};
}

}  // namespace

NeighbourEstimate::NeighbourEstimate(const Options& options, const FeatureRows& rows, std::vector<double> edges)
    : kind_(options.point == "median" ? Point::median
            : options.point == "mode" ? Point::mode
            : options.point == "mean" ? Point::mean
                                      : Point::polynomial),
      rows_(rows),
      half_overlap_((options.overlap - 1) / 2),
      polynomial_(rows, static_cast<int>(options.order), ridge),
      pdf_(std::move(edges)),
      fine_(pdf_.bins()),
      sums_(pdf_.bins()) {}

const BinnedPdf& NeighbourEstimate::histogram(std::span<const Neighbour> neighbours) {
  std::ranges::fill(fine_, 0.0);
  const double low = pdf_.edges().front(), scale = static_cast<double>(pdf_.bins()) / (pdf_.edges().back() - low);
  for (const Neighbour& neighbour : neighbours) {
    const auto bin = static_cast<std::size_t>(std::max((rows_.z[neighbour.row] - low) * scale, 0.0));
    fine_[std::min(bin, fine_.size() - 1)] += rows_.weight[neighbour.row];
  }
  const std::ptrdiff_t n = std::ssize(fine_);
  std::ranges::fill(sums_, 0.0);
  for (std::ptrdiff_t bin = 0; bin < n; ++bin) {
    if (fine_[static_cast<std::size_t>(bin)] == 0.0) continue;
    // What would lie beyond the ends is lost, and made good by the sum 1.
    const std::ptrdiff_t begin = std::max<std::ptrdiff_t>(bin - half_overlap_, 0), end = std::min(bin + half_overlap_ + 1, n);
    for (std::ptrdiff_t j = begin; j < end; ++j) sums_[static_cast<std::size_t>(j)] += fine_[static_cast<std::size_t>(bin)];
  }
  pdf_.set(sums_);
  return pdf_;
}

double NeighbourEstimate::point(std::span<const Neighbour> neighbours, const double* feature, std::uint64_t mask) {
  switch (kind_) {
    case Point::median:
      return pdf_.quantile(0.5);
    case Point::mode:
      return pdf_.mode();
    case Point::mean:
      return pdf_.mean();
    case Point::polynomial:
      break;
  }
  return polynomial_.value(neighbours, feature, mask);
}

/// One per thread.
class PofzKernel::Maker final : public NeighbourKernel::Estimator {
 public:
  explicit Maker(const PofzKernel& kernel)
      : kernel_(kernel),
        estimate_(kernel.options_, kernel.rows(), kernel.edges_),
        size_(static_cast<std::size_t>(kernel.options_.neighbours)) {}

  std::int32_t estimate(const Neighbourhood& of, const EstimateColumns& out) override {
    std::int32_t flags = 0;
    if (!kernel_.grid_.empty() || estimate_.needs_histogram()) {
      const BinnedPdf& pdf = estimate_.histogram(of.neighbours);
      if (!kernel_.grid_.empty()) flags = pdf.write(kernel_.grid_, of.object, out);
    }
    out.z_phot[of.object] = estimate_.point(of.neighbours, of.feature, of.mask);
    // NearestNeighbourErrors with the neighbours that are there already: the features and the distance are the same.
    std::size_t known = 0;
    for (const Neighbour& neighbour : of.neighbours) {
      const double residual = kernel_.residual_[neighbour.row];
      if (!std::isnan(residual)) size_[known++] = std::abs(residual);
    }
    out.z_err[of.object] = static_cast<float>(quantile_in_place(std::span(size_).first(known), 0.68));
    return flags;
  }

 private:
  const PofzKernel& kernel_;
  NeighbourEstimate estimate_;
  std::vector<double> size_;
};

PofzKernel::PofzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : NeighbourKernel(model, columns, pdf, options.features, static_cast<std::size_t>(options.neighbours),
                      "68 % of the neighbours' estimates differ less from their redshifts (NNE)"),
      options_(options),
      edges_(edges_of(model.tables.at("nz"))),
      residual_(values_of<double>(model.tables.at("errors"), "residual")) {
  if (pdf.kind == "interp") grid_ = pdf_grid(pdf);
}

std::unique_ptr<NeighbourKernel::Estimator> PofzKernel::make_estimator(Table&) const { return std::make_unique<Maker>(*this); }

}  // namespace skyfold::pofz
