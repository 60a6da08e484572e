#pragma once

#include <span>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// What conversions read from: the density at equal steps, in a range and with a step that suit each object. Looking up a value costs the
/// same wherever it is.
class UniformPdf : public RedshiftPdf {
 public:
  double density(double z) const override;
  double cumulative(double z) const override;
  /// Both of `cumulative` and `density`.
  [[nodiscard]] std::pair<double, double> look(double z) const;
  void cumulatives(std::span<const double> z, std::span<double> values) const override;
  double quantile(double p) const override;
  double mean() const override;
  double mode() const override;
  double square_about(double z) const override;
  double squared_integral() const override;
  std::pair<double, double> support() const override { return {first_, at(density_.size() - 1)}; }
  void sample(std::vector<double>& z, std::vector<double>& probability) const override;

 protected:
  /// Takes values of a density, of any scale, linear between them.
  /// @returns false when there is no mass
  [[nodiscard]] bool take_linear(double first, double step, std::span<const float> values);
  /// Takes values of a smooth density. Probabilities between them are of the fifth order.
  [[nodiscard]] bool take_smooth(double first, double step, std::span<const double> values);

 private:
  [[nodiscard]] double at(std::size_t i) const noexcept { return first_ + step_ * static_cast<double>(i); }
  [[nodiscard]] std::size_t cell(double z) const noexcept;
  void take_steps(double first, double step, std::size_t n);
  [[nodiscard]] bool normalise();

  double first_ = 0.0, step_ = 1.0, per_redshift_ = 1.0;  ///< the last: steps
  std::vector<double> density_, cumulative_;
};

/// The PDFs that a kernel gives, values on a grid or mixtures of Gaussians, for conversions: mixtures are sampled four times in the width
/// of their narrowest Gaussian.
/// @param pdf  of the kernel
[[nodiscard]] std::unique_ptr<RedshiftPdf> make_uniform_pdf(const Schema& columns, const PdfOptions& pdf);

}  // namespace skyfold
