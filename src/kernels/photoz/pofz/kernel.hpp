#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../common/binned_pdf.hpp"
#include "../common/neighbour_kernel.hpp"
#include "local_polynomial.hpp"

namespace skyfold::pofz {

struct Options {
  FeatureOptions features;
  std::string metric = "learned";    ///< learned, standard
  long neighbours = 100;             ///< of the PDF, the point estimate and the error
  long bins = 200;                   ///< of the PDF, over the range of the training redshifts
  long overlap = 3;                  ///< of each bin: how many of them it covers
  std::string point = "polynomial";  ///< polynomial, median, mode, mean
  long order = 2;                    ///< of the polynomial
};

/// From the neighbours of an object to its PDF and point estimate. One per thread.
class NeighbourEstimate {
 public:
  /// @param edges  of the bins
  NeighbourEstimate(const Options& options, const FeatureRows& rows, std::vector<double> edges);

  /// The weights of the neighbours by redshift: each counts in all the bins that it lies in, which are `overlap` ones.
  const BinnedPdf& histogram(std::span<const Neighbour> neighbours);
  /// z_phot; takes the histogram of the same neighbours, if it rests on it, to be there.
  [[nodiscard]] double point(std::span<const Neighbour> neighbours, const double* feature, std::uint64_t mask);
  [[nodiscard]] bool needs_histogram() const noexcept { return kind_ != Point::polynomial; }

 private:
  enum class Point : std::uint8_t { polynomial, median, mode, mean };
  Point kind_;
  const FeatureRows& rows_;
  std::ptrdiff_t half_overlap_;
  LocalPolynomial polynomial_;
  BinnedPdf pdf_;
  std::vector<double> fine_, sums_;
};

/// Estimates redshifts from weighted nearest training objects (Lima et al. 2008; Cunha et al. 2009), with nearest-neighbour errors.
class PofzKernel final : public NeighbourKernel {
 public:
  PofzKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

 private:
  class Maker;
  std::unique_ptr<Estimator> make_estimator(Table& out) const override;

  Options options_;
  std::vector<double> edges_;
  std::vector<double> residual_;  ///< z_phot less redshift of the training rows, each estimated without itself
  std::vector<double> grid_;      ///< empty: no PDF
};

}  // namespace skyfold::pofz
