#pragma once

#include <span>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// A mixture of a given number of Gaussians that resembles a PDF: the EM algorithm on the probabilities of equal bins, begun with slices of
/// equal probability. Keeps its buffers; one for each thread.
class MixtureFit {
 public:
  /// @param gaussians  1 or more
  explicit MixtureFit(std::size_t gaussians);

  void fit(const RedshiftPdf& pdf);
  [[nodiscard]] std::span<const double> means() const noexcept { return mean_; }
  [[nodiscard]] std::span<const double> stds() const noexcept { return sigma_; }
  [[nodiscard]] std::span<const double> weights() const noexcept { return weight_; }  ///< sum 1

 private:
  void begin(const RedshiftPdf& pdf);
  void step();

  std::vector<double> mean_, sigma_, weight_;
  std::vector<double> z_, probability_;  ///< of the bins
  double width_ = 0.0;                   ///< of a bin
  std::vector<double> density_, sum_;
};

}  // namespace skyfold
