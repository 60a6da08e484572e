// Estimates of members on one grid, summed. Point and error are of the sum.
#include "kernel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../common/point.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/photoz/estimator.hpp"
#include "skyfold/kernels/photoz/flags.hpp"
#include "skyfold/kernels/photoz/held_out.hpp"

namespace skyfold::combine {
namespace {

constexpr std::size_t objects_per_chunk = 128;

class CombineKernel final : public PhotozKernel {
 public:
  CombineKernel(const PhotozModel& model, std::string point, const BandColumns& bands, const PdfOptions& pdf)
      : PhotozKernel(model, bands, pdf, columns()), point_(std::move(point)), grid_(pdf), band_(binned_band(model.bands.bands)) {
    // Without PDFs to give, those that point and error are taken from are on the fine grid.
    if (pdf.kind == "none") grid_ = native_pdf(model, false);
    PdfOptions of_members = grid_;
    of_members.only_pdf = true;
    const std::vector<Member> members = members_of(model);
    weights_ = weights_of(model, members);
    for (const Member& member : members) kernels_.push_back(photoz_estimator(member.model, bands, of_members).kernel);
  }

  std::vector<std::string> needs() const override {
    std::vector<std::string> names;
    for (const auto& kernel : kernels_)
      for (const std::string& name : kernel->needs())
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    return names;
  }

  void run(const Table& in, Table& out, int threads) const override {
    std::vector<Table> estimates;
    for (const auto& kernel : kernels_) {
      estimates.emplace_back(kernel->gives(), in.rows());
      kernel->run(in, estimates.back(), threads);
    }
    Table sum({{pdf_column, Type::f4, static_cast<std::size_t>(grid_.bins)}}, in.rows());
    sum_pdfs(estimates, weights_, magnitudes(in), grid_, threads, sum);
    take_points(sum, grid_, estimates, point_, threads, out);
    const EstimateColumns output(out);
    for (std::size_t row = 0; row < in.rows(); ++row)
      if (std::isfinite(output.z_phot[row])) output.flags[row] |= range_flags(output.z_phot[row]);
    if (pdf().kind != "none") std::ranges::copy(sum[0].bytes(), out.at(pdf_column).bytes().begin());
  }

 private:
  /// By which objects have their weights; none where all have the same.
  std::vector<double> magnitudes(const Table& in) const {
    std::vector<double> magnitude(in.rows(), std::numeric_limits<double>::quiet_NaN());
    if (weights_.bins.empty()) return magnitude;
    const Photometry photometry = photometry_of(in);
    for (std::size_t row = 0; row < magnitude.size(); ++row) magnitude[row] = photometry.mag[row * photometry.n_bands + band_];
    return magnitude;
  }

  std::string point_;
  PdfOptions grid_;
  BinnedWeights weights_;
  std::size_t band_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
};

}  // namespace

Schema columns() {
  return {photoz_column::z_phot(), photoz_column::z_err("half of the central 68.3 % interval of the combined PDF"),
          photoz_column::n_bands("bands observed"), photoz_column::flags()};
}

void sum_pdfs(const std::vector<Table>& estimates, const BinnedWeights& weights, std::span<const double> magnitude, const PdfOptions& pdf,
              int threads, Table& sum) {
  const auto bins = static_cast<std::size_t>(pdf.bins);
  const auto to = sum.at(pdf_column).values<float>();
  std::vector<std::span<const float>> from;
  for (const Table& estimate : estimates) from.push_back(estimate.at(pdf_column).values<float>());
  parallel_for(sum.rows(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t row = begin; row < end; ++row) {
      const auto mine = to.subspan(row * bins, bins);
      const std::vector<double>& its = weights.of(magnitude[row]);
      const auto has_pdf = [&](std::size_t m) { return std::isfinite(from[m][row * bins]); };
      double total = 0.0;
      std::size_t n = 0;
      for (std::size_t m = 0; m < from.size(); ++m)
        if (has_pdf(m)) total += its[m], ++n;
      if (n == 0) {
        std::ranges::fill(mine, std::numeric_limits<float>::quiet_NaN());
        continue;
      }
      std::ranges::fill(mine, 0.0f);
      for (std::size_t m = 0; m < from.size(); ++m) {
        if (!has_pdf(m) || (total > 0.0 && its[m] == 0.0)) continue;
        // Where only members without weight have a PDF, they are equal.
        const auto weight = static_cast<float>(total > 0.0 ? its[m] / total : 1.0 / static_cast<double>(n));
        const float* values = &from[m][row * bins];
        for (std::size_t j = 0; j < bins; ++j) mine[j] += weight * values[j];
      }
    }
  });
}

void take_points(const Table& sum, const PdfOptions& pdf, const std::vector<Table>& estimates, const std::string& point, int threads,
                 Table& out) {
  constexpr std::int32_t of_the_sum = photoz_extrapolated | photoz_pdf_off_grid;
  std::vector<std::unique_ptr<RedshiftPdf>> pdfs(static_cast<std::size_t>(threads));
  const EstimateColumns output(out);
  parallel_for(sum.rows(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& its = pdfs[static_cast<std::size_t>(thread)];
    if (!its) its = make_redshift_pdf(sum.schema(), pdf);
    for (std::size_t row = begin; row < end; ++row) {
      std::int32_t flags = 0;
      for (const Table& estimate : estimates) flags |= estimate.at("flags").values<std::int32_t>()[row] & ~of_the_sum;
      const std::int32_t bands = estimates.front().at("n_bands").values<std::int32_t>()[row];
      if (!its->set(sum, row)) {
        output.set_missing(row, bands, flags);
        continue;
      }
      output.z_phot[row] = point_of_pdf(*its, point);
      output.z_err[row] = static_cast<float>(central_half_width(*its));
      output.n_bands[row] = bands;
      output.flags[row] = flags;
    }
  });
}

std::unique_ptr<Kernel> make_kernel(const PhotozModel& model, const std::string& point, const BandColumns& columns, const PdfOptions& pdf) {
  return std::make_unique<CombineKernel>(model, point, columns, pdf);
}

}  // namespace skyfold::combine
