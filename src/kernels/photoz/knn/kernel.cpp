// Estimates from the nearest training objects: see docs/knn.md.
#include "kernel.hpp"

#include <algorithm>

namespace skyfold::knn {
namespace {}  // namespace

/// Turns neighbours into the mixture that is the PDF.
class KnnKernel::Maker final : public NeighbourKernel::Estimator {
 public:
  explicit Maker(const KnnKernel& kernel)
      : kernel_(kernel), maker_(kernel.rows(), kernel.spacing().median, kernel.options_.scatter), pdf_(kernel.pdf()) {}

  std::int32_t estimate(const Neighbourhood& of, const EstimateColumns& out) override {
    maker_.centres(of.neighbours);
    const Mixture& mixture = maker_.widen(kernel_.options_.sigma);
    const bool only_pdf = kernel_.pdf().only_pdf;
    out.z_phot[of.object] = only_pdf                        ? mixture.mean()
                            : kernel_.point_ == Point::mode ? mixture.mode()
                            : kernel_.point_ == Point::mean ? mixture.mean()
                                                            : mixture.quantile(0.5);
    out.z_err[of.object] = only_pdf ? 0.0f : static_cast<float>(central_half_width(mixture));
    // On a grid the kernels are laid about the mean, as residuals.
    return pdf_.write(pdf_.is_on_grid() ? mixture.mean() : 0.0, mixture.z(), mixture.weight(), mixture.sigma(), of.object, out);
  }

 private:
  const KnnKernel& kernel_;
  MixtureMaker maker_;
  PdfWriter pdf_;
};

KnnKernel::KnnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf)
    : NeighbourKernel(model, columns, pdf, options.features, static_cast<std::size_t>(options.neighbours),
                      "half of the central 68.3 % interval of the PDF", {}, static_cast<std::size_t>(options.neighbours)),
      options_(options),
      point_(options.point == "mode"   ? Point::mode
             : options.point == "mean" ? Point::mean
                                       : Point::median) {}

std::unique_ptr<NeighbourKernel::Estimator> KnnKernel::make_estimator(Table&) const { return std::make_unique<Maker>(*this); }

}  // namespace skyfold::knn
