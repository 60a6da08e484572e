#pragma once

#include <array>
#include <span>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// A mixture of a given number of Gaussians that resembles a PDF: the EM algorithm on the probabilities of bins, half of them of equal
/// width and half of equal probability, begun with slices of equal probability. Keeps its buffers; one for each thread.
class MixtureFit {
 public:
  static constexpr std::size_t n_bins = 64;  ///< a multiple of the lanes of vectors
  static constexpr std::size_t most_gaussians = 64;
  /// What a fit sees of a PDF; positions from the first edge on.
  struct Bins {
    std::array<double, n_bins> middle, square, probability;  ///< square: mean of the squared position
  };
  struct Gaussian {
    double mean = 0.0, sigma = 1.0, weight = 0.0;
  };

  /// @param gaussians  1 to most_gaussians
  explicit MixtureFit(std::size_t gaussians);

  void fit(const RedshiftPdf& pdf);
  [[nodiscard]] std::span<const double> means() const noexcept { return mean_; }
  [[nodiscard]] std::span<const double> stds() const noexcept { return sigma_; }
  [[nodiscard]] std::span<const double> weights() const noexcept { return weight_; }  ///< sum 1

 private:
  void begin(const RedshiftPdf& pdf);
  void slice();
  void step(double relaxation);

  std::vector<double> mean_, sigma_, weight_;
  Bins bins_{};
  double first_ = 0.0, least_variance_ = 0.0;
  std::vector<Gaussian> gaussians_;
  std::vector<double> density_, sums_;  ///< of each Gaussian: in bins, over bins
};

}  // namespace skyfold
